import HedgerowCore
import HedgerowGNN
import HedgerowLoader
import HedgerowSampling
import HedgerowStore
import HedgerowTensor

/// Pairs that walks pass, and pairs that are drawn.
struct WalkBatch: TrainingBatch {
  let near: NodePairs
  let others: NodePairs
  let randomness: RandomStream

  var exampleCount: Int { near.count }
  var seconds: StageSeconds { StageSeconds() }
  var rows: RowCounts { RowCounts() }
}

/// The pairs of each step of a training on walks: a pure function of (epoch, batch).
struct WalkBatches: Sendable {
  let walker: RandomWalker<Snapshot>
  let options: EmbeddingOptions

  private func stream(_ epoch: Int) -> RandomStream {
    RandomStream(seed: options.seed).derive("walk training").derive(UInt64(epoch))
  }

  /// The nodes that walks of an epoch start from.
  func order(epoch: Int) -> [UInt32] {
    NDArray<UInt32>.permutation(
      of: walker.graph.count(of: walker.startType), from: stream(epoch)
    ).scalars
  }

  func batch(
    _ index: Int, of order: [UInt32], epoch: Int, for model: some WalkModel
  ) throws -> WalkBatch {
    let first = index * options.batchSize
    let walks = try walker.walks(
      from: Array(order[first..<min(order.count, first + options.batchSize)]),
      walksPerNode: options.walksPerNode, length: options.steps, epoch: epoch, batch: index)
    let near = model.contexts(
      ofWalks: walks.nodes, places: options.steps + 1, within: options.window)
    let stream = stream(epoch).derive(UInt64(index))
    return WalkBatch(
      near: near, others: model.drawn(near, perPair: options.negativeCount, from: stream),
      randomness: stream)
  }
}
