import ArgumentParser
import Hedgerow

/// `hedgerow insert STORE --node paper=KEY`
struct InsertCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "insert",
    abstract: "Add nodes and edges, in one commit.",
    discussion: """
      Nodes go in before edges. What --set says holds for all of them that have the column. A node \
      that is there already is an error, or, with --upsert, gets the values; a missing end of an \
      edge is an error.
      """)

  @OptionGroup var store: StoreArgument
  @Option(help: ArgumentHelp("A node, by its external key.", valueName: "type=key"))
  var node: [String] = []
  @Option(
    help: ArgumentHelp(
      "An edge, by the keys of its ends.", valueName: "type:relation:type=key1,key2"))
  var edge: [String] = []
  @Option(
    help: ArgumentHelp(
      "A value; nothing behind the = is null.",
      discussion: "A vector's elements stand between commas or semicolons.",
      valueName: "column=value"))
  var set: [String] = []
  @Option(help: ArgumentHelp("A set that the nodes go into.", valueName: "set"))
  var into: [String] = []
  @Flag(help: "Give nodes that are there the values instead of refusing them.")
  var upsert = false
  @OptionGroup var waiting: WaitOption
  @OptionGroup var global: GlobalOptions

  func validate() throws {
    guard !node.isEmpty || !edge.isEmpty else {
      throw ValidationError("there is nothing to insert: give --node or --edge")
    }
    guard into.isEmpty || !node.isEmpty else { throw ValidationError("--into goes with --node") }
  }

  func run() async throws {
    let store = try GraphStore.open(at: store.path)
    let settings = try set.map { try Setting($0) }
    let edges = try edge.map { try EdgeArgument($0) }
    var counts = (nodes: 0, updated: 0)
    try store.write(waiting: waiting.wait) { txn in
      counts = (0, 0)
      let schema = try txn.schema
      var used: Set<String> = []
      for text in node {
        let (typeName, key) = try parsePair(text, at: "=", as: "node: write TYPE=KEY, as paper=42")
        let type = NodeType(typeName)
        guard let there = schema.node(type) else {
          throw HedgerowError(
            .usage, "no node type '\(type)': \(schema.nodes.map(\.type.name).choices)")
        }
        let values = try Setting.values(settings, there.properties, "\(type)", &used)
        let known = upsert ? try txn.find(type, key: key) : nil
        let id = try known ?? txn.insert(type, key: key, values)
        if known != nil {
          for (column, value) in values { try txn.set(column, of: type, id, to: value) }
          counts.updated += 1
        } else {
          counts.nodes += 1
        }
        for name in into { try txn.insert(id, of: type, into: name) }
      }
      for argument in edges {
        guard let there = schema.edge(argument.type) else {
          throw HedgerowError(
            .usage, "no edge type '\(argument.type)': \(schema.edges.map { "\($0.type)" }.choices)")
        }
        let values = try Setting.values(settings, there.properties, "\(argument.type)", &used)
        let (source, target) = try argument.ends(in: txn)
        try txn.connect(source, argument.type, target, values)
      }
      if let unused = settings.first(where: { !used.contains($0.column) }) {
        throw HedgerowError(.usage, "--set \(unused.column): nothing here has such a column")
      }
    }
    try store.compactIfNeeded()
    let version = try store.version
    if global.json {
      print(
        JSON.object([
          .init(key: "version", value: .int(Int(version))),
          .init(key: "inserted", value: ["nodes": .int(counts.nodes), "edges": .int(edge.count)]),
          .init(key: "updated", value: ["nodes": .int(counts.updated)]),
        ]))
    } else {
      let updated = counts.updated > 0 ? ", updated \(counts.updated.counting("node"))" : ""
      print(
        "version \(version): inserted \(counts.nodes.counting("node")) and "
          + "\(edge.count.counting("edge"))\(updated)")
    }
  }
}

