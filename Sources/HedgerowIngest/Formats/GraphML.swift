import HedgerowCore

/// GraphML (Brandes, Eiglsperger, Herman, Himsolt, Marshall 2002, http://graphml.graphdrawing.org).
///
/// Read twice: first for the nodes' types and for whether edges are directed, then for the rows. A graph
/// in which some edges are directed and some are not is directed, with both arcs of the latter.
final class GraphML {
  private struct Key {
    var name: String
    var kind: PropertyKind?
    var fallback: [UInt8]?
    /// The row's column; nil for what no column is made of.
    var nodeColumn: Int?
    var edgeColumn: Int?
    var isNodeLabel = false
    var isEdgeLabel = false

    /// Nothing is an empty text, but no number.
    func value(of text: [UInt8]) -> [UInt8]? { text.isEmpty && kind != nil ? nil : text }
  }

  private enum Pass { case types, rows }

  /// A node or an edge while it is read.
  private struct Item {
    var isNode: Bool
    var line: Int
    var id: String?
    var source = ""
    var target = ""
    var isDirected = true
    var label: String?
    var values: [[UInt8]?]
  }

  private struct Owner: Hashable {
    var relation: String
    var source: Int
    var target: Int
  }

  private let path: String
  private let name: String
  private let graph: GraphImport
  private let missing: IngestOptions.MissingNodes
  private let index: NodeTypeIndex
  private var events: XMLEvents!

  // What is declared.
  private var keys: [String: Key] = [:]
  private var nodeColumns: [GraphImport.Column] = []
  private var edgeColumns: [GraphImport.Column] = []
  private var nodeColumnNames = NameTable(reserved: ["id", "labels"])
  private var edgeColumnNames = NameTable(reserved: ["source", "target", "id"])
  private var nodeFallbacks: [[UInt8]?] = []
  private var edgeFallbacks: [[UInt8]?] = []
  private var hasNodeLabels = false
  private var nodeLabelFallback: String?
  private var edgeLabelFallback: String?

  // What is found.
  private var pass = Pass.types
  private var hasDirected = false
  private var hasUndirected = false
  private var hasGraph = false
  private var types: [NodeType] = []
  private var typeNumbers: [String: Int] = [:]
  private var nodeNames = NameTable()
  private var relationNames = NameTable(areRelations: true)
  private var nodeTables: [Int: TableSpool.Table] = [:]
  private var edgeTables: [Owner: TableSpool.Table] = [:]
  private static let typeLimit = 4096

  // Where the reading is.
  private var open: [String] = []
  private var item: Item?
  private var isDirectedUnlessSaid = true
  private var key: String?
  private var text: [UInt8] = []
  private var textDepth: Int?
  private static let textLimit = 16 << 20

  static func read(
    _ path: String, called name: String, missing: IngestOptions.MissingNodes, memory: Int,
    into graph: GraphImport
  ) throws {
    let reader = GraphML(path, called: name, missing: missing, memory: memory, into: graph)
    try reader.run(.types)
    try reader.index.finish()
    guard reader.hasGraph else {
      throw HedgerowError(.badData, "holds no graph", at: name)
    }
    try reader.run(.rows)
  }

  private init(
    _ path: String, called name: String, missing: IngestOptions.MissingNodes, memory: Int,
    into graph: GraphImport
  ) {
    self.path = path
    self.name = name
    self.graph = graph
    self.missing = missing
    index = NodeTypeIndex(memory: memory, scratch: graph.scratch)
  }

  private func run(_ pass: Pass) throws {
    self.pass = pass
    keys = [:]
    nodeColumns = [GraphImport.labels]
    edgeColumns = [.init("id")]
    nodeFallbacks = []
    edgeFallbacks = []
    open = []
    events = XMLEvents(path, called: name) { [unowned self] in
      try start($0, $1)
    } onEnd: { [unowned self] in
      try end($0)
    } onText: { [unowned self] in
      try append($0)
    }
    defer { events = nil }
    try events.read { try graph.note(name, $0, of: $1) }
  }

  // MARK: Elements

  private func start(_ element: String, _ attributes: XMLEvents.Attributes) throws {
    defer { open.append(element) }
    // What is inside of data is for programs that draw.
    if textDepth != nil { return }
    let parent = open.last
    switch element {
    case "graphml":
      guard parent == nil else { throw events.wrong("has <graphml> inside of <\(parent!)>") }
    case _ where parent == nil:
      throw events.wrong("begins with <\(element)>: GraphML begins with <graphml>")
    case "key" where parent == "graphml": try startKey(attributes)
    case "default" where parent == "key": startText()
    case "graph":
      guard parent == "graphml" else {
        throw events.wrong("has a graph inside of <\(parent!)>: nested graphs are not read")
      }
      guard pass == .rows || !hasGraph else {
        throw events.wrong("has a second graph: one file is one graph")
      }
      hasGraph = true
      switch attributes["edgedefault"] {
      case "directed", nil: isDirectedUnlessSaid = true
      case "undirected": isDirectedUnlessSaid = false
      case let other?:
        throw events.wrong("has edgedefault '\(other)': directed and undirected are known")
      }
    case "node" where parent == "graph": try startNode(attributes)
    case "edge" where parent == "graph": try startEdge(attributes)
    case "data" where item != nil && (parent == "node" || parent == "edge"):
      guard let name = attributes["key"] else { throw events.wrong("has data without a key") }
      guard keys[name] != nil else {
        throw events.wrong("has data of the key '\(name.prefix(60))', which is not declared")
      }
      key = name
      startText()
    case "data":
      // Of the graph itself, or of the file.
      startText()
    case "hyperedge": throw events.wrong("has a hyperedge: edges have two ends")
    case "port": throw events.wrong("has a port: edges end at nodes")
    default: break
    }
  }

