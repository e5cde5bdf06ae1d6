public import HedgerowCore
import HedgerowGNN
import HedgerowLoader
import HedgerowNN
public import HedgerowStore
import HedgerowTensor

/// The state of a training of a ``TemporalLinkPredictor``.
public typealias TemporalLinkCheckpoint = TrainingCheckpoint<TemporalLinkSpecification>

/// Trains a ``TemporalLinkPredictor`` on the links of one edge type as events in time, and keeps the epoch that is best
/// by a measure on those of the validation set, its memory included.
///
/// ```swift
/// let trainer = TemporalLinkTrainer(graph, target: writes, options: .init(), resources: resources)
/// let (model, report, metrics) = try await trainer.run()
/// ```
/// An epoch goes once through the events of the training set, in batches in the order of time; its memory begins empty.
/// A batch's links, each beside links from its source to targets that are drawn, are scored by the memory and the last
/// events of nodes from before the batch; then the batch is taken in. Evaluation goes on from where training ended,
/// through the validation and the test set, each batch scored before it is taken in: for the area under the curve and
/// the precision each link stands beside one to a target that is drawn, and it is ranked among the candidates.
///
/// Everything random is a function of the seed: the result is the same bits for any number of threads, and when a run is
/// stopped at any batch and resumed. Memory: 8 bytes an event, 24 more while they are sorted, and the nodes' rows.
///
/// Source: Rossi et al., Temporal Graph Networks for Deep Learning on Dynamic Graphs, 2020.
public struct TemporalLinkTrainer: Sendable {
  public let graph: Snapshot
  /// The links' edge type, as it is stored.
  public let target: EdgeType
  public let options: TemporalLinkOptions
  public let resources: TrainingResources
  /// The name to keep checkpoints under; none are kept without.
  public var checkpointName: String?
  /// Seconds of work between two checkpoints, at least; they never take more than a tenth of the time.
  public var checkpointInterval = 5.0

