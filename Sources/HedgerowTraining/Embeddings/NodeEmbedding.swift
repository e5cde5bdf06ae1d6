public import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowLoader
public import HedgerowNN
public import HedgerowStore
public import HedgerowTensor

/// What rows of nodes are learned by.
public struct EmbeddingNetwork: Module {
  /// Of all models but `dgi`.
  let walks: (any WalkModel)?
  let infomax: DeepGraphInfomax<GCN>?

  public static let pathNames = ["walks": "", "infomax": ""]

  init(_ specification: EmbeddingSpecification) {
    let options = specification.options
    var counts = PerNode<Int>()
    for nodes in specification.nodes { counts[NodeType(nodes.type)] = nodes.count }
    walks =
      switch options.model {
      case .node2vec:
        Node2Vec(nodes: counts[NodeType(specification.target)], width: options.width)
      case .metapath2vec:
        MetaPath2Vec(
          path: specification.path.map { NodeType($0) }, counts: counts, width: options.width)
      case .dgi: nil
      }
    infomax = specification.input.map {
      DeepGraphInfomax(
        encoder: GCN($0.width, options.width, layers: options.layerCount), width: options.width)
    }
  }
}

/// Rows of nodes that were learned without labels.
public struct NodeEmbedding: NodeRowModel {
  public let specification: EmbeddingSpecification
  public let network: EmbeddingNetwork

  public var module: any Module { network }

  public init(withoutWeights specification: EmbeddingSpecification) {
    self.specification = specification
    network = EmbeddingNetwork(specification)
  }

  public var rowWidth: Int { specification.options.width }

  public func withRows<Result>(
    of type: NodeType, over graph: Snapshot, resources: TrainingResources,
    _ body: (_ rows: (_ nodes: [UInt32]) throws -> Tensor) throws -> Result
  ) throws -> Result {
    guard let infomax = network.infomax else { return try body { network.walks!($0, of: type) } }
    let whole = try WholeFeatures(specification, graph, resources: resources)
    let encoded = infomax(whole.features, whole.block)
    return try body { encoded.gathered(rows: $0) }
  }
}

/// All nodes of one type with their features, and the edges of one relation between them, both ways.
struct WholeFeatures {
  let features: Tensor
  let block: Block
  private let share: MemoryBudget.Reservation

  init(
    _ specification: EmbeddingSpecification, _ graph: Snapshot, resources: TrainingResources
  ) throws {
    let type = NodeType(specification.target)
    guard let input = specification.input, let name = specification.relations.first,
      let step = graph.schema.step(along: try EdgeType(validating: name))
    else { throw HedgerowError(.damaged, "the model has no features") }
    let relation = Relation(step.stored, .forward, index: step.index)
    let count = graph.count(of: type)
    let options = specification.options
    // The graph and its features; of two views the results of layers and their gradients.
    share = try resources.budget.reserve(
      WholeGraph.byteCount(
        graph, types: [type], relations: [relation], inputs: [input].columns)
        + 4 * count * (3 * input.width + 8 * options.width * options.layerCount),
      for: "rows of all nodes of '\(type)'")
    let whole = try WholeGraph(
      graph, types: [type], relations: [relation], inputs: [input].columns,
      checkInterruption: resources.checkInterruption)
    features = try [input].rows(whole.features, of: whole.nodes, in: graph)[type]
    block = whole.block.blocks[relation.name]
  }
}

extension EmbeddingSpecification {
  public func check(schemaOf graph: Snapshot, _ mismatch: (String) -> HedgerowError) throws {
    try graph.check(nodes, mismatch)
    try graph.check(relations: relations, mismatch)
    if let input { try [input].check(schemaOf: graph, mismatch) }
  }
}