  private func end(_ element: String) throws {
    open.removeLast()
    if let depth = textDepth {
      guard open.count == depth else { return }
      textDepth = nil
      switch element {
      case "default": endDefault()
      case "data": try endData()
      default: break
      }
      return
    }
    guard open.count == 2 else {
      if element == "key" { endKey() }
      return
    }
    if let item, element == "node" || element == "edge" {
      self.item = nil
      if item.isNode { try endNode(item) } else { try endEdge(item) }
    }
  }

  private func startText() {
    text.removeAll(keepingCapacity: true)
    textDepth = open.count
  }

  private func append(_ bytes: UnsafeBufferPointer<UInt8>) throws {
    guard let textDepth, open.count == textDepth + 1 else { return }
    guard text.count + bytes.count <= Self.textLimit else {
      throw events.wrong("has a value of more than \(ByteSize.format(Self.textLimit))")
    }
    text.append(contentsOf: bytes)
  }

  // MARK: Keys

  private var declared: (id: String, key: Key, isForNodes: Bool, isForEdges: Bool)?

  private func startKey(_ attributes: XMLEvents.Attributes) throws {
    guard !hasGraph || pass == .rows else {
      throw events.wrong("declares a key behind the graph: keys come first")
    }
    guard let id = attributes["id"] else { throw events.wrong("has a key without an id") }
    guard keys[id] == nil else {
      throw events.wrong("declares the key '\(id.prefix(60))' again")
    }
    let use = attributes["for"] ?? "all"
    let kinds: [String: PropertyKind?] = [
      "boolean": .bool, "int": .int32, "integer": .int32, "long": .int64, "float": .float32,
      "double": .float64, "string": nil,
    ]
    let type = attributes["attr.type"]?.lowercased() ?? "string"
    guard let kind = kinds[type] else {
      throw events.wrong(
        "has attr.type '\(type)': boolean, int, long, float, double and string are known")
    }
    // Those of drawings have no name.
    let isDrawing = attributes["attr.name"] == nil && attributes["yfiles.type"] != nil
    let key = Key(name: attributes["attr.name"] ?? id, kind: kind)
    declared = (
      id, key, !isDrawing && ["node", "all"].contains(use),
      !isDrawing && ["edge", "all"].contains(use)
    )
  }

  private func endDefault() {
    guard let key = declared?.key else { return }
    declared?.key.fallback = key.value(of: text)
  }

  private func endKey() {
    guard let declared else { return }
    self.declared = nil
    var key = declared.key
    if declared.isForNodes {
      if ["labelV", "labels"].contains(key.name) {
        key.isNodeLabel = true
        hasNodeLabels = true
        nodeLabelFallback = key.fallback.map { String(decoding: $0, as: UTF8.self) }
      } else {
        key.nodeColumn = nodeFallbacks.count
        nodeFallbacks.append(key.fallback)
        nodeColumns.append(
          .init(
            nodeColumnNames.name(for: declared.id, spoken: key.name), key.kind,
            isText: key.kind == nil))
      }
    }
    if declared.isForEdges {
      if ["labelE", "label"].contains(key.name) {
        key.isEdgeLabel = true
        edgeLabelFallback = key.fallback.map { String(decoding: $0, as: UTF8.self) }
      } else {
        key.edgeColumn = edgeFallbacks.count
        edgeFallbacks.append(key.fallback)
        edgeColumns.append(
          .init(
            edgeColumnNames.name(for: declared.id, spoken: key.name), key.kind,
            isText: key.kind == nil))
      }
    }
    keys[declared.id] = key
  }

  // MARK: Nodes and edges

  private func startNode(_ attributes: XMLEvents.Attributes) throws {
    guard let id = attributes["id"], !id.isEmpty else {
      throw events.wrong("has a node without an id")
    }
    item = Item(
      isNode: true, line: events.line, id: id, label: nodeLabelFallback,
      values: pass == .rows ? nodeFallbacks : [])
  }

