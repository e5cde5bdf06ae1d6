public import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowLoader
public import HedgerowNN
public import HedgerowStore
import HedgerowTensor

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
public struct NodeEmbedding: SavedModel {
  public let specification: EmbeddingSpecification
  public let network: EmbeddingNetwork

  public var module: any Module { network }

  public init(withoutWeights specification: EmbeddingSpecification) {
    self.specification = specification
    network = EmbeddingNetwork(specification)
  }

  /// The node types that have rows.
  public var types: [NodeType] { specification.nodes.map { NodeType($0.type) } }

  /// Writes the rows of a type's nodes as a column of vectors, in one commit.
  ///
  /// - Returns: how many nodes have one, and the store's new version.
  /// - Throws: `usage` for a type that has no rows, and for a column that is there and that no model wrote.
  public func write(
    to column: String, of type: NodeType, over graph: Snapshot, modelName: String,
    store: GraphStore, waiting: Double, resources: TrainingResources
  ) throws -> (count: Int, version: UInt64) {
    guard types.contains(type) else {
      throw HedgerowError(
        .usage,
        "model '\(modelName)' has rows of \(types.map(\.name).joined(separator: ", ")), not of '\(type)'"
      )
    }
    let whole = try network.infomax.map { _ in
      try WholeFeatures(specification, graph, resources: resources)
    }
    let encoded = whole.map { network.infomax!($0.features, $0.block) }
    return try store.writeVectors(
      to: column, of: type, over: graph, width: specification.options.width,
      record: record(named: modelName),
      waiting: waiting
    ) { nodes in
      try resources.checkInterruption()
      if let encoded { return encoded.gathered(rows: nodes) }
      return network.walks!(nodes, of: type)
    }
  }
}

extension KnowledgeGraphEmbedding {
  /// Writes the learned rows of a type's nodes as a column of vectors, in one commit.
  ///
  /// - Returns: how many nodes have one, and the store's new version.
  /// - Throws: `usage` for a type that has no rows, and for a column that is there and that no model wrote.
  public func write(
    to column: String, of type: NodeType, over graph: Snapshot, modelName: String,
    store: GraphStore, waiting: Double, resources: TrainingResources
  ) throws -> (count: Int, version: UInt64) {
    guard let rows = specification.rows(of: type) else {
      throw HedgerowError(
        .usage,
        "model '\(modelName)' has rows of \(specification.nodes.map(\.type).joined(separator: ", ")), not "
          + "of '\(type)'")
    }
    return try store.writeVectors(
      to: column, of: type, over: graph, width: network.model.nodeWidth,
      record: record(named: modelName),
      waiting: waiting
    ) { nodes in
      try resources.checkInterruption()
      return network.model.rows(of: nodes.map { rows.lowerBound + $0 })
    }
  }
}

extension TemporalLinkPredictor {
  /// Writes the rows of a type's nodes, as of the end of all events, as a column of vectors, in one commit.
  ///
  /// - Returns: how many nodes have one, and the store's new version.
  /// - Throws: `usage` for a type that has no rows, and for a column that is there and that no model wrote.
  public func write(
    to column: String, of type: NodeType, over graph: Snapshot, modelName: String,
    store: GraphStore, waiting: Double, resources: TrainingResources
  ) throws -> (count: Int, version: UInt64) {
    guard let own = specification.rows(of: type) else {
      throw HedgerowError(
        .usage,
        "model '\(modelName)' has rows of \(specification.nodes.map(\.type).joined(separator: ", ")), not "
          + "of '\(type)'")
    }
    let record = try record(named: modelName)
    let task = try TemporalLinkTask(self, over: graph, resources: resources)
    return try task.behindAllEvents { rows in
      try store.writeVectors(
        to: column, of: type, over: graph, width: specification.options.width, record: record,
        waiting: waiting
      ) { nodes in
        try resources.checkInterruption()
        return try rows(nodes.map { own.lowerBound + $0 })
      }
    }
  }
}

extension GraphStore {
  /// Writes a column of vectors of float32, some thousand nodes at a time. Nodes that came meanwhile have none.
  fileprivate func writeVectors(
    to column: String, of type: NodeType, over graph: Snapshot, width: Int, record: ModelRecord,
    waiting: Double, _ rows: (_ nodes: [UInt32]) throws -> Tensor
  ) throws -> (count: Int, version: UInt64) {
    let build = try beginAddition(waiting: waiting)
    do {
      try build.declareColumn(
        PropertySchema(column, .vector(element: .float32, width: width)), of: type,
        provenance: Provenance(model: record.name, hash: record.hash, dataVersion: graph.version))
      let writer = try build.columnWriter(of: type, column)
      let count = graph.count(of: type)
      for first in stride(from: 0, to: count, by: 4096) {
        let nodes = (first..<min(count, first + 4096)).map { UInt32($0) }
        try rows(nodes).withUnsafeBufferPointer {
          try writer.append(fixed: UnsafeRawBufferPointer($0), count: nodes.count)
        }
      }
      let none = [Float](repeating: 0, count: width)
      for _ in count..<max(count, build.count(of: type)) {
        try none.withUnsafeBytes { none in
          try [false].withUnsafeBufferPointer {
            try writer.append(fixed: none, count: 1, isValid: $0)
          }
        }
      }
      try writer.finish()
      return (count, try build.publish())
    } catch {
      build.abandon()
      throw error
    }
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
