import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowLoader
import HedgerowNN
import HedgerowSampling
import HedgerowStore
import HedgerowTensor

/// Nothing is measured where nothing is known.
extension TrainingTask where Metrics == Void {
  func validationMetrics() -> Void? { nil }
  func standing(of metrics: Void) -> Standing { (0, 0) }
  var loaderThreads: Int { 0 }
}

/// Learns rows of nodes on walks, which are drawn anew for each epoch.
final class WalkTask: TrainingTask {
  typealias Metrics = Void

  let model: NodeEmbedding
  private let walks: WalkBatches
  private var order: [UInt32] = []
  private var epoch = 0
  private var batch = 0

  var specification: EmbeddingSpecification { model.specification }
  private var network: EmbeddingNetwork { model.network }
  var module: any Module { network }

  init(_ specification: EmbeddingSpecification, _ graph: Snapshot) throws {
    model = NodeEmbedding(withoutWeights: specification)
    let options = specification.options
    let path = try specification.relations.map { name in
      guard let step = graph.schema.step(along: try EdgeType(validating: name)) else {
        throw HedgerowError(.usage, "the store has no relation '\(name)'")
      }
      return step
    }
    walks = WalkBatches(
      walker: try RandomWalker(
        graph, along: path, returning: options.returning, leaving: options.leaving,
        seed: options.seed), options: options)
  }

  func begin(epoch: Int, from firstBatch: Int) {
    (self.epoch, batch) = (epoch, firstBatch)
    order = walks.order(epoch: epoch)
  }

  func nextBatch() throws -> WalkBatch? {
    guard batch * walks.options.batchSize < order.count else { return nil }
    let made = try walks.batch(batch, of: order, epoch: epoch, for: network.walks!)
    batch += 1
    return made
  }

  func loss(of batch: WalkBatch) -> Tensor {
    network.walks!.loss(of: batch.near, against: batch.others)
  }

  var missingExamples: String {
    "no walk from '\(specification.target)' finds a way: there are no edges along "
      + specification.relations.joined(separator: ", ")
  }
}

/// The whole graph once, with features as they are and shuffled.
struct InfomaxBatch: TrainingBatch {
  let exampleCount: Int
  let randomness: RandomStream

  var seconds: StageSeconds { StageSeconds() }
  var rows: RowCounts { RowCounts() }
}

/// Learns an encoder that tells the graph from one whose features were shuffled: one step an epoch.
final class InfomaxTask: TrainingTask {
  typealias Metrics = Void

  let model: NodeEmbedding
  private let whole: WholeFeatures
  private var pending: InfomaxBatch?

  var specification: EmbeddingSpecification { model.specification }
  private var network: EmbeddingNetwork { model.network }
  var module: any Module { network }

  init(
    _ specification: EmbeddingSpecification, _ graph: Snapshot, resources: TrainingResources
  ) throws {
    model = NodeEmbedding(withoutWeights: specification)
    whole = try WholeFeatures(specification, graph, resources: resources)
  }

  func begin(epoch: Int, from firstBatch: Int) {
    pending =
      firstBatch > 0
      ? nil
      : InfomaxBatch(
        exampleCount: whole.features.rowCount,
        randomness: RandomStream(seed: specification.options.seed).derive("infomax")
          .derive(UInt64(epoch)))
  }

  func nextBatch() -> InfomaxBatch? {
    defer { pending = nil }
    return pending
  }

  func loss(of batch: InfomaxBatch) -> Tensor {
    let model = network.infomax!
    return model.loss(
      of: model.views(
        whole.features, whole.block, shufflingBy: batch.randomness.derive("shuffle")))
  }

  var missingExamples: String { "'\(specification.target)' has no nodes" }
}
