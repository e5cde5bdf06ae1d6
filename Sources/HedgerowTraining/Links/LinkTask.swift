import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowLoader
import HedgerowNN
import HedgerowRoaring
import HedgerowStore
import HedgerowTensor

/// A batch of links and of pairs that are none.
struct LinkTrainingBatch: TrainingBatch {
  let batch: LinkBatch
  let features: PerNode<Tensor>

  var exampleCount: Int { batch.links.negatives.count > 0 ? batch.links.positives.count : 0 }
  var randomness: RandomStream { batch.randomness }
  var seconds: StageSeconds { batch.seconds }
  var rows: RowCounts { batch.rows }
}

/// Learns to tell links from pairs that are none.
final class LinkTask: TrainingTask {
  let model: LinkPredictor
  private let links: DividedLinks
  private let whole: WholeLinks?
  let loader: LinkLoader<EdgeSubgraph<Snapshot>>
  let evaluation: LinkEvaluation
  private let validation: RoaringBitmap?
  private var batches: Epoch<LinkBatch>.Iterator?

  var specification: LinkSpecification { model.specification }
  private var network: LinkNetwork { model.network }
  var module: any Module { network }
  var loaderThreads: Int { loader.options.threads }

  /// - Parameter readsFeatures: whether rows of features are what the store has, and not ones.
  init(
    _ model: LinkPredictor, _ links: DividedLinks, resources: TrainingResources,
    readsFeatures: Bool = true
  ) throws {
    self.model = model
    self.links = links
    let options = model.specification.options
    whole =
      options.model == .lightgcn
      ? try WholeLinks(
        links, width: options.training.hiddenWidth, layers: options.training.layerCount,
        resources: resources) : nil
    var link = LinkOptions()
    link.negatives.count = options.negativeCount
    link.negatives.distribution = options.negatives.distribution
    link.reverseTypes = links.reverseTypes
    if options.training.sampling?.time == nil { link.times = nil }
    loader = LinkLoader(
      links.seen, edges: .edges(links.type), fanouts: model.fanouts,
      batchSize: options.training.batchSize, seed: options.training.seed,
      options: model.loaderOptions(
        links.seen, order: .shuffled, resources: resources, readsFeatures: readsFeatures),
      links: link)
    evaluation = LinkEvaluation(
      model, links, whole, resources: resources, readsFeatures: readsFeatures)
    validation = try links.members(of: "valid")
  }

  func begin(epoch: Int, from firstBatch: Int) {
    batches = loader.epoch(epoch, from: firstBatch).makeAsyncIterator()
  }

  func filled() async { await batches?.filled() }

  func end() { batches = nil }

  func nextBatch() async throws -> LinkTrainingBatch? {
    guard let batch = try await batches?.next() else { return nil }
    return LinkTrainingBatch(
      batch: batch,
      features: try specification.inputs.rows(
        batch.features, of: batch.subgraph.nodes, in: links.graph))
  }

  func loss(of batch: LinkTrainingBatch) -> Tensor {
    let (sample, nodes) = (batch.batch.links, batch.batch.subgraph.nodes)
    let (rows, penalty) =
      whole.map { ($0.rows(network.embedding!.embeddings($0.block), of: nodes), nil) }
      ?? network.rows(batch.features, batch.batch.blocks, nodes: nodes)
    func scores(_ pairs: (sources: [UInt32], targets: [UInt32])) -> Tensor {
      network.scores(
        rows[sample.type.source].gathered(rows: pairs.sources),
        rows[sample.type.target].gathered(rows: pairs.targets))
    }
    let positives = scores((sample.positives.sources, sample.positives.targets))
    let negatives = scores((sample.negatives.sources, sample.negatives.targets))
    if let whole, let embedding = network.embedding {
      return embedding.loss(
        positives.gathered(rows: sample.positiveOfNegative), against: negatives,
        nodes: whole.numbers(of: nodes),
        regularization: specification.options.training.weightDecay)
    }
    let loss = network.loss(positives, against: negatives, owners: sample.positiveOfNegative)
    return penalty.map { loss + $0 } ?? loss
  }

  func validationMetrics() async throws -> LinkMetrics? {
    guard let validation else { return nil }
    return try await evaluation.metrics(of: validation)
  }

  /// Of a set, or `nil` where nothing is in it.
  func metrics(of set: String) async throws -> LinkMetrics? {
    if set == "valid" { return try await validationMetrics() }
    guard let members = try links.members(of: set) else { return nil }
    return try await evaluation.metrics(of: members)
  }

  func standing(of metrics: LinkMetrics) -> (score: Double, loss: Double) {
    (metrics[specification.options.criterion] ?? 0, 0)
  }

  var missingExamples: String {
    "no pair of nodes that is no link of '\(links.type)' was found: every source is linked to every "
      + "target"
  }
}
