public import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowNN
public import HedgerowStore

/// The state of a training of a ``NodeEmbedding``.
public typealias EmbeddingCheckpoint = TrainingCheckpoint<EmbeddingSpecification>

/// Trains a ``NodeEmbedding``: rows of nodes of one type, or of those on a path of types, without labels.
///
/// Everything random is a function of the seed: the result is the same bits for any number of threads, and when a run
/// is stopped at any batch and resumed.
public struct EmbeddingTrainer: Sendable {
  public let graph: Snapshot
  public let target: NodeType
  public let options: EmbeddingOptions
  public let resources: TrainingResources
  /// The name to keep checkpoints under; none are kept without.
  public var checkpointName: String?
  /// Seconds of work between two checkpoints, at least; they never take more than a tenth of the time.
  public var checkpointInterval = 5.0

  public init(
    _ graph: Snapshot, target: NodeType, options: EmbeddingOptions, resources: TrainingResources
  ) {
    self.graph = graph
    self.target = target
    self.options = options
    self.resources = resources
  }

  /// - Parameters:
  ///   - checkpoint: where to go on. Its options must be these, but for epochs.
  ///   - onEpoch: called after each epoch with its number from 1 and its mean loss.
  /// - Throws: `usage` for options that do not fit the graph; `interrupted` when the resources say so, once the state
  ///   is saved.
  public func run(
    resuming checkpoint: EmbeddingCheckpoint? = nil,
    onEpoch: (Int, Double) -> Void = { _, _ in }
  ) async throws -> (model: NodeEmbedding, report: TrainingReport) {
    let start = TrainingStart()
    var specification = try specification()
    if let checkpoint {
      try checkpoint.check(against: specification)
      specification.dataVersion = checkpoint.specification.dataVersion
    }
    if options.model == .dgi {
      let task = try InfomaxTask(specification, graph, resources: resources)
      let report = try await run(
        from: start, task, Adam(learningRate: Double(options.learningRate)), checkpoint, onEpoch)
      return (task.model, report)
    }
    let task = try WalkTask(specification, graph)
    let report = try await run(
      from: start, task, SparseAdam(learningRate: Double(options.learningRate)), checkpoint, onEpoch
    )
    return (task.model, report)
  }

  private func run<Task: TrainingTask>(
    from start: TrainingStart, _ task: Task, _ optimizer: any Optimizer,
    _ checkpoint: EmbeddingCheckpoint?,
    _ onEpoch: (Int, Double) -> Void
  ) async throws -> TrainingReport where Task.Specification == EmbeddingSpecification {
    let loop = try TrainingLoop(
      from: start, parameterCount: task.module.parameterCount, optimizer,
      TrainingSchedule(
        epochs: options.epochs, patience: .max, checkpointName: checkpointName,
        checkpointInterval: checkpointInterval),
      seed: options.seed, directory: graph.path, dataIdentity: graph.dataIdentity,
      resources: resources, resuming: checkpoint, task: { task })
    try await loop.run(onEpoch: { epoch, loss, _ in onEpoch(epoch, loss) }, measure: {})
    return loop.report
  }

  private func specification() throws -> EmbeddingSpecification {
    guard options.isSound else {
      throw HedgerowError(
        .usage,
        "a window of \(options.window) nodes does not fit walks of \(options.steps) steps, or another "
          + "number is none")
    }
    guard graph.schema.node(target) != nil else {
      let types = graph.schema.nodes.map(\.type.name).joined(separator: ", ")
      throw HedgerowError(.usage, "no node type '\(target)': there are \(types)")
    }
    let path = try path()
    for relation in path.relations where graph.schema.step(along: relation) == nil {
      let known = graph.schema.relations().map { "\($0.name)" }.joined(separator: ", ")
      throw HedgerowError(.usage, "no relation '\(relation)': there are \(known)")
    }
    var specification = EmbeddingSpecification(
      target: target.name, path: path.relations.map(\.source.name),
      relations: path.relations.map { "\($0)" }, nodes: [], options: options,
      dataVersion: graph.version)
    for type in specification.path where specification.count(of: type) == nil {
      specification.nodes.append(.init(type: type, count: graph.count(of: NodeType(type))))
    }
    if options.model == .dgi {
      var training = TrainingOptions(mode: .fullBatch)
      training.inputs = options.inputs
      let input = try InputChoice(graph: graph, options: training, resources: resources)
        .inputs(of: [target])[0]
      guard !input.isEmbedded else {
        throw HedgerowError(
          .usage,
          "dgi shuffles features, and '\(target)' has none: name some with --inputs, or take --model "
            + "node2vec")
      }
      specification.input = input
    }
    return specification
  }

  /// Along what walks go, or edges are read.
  private func path() throws -> Metapath {
    let isWithinType = options.model != .metapath2vec
    if let text = options.path {
      let path = try Metapath(validating: text)
      guard path.type == target else {
        throw HedgerowError(.usage, "the path \(path) does not begin at '\(target)'")
      }
      guard !isWithinType || path.relations.count == 1 else {
        throw HedgerowError(
          .usage, "\(options.model) is along one relation within '\(target)', not \(path)")
      }
      return path
    }
    let relations = graph.schema.relations().map(\.name)
    let found =
      isWithinType
      ? graph.schema.edges.map(\.type).filter { $0.source == target && $0.target == target }
        .map { Metapath([$0]) }
      : Metapath.ofLengthTwo(from: target, along: relations)
    guard let path = found.first, found.count == 1 else {
      throw HedgerowError(
        .usage,
        (found.isEmpty
          ? "no \(isWithinType ? "relation" : "chain of two relations") leads from '\(target)' back to it"
          : "several lead from '\(target)' back to it: "
            + found.map { "\($0)" }.joined(separator: ", "))
          + (isWithinType && found.isEmpty
            ? ": take --model metapath2vec" : ": say one with --metapaths"))
    }
    return path
  }
}

extension EmbeddingCheckpoint {
  /// - Throws: `usage` where a training cannot go on as one of this specification.
  fileprivate func check(against now: EmbeddingSpecification) throws {
    var before = specification
    before.dataVersion = now.dataVersion
    before.options.epochs = now.options.epochs
    guard before != now else { return }
    let (a, b) = (before.options, now.options)
    let isWalkOther =
      (a.steps, a.walksPerNode, a.window) != (b.steps, b.walksPerNode, b.window)
      || (a.returning, a.leaving) != (b.returning, b.leaving)
    let parts: [(option: String, isChanged: Bool)] = [
      ("--target", before.target != now.target), ("--model", a.model != b.model),
      ("--metapaths", a.path != b.path), ("--hidden", a.width != b.width),
      ("--layers", a.layerCount != b.layerCount), ("--inputs", a.inputs != b.inputs),
      ("--negatives", a.negativeCount != b.negativeCount),
      ("length or number of walks", isWalkOther),
      ("--batch-size", a.batchSize != b.batchSize),
      ("--learning-rate", a.learningRate != b.learningRate), ("--seed", a.seed != b.seed),
    ]
    throw TrainingOptions.refusal(ofChanged: parts.filter(\.isChanged).map(\.option))
  }
}
