import ArgumentParser
import Hedgerow

/// `hedgerow info STORE`
struct InfoCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "info",
    abstract: "Show a store's version, types, counts, columns, sets, models and size.",
    discussion: "With --system, and no store, what computes here: it takes a second.")

  @Argument(help: ArgumentHelp("The store's directory.", valueName: "store"))
  var path: String?
  @Flag(
    help: "Show the processor, which kernels run on it, and how fast matrix products are.")
  var system = false
  // What the other processes of --system are asked for.
  @Flag(help: .hidden) var core = false
  @OptionGroup var global: GlobalOptions

  func validate() throws {
    guard (path == nil) == (system || core) else {
      throw ValidationError(
        path == nil ? "name a store, or say --system" : "--system is of no store: leave it out")
    }
  }

  func run() async throws {
    if core { return print(try SystemInfo.Core.measured().line) }
    guard let path else {
      let system = SystemInfo()
      print(global.json ? system.json.description : system.text)
      if let problem = system.problem { throw problem }
      return
    }
    let store = try GraphStore.open(at: path, .readOnly)
    let graph = try store.snapshot()
    let statistics = try store.statistics()
    let columns = columns(of: graph)
    let sets = try graph.schema.nodes.flatMap { node in
      try graph.setNames(of: node.type).map { name in
        (node.type.name, name, try graph.set(named: name, of: node.type)?.count ?? 0)
      }
    }
    let models = try graph.modelNames()
    if global.json {
      print(
        JSON.object([
          .init(key: "version", value: .int(Int(graph.version))),
          .init(key: "generation", value: .int(Int(graph.generation))),
          .init(key: "format", value: .int(Int(statistics.format))),
          .init(key: "uuid", value: .string(statistics.uuid)),
          .init(key: "nodes", value: .object(graph.nodeCounts)),
          .init(key: "edges", value: .object(graph.edgeCounts)),
          .init(key: "columns", value: .array(columns.map(\.json))),
          .init(
            key: "sets",
            value: .array(
              sets.map { ["type": .string($0), "name": .string($1), "count": .int($2)] })),
          .init(key: "models", value: .array(models.map { .string($0) })),
          .init(key: "bytes_on_disk", value: .int(statistics.byteCountOnDisk)),
          .init(key: "segments", value: .int(statistics.segmentCount)),
          .init(
            key: "delta",
            value: [
              "entries": .int(statistics.changedEntryCount),
              "folded_version": .int(Int(statistics.foldedVersion)),
            ]),
          .init(
            key: "pins", value: .array(statistics.pinnedGenerations.map { .int(Int($0)) })),
        ]))
      return
    }
    print(
      "\(store.path): version \(graph.version), generation \(graph.generation), format "
        + "\(statistics.format), \(ByteSize.format(statistics.byteCountOnDisk)) on disk")
    print("uuid \(statistics.uuid)")
    if statistics.changedEntryCount > 0 {
      print(
        "\(statistics.changedEntryCount.counting("entry", plural: "entries")) changed since version "
          + "\(statistics.foldedVersion): `hedgerow compact` folds them")
    }
    for node in graph.schema.nodes {
      print(
        "node \(node.type): \(graph.liveCount(of: node.type).grouped), keys \(graph.keyKind(of: node.type)!)"
      )
      for column in columns where column.owner == node.type.name { print("  \(column.line)") }
      for (type, name, count) in sets where type == node.type.name {
        print("  set \(name): \(count.grouped)")
      }
    }
    for edge in graph.schema.edges {
      var notes = edge.isUndirected ? ", undirected" : ""
      if let time = edge.timeColumn { notes += ", time \(time)" }
      if let weight = edge.weightColumn { notes += ", weight \(weight)" }
      print("edge \(edge.type): \(graph.count(of: edge.type).grouped)\(notes)")
      for column in columns where column.owner == "\(edge.type)" { print("  \(column.line)") }
    }
    for model in models { print("model \(model)") }
  }

  private struct Column {
    var owner: String
    var property: PropertySchema
    var provenance: Provenance?
    var index: ColumnIndex?

    var json: JSON {
      var members: [JSON.Member] = [
        .init(key: "owner", value: .string(owner)),
        .init(key: "name", value: .string(property.name)),
        .init(key: "type", value: .string(property.kind.element.description)),
        .init(key: "width", value: .int(property.kind.width)),
      ]
      if let provenance {
        members.append(
          .init(
            key: "provenance",
            value: [
              "model": .string(provenance.model), "hash": .string(provenance.hash),
              "data_version": .int(Int(provenance.dataVersion)),
            ]))
      }
      if let index {
        members.append(
          .init(
            key: "index",
            value: ["nodes": .int(index.nodeCount), "values": .int(index.valueCount)]))
      }
      return .object(members)
    }

    var line: String {
      let source = provenance.map {
        ", written by model \($0.model) (\($0.hash)) over version \($0.dataVersion)"
      }
      let indexed = index.map {
        ", \($0.valueCount.counting("value")) indexed over \($0.nodeCount.counting("node"))"
      }
      return "\(property.name): \(property.kind)\(source ?? "")\(indexed ?? "")"
    }
  }

  private func columns(of graph: Snapshot) -> [Column] {
    graph.schema.nodes.flatMap { node in
      node.properties.map {
        Column(
          owner: node.type.name, property: $0,
          provenance: graph.provenance(of: $0.name, of: node.type),
          index: graph.index(of: $0.name, of: node.type))
      }
    }
      + graph.schema.edges.flatMap { edge in
        edge.properties.map { Column(owner: "\(edge.type)", property: $0) }
      }
  }
}

extension Snapshot {
  var nodeCounts: [JSON.Member] {
    schema.nodes.map { .init(key: $0.type.name, value: .int(liveCount(of: $0.type))) }
  }
  var edgeCounts: [JSON.Member] {
    schema.edges.map { .init(key: "\($0.type)", value: .int(count(of: $0.type))) }
  }
}
