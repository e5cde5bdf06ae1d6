import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowTensor
import HedgerowTestSupport
import Testing

@Suite struct LabelPropagationTests {
  /// Two ends of a path are known; what is between them is nearer to one of them.
  @Test func labelsSpreadAlongAPath() {
    let pairs: [(UInt32, UInt32)] = (0..<6).map { ($0, $0 + 1) }
    let block = Block(
      sources: pairs.map(\.0) + pairs.map(\.1), targets: pairs.map(\.1) + pairs.map(\.0),
      sourceCount: 8, targetCount: 8)
    var labels = Tensor.zeros([8, 2])
    labels.withUnsafeMutableBufferPointer { ($0[0], $0[2 * 6 + 1], $0[2 * 3]) = (1, 1, 1) }
    let spread = LabelPropagation(steps: 20, alpha: 0.9)(labels, block, known: [0, 6])
    for node in 0..<7 {
      let (first, second) = (spread[node, 0], spread[node, 1])
      #expect(node == 3 ? abs(first - second) < 1e-6 : (first > second) == (node < 3))
    }
    // Nobody tells the node without edges, and what is not known does not count.
    #expect(spread[7, 0] == 0 && spread[7, 1] == 0)
  }

  @Test func noEdgesLeaveWhatIsKnown() {
    let labels = Tensor([[1, 0], [0, 1], [1, 0]])
    let block = Block(sources: [], targets: [], sourceCount: 3, targetCount: 3)
    let half = LabelPropagation(steps: 1, alpha: 0.5)
    #expect(half(labels, block, known: [0, 1]) == Tensor([[0.5, 0], [0, 0.5], [0, 0]]))
    for scale in [CorrectAndSmooth.Scale.automatic, .fixed(1)] {
      let model = CorrectAndSmooth(correction: half, smoothing: half, scale: scale)
      let soft = Tensor([[0.5, 0.5], [0.5, 0.5], [0.3, 0.7]])
      let result = model(soft, labels: labels, known: [0, 1], block)
      #expect(result.scalars.allSatisfy { $0.isFinite })
      #expect(isClose(result, Tensor([[0.5, 0], [0, 0.5], [0.15, 0.35]])))
      // Nothing to correct is no reason to divide by nothing.
      let right = model.corrected(labels, labels: labels, known: [0, 1], block)
      #expect(right == labels)
      #expect(model.corrected(soft, labels: labels, known: [], block) == soft)
    }
  }

  @Test func resultsAreTheSameBitsForAnyNumberOfThreads() {
    let seed = printedSeed()
    let graph = DrawnGraph(nodes: 500, seed: seed)
    let soft = softmax(Tensor.random([500, 3], seed: seed), along: 1)
    let labels = Tensor(
      (0..<500).flatMap { node in (0..<3).map { $0 == node % 3 ? 1 : 0 } }, shape: [500, 3])
    let model = CorrectAndSmooth(
      correction: LabelPropagation(steps: 4, alpha: 0.8),
      smoothing: LabelPropagation(steps: 4, alpha: 0.7))
    let results = [1, 2, 4].map { threads in
      Compute.with(ThreadPool(threadCount: threads)) {
        model(soft, labels: labels, known: (0..<100).map { 3 * $0 }, graph.block)
      }
    }
    #expect(results[0] == results[1] && results[0] == results[2])
  }
}
