import HedgerowCore

/// What `apoc.export.json` of Neo4j writes (https://neo4j.com/docs/apoc/current/export/json/): a node or
/// a relationship as an object on each line.
///
/// Read twice, three times where there are relationships: for the types of the nodes and their columns,
/// then, as only now the types at their ends are known, for the columns of the relationships, and for the
/// rows.
final class APOCGraph {
  /// A node type or an edge type by labels.
  private enum Owner: Hashable {
    case node(Int)
    case edge(String, Int, Int)
  }

  private let path: String
  private let name: String
  private let graph: GraphImport
  private let index: NodeTypeIndex
  private var columns: [Owner: JSONColumns] = [:]
  private var owners: [Owner] = []
  private var tables: [Owner: TableSpool.Table] = [:]
  private var nodeNames = NameTable()
  private var relationNames = NameTable(areRelations: true)
  private var types: [NodeType] = []
  private var typeNumbers: [String: Int] = [:]
  private static let ownerLimit = 4096

  static func read(
    _ path: String, called name: String, memory: Int, into graph: GraphImport
  ) throws {
    let reader = APOCGraph(path, called: name, memory: memory, into: graph)
    try reader.read()
  }

  private init(_ path: String, called name: String, memory: Int, into graph: GraphImport) {
    self.path = path
    self.name = name
    self.graph = graph
    index = NodeTypeIndex(memory: memory, scratch: graph.scratch)
  }

  /// Whether a line is one of such a file.
  static func isKnown(_ line: UnsafeRawBufferPointer) -> Bool {
    guard case .object(let members?, _)? = try? JSONText.value(of: line),
      case .string(let type)? = JSONLines.value("type", of: members)
    else { return false }
    return ["node", "relationship"].contains(String(decoding: type, as: UTF8.self))
  }

  // MARK: Objects

  private struct Item {
    var isNode: Bool
    var id: [UInt8]?
    var labels: [String]
    var start: End?
    var end: End?
    var properties: [JSONValue.Member]
  }

  private struct End {
    var id: [UInt8]
    var labels: [String]
  }

  private static func object(_ value: JSONValue?, _ name: String) throws -> [JSONValue.Member] {
    switch value {
    case nil, .null: return []
    case .object(let members?, _): return members
    case .object(nil, _): throw JSONText.tooMany("keys in '\(name)'")
    default: throw JSONText.Failure(message: "has '\(name)' that is no object")
    }
  }

  private static func labels(
    _ members: [JSONValue.Member], in line: UnsafeRawBufferPointer
  ) throws -> [String] {
    switch JSONLines.value("labels", of: members) {
    case nil, .null, .array(.none, _): return []
    case .array(.texts(let count), let range):
      guard count <= JSONText.memberLimit else { throw JSONText.tooMany("labels") }
      let labels = try JSONText.texts(of: range, in: line)
      guard !labels.contains("") else {
        throw JSONText.Failure(message: "has 'labels' of which one is empty")
      }
      return labels
    case .array: throw JSONText.Failure(message: "has 'labels' that are no texts")
    default: throw JSONText.Failure(message: "has 'labels' that are no array")
    }
  }

  private static func end(
    _ name: String, of members: [JSONValue.Member], in line: UnsafeRawBufferPointer
  ) throws -> End {
    guard let value = JSONLines.value(name, of: members) else {
      throw JSONText.Failure(message: "has no '\(name)'")
    }
    let end = try object(value, name)
    return End(
      id: try JSONLines.key(JSONLines.value("id", of: end), "id", in: line),
      labels: try labels(end, in: line))
  }

  private static func item(
    _ members: [JSONValue.Member], in line: UnsafeRawBufferPointer
  ) throws -> Item {
    guard case .string(let type)? = JSONLines.value("type", of: members) else {
      throw JSONText.Failure(message: "has no 'type': node or relationship")
    }
    let id = JSONLines.value("id", of: members)
    let properties = try object(JSONLines.value("properties", of: members), "properties")
    try JSONLines.checkKeys(properties)
    switch String(decoding: type, as: UTF8.self) {
    case "node":
      return Item(
        isNode: true, id: try JSONLines.key(id, "id", in: line),
        labels: try labels(members, in: line),
        properties: properties)
    case "relationship":
      guard case .string(let label)? = JSONLines.value("label", of: members), !label.isEmpty
      else { throw JSONText.Failure(message: "has no 'label'") }
      var key: [UInt8]?
      if let id { key = try JSONLines.key(id, "id", in: line) }
      return Item(
        isNode: false, id: key, labels: [String(decoding: label, as: UTF8.self)],
        start: try end("start", of: members, in: line), end: try end("end", of: members, in: line),
        properties: properties)
    case let other:
      throw JSONText.Failure(
        message: "has the type '\(other.prefix(60))': node and relationship are known")
    }
  }

