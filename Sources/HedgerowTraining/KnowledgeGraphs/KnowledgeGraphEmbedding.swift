import HedgerowCore
public import HedgerowGNN
public import HedgerowNN
public import HedgerowStore
import HedgerowTensor

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
public struct KnowledgeGraphEmbedding: Sendable {
  public let specification: KnowledgeGraphSpecification
  public let network: KnowledgeGraphNetwork

  init(withoutWeights specification: KnowledgeGraphSpecification) {
    self.specification = specification
    network = KnowledgeGraphNetwork(specification)
  }

  /// A model that a store keeps.
  ///
  /// - Throws: `usage` when there is none of that name, it is of another task, or the store's nodes or edge types are
  ///   others; `damaged` when what it keeps is no model.
  public init(named name: String, in graph: Snapshot) throws {
    let record = try graph.savedModel(named: name)
    self.init(
      withoutWeights: try KnowledgeGraphSpecification(
        decoding: record.specification, name: name))
    try network.load(try ModelState(decoding: record.weights))
    func mismatch(_ what: String) -> HedgerowError {
      HedgerowError(.usage, "model '\(name)' was trained on another schema: \(what)")
    }
    for nodes in specification.nodes where graph.count(of: NodeType(nodes.type)) != nodes.count {
      throw mismatch(
        "'\(nodes.type)' has \(graph.count(of: NodeType(nodes.type))) nodes instead of \(nodes.count)"
      )
    }
    for edges in specification.edges
    where graph.schema.edge(try EdgeType(validating: edges.type)) == nil {
      throw mismatch("the store has no edge type '\(edges.type)'")
    }
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
