import HedgerowCore
import HedgerowGraph
import HedgerowLoader
import HedgerowSampling

/// A batch of a sampled subgraph.
protocol SampledBatch: Sendable {
  var subgraph: SampledSubgraph { get }
}

extension Batch: SampledBatch {}
extension LinkBatch: SampledBatch {}

extension BatchLoader where Batch: SampledBatch {
  /// How likely batches hold each node, as is seen in an epoch, in several where it has few batches, or in as much of them
  /// as the limit allows; with the time that such a batch took, which may be more than a step does.
  ///
  /// - Parameters:
  ///   - epochs: of the loader: an evaluation goes over the same batches each time.
  ///   - repeatsSeeds: whether a node may be a seed of several batches of an epoch, or of none.
  func observed(
    in graph: some Topology, epochs: Int, repeatsSeeds: Bool, mostSeconds: Double,
    checkInterruption: () throws -> Void
  ) async throws -> (probabilities: InclusionProbabilities, secondsPerBatch: Double) {
    let clock = ContinuousClock()
    let start = clock.now
    let perEpoch = try batchCount()
    var observed = ObservedBatches(graph, batchesPerEpoch: perEpoch, repeatsSeeds: repeatsSeeds)
    let most = max(perEpoch, mostBatchesOfSmallEpochs)
    var limit = LookingLimit(seconds: mostSeconds)
    search: for epoch in 0..<epochs {
      for try await batch in self.epoch(epoch) {
        try checkInterruption()
        observed.add(batch.subgraph)
        if limit.isReached(behind: batch.subgraph) || observed.batchCount == most { break search }
      }
    }
    let seconds = (clock.now - start).seconds / Double(max(1, observed.batchCount))
    return (
      observed.probabilities(areAll: epochs == 1 && observed.batchCount == perEpoch), seconds
    )
  }

  /// Where the largest batches are, of as many as the limit allows: at each hop, the one that knows most nodes then.
  func largestBatches(
    epochs: Int, mostSeconds: Double, checkInterruption: () throws -> Void
  ) async throws -> [(epoch: Int, number: Int)] {
    var limit = LookingLimit(seconds: mostSeconds)
    var largest: [(count: Int, epoch: Int, number: Int)] = []
    search: for epoch in 0..<epochs {
      var number = 0
      for try await batch in self.epoch(epoch) {
        try checkInterruption()
        if largest.isEmpty {
          largest = Array(repeating: (-1, 0, 0), count: batch.subgraph.hopCount + 1)
        }
        for hop in largest.indices {
          let count = batch.subgraph.knownCounts.values.reduce(0) { $0 + $1[hop] }
          if count > largest[hop].count { largest[hop] = (count, epoch, number) }
        }
        number += 1
        if limit.isReached(behind: batch.subgraph) { break search }
      }
    }
    return Set(largest.map { [$0.epoch, $0.number] })
      .sorted { $0.lexicographicallyPrecedes($1) }.map { (epoch: $0[0], number: $0[1]) }
  }
}

/// That are looked at in several epochs together.
private let mostBatchesOfSmallEpochs = 64

/// How many batches are looked at: by the work that they are, and so the same each time, unless that takes too long.
private struct LookingLimit {
  private var nodesLeft = 1 << 25
  private let seconds: Double
  private let start = ContinuousClock.now

  init(seconds: Double) { self.seconds = seconds }

  mutating func isReached(behind subgraph: SampledSubgraph) -> Bool {
    nodesLeft -= subgraph.nodeCount + nodesThatTakeAsLongAsABatch
    return nodesLeft < 0 || (.now - start).seconds > seconds
  }
}

/// Besides those in it.
private let nodesThatTakeAsLongAsABatch = 256
