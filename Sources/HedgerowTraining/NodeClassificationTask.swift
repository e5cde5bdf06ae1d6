import HedgerowCore
import HedgerowGNN
import HedgerowNN
import HedgerowTensor

extension NodeBatch: TrainingBatch {
  var exampleCount: Int { labels.count { $0 >= 0 } }
}

/// Learns to tell classes of nodes, or of graphs, apart.
final class NodeClassificationTask: TrainingTask {
  private let trainer: NodeClassificationTrainer
  private let model: NodeClassifier
  private var source: NodeBatches
  private let validation: String?
  private var batches: NodeBatches.Iterator?

  var specification: ModelSpecification { model.specification }
  var module: any Module { model.network }
  var scalesLosses: Bool { trainer.options.precision == .float16 }
  var loaderThreads: Int { source.loaderThreads }

  /// Reads rows of features that are kept in memory.
  convenience init(_ model: NodeClassifier, _ trainer: NodeClassificationTrainer) throws {
    try trainer.checkTrainingSet()
    try self.init(
      model, trainer,
      NodeBatches(
        model, trainer.graph, batchSize: trainer.options.batchSize, resources: trainer.resources,
        trainingEpochs: trainer.options.epochs))
  }

  init(
    _ model: NodeClassifier, _ trainer: NodeClassificationTrainer, _ source: NodeBatches
  ) throws {
    self.trainer = trainer
    self.model = model
    self.source = source
    validation = try trainer.validationSet
  }

  func begin(epoch: Int, from firstBatch: Int) async throws {
    try await source.pack(epoch: epoch, from: firstBatch, upTo: trainer.options.epochs)
    batches = source.training(epoch: epoch, from: firstBatch)
  }

  func nextBatch() async throws -> NodeBatch? { try await batches?.next() }

  func filled() async { await batches?.filled() }

  func end() { batches = nil }

  func loss(of batch: NodeBatch) -> Tensor {
    batch.loss(of: batch.logits(model.network))
  }

  func validationMetrics() async throws -> ClassificationMetrics? {
    try await metricsOfValidation(by: .network)
  }

  func metricsOfValidation(
    by predictor: NodeBatches.Predictor
  ) async throws -> ClassificationMetrics? {
    guard let validation else { return nil }
    return try await metrics(of: validation, by: predictor)
  }

  func metrics(
    of set: String, by predictor: NodeBatches.Predictor
  ) async throws -> ClassificationMetrics {
    try await source.metrics(of: set, by: predictor)
  }

  func standing(of metrics: ClassificationMetrics) -> Standing {
    (metrics.accuracy, metrics.loss)
  }

  func isBetter(_ one: Standing, than other: Standing) -> Bool {
    switch trainer.options.criterion ?? .accuracy {
    case .accuracy: (one.score, -one.loss) > (other.score, -other.loss)
    case .loss: one.loss < other.loss
    }
  }

  var missingExamples: String {
    "no node of the set 'train' has a label in '\(trainer.target.type).\(trainer.target.column)'"
      + (mayLackExamples ? ", or none was drawn in any epoch" : "")
  }

  var mayLackExamples: Bool { trainer.options.subgraphs?.isOfSeeds == false }

  /// Adds what keeping and packing rows took.
  func note(in report: inout TrainingReport) {
    report.pinnedByteCount = source.pinnedByteCount
    report.seconds.pack = source.secondsOfPacking
    report.packedByteCount = source.packedByteCount
  }
}