  private func startEdge(_ attributes: XMLEvents.Attributes) throws {
    guard let source = attributes["source"], let target = attributes["target"], !source.isEmpty,
      !target.isEmpty
    else { throw events.wrong("has an edge without source and target") }
    for port in ["sourceport", "targetport"] where attributes[port] != nil {
      throw events.wrong("has an edge with a \(port): edges end at nodes")
    }
    var isDirected = isDirectedUnlessSaid
    switch attributes["directed"] {
    case nil: break
    case "true", "1": isDirected = true
    case "false", "0": isDirected = false
    case let other?: throw events.wrong("has directed '\(other)': true and false are known")
    }
    item = Item(
      isNode: false, line: events.line, id: attributes["id"], source: source, target: target,
      isDirected: isDirected, label: edgeLabelFallback, values: pass == .rows ? edgeFallbacks : [])
  }

  private func endData() throws {
    defer { self.key = nil }
    guard let name = key, let key = keys[name], item != nil else { return }
    if item!.isNode ? key.isNodeLabel : key.isEdgeLabel {
      item!.label = String(decoding: text, as: UTF8.self)
    } else if pass == .rows, let column = item!.isNode ? key.nodeColumn : key.edgeColumn {
      item!.values[column] = key.value(of: text)
    }
  }

  private func typeNumber(_ label: String) throws -> Int {
    if let known = typeNumbers[label] { return known }
    guard types.count < Self.typeLimit else {
      throw events.wrong("has more than \(Self.typeLimit) labels of nodes: each is a type")
    }
    types.append(NodeType(nodeNames.name(for: label)))
    typeNumbers[label] = types.count - 1
    return types.count - 1
  }

  /// `airport`, or `:User:Admin` as Neo4j writes several labels, or `a::b` as TinkerPop does.
  private static func labels(_ text: String?, default label: String) -> [String] {
    guard let text, !text.isEmpty else { return [label] }
    guard text.hasPrefix(":") || text.contains("::") else { return [text] }
    let labels = text.split(separator: ":").map { String($0) }
    return labels.isEmpty ? [label] : labels
  }

  private func endNode(_ item: Item) throws {
    let labels = Self.labels(item.label, default: "node")
    let type = try typeNumber(labels[0])
    guard var id = item.id else { return }
    guard pass == .rows else {
      guard hasNodeLabels else { return }
      return try id.withUTF8 {
        try index.add(UnsafeRawBufferPointer($0), space: 0, type: type)
      }
    }
    if nodeTables[type] == nil {
      nodeTables[type] = try graph.makeTable(types[type], nodeColumns, from: name)
    }
    let table = nodeTables[type]!
    table.append(id)
    table.append(labels.count > 1 ? labels.dropFirst().joined(separator: ";") : nil)
    append(item.values, to: table)
    try table.endRow(line: item.line)
  }

  private func append(_ values: [[UInt8]?], to table: TableSpool.Table) {
    for value in values {
      if let value {
        value.withUnsafeBytes { table.append($0) }
      } else {
        table.append(nil as String?)
      }
    }
  }

  private func endEdge(_ item: Item) throws {
    guard pass == .rows else {
      if item.isDirected { hasDirected = true } else { hasUndirected = true }
      return
    }
    var ends: [Int] = []
    for var id in [item.source, item.target] {
      guard hasNodeLabels else {
        ends.append(try typeNumber("node"))
        continue
      }
      let isKnown = try id.withUTF8 { text in
        let text = UnsafeRawBufferPointer(text)
        let answer = index.type(of: text, space: 0)
        guard case .type(let type) = answer else {
          try graph.leaveOut(
            answer, of: text, among: types, missing: missing, in: name, line: item.line)
          return false
        }
        ends.append(type)
        return true
      }
      guard isKnown else { return }
    }
    let isMixed = hasDirected && hasUndirected
    let label = Self.labels(item.label, default: "edge")[0]
    // Without a direction the order of types must not make two types of one.
    let isTurned = !item.isDirected && ends[0] > ends[1]
    try append(item, label, ends, isTurned: isTurned)
    if isMixed, !item.isDirected, item.source != item.target {
      try append(item, label, ends, isTurned: !isTurned)
    }
  }

  private func append(_ item: Item, _ label: String, _ ends: [Int], isTurned: Bool) throws {
    let (source, target) = isTurned ? (ends[1], ends[0]) : (ends[0], ends[1])
    let owner = Owner(relation: label, source: source, target: target)
    if edgeTables[owner] == nil {
      guard edgeTables.count < Self.typeLimit else {
        throw events.wrong("has more than \(Self.typeLimit) types of edges")
      }
      let type = EdgeType(types[source], relationNames.name(for: label), types[target])
      edgeTables[owner] = try graph.makeTable(type, edgeColumns, from: name)
      if !hasDirected, source == target { graph.undirected.insert(type) }
    }
    let table = edgeTables[owner]!
    table.append(isTurned ? item.target : item.source)
    table.append(isTurned ? item.source : item.target)
    table.append(item.id)
    append(item.values, to: table)
    try table.endRow(line: item.line)
  }
}
