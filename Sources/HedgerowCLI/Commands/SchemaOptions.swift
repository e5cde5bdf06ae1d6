import ArgumentParser
import Hedgerow

/// Types and columns to add, as `create` and `schema` take them.
struct SchemaOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("A node type to add.", valueName: "type"))
  var node: [String] = []
  @Option(help: ArgumentHelp("An edge type to add.", valueName: "type:relation:type"))
  var edge: [String] = []
  @Option(
    help: ArgumentHelp(
      "A column to add, as paper.year:int32 or user:rates:item.stars:int8.",
      discussion: "With =VALUE behind it, nodes and edges that are there get the value; else null.",
      valueName: "type.column:kind"))
  var column: [String] = []
  @Option(
    help: ArgumentHelp(
      "What external keys of a new node type are: string (unless given), int64 or uuid.",
      valueName: "type=kind"))
  var keys: [String] = []
  @Option(
    help: ArgumentHelp(
      "A new edge type both of whose arcs are kept.", valueName: "type:relation:type"))
  var undirected: [String] = []
  @Option(
    help: ArgumentHelp(
      "The column of a new edge type by which samples respect time.", valueName: "type.column"))
  var time: [String] = []
  @Option(
    help: ArgumentHelp(
      "The column of a new edge type by which samples are weighted.", valueName: "type.column"))
  var weight: [String] = []

  var isEmpty: Bool {
    node.isEmpty && edge.isEmpty && column.isEmpty
  }

  /// What says how a new type is must name one.
  func validate() throws {
    func check(_ option: String, _ names: [String], among types: [String], _ what: String) throws {
      if let name = names.first(where: { !types.contains($0) }) {
        throw ValidationError("\(option): '\(name)' is not among the new \(what) types")
      }
    }
    try check("--undirected", undirected, among: edge, "edge")
    for (option, columns) in [("--time", time), ("--weight", weight)] {
      try check(
        option, columns.map { String($0[..<($0.lastIndex(of: ".") ?? $0.endIndex)]) }, among: edge,
        "edge")
    }
    try check(
      "--keys", keys.map { String($0[..<($0.firstIndex(of: "=") ?? $0.endIndex)]) }, among: node,
      "node")
  }

  /// Adds all of it; columns of new types go in with them.
  func apply(to change: inout SchemaChange) throws {
    let columns = try column.map { try Column($0) }
    func properties(of owner: String) -> [PropertySchema] {
      columns.filter { $0.owner == owner && $0.value == nil }.map(\.property)
    }
    let keys = try keyKinds()
    for name in node {
      try change.add(
        NodeSchema(NodeType(validating: name), properties: properties(of: name)),
        keys: keys[name] ?? .string)
    }
    for name in edge {
      let type = try EdgeType(validating: name)
      try change.add(
        EdgeSchema(
          type, properties: properties(of: name), isUndirected: undirected.contains(name),
          timeColumn: Self.column(of: name, in: time),
          weightColumn: Self.column(of: name, in: weight)))
    }
    for column in columns {
      let isNew = node.contains(column.owner) || edge.contains(column.owner)
      if isNew && column.value == nil { continue }
      let value = try column.value.map {
        try PropertyValue(parsing: $0, as: column.property.kind, for: column.name)
      }
      if column.owner.contains(":") {
        try change.add(
          column.property, to: EdgeType(validating: column.owner), default: value ?? nil)
      } else {
        try change.add(
          column.property, to: NodeType(validating: column.owner), default: value ?? nil)
      }
    }
  }

  private func keyKinds() throws -> [String: KeyKind] {
    var kinds: [String: KeyKind] = [:]
    for option in keys {
      let (type, kind) = try parsePair(option, at: "=", as: "kind of keys: write TYPE=int64")
      switch kind {
      case "string": kinds[type] = .string
      case "int64", "int": kinds[type] = .int64
      case "uuid": kinds[type] = .uuid
      default:
        throw HedgerowError(
          .usage, "--keys \(option): keys are of kind string, int64 or uuid, not '\(kind)'")
      }
    }
    return kinds
  }

  private static func column(of type: String, in options: [String]) -> String? {
    for option in options where option.hasPrefix("\(type).") {
      return String(option.dropFirst(type.count + 1))
    }
    return nil
  }

  /// `paper.year:int32=2024`
  private struct Column {
    var owner: String
    var property: PropertySchema
    var value: String?

    var name: String { "\(owner).\(property.name)" }

    init(_ text: String) throws {
      func wrong() -> HedgerowError {
        HedgerowError(
          .usage, "--column \(text): write TYPE.COLUMN:KIND, as paper.year:int32=2024")
      }
      var rest = text[...]
      if let equals = rest.firstIndex(of: "=") {
        value = String(rest[rest.index(after: equals)...])
        rest = rest[..<equals]
      }
      guard let colon = rest.lastIndex(of: ":"), let dot = rest[..<colon].lastIndex(of: ".") else {
        throw wrong()
      }
      owner = String(rest[..<dot])
      let kindName = rest[rest.index(after: colon)...]
      guard let kind = PropertyKind(kindName) else {
        throw HedgerowError(.usage, "--column \(text): there is no kind '\(kindName)'")
      }
      property = PropertySchema(String(rest[rest.index(after: dot)..<colon]), kind)
    }
  }
}

/// The option of commands that commit.
struct WaitOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "How long to wait for another process that writes.", valueName: "seconds"))
  var wait = 0.0

  func validate() throws {
    guard wait >= 0 else { throw ValidationError("--wait \(wait) is below 0") }
  }
}
