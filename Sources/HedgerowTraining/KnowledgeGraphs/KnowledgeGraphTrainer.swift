public import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowLoader
import HedgerowNN
public import HedgerowStore
import HedgerowTensor

/// The state of a training of a ``KnowledgeGraphEmbedding``.
public typealias KnowledgeGraphCheckpoint = TrainingCheckpoint<KnowledgeGraphSpecification>

/// Trains a ``KnowledgeGraphEmbedding`` on the edges of a store as triples, and keeps the weights of the epoch that is
/// best by filtered ranks on the validation set.
///
/// Each step takes true triples and false ones, which have another head or tail of its type. Everything random is a
/// function of the seed: the result is the same bits for any number of threads, and when a run is stopped at any
/// batch and resumed. Memory: 44 bytes an edge, and the rows.
///
/// Source: Bordes et al., Translating Embeddings for Modeling Multi-Relational Data, NIPS 2013.
public struct KnowledgeGraphTrainer: Sendable {
  public let graph: Snapshot
  /// The edge types whose edges are triples; `nil` takes all.
  public let targets: [EdgeType]?
  public let options: KnowledgeGraphOptions
  public let resources: TrainingResources
  /// The name to keep checkpoints under; none are kept without.
  public var checkpointName: String?
  /// Seconds of work between two checkpoints, at least; they never take more than a tenth of the time.
  public var checkpointInterval = 5.0

  public init(
    _ graph: Snapshot, targets: [EdgeType]?, options: KnowledgeGraphOptions,
    resources: TrainingResources
  ) {
    self.graph = graph
    self.targets = targets
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
    resuming checkpoint: KnowledgeGraphCheckpoint? = nil,
    onEpoch: (Int, Double, LinkMetrics?) -> Void = { _, _, _ in }
  ) async throws -> (
    model: KnowledgeGraphEmbedding, report: TrainingReport,
    metrics: [(set: String, metrics: LinkMetrics)]
  ) {
    let start = TrainingStart()
    var specification = try specification()
    if let checkpoint {
      try checkpoint.check(against: specification)
      specification.dataVersion = checkpoint.specification.dataVersion
    }
    let task = try TripleTask(specification, graph, resources)
    let loop = try TrainingLoop(
      from: start, parameterCount: task.module.parameterCount,
      SparseAdam(learningRate: Double(options.learningRate)),
      TrainingSchedule(
        epochs: options.epochs, patience: options.patience, checkpointName: checkpointName,
        checkpointInterval: checkpointInterval),
      seed: options.seed, directory: graph.path, dataIdentity: graph.dataIdentity,
      resources: resources, resuming: checkpoint, task: { task })
    var metrics: [(set: String, metrics: LinkMetrics)] = []
    try await loop.run(onEpoch: onEpoch) {
      for (set, triples) in [("valid", task.sets.valid), ("test", task.sets.test)]
      where triples.count > 0 {
        metrics.append((set, try task.evaluation.metrics(of: triples)))
      }
    }
    return (task.model, loop.report, metrics)
  }

  private func specification() throws -> KnowledgeGraphSpecification {
    guard options.isSound else {
      throw HedgerowError(
        .usage,
        "a width of \(options.width), \(options.negativeCount) negatives: the width is at least 1, and of "
          + "\(options.model) "
          + (options.model.isComplex ? "even, as rows are complex numbers" : "any number"))
    }
    guard LinkRanking.Scope.ranks.metrics.contains(options.criterion) else {
      throw HedgerowError(
        .usage,
        "triples are ranked: the best epoch is by one of "
          + LinkRanking.Scope.ranks.metrics.map(\.rawValue).joined(separator: ", "))
    }
    let known = graph.schema.edges.map(\.type)
    let types = targets ?? known.filter { graph.count(of: $0) > 0 }
    guard !types.isEmpty else { throw HedgerowError(.usage, "the store has no edges") }
    _ = try DividedLinks.trainingEdges(of: graph, checking: types, options.splitColumn)
    var specification = KnowledgeGraphSpecification(
      nodes: [], edges: [], options: options, dataVersion: graph.version)
    for type in types {
      for end in [type.source, type.target]
      where !specification.nodes.contains(where: { $0.type == end.name }) {
        specification.nodes.append(.init(type: end.name, count: graph.count(of: end)))
      }
      let relations = try options.relationColumn.map {
        try TripleSets.codes(of: $0, type, in: graph).categories
      }
      guard relations?.isEmpty != true else {
        throw HedgerowError(
          .usage,
          "'\(type).\(options.relationColumn ?? "")' has no categories: no edge is of a relation")
      }
      specification.edges.append(.init(type: "\(type)", relations: relations ?? ["\(type)"]))
    }
    guard specification.nodeCount <= Int(UInt32.max) else {
      throw HedgerowError(
        .usage, "\(specification.nodeCount) nodes are more than rows are numbered")
    }
    return specification
  }
}

extension KnowledgeGraphCheckpoint {
  /// - Throws: `usage` where a training cannot go on as one of this specification.
  fileprivate func check(against now: KnowledgeGraphSpecification) throws {
    var before = specification
    before.dataVersion = now.dataVersion
    (before.options.epochs, before.options.patience) = (now.options.epochs, now.options.patience)
    guard before != now else { return }
    let (a, b) = (before.options, now.options)
    let parts: [(option: String, isChanged: Bool)] = [
      ("--target", before.edges.map(\.type) != now.edges.map(\.type)),
      ("--model", a.model != b.model), ("--hidden", a.width != b.width),
      ("--split", a.splitColumn != b.splitColumn),
      ("--relation-column", a.relationColumn != b.relationColumn),
      ("--negatives", a.negativeCount != b.negativeCount),
      ("--batch-size", a.batchSize != b.batchSize),
      ("--learning-rate", a.learningRate != b.learningRate),
      ("--best", a.criterion != b.criterion), ("--seed", a.seed != b.seed),
      ("--validate-on", a.validationCount != b.validationCount),
    ]
    throw TrainingOptions.refusal(ofChanged: parts.filter(\.isChanged).map(\.option))
  }
}