  private func typeNumber(_ label: String?) -> Int {
    let label = label ?? "node"
    if let known = typeNumbers[label] { return known }
    types.append(NodeType(nodeNames.name(for: label)))
    typeNumbers[label] = types.count - 1
    return types.count - 1
  }

  /// The type that a node of the file was given; of others the one by the edge's word.
  private func type(_ end: End) throws -> Int {
    try end.id.withUnsafeBytes { id in
      let answer = index.type(of: id, space: 0)
      switch answer {
      case .type(let type): return type
      case .none: return typeNumber(end.labels.first)
      case .several: throw JSONText.Failure(message: answer.fault(of: id, among: types))
      }
    }
  }

  // MARK: Passes

  private func note(_ item: Item, _ owner: Owner, in line: UnsafeRawBufferPointer) throws {
    if columns[owner] == nil {
      guard columns.count < Self.ownerLimit else {
        throw HedgerowError(
          .badData, "has more than \(Self.ownerLimit) types of nodes and relationships", at: name)
      }
      columns[owner] = JSONColumns(
        reserved: item.isNode ? ["id", "labels"] : ["source", "target", "id"])
      owners.append(owner)
    }
    for member in item.properties { try columns[owner]!.note(member, in: line) }
  }

  private func owner(of item: Item) throws -> Owner {
    guard let start = item.start, let end = item.end else {
      return .node(typeNumber(item.labels.first))
    }
    return .edge(item.labels[0], try type(start), try type(end))
  }

  private func read() throws {
    var hasEdges = false
    try lines().forEach(isFirst: true) { members, line, _ in
      let item = try Self.item(members, in: line)
      guard item.isNode else {
        hasEdges = true
        return
      }
      let type = typeNumber(item.labels.first)
      try note(item, .node(type), in: line)
      try item.id!.withUnsafeBytes { try index.add($0, space: 0, type: type) }
    }
    try index.finish()
    if hasEdges {
      // Only now are the types of all nodes known.
      try lines().forEach(isFirst: false) { members, line, number in
        let item = try Self.item(members, in: line)
        if item.isNode { return }
        do {
          try note(item, owner(of: item), in: line)
        } catch let failure as JSONText.Failure {
          try graph.leaveOut(failure.message, in: name, line: number)
        }
      }
    }
    for owner in owners { try makeTable(owner) }
    try lines().forEach(isFirst: false) { members, line, number in
      let item = try Self.item(members, in: line)
      let owner = try owner(of: item)
      guard let table = tables[owner] else { return }
      try columns[owner]!.check(item.properties)
      if let start = item.start, let end = item.end {
        start.id.withUnsafeBytes { table.append($0) }
        end.id.withUnsafeBytes { table.append($0) }
        if let id = item.id {
          id.withUnsafeBytes { table.append($0) }
        } else {
          table.append(nil as String?)
        }
      } else {
        item.id!.withUnsafeBytes { table.append($0) }
        table.append(
          item.labels.count > 1 ? item.labels.dropFirst().joined(separator: ";") : nil)
      }
      columns[owner]!.append(item.properties, of: line, to: table)
      try table.endRow(line: number)
    }
  }

  private func lines() throws -> JSONLines {
    try JSONLines(path, called: name, into: graph)
  }

  private func makeTable(_ owner: Owner) throws {
    let columns = columns[owner]!.columns
    switch owner {
    case .node(let type):
      tables[owner] = try graph.makeTable(
        types[type], [GraphImport.labels] + columns, from: name)
    case .edge(let label, let source, let target):
      tables[owner] = try graph.makeTable(
        EdgeType(types[source], relationNames.name(for: label), types[target]),
        [.init("id")] + columns, from: name)
    }
  }
}
