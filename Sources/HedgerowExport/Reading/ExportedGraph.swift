import HedgerowCore
import HedgerowGraph
import HedgerowRoaring
import HedgerowStore

/// What every format reads: the chosen part of a snapshot, type by type.
///
/// ```swift
/// for nodes in graph.nodes {
///   let rows = try graph.rows(of: nodes)
///   while try rows.advance() { for row in 0..<rows.count { write(rows.ids[row], rows.columns, row) } }
/// }
/// ```
final class ExportedGraph {
  /// A node type.
  struct Nodes {
    var schema: NodeSchema
    var keys: NodeKeyReader
    var selection: NodeSelection
    var type: NodeType { schema.type }
    var count: Int { selection.count }
  }

  /// An edge type, and the node types at its ends.
  struct Edges {
    var schema: EdgeSchema
    var source: Nodes
    var target: Nodes
    var type: EdgeType { schema.type }
  }

  let snapshot: Snapshot
  private(set) var nodes: [Nodes] = []
  private(set) var edges: [Edges] = []
  /// Edges that went to files, by type.
  var writtenEdges = PerEdge<Int>()
  /// What the files do not hold, for people.
  private(set) var notes: [String] = []
  private let budget: MemoryBudget
  private let progress: (ExportProgress) -> Void
  private let isCancelled: () -> Bool

  init(
    _ snapshot: Snapshot, _ options: ExportOptions, budget: MemoryBudget,
    progress: @escaping (ExportProgress) -> Void, isCancelled: @escaping () -> Bool
  ) throws {
    self.snapshot = snapshot
    self.budget = budget
    self.progress = progress
    self.isCancelled = isCancelled
    let choice = try TypeChoice(options, in: snapshot)
    for type in choice.nodes {
      let members = try snapshot.members(
        of: choice.set(of: type), of: type, where: options.filter, onBlock: checkCancelled)
      nodes.append(
        Nodes(
          schema: snapshot.schema.node(type)!, keys: try snapshot.keyReader(of: type),
          selection: try NodeSelection(
            members, of: snapshot.count(of: type), budget: budget)))
    }
    for type in choice.edges {
      edges.append(
        Edges(
          schema: snapshot.schema.edge(type)!, source: nodes(type.source),
          target: nodes(type.target)))
    }
  }

  private func nodes(_ type: NodeType) -> Nodes { nodes.first { $0.type == type }! }

  func note(_ text: String) {
    if !notes.contains(text) { notes.append(text) }
  }

  func checkCancelled() throws {
    if isCancelled() { throw HedgerowError(.interrupted, "interrupted; nothing was written") }
  }

  /// Says how many rows of something have been written.
  func advance(_ subject: String, _ done: Int, of total: Int) throws {
    try checkCancelled()
    progress(ExportProgress(subject: subject, done: done, total: total))
  }

  // MARK: Rows

  /// What a block of rows may take.
  private var blockByteCount: Int { max(1 << 12, min(8 << 20, budget.available / 4)) }

  /// The nodes of a type in id order, with these columns; all of them unless given.
  func rows(of nodes: Nodes, columns: [PropertySchema]? = nil) throws -> NodeRows {
    let block = try ColumnBlock(
      columns ?? nodes.schema.properties, limit: 4096, byteCount: blockByteCount, budget: budget
    ) { try self.snapshot.columnReader(of: nodes.type, $0) }
    return NodeRows(self, nodes, block)
  }

  /// The edges of a type in out order, with these columns; all of them unless given.
  func rows(
    of edges: Edges, columns: [PropertySchema]? = nil, arcs: EdgeRows.Arcs
  ) throws -> EdgeRows {
    let block = try ColumnBlock(
      columns ?? edges.schema.properties, limit: EdgeCursor.blockCount,
      byteCount: blockByteCount, budget: budget
    ) { try self.snapshot.columnReader(of: edges.type, $0) }
    return try EdgeRows(self, edges, block, arcs: arcs)
  }

  /// The sets of a type with those members that are written.
  func sets(of nodes: Nodes) throws -> [(name: String, members: RoaringBitmap)] {
    try snapshot.setNames(of: nodes.type).map { name in
      (name, try snapshot.set(named: name, of: nodes.type) ?? RoaringBitmap())
    }
  }
}

/// Which types an export writes.
private struct TypeChoice {
  var nodes: [NodeType] = []
  var edges: [EdgeType] = []
  private let set: String?

  func set(of type: NodeType) -> String? { set }

  init(_ options: ExportOptions, in snapshot: Snapshot) throws {
    func refuse(_ message: String) -> HedgerowError { HedgerowError(.usage, message) }
    let schema = snapshot.schema
    set = options.set
    var namedNodes: [NodeType] = []
    var namedEdges: [EdgeType] = []
    for name in options.types {
      if let node = schema.nodes.first(where: { $0.type.name == name }) {
        namedNodes.append(node.type)
      } else if let edge = schema.edges.first(where: { "\($0.type)" == name }) {
        namedEdges.append(edge.type)
      } else {
        let known = schema.nodes.map(\.type.name) + schema.edges.map { "\($0.type)" }
        throw refuse("no type '\(name)': there are \(known.joined(separator: ", "))")
      }
    }
    var chosen = Set(namedNodes + namedEdges.flatMap { [$0.source, $0.target] })
    if options.types.isEmpty {
      chosen = Set(schema.nodes.map(\.type))
      if let set = options.set {
        chosen = chosen.filter { snapshot.setNames(of: $0).contains(set) }
        guard !chosen.isEmpty else { throw refuse("no node type has a set named '\(set)'") }
      }
    }
    nodes = schema.nodes.map(\.type).filter(chosen.contains)
    if options.filter != nil, nodes.count != 1 {
      throw refuse(
        "a filter is of one node type: name it with --type, of "
          + nodes.map(\.name).joined(separator: ", "))
    }
    edges = schema.edges.map(\.type).filter { type in
      namedEdges.isEmpty
        ? chosen.contains(type.source) && chosen.contains(type.target)
        : namedEdges.contains(type)
    }
  }
}
