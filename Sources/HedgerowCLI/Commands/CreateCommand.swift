import ArgumentParser
import Hedgerow

/// `hedgerow create STORE`
struct CreateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "create",
    abstract: "Make an empty store, with the types and columns that are named.",
    discussion: "The store appears whole or not at all. `hedgerow schema` changes types later.")

  @OptionGroup var store: StoreArgument
  @OptionGroup var schema: SchemaOptions
  @OptionGroup var global: GlobalOptions

  func run() async throws {
    let made = try GraphStore.create(at: store.path)
    if !schema.isEmpty {
      do {
        try made.changeSchema { try schema.apply(to: &$0) }
      } catch {
        try? FileSystem.removeTree(store.path)
        throw error
      }
    }
    let version = try made.version
    if global.json {
      print(JSON.object([.init(key: "version", value: .int(Int(version)))]))
    } else {
      print("\(store.path): version \(version)")
    }
  }
}

/// `hedgerow schema STORE`
struct SchemaCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schema",
    abstract: "Add, drop or rename types and columns of a store that may hold data.",
    discussion: """
      All changes of a call are made in one commit, in the order drop, rename, add. Nothing is \
      rewritten: what has no value has the column's default. Without a change it prints the types.
      """)

  @OptionGroup var store: StoreArgument
  @OptionGroup var additions: SchemaOptions
  @Option(
    help: ArgumentHelp(
      "A type or column to drop with all that it holds.",
      valueName: "type | type:relation:type | type.column"))
  var drop: [String] = []
  @Option(
    help: ArgumentHelp(
      "A type, relation or column to rename, as paper.yr=year or user:rates:item=likes.",
      valueName: "old=new"))
  var rename: [String] = []
  @OptionGroup var waiting: WaitOption
  @OptionGroup var global: GlobalOptions

  func run() async throws {
    let isChange = !additions.isEmpty || !drop.isEmpty || !rename.isEmpty
    let store = try GraphStore.open(at: store.path, isChange ? .readWrite : .readOnly)
    if isChange {
      try store.changeSchema(waiting: waiting.wait) { change in
        for name in drop {
          switch try Part(name) {
          case .node(let type): try change.drop(type)
          case .edge(let type): try change.drop(type)
          case .nodeColumn(let type, let column): try change.drop(column, of: type)
          case .edgeColumn(let type, let column): try change.drop(column, of: type)
          }
        }
        for option in rename {
          let (name, new) = try parsePair(option, at: "=", as: "renaming: write OLD=NEW")
          switch try Part(name) {
          case .node(let type): try change.rename(type, to: new)
          case .edge(let type): try change.rename(type, to: new)
          case .nodeColumn(let type, let column): try change.rename(column, of: type, to: new)
          case .edgeColumn(let type, let column): try change.rename(column, of: type, to: new)
          }
        }
        try additions.apply(to: &change)
      }
    }
    let schema = try store.schema
    let version = try store.version
    if global.json {
      func columns(_ properties: [PropertySchema]) -> JSON {
        .array(properties.map { ["name": .string($0.name), "kind": .string("\($0.kind)")] })
      }
      print(
        JSON.object([
          .init(key: "version", value: .int(Int(version))),
          .init(
            key: "nodes",
            value: .array(
              schema.nodes.map {
                ["type": .string($0.type.name), "columns": columns($0.properties)]
              })),
          .init(
            key: "edges",
            value: .array(
              schema.edges.map {
                [
                  "type": .string("\($0.type)"), "columns": columns($0.properties),
                  "undirected": .bool($0.isUndirected),
                  "time": $0.timeColumn.map { .string($0) } ?? .null,
                  "weight": $0.weightColumn.map { .string($0) } ?? .null,
                ]
              })),
        ]))
      return
    }
    print("version \(version)")
    for node in schema.nodes {
      print("node \(node.type)")
      for column in node.properties { print("  \(column.name): \(column.kind)") }
    }
    for edge in schema.edges {
      print("edge \(edge.type)\(edge.isUndirected ? ", undirected" : "")")
      for column in edge.properties { print("  \(column.name): \(column.kind)") }
    }
  }

  /// What a name with or without colons and a dot means.
  private enum Part {
    case node(NodeType)
    case edge(EdgeType)
    case nodeColumn(NodeType, String)
    case edgeColumn(EdgeType, String)

    init(_ text: String) throws {
      if let colon = text.lastIndex(of: ":") {
        let last = text[colon...]
        if let dot = last.lastIndex(of: ".") {
          self = .edgeColumn(
            try EdgeType(validating: String(text[..<dot])), String(text[text.index(after: dot)...]))
        } else {
          self = .edge(try EdgeType(validating: text))
        }
      } else if let dot = text.lastIndex(of: ".") {
        self = .nodeColumn(
          try NodeType(validating: String(text[..<dot])), String(text[text.index(after: dot)...]))
      } else {
        self = .node(try NodeType(validating: text))
      }
    }
  }
}
