public import HedgerowCore
import HedgerowGNN
import HedgerowNN
public import HedgerowStore

/// The state of a training of a ``LinkPredictor``.
public typealias LinkCheckpoint = TrainingCheckpoint<LinkSpecification>

/// Trains a ``LinkPredictor`` from batches of links sampled off a store, and keeps the weights of the epoch that is best
/// by a measure on the links of the validation set.
///
/// ```swift
/// var options = LinkTrainingOptions()
/// options.decoder = .distmult
/// let trainer = LinkPredictionTrainer(graph, target: rates, options: options, resources: resources)
/// let (model, report, metrics) = try await trainer.run()
/// ```
/// A column of the links' type says of each in which set it is. Of every edge type with such a column only the edges of
/// the training set are seen, in training and afterwards, and those that a batch asks for are left out of its
/// neighborhoods in both directions; see ``EdgeSubgraph``. Everything random is a function of the seed: the result is
/// the same bits for any number of threads and any memory budget, and when a run is stopped at any batch and resumed.
///
/// A link is ranked among the candidates, nodes of its target's type that are drawn once from the seed, less those to
/// which any edge of the type leads from its source, whatever set it is in. For the area under the curve and the
/// precision each link stands beside one pair of its source and a candidate.
public struct LinkPredictionTrainer: Sendable {
  public let graph: Snapshot
  /// The links' edge type, as it is stored.
  public let target: EdgeType
  public let options: LinkTrainingOptions
  public let resources: TrainingResources
  /// The name to keep checkpoints under; none are kept without.
  public var checkpointName: String?
  /// Seconds of work between two checkpoints, at least; they never take more than a tenth of the time.
  public var checkpointInterval = 5.0

  public init(
    _ graph: Snapshot, target: EdgeType, options: LinkTrainingOptions,
    resources: TrainingResources
  ) {
    self.graph = graph
    self.target = target
    self.options = options
    self.resources = resources
  }

  /// - Parameters:
  ///   - checkpoint: where to go on. Its options must be these, but for epochs and patience.
  ///   - onEpoch: called after each epoch with its number from 1, its mean loss and the validation metrics.
  /// - Returns: the model, what training came to, and metrics by set: `valid` and `test`, where they exist.
  /// - Throws: `usage` for options that do not fit the graph; `interrupted` when the resources say so, once the state
  ///   is saved.
  public func run(
    resuming checkpoint: LinkCheckpoint? = nil,
    onEpoch: (Int, Double, LinkMetrics?) -> Void = { _, _, _ in }
  ) async throws -> (
    model: LinkPredictor, report: TrainingReport, metrics: [(set: String, metrics: LinkMetrics)]
  ) {
    let start = TrainingStart()
    try checkOptions()
    let links = try DividedLinks(
      graph, target, column: options.splitColumn, resources: resources)
    var specification = try specification(links)
    if let checkpoint {
      try checkpoint.check(against: specification)
      specification.dataVersion = checkpoint.specification.dataVersion
    }
    let task = try LinkTask(
      LinkPredictor(withoutWeights: specification), links, resources: resources)
    let optimizer = Adam(
      learningRate: Double(options.training.learningRate), weightDecay: weightDecay)
    let loop = try TrainingLoop(
      from: start, parameterCount: task.module.parameterCount, optimizer,
      TrainingSchedule(
        epochs: options.training.epochs, patience: options.training.patience,
        checkpointName: checkpointName, checkpointInterval: checkpointInterval),
      seed: options.training.seed, directory: graph.path, dataIdentity: graph.dataIdentity,
      resources: resources, resuming: checkpoint, task: { task })
    var metrics: [(set: String, metrics: LinkMetrics)] = []
    try await loop.run(onEpoch: onEpoch) {
      for set in ["valid", "test"] {
        if let measured = try await task.metrics(of: set) { metrics.append((set, measured)) }
      }
    }
    return (task.model, loop.report, metrics)
  }

  /// Of the optimizer; that of `lightgcn` is part of its loss.
  var weightDecay: Double {
    options.model == .lightgcn ? 0 : Double(options.training.weightDecay)
  }

