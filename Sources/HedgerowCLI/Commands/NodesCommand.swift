import ArgumentParser
import Hedgerow

/// Which nodes, or edges, of a type a command takes.
struct FilterOptions: ParsableArguments {
  @Option(
    name: .customLong("where"),
    help: ArgumentHelp(
      "Only those for which this holds, as \"year >= 2010 and label = 'ml'\".",
      valueName: "filter"))
  var text: String?

  var filter: Filter? { get throws { try text.map { try Filter($0) } } }

  func validate() throws {
    do {
      _ = try filter
    } catch let error as HedgerowError {
      throw ValidationError("--where: \(error.message)")
    }
  }
}

/// `hedgerow nodes STORE TYPE`
struct NodesCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "nodes",
    abstract: "List the nodes of a type with their keys and values.",
    discussion: """
      Prints a table with a typed header that ingest reads, one line a node by rising id; with \
      --show only the first, and how many there are.
      """)

  @OptionGroup var store: StoreArgument
  @Argument(help: ArgumentHelp("The node type.", valueName: "type"))
  var type: String
  @Option(
    name: .customLong("in"), help: ArgumentHelp("Only members of this set.", valueName: "set"))
  var set: String?
  @OptionGroup var filter: FilterOptions
  @Option(help: ArgumentHelp("List so many of them at most.", valueName: "count"))
  var show: Int?
  @Option(
    help: ArgumentHelp("These columns, instead of all.", valueName: "name,..."),
    transform: { $0.split(separator: ",").map { String($0) } })
  var columns: [String]?
  @OptionGroup var global: GlobalOptions

  func validate() throws {
    if let show, show < 0 { throw ValidationError("--show must not be negative") }
  }

  func run() async throws {
    let (_, graph) = try store.snapshot()
    let type = NodeType(type)
    let members = try graph.members(
      of: set, of: type, where: try filter.filter, onBlock: { try Interruption.check() })
    let count = members?.count ?? graph.count(of: type)
    let table = NodeTable(graph: graph, type: type, columns: try chosenColumns(graph, type))
    let shown = min(show ?? .max, count)

    var lines = BufferedOutput()
    lines.write(
      global.json
        ? "{\"type\":\(JSON.string(type.name)),\"matched\":\(count),\"nodes\":[" : table.header)
    let step = 4096
    for start in stride(from: 0, to: shown, by: step) {
      try Interruption.check()
      let ranks = start..<min(shown, start + step)
      let nodes = members?.values(in: ranks) ?? ranks.map { UInt32($0) }
      for (rank, node) in zip(ranks, nodes) {
        if global.json {
          lines.write((rank > 0 ? "," : "") + "\(try table.json(NodeID(node)))")
        } else {
          lines.write(try table.line(NodeID(node)))
        }
      }
    }
    if global.json {
      lines.write("]}\n")
    } else if show != nil {
      lines.write("\(shown.grouped) of \(count.counting("node"))\n")
    }
    lines.flush()
  }

  private func chosenColumns(_ graph: Snapshot, _ type: NodeType) throws -> [PropertySchema] {
    let all = graph.schema.node(type)?.properties ?? []
    guard let columns else { return all }
    return try columns.map { name in
      guard let property = all.first(where: { $0.name == name }) else {
        throw HedgerowError(
          .usage, "no column '\(name)' of node type '\(type)': \(all.map(\.name).choices)")
      }
      return property
    }
  }
}

/// Nodes as lines of a table and as JSON.
private struct NodeTable {
  let graph: Snapshot
  let type: NodeType
  let columns: [PropertySchema]

  var header: String {
    (["id"] + columns.map { "\($0.name):\($0.kind)" }).joined(separator: "\t") + "\n"
  }

  private func values(_ node: NodeID) throws -> [PropertyValue?] {
    try columns.map { try graph.value(of: $0.name, of: type, at: node) }
  }

  func line(_ node: NodeID) throws -> String {
    var fields = [Self.quoted(try graph.key(of: node, of: type))]
    for (column, value) in zip(columns, try values(node)) {
      fields.append(value.map { Self.quoted($0.text(of: column.kind)) } ?? "")
    }
    return fields.joined(separator: "\t") + "\n"
  }

  /// As ingest reads it back: in quotes where a field would be cut or trimmed otherwise, or null.
  private static func quoted(_ text: String) -> String {
    let special: Set<Character> = ["\t", "\n", "\r", "\r\n", "\""]
    guard
      text.isEmpty || text.contains(where: special.contains) || text.contains("\0")
        || text.first == " " || text.last == " "
    else {
      return text
    }
    return "\""
      + text.split(separator: "\"", omittingEmptySubsequences: false)
      .joined(separator: "\"\"") + "\""
  }

  func json(_ node: NodeID) throws -> JSON {
    let values = zip(columns, try values(node)).map { column, value in
      JSON.Member(key: column.name, value: value?.json(of: column.kind) ?? .null)
    }
    return [
      "key": .string(try graph.key(of: node, of: type)), "values": .object(values),
    ]
  }
}

extension PropertyValue {
  /// The text in which a column of a kind is read, with no more digits than the kind has.
  func text(of kind: PropertyKind) -> String {
    guard case .float(let value) = self else { return description }
    return switch kind {
    case .float64: "\(value)"
    case .float16: "\(Float16(value))"
    default: "\(Float(value))"
    }
  }

  func json(of kind: PropertyKind) -> JSON {
    switch self {
    case .bool(let value): .bool(value)
    case .int(let value): .int(Int(value))
    case .float(let value):
      .double(value.isFinite ? Double(text(of: kind)) ?? value : value)
    case .text(let value): .string(value)
    case .bytes: .string(description)
    case .vector(let elements): .array(elements.map { .double(Double("\($0)") ?? Double($0)) })
    }
  }
}

/// Lines gathered into larger writes.
private struct BufferedOutput {
  private var text = ""

  mutating func write(_ part: String) {
    text += part
    if text.utf8.count >= 1 << 16 { flush() }
  }

  mutating func flush() {
    print(text, terminator: "")
    text = ""
  }
}
