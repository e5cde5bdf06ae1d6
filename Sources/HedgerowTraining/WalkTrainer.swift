import HedgerowCore
public import HedgerowGNN
public import HedgerowGraph
import HedgerowNN
public import HedgerowSampling
import HedgerowTensor

/// Trains rows of nodes on walks over a graph, which are drawn anew for each epoch.
///
/// ```swift
/// let walker = try RandomWalker(graph, along: [cites], returning: 1, leaving: 0.5, seed: 1)
/// let model = Node2Vec(nodes: graph.count(of: "paper"), width: 128).initialized(seed: 1)
/// try WalkTrainer(walker, seed: 1).run(model)
/// ```
/// For ``MetaPath2Vec`` the model's path is of the types that the walker's path leads through. Everything random is a
/// function of the seeds: the result is the same bits for any number of threads.
public struct WalkTrainer<Graph: Topology>: Sendable {
  public let walker: RandomWalker<Graph>
  public let options: WalkTrainingOptions
  public let seed: UInt64

  public init(
    _ walker: RandomWalker<Graph>, options: WalkTrainingOptions = .init(), seed: UInt64
  ) {
    self.walker = walker
    self.options = options
    self.seed = seed
  }

  /// Changes the model in each step; only the rows that a batch has.
  ///
  /// - Parameter onEpoch: called after each epoch with its number from 1 and its mean loss.
  /// - Throws: `usage` for a window that is longer than a walk; what reading the graph throws.
  public func run(
    _ model: some WalkModel, onEpoch: (Int, Double) -> Void = { _, _ in }
  ) throws {
    let places = options.steps + 1
    guard (2...places).contains(options.window) && options.batchSize > 0 else {
      throw HedgerowError(
        .usage,
        "a window of \(options.window) nodes does not fit walks of \(places), or batches are of "
          + "\(options.batchSize)")
    }
    var optimizer = SparseAdam(learningRate: options.learningRate)
    let batches = WalkBatches(walker: walker, options: options, seed: seed)
    for epoch in 0..<options.epochs {
      let order = batches.order(epoch: epoch)
      var (total, count) = (0.0, 0)
      for index in 0..<(order.count + options.batchSize - 1) / options.batchSize {
        let batch = try batches.batch(index, of: order, epoch: epoch, for: model)
        // Where no walk finds a way there is nothing to learn.
        if batch.near.count == 0 { continue }
        let (loss, gradients) = valueWithGradients(at: model) {
          model.loss(of: batch.near, against: batch.others)
        }
        optimizer.update(model, along: gradients)
        total += Double(loss.scalar)
        count += 1
      }
      onEpoch(epoch + 1, count == 0 ? 0 : total / Double(count))
    }
  }
}

/// The pairs of each step of a training on walks: a pure function of (epoch, batch).
struct WalkBatches<Graph: Topology>: Sendable {
  let walker: RandomWalker<Graph>
  let options: WalkTrainingOptions
  let seed: UInt64

  private func stream(_ epoch: Int) -> RandomStream {
    RandomStream(seed: seed).derive("walk training").derive(UInt64(epoch))
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
      near: near, others: model.drawn(near, perPair: options.negatives, from: stream),
      randomness: stream)
  }
}

/// How a ``WalkTrainer`` walks and learns.
public struct WalkTrainingOptions: Sendable {
  public var epochs = 5
  /// Steps of a walk.
  public var steps = 20
  public var walksPerNode = 10
  /// Nodes of a walk that count as near, the first one included.
  public var window = 10
  /// Pairs that are drawn for each that is near.
  public var negatives = 1
  /// Nodes that walks of a step of training start from.
  public var batchSize = 128
  public var learningRate = 0.01

  public init() {}
}
