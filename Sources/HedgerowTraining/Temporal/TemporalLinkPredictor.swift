public import HedgerowCore
public import HedgerowGNN
public import HedgerowNN
public import HedgerowStore
public import HedgerowTensor

/// A temporal graph network that tells which links of one edge type come next, with what it needs to run over a store:
/// among it the memory of all nodes, as the events of the training set left it.
public struct TemporalLinkPredictor: NodeRowModel {
  public let specification: TemporalLinkSpecification
  public let network: TemporalGraphNetwork

  public var module: any Module { network }

  public init(withoutWeights specification: TemporalLinkSpecification) {
    self.specification = specification
    let options = specification.options
    network = TemporalGraphNetwork(
      nodes: specification.nodeCount, messageWidth: options.messageColumns.count,
      width: options.width, dropout: options.dropout)
  }

  public var rowWidth: Int { specification.options.width }

  /// The rows as of the end of all events.
  public func withRows<Result>(
    of type: NodeType, over graph: Snapshot, resources: TrainingResources,
    _ body: (_ rows: (_ nodes: [UInt32]) throws -> Tensor) throws -> Result
  ) throws -> Result {
    let own = specification.rows(of: type) ?? 0..<0
    let task = try TemporalLinkTask(self, over: graph, resources: resources)
    return try task.behindAllEvents(from: own.lowerBound, body)
  }

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

extension TemporalLinkSpecification {
  public func check(schemaOf graph: Snapshot, _ mismatch: (String) -> HedgerowError) throws {
    try graph.check(nodes, mismatch)
    guard let edge = graph.schema.edge(try type) else {
      throw mismatch("the store has no edge type '\(target)'")
    }
    for column in options.messageColumns + [timeColumn] where edge.property(column) == nil {
      throw mismatch("there is no column '\(target).\(column)'")
    }
  }
}
