public import HedgerowCore
public import HedgerowGNN
public import HedgerowNN
public import HedgerowStore
public import HedgerowTensor

/// Learned rows of nodes and relations, and what scores triples of them. Names: those of the model.
public struct KnowledgeGraphNetwork: Module {
  public let model: any KnowledgeGraphModel

  public static let pathNames = ["model": ""]

  init(_ specification: KnowledgeGraphSpecification) {
    let (nodes, relations) = (specification.nodeCount, specification.relationCount)
    let width = specification.options.width
    model =
      switch specification.options.model {
      case .transe: TransE(nodes: nodes, relations: relations, width: width)
      case .distmult: DistMult(nodes: nodes, relations: relations, width: width)
      case .complex: ComplEx(nodes: nodes, relations: relations, width: width / 2)
      case .rotate: RotatE(nodes: nodes, relations: relations, width: width / 2)
      }
  }
}

/// A model of which triples of a store are true, with what it needs to run over it.
public struct KnowledgeGraphEmbedding: NodeRowModel {
  public let specification: KnowledgeGraphSpecification
  public let network: KnowledgeGraphNetwork

  public var module: any Module { network }

  public init(withoutWeights specification: KnowledgeGraphSpecification) {
    self.specification = specification
    network = KnowledgeGraphNetwork(specification)
  }

  public var rowWidth: Int { network.model.nodeWidth }

  public func withRows<Result>(
    of type: NodeType, over graph: Snapshot, resources: TrainingResources,
    _ body: (_ rows: (_ nodes: [UInt32]) throws -> Tensor) throws -> Result
  ) throws -> Result {
    let own = specification.rows(of: type) ?? 0..<0
    return try body { nodes in network.model.rows(of: nodes.map { own.lowerBound + $0 }) }
  }

  /// Filtered ranks of the triples of a set.
  ///
  /// - Throws: `usage` when none is in it.
  public func evaluate(
    over graph: Snapshot, in set: String, resources: TrainingResources
  ) throws -> LinkMetrics {
    let sets = try TripleSets(graph, specification, resources: resources)
    let triples =
      switch set {
      case "train": sets.train
      case "valid": sets.valid
      case "test": sets.test
      default: Triples(heads: [], relations: [], tails: [])
      }
    guard triples.count > 0 else {
      throw HedgerowError(
        .usage,
        "no edge is '\(set)' by the column '\(specification.options.splitColumn)': take train, valid or "
          + "test")
    }
    return try TripleEvaluation(network, sets, graph, specification, resources)
      .metrics(of: triples)
  }
}

extension KnowledgeGraphSpecification {
  public func check(schemaOf graph: Snapshot, _ mismatch: (String) -> HedgerowError) throws {
    try graph.check(nodes, mismatch)
    for edges in edges
    where graph.schema.edge(try EdgeType(validating: edges.type)) == nil {
      throw mismatch("the store has no edge type '\(edges.type)'")
    }
  }
}
