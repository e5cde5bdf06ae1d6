import HedgerowCore
import HedgerowGraph
import HedgerowSampling
import HedgerowTestSupport
import Testing

private typealias R = ReferenceGraph

@Suite struct SamplingWorkspaceTests {
  /// Workspaces go from loader to loader: whatever was sampled with one before, the next sample is what it is with a
  /// new one.
  @Test func nothingIsLeftOfSamplesBefore() throws {
    let seed = printedSeed()
    var random = RandomStream(seed: seed)
    let large = R(seed: seed).memoryGraph
    var single = MemoryGraph()
    single[R.user].count = 300
    single[R.follows] = MemoryGraph.Edges(R(seed: seed).edges[R.follows])
    var trees = SamplingOptions()
    trees.trees = .disjoint
    let layers = LayerSampler(large, drawsPerHop: [20, 40], seed: seed)
    let budget = BudgetSampler(large, nodesPerHop: [8, 8], seed: seed)
    typealias Sample = (_ batch: Int, SamplingWorkspace) throws -> SampledSubgraph
    let samples: [Sample] = [
      {
        try NeighborSampler(large, fanouts: [15, 10], seed: seed).sample(
          seeds: [1, 3, 9], of: R.item, epoch: 0, batch: $0, workspace: $1)
      },
      {
        try NeighborSampler(large, fanouts: [4, -1], options: trees, seed: seed).sample(
          seeds: [1, 3, 9], of: R.user, epoch: 0, batch: $0, workspace: $1)
      },
      {
        try NeighborSampler(single, fanouts: [3, 2], seed: seed).sample(
          seeds: [5, 6], of: R.user, epoch: 0, batch: $0, workspace: $1)
      },
      { try layers.sample(seeds: [2, 4], of: R.item, epoch: 0, batch: $0, workspace: $1) },
      { try budget.sample(seeds: [2, 4], of: R.item, epoch: 0, batch: $0, workspace: $1) },
    ]
    let workspace = SamplingWorkspace()
    for batch in 0..<100 {
      let sample = samples[Int(random.next(below: UInt64(samples.count)))]
      #expect(
        try String(describing: sample(batch, workspace))
          == String(describing: sample(batch, SamplingWorkspace())))
    }
  }

  @Test func oneIsLentToOneAtATimeAndAgain() {
    let pool = SamplingWorkspace.Pool()
    var loans = (0..<3).map { _ in SamplingWorkspace.Loan(from: pool) }
    let first = Set(loans.map { ObjectIdentifier($0.workspace) })
    #expect(first.count == 3)
    loans = []
    loans = (0..<3).map { _ in SamplingWorkspace.Loan(from: pool) }
    #expect(Set(loans.map { ObjectIdentifier($0.workspace) }) == first)
    weak let kept = loans[0].workspace
    weak let released = loans[1].workspace
    _ = loans.remove(at: 1)
    #expect(released != nil)
    pool.releaseIdle()
    #expect(released == nil && kept != nil)
  }
}