/// `hedgerow delete STORE --node paper=KEY`
struct DeleteCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "delete",
    abstract: "Delete nodes with their edges, or edges, in one commit.",
    discussion: """
      Edges go before nodes. Of several edges between two nodes all are deleted, or, with --parallel, \
      the one of that number. A node's id is not given to another; its key, inserted again, has it back.
      """)

  @OptionGroup var store: StoreArgument
  @Option(help: ArgumentHelp("A node, by its external key.", valueName: "type=key"))
  var node: [String] = []
  @Option(
    help: ArgumentHelp(
      "An edge, by the keys of its ends.", valueName: "type:relation:type=key1,key2"))
  var edge: [String] = []
  @Option(
    help: ArgumentHelp("Which of the edges between two nodes, from 0.", valueName: "number"))
  var parallel: Int?
  @Option(
    help: ArgumentHelp(
      "Take the nodes out of this set instead of deleting them.", valueName: "set"))
  var from: String?
  @OptionGroup var waiting: WaitOption
  @OptionGroup var global: GlobalOptions

  func validate() throws {
    guard !node.isEmpty || !edge.isEmpty else {
      throw ValidationError("there is nothing to delete: give --node or --edge")
    }
    if let parallel, parallel < 0 { throw ValidationError("--parallel counts from 0") }
    guard parallel == nil || !edge.isEmpty else {
      throw ValidationError("--parallel goes with --edge")
    }
    guard from == nil || !node.isEmpty else { throw ValidationError("--from goes with --node") }
  }

  func run() async throws {
    let store = try GraphStore.open(at: store.path)
    let edges = try edge.map { try EdgeArgument($0) }
    var edgeCount = 0
    try store.write(waiting: waiting.wait) { txn in
      edgeCount = 0
      for argument in edges {
        let (source, target) = try argument.ends(in: txn)
        if let parallel {
          try txn.disconnect(source, argument.type, target, parallel: parallel)
          edgeCount += 1
          continue
        }
        let count = try txn.disconnect(source, argument.type, target)
        guard count > 0 else {
          throw HedgerowError(.badData, "there is no edge '\(argument.text)'")
        }
        edgeCount += count
      }
      for text in node {
        let (typeName, key) = try parsePair(text, at: "=", as: "node: write TYPE=KEY, as paper=42")
        let type = NodeType(typeName)
        let id = try txn.node(type, key: key)
        if let from {
          try txn.remove(id, of: type, from: from)
        } else {
          for edge in try txn.schema.edges {
            if edge.type.source == type { edgeCount += try txn.degree(of: id, along: edge.type) }
            if edge.type.target == type && !(edge.isUndirected) {
              edgeCount += try txn.degree(of: id, along: edge.type.reversed)
              if edge.type.source == type {
                edgeCount -= try txn.edgeCount(from: id, edge.type, to: id)
              }
            }
          }
          try txn.delete(type, id)
        }
      }
    }
    try store.compactIfNeeded()
    let version = try store.version
    let nodeCount = from == nil ? node.count : 0
    if global.json {
      print(
        JSON.object([
          .init(key: "version", value: .int(Int(version))),
          .init(key: "deleted", value: ["nodes": .int(nodeCount), "edges": .int(edgeCount)]),
        ]))
    } else if let from {
      print("version \(version): \(node.count.counting("node")) taken out of set \(from)")
    } else {
      print(
        "version \(version): deleted \(nodeCount.counting("node")) and "
          + "\(edgeCount.counting("edge"))")
    }
  }
}

/// `year=2024`
private struct Setting {
  var column: String
  var text: String

  init(_ option: String) throws {
    guard let equals = option.firstIndex(of: "="), equals != option.startIndex else {
      throw HedgerowError(.usage, "--set \(option): write COLUMN=VALUE, as year=2024")
    }
    column = String(option[..<equals])
    text = String(option[option.index(after: equals)...])
  }

  /// The values of the columns that a type has.
  static func values(
    _ settings: [Setting], _ properties: [PropertySchema], _ owner: String,
    _ used: inout Set<String>
  ) throws -> [String: PropertyValue?] {
    var values: [String: PropertyValue?] = [:]
    for setting in settings {
      guard let property = properties.first(where: { $0.name == setting.column }) else { continue }
      used.insert(setting.column)
      let value = try PropertyValue(
        parsing: setting.text, as: property.kind, for: "\(owner).\(setting.column)")
      values.updateValue(value, forKey: setting.column)
    }
    return values
  }
}

/// `paper:cites:paper=KEY1,KEY2`
private struct EdgeArgument {
  var text: String
  var type: EdgeType
  private var keys: String

  init(_ text: String) throws {
    let (type, keys) = try parsePair(
      text, at: "=", as: "edge: write TYPE:RELATION:TYPE=KEY1,KEY2, as paper:cites:paper=1,2")
    self.text = text
    self.type = try EdgeType(validating: type)
    self.keys = keys
    guard keys.contains(",") else {
      throw HedgerowError(.usage, "'\(text)' names one end of an edge: write KEY1,KEY2")
    }
  }

  /// The two ends. Keys may hold commas: then the one place counts where both ends are there.
  func ends(in txn: borrowing GraphWriteTransaction) throws -> (NodeID, NodeID) {
    var found: [(NodeID, NodeID)] = []
    for comma in keys.indices where keys[comma] == "," {
      let (first, second) = (
        String(keys[..<comma]), String(keys[keys.index(after: comma)...])
      )
      if let source = try txn.find(type.source, key: first),
        let target = try txn.find(type.target, key: second)
      {
        found.append((source, target))
      }
    }
    if found.count == 1 { return found[0] }
    if found.count > 1 {
      throw HedgerowError(.usage, "'\(text)' can be read in \(found.count) ways")
    }
    let comma = keys.firstIndex(of: ",")!
    _ = try txn.node(type.source, key: String(keys[..<comma]))
    _ = try txn.node(type.target, key: String(keys[keys.index(after: comma)...]))
    throw HedgerowError(.badData, "'\(text)' names no two nodes")
  }
}
