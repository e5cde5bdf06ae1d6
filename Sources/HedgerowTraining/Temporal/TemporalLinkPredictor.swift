import HedgerowCore
public import HedgerowGNN
import HedgerowNN
public import HedgerowStore
import HedgerowTensor

/// A temporal graph network that tells which links of one edge type come next, with what it needs to run over a store:
/// among it the memory of all nodes, as the events of the training set left it.
public struct TemporalLinkPredictor: Sendable {
  public let specification: TemporalLinkSpecification
  public let network: TemporalGraphNetwork

  init(withoutWeights specification: TemporalLinkSpecification) {
    self.specification = specification
    let options = specification.options
    network = TemporalGraphNetwork(
      nodes: specification.nodeCount, messageWidth: options.messageColumns.count,
      width: options.width, dropout: options.dropout)
  }

  /// A model that a store keeps.
  ///
  /// - Throws: `usage` when there is none of that name, it is of another task, or the store's nodes or edge types are
  ///   others; `damaged` when what it keeps is no model.
  public init(named name: String, in graph: Snapshot) throws {
    let record = try graph.savedModel(named: name)
    let specification = try TemporalLinkSpecification(
      decoding: record.specification, name: name)
    func mismatch(_ what: String) -> HedgerowError {
      HedgerowError(.usage, "model '\(name)' was trained on another schema: \(what)")
    }
    for nodes in specification.nodes where graph.count(of: NodeType(nodes.type)) != nodes.count {
      throw mismatch(
        "'\(nodes.type)' has \(graph.count(of: NodeType(nodes.type))) nodes instead of \(nodes.count)"
      )
    }
    guard let edge = graph.schema.edge(try specification.type) else {
      throw mismatch("the store has no edge type '\(specification.target)'")
    }
    for column in specification.options.messageColumns + [specification.timeColumn]
    where edge.property(column) == nil {
      throw mismatch("there is no column '\(specification.target).\(column)'")
    }
    self.init(withoutWeights: specification)
    try network.load(try ModelState(decoding: record.weights))
  }

  /// As the store keeps it.
  public func record(named name: String) throws -> ModelRecord {
    // The weights are copied to be written: room for that.
    BufferPool.releaseIdle()
    return ModelRecord(
      name: name, specification: try specification.encoded(),
      weights: try network.state.encoded())
  }

  public var parameterCount: Int { network.parameterCount }

  /// Metrics over the links of a set, `valid` or `test`: each is scored by what was before its batch, and taken in
  /// after it, from where training ended. The same result every time.
  ///
  /// - Throws: `usage` when no link is in the set.
  public func evaluate(
    over graph: Snapshot, in set: String, resources: TrainingResources
  ) throws -> LinkMetrics {
    let task = try TemporalLinkTask(self, over: graph, resources: resources)
    guard let metrics = try task.metrics(of: [set]).first?.metrics else {
      throw HedgerowError(
        .usage,
        "no edge of '\(specification.target)' is '\(set)' by its column "
          + "'\(specification.options.splitColumn)': a model of events is measured on those that come after "
          + "training, valid or test")
    }
    return metrics
  }
}