  func checkOptions() throws {
    func refuse(unless isRight: Bool, _ text: @autoclosure () -> String) throws {
      if !isRight { throw HedgerowError(.usage, text()) }
    }
    let training = options.training
    let isSampled = options.model != .lightgcn
    try training.checkEpochs()
    try refuse(unless: training.layerCount > 0, "a model needs at least one layer")
    try refuse(
      unless: training.mode == .sampled,
      "links are learned from sampled batches: leave out --full-batch and --readout")
    try refuse(
      unless: training.model.modes.contains(.sampled),
      "\(training.model.rawValue) is no model of sampled neighborhoods, where links are learned: take "
        + "another --model")
    try refuse(
      unless: training.sampling?.time == nil,
      "links are not sampled by time here: leave out --node-times and --edge-times")
    try refuse(
      unless: training.knowsInclusion,
      "links are learned from sampled neighbors: leave out --sampler and --edges")
    try refuse(
      unless: training.precision != .float16,
      "losses of links are not scaled: take --precision bfloat16 or float32")
    try refuse(
      unless: !isSampled || training.fanouts.count == training.layerCount,
      "\(training.fanouts.count) hops of fanouts for \(training.layerCount) layers")
    try refuse(
      unless: options.model != .lightgcn || options.decoder == .dot,
      "lightgcn scores by the product of rows: leave out --decoder")
    try refuse(
      unless: !options.decoder.isComplex || training.hiddenWidth.isMultiple(of: 2),
      "rows of \(options.decoder) are complex numbers: a width of \(training.hiddenWidth) is not even"
    )
    try refuse(
      unless: !training.model.hasHeads
        || training.hiddenWidth.isMultiple(of: training.network.heads),
      "\(training.model) has \(training.network.heads) heads: a width of \(training.hiddenWidth) is no "
        + "multiple")
    try refuse(
      unless: training.bases == nil || training.model == .rgcn,
      "--bases is of --model rgcn, not of \(training.model)")
    try refuse(
      unless: options.negativeCount >= 1, "links are told from others: at least one a link")
    try refuse(
      unless: options.model != .lightgcn || (training.inputs == nil && training.encodings == nil),
      "lightgcn learns rows of nodes and takes no features: leave out --inputs and --encode")
  }

  /// What the options come to over this graph's schema.
  func specification(_ links: DividedLinks) throws -> LinkSpecification {
    let ends = target.source == target.target ? [target.source] : [target.source, target.target]
    var specification = LinkSpecification(
      target: "\(target)", inputs: [], relations: [], options: options, dataVersion: graph.version)
    if options.model == .lightgcn {
      specification.inputs = ends.map {
        ModelSpecification.Input(
          type: $0.name, columns: [], width: options.training.hiddenWidth,
          count: graph.count(of: $0), isScaled: false)
      }
      return specification
    }
    let all = graph.schema.relations(includingReverse: options.training.usesReverseRelations)
    let reached = NodeNetwork.reach(
      of: ends, along: all.map(\.name), options: options.training.network)
    let relations = all.filter { reached.relations.contains($0.name) }
    specification.relations = relations.map { "\($0.name)" }
    specification.inputs = try InputChoice(
      graph: graph, options: options.training, resources: resources
    ).inputs(of: reached.types)
    if options.training.model == .pna {
      specification.meanDegrees = try relations.map {
        try links.seen.meanDegrees(along: $0, checkInterruption: resources.checkInterruption)
      }
    }
    return specification
  }
}

extension LinkCheckpoint {
  /// - Throws: `usage` where a training cannot go on as one of this specification.
  fileprivate func check(against now: LinkSpecification) throws {
    var before = specification
    before.dataVersion = now.dataVersion
    before.options.training.epochs = now.options.training.epochs
    before.options.training.patience = now.options.training.patience
    guard before != now else { return }
    let (a, b) = (specification.options, now.options)
    // Options first: they are what a caller changes.
    let parts: [(option: String, isChanged: Bool)] = [
      ("--target", before.target != now.target),
      ("--model", a.model != b.model || a.training.model != b.training.model),
      ("--decoder", a.decoder != b.decoder), ("--split", a.splitColumn != b.splitColumn),
      ("--negatives", a.negativeCount != b.negativeCount || a.negatives != b.negatives),
      ("--best", a.criterion != b.criterion),
      ("--candidates", a.candidateCount != b.candidateCount),
    ]
    let changes = parts.filter(\.isChanged).map(\.option) + a.training.changes(to: b.training)
    throw TrainingOptions.refusal(ofChanged: changes)
  }
}

/// Measures a saved model.
extension LinkPredictor {
  /// Metrics over the links of a set, ranked as in training: the same result every time.
  ///
  /// - Throws: `usage` when no link is in the set.
  public func evaluate(
    over graph: Snapshot, in set: String, resources: TrainingResources
  ) async throws -> LinkMetrics {
    let type = try specification.type
    let links = try DividedLinks(
      graph, type, column: specification.options.splitColumn, resources: resources)
    let task = try LinkTask(self, links, resources: resources)
    guard let metrics = try await task.metrics(of: set) else {
      throw HedgerowError(
        .usage,
        "no edge of '\(type)' is '\(set)' by its column '\(specification.options.splitColumn)'")
    }
    return metrics
  }
}
