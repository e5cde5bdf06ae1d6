public import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowLoader
import HedgerowNN
public import HedgerowStore
import HedgerowTensor

/// Trains a ``NodeClassifier`` from batches sampled off a store, from the whole graph at once or, where nodes are
/// graphs to which others belong, from batches of graphs, and
/// keeps the weights of the best epoch by accuracy, or loss, on the validation set.
///
/// Everything random is a function of the seed; sums have one order: the result is the same bits
/// for any number of threads and any memory budget, and when a run is stopped at any batch and
/// resumed.
public struct NodeClassificationTrainer: Sendable {
  public let graph: Snapshot
  public let target: (type: NodeType, column: String)
  public let options: TrainingOptions
  public let resources: TrainingResources
  /// The name to keep checkpoints under; none are kept without.
  public var checkpointName: String?
  /// Seconds of work between two checkpoints, at least; they never take more than a tenth of the
  /// time.
  public var checkpointInterval = 5.0

  public init(
    _ graph: Snapshot, target: (type: NodeType, column: String), options: TrainingOptions,
    resources: TrainingResources
  ) {
    self.graph = graph
    self.target = target
    self.options = options
    self.resources = resources
  }

  /// - Parameters:
  ///   - checkpoint: where to go on. Its options must be these, but for epochs and patience.
  ///   - onEpoch: called after each epoch with its number from 1, its mean loss and the
  ///     validation metrics.
  /// - Throws: `interrupted` when the resources say so, once the state is saved.
  public func run(
    resuming checkpoint: Checkpoint? = nil,
    onEpoch: (Int, Double, ClassificationMetrics?) -> Void = { _, _, _ in }
  ) async throws -> (model: NodeClassifier, report: TrainingReport) {
    let start = TrainingStart()
    var specification = try specification()
    if let checkpoint {
      try check(checkpoint, against: specification)
      specification.dataVersion = checkpoint.specification.dataVersion
    }
    let model = try NodeClassifier(withoutWeights: specification)
    let loop = try TrainingLoop(
      from: start, parameterCount: model.parameterCount,
      scalesLosses: options.precision == .float16,
      Adam(
        learningRate: Double(options.learningRate), weightDecay: Double(options.weightDecay)),
      TrainingSchedule(
        epochs: options.epochs, patience: options.patience, checkpointName: checkpointName,
        checkpointInterval: checkpointInterval),
      seed: options.seed, directory: graph.path, dataIdentity: graph.dataIdentity,
      resources: resources, resuming: checkpoint,
      task: { try NodeClassificationTask(model, self) })
    let task = loop.task
    var metrics: [(set: String, metrics: ClassificationMetrics)] = []
    try await loop.run(onEpoch: onEpoch) {
      if let measured = try await task.metricsOfValidation(by: .model) {
        metrics.append(("valid", measured))
      }
      if try hasMembers("test") {
        metrics.append(("test", try await task.metrics(of: "test", by: .model)))
      }
    }
    var report = loop.report
    report.metrics = metrics
    task.note(in: &report)
    return (model, report)
  }

  /// - Throws: `usage` when there is no node to train on.
  func checkTrainingSet() throws {
    guard let train = try graph.set(named: "train", of: target.type), !train.isEmpty else {
      throw HedgerowError(
        .usage,
        "node type '\(target.type)' has no set named 'train': ingest one with --split "
          + "\(target.type).COLUMN")
    }
    if let filter = try options.seedFilter,
      try graph.nodes(of: target.type, where: filter).isDisjoint(with: train)
    {
      throw HedgerowError(.usage, "no node of the set 'train' is one where \(filter)")
    }
  }

  /// The set that says which epoch is best; `nil` where there is none.
  var validationSet: String? {
    get throws { try ["valid", "val", "validation"].first { try hasMembers($0) } }
  }

  /// Whether there is such a set of the target's type, and it is not empty.
  func hasMembers(_ set: String) throws -> Bool {
    try graph.set(named: set, of: target.type).map { !$0.isEmpty } ?? false
  }

  private func check(_ checkpoint: Checkpoint, against specification: ModelSpecification) throws {
    var (before, now) = (checkpoint.specification, specification)
    before.dataVersion = now.dataVersion
    (before.options.epochs, before.options.patience) = (now.options.epochs, now.options.patience)
    guard before != now else { return }
    // Options first: they are what a caller changes.
    let (a, b) = (checkpoint.specification.options, specification.options)
    let isOther = before.targetColumn != now.targetColumn || before.targetType != now.targetType
    let parts: [(option: String, isChanged: Bool)] = [
      ("--target", isOther), ("--model", a.model != b.model),
      ("--full-batch", a.mode != b.mode), ("--best", a.criterion != b.criterion),
      ("--positions", a.positions != b.positions), ("--radius", a.radius != b.radius),
      ("--steps or --alpha", a.propagation != b.propagation),
      ("--readout", a.readout != b.readout), ("--metapaths", a.metapaths != b.metapaths),
      ("--class-weights", a.classWeights != b.classWeights), ("--where", a.filter != b.filter),
    ]
    throw TrainingOptions.refusal(
      ofChanged: parts.filter(\.isChanged).map(\.option) + a.changes(to: b))
  }
}