  public init(
    _ graph: Snapshot, target: EdgeType, options: TemporalLinkOptions,
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
  /// - Throws: `usage` for options that do not fit the graph, and for sets that are not one after the other in time;
  ///   `badData` for events without a time; `interrupted` when the resources say so, once the state is saved.
  public func run(
    resuming checkpoint: TemporalLinkCheckpoint? = nil,
    onEpoch: (Int, Double, LinkMetrics?) -> Void = { _, _, _ in }
  ) async throws -> (
    model: TemporalLinkPredictor, report: TrainingReport,
    metrics: [(set: String, metrics: LinkMetrics)]
  ) {
    let start = TrainingStart()
    var (specification, events) = try prepared()
    if let checkpoint {
      try checkpoint.check(against: specification)
      specification.dataVersion = checkpoint.specification.dataVersion
    }
    let task = try TemporalLinkTask(
      TemporalLinkPredictor(withoutWeights: specification), events, over: graph,
      resources: resources)
    let loop = try TrainingLoop(
      from: start, parameterCount: task.module.parameterCount,
      Adam(learningRate: Double(options.learningRate)),
      TrainingSchedule(
        epochs: options.epochs, patience: options.patience, checkpointName: checkpointName,
        checkpointInterval: checkpointInterval),
      seed: options.seed, directory: graph.path, dataIdentity: graph.dataIdentity,
      resources: resources, resuming: checkpoint, task: { task })
    var metrics: [(set: String, metrics: LinkMetrics)] = []
    try await loop.run(onEpoch: onEpoch) { metrics = try task.metrics(of: ["valid", "test"]) }
    return (task.model, loop.report, metrics)
  }

  /// What the options come to over this graph, and its events.
  private func prepared() throws -> (TemporalLinkSpecification, TemporalEvents) {
    func refuse(_ text: String) -> HedgerowError { HedgerowError(.usage, text) }
    guard LinkRanking.Scope.pairs.metrics.contains(options.criterion) else {
      throw refuse(
        "the best epoch of a model of events is by one of "
          + LinkRanking.Scope.pairs.metrics.map(\.rawValue).joined(separator: ", "))
    }
    guard options.isSound else {
      throw refuse(
        "a width of \(options.width), \(options.neighborCount) last events, \(options.negativeCount) "
          + "negatives, batches of \(options.batchSize): the width is even, as attention has "
          + "\(TemporalGraphNetwork.heads) heads, the others at least 1, batches at most \(1 << 20)"
      )
    }
    guard let schema = graph.schema.edge(target) else {
      let known = graph.schema.edges.map { "\($0.type)" }.joined(separator: ", ")
      throw refuse(
        "no edge type '\(target)': " + (known.isEmpty ? "there are none" : "there are \(known)"))
    }
    guard let timeColumn = options.timeColumn ?? schema.timeColumn else {
      throw refuse(
        "edge type '\(target)' declares no time column: name the one of its events with --times")
    }
    switch schema.property(timeColumn)?.kind {
    case .int8, .int16, .int32, .int64, .uint8, .timestamp: break
    case nil: throw refuse("'\(target)' has no column '\(timeColumn)' of times")
    case let kind?:
      throw refuse(
        "'\(target).\(timeColumn)' is of kind \(kind): times are integers or timestamps")
    }
    for column in options.messageColumns {
      guard let kind = schema.property(column)?.kind else {
        throw refuse("'\(target)' has no column '\(column)'")
      }
      guard kind.isNumeric else {
        throw refuse(
          "'\(target).\(column)' is of kind \(kind): what is known of an event are columns of one number "
            + "each")
      }
    }
    let ends = target.source == target.target ? [target.source] : [target.source, target.target]
    let nodes = ends.map {
      NodesOfType(type: $0.name, count: graph.count(of: $0))
    }
    guard nodes.allSatisfy({ $0.count <= 1 << 30 }) else {
      throw refuse("more than \(1 << 30) nodes of a type are more than memories are numbered")
    }
    let firstTarget = ends.count == 1 ? 0 : UInt32(nodes[0].count)
    let events = try TemporalEvents(
      graph, target, timeColumn: timeColumn, clock: nil, rows: (0, firstTarget),
      options: options, resources: resources)
    var options = options
    options.timeColumn = timeColumn
    let specification = TemporalLinkSpecification(
      target: "\(target)", nodes: nodes, timeColumn: timeColumn, clock: events.clock,
      trainedCount: events.train.count, trainedUntil: events.lastTrainingTime, options: options,
      dataVersion: graph.version)
    return (specification, events)
  }
}

extension TemporalLinkCheckpoint {
  /// - Throws: `usage` where a training cannot go on as one of this specification.
  fileprivate func check(against now: TemporalLinkSpecification) throws {
    var before = specification
    before.dataVersion = now.dataVersion
    (before.options.epochs, before.options.patience) = (now.options.epochs, now.options.patience)
    guard before != now else { return }
    let (a, b) = (before.options, now.options)
    let parts: [(option: String, isChanged: Bool)] = [
      ("--target", before.target != now.target), ("--times", a.timeColumn != b.timeColumn),
      ("--split", a.splitColumn != b.splitColumn),
      ("--inputs", a.messageColumns != b.messageColumns), ("--hidden", a.width != b.width),
      ("--fanouts", a.neighborCount != b.neighborCount),
      ("--batch-size", a.batchSize != b.batchSize),
      ("--negatives", a.negativeCount != b.negativeCount),
      ("--learning-rate", a.learningRate != b.learningRate),
      ("--dropout", a.dropout != b.dropout), ("--best", a.criterion != b.criterion),
      ("--candidates", a.candidateCount != b.candidateCount), ("--seed", a.seed != b.seed),
    ]
    throw TrainingOptions.refusal(ofChanged: parts.filter(\.isChanged).map(\.option))
  }
}
