import Hedgerow

/// The files that a graph of several types is written to, and the command that makes a store of them.
struct GraphFiles {
  static let info = "info.json"
  static let ingest = "ingest.sh"

  /// Node types, with the columns of their files.
  let nodes: [(type: NodeType, header: String)]
  /// Edge types, with the columns of their files.
  let edges: [(type: EdgeType, header: String)]
  /// The node type that has features `x`, a label and a split.
  let target: NodeType

  var features: String { "features-\(target).npy" }

  static func name(of type: NodeType) -> String { "nodes-\(type).tsv" }
  static func name(of type: EdgeType) -> String {
    "edges-\(type.source)-\(type.relation)-\(type.target).tsv"
  }

  var all: [String] {
    nodes.map { Self.name(of: $0.type) } + edges.map { Self.name(of: $0.type) }
      + [features, Self.info, Self.ingest]
  }

  /// Makes the tables, with nothing in them but their headers.
  func makeTables(
    _ makeFile: (String) throws -> BufferedFile
  ) throws -> (nodes: [NodeType: BufferedFile], edges: [EdgeType: BufferedFile]) {
    var tables: (nodes: [NodeType: BufferedFile], edges: [EdgeType: BufferedFile]) = ([:], [:])
    for (type, header) in nodes {
      let file = try makeFile(Self.name(of: type))
      try file.write("\(header)\n")
      tables.nodes[type] = file
    }
    for (type, header) in edges {
      let file = try makeFile(Self.name(of: type))
      try file.write("\(header)\n")
      tables.edges[type] = file
    }
    return tables
  }

  /// Writes what is known of the graph, and the script.
  func finish(_ info: [JSON.Member], _ makeFile: (String) throws -> BufferedFile) throws {
    try makeFile(Self.info).write("\(JSON.object(info))\n")
    try makeFile(Self.ingest).write(ingestScript)
  }

  /// A script of the shell beside the files.
  private var ingestScript: String {
    let options =
      nodes.map { "--nodes \"\($0.type)=$data/\(Self.name(of: $0.type))\"" }
      + edges.map { "--edges \"\($0.type)=$data/\(Self.name(of: $0.type))\"" }
      + ["--features \"\(target).x=$data/\(features)\"", "--split \(target).split"]
    return """
      #!/bin/sh
      # Makes a store of the files beside it: sh ingest.sh STORE [OPTION ...]
      # with the options of `hedgerow ingest`. HEDGEROW names the command if it is not on the path.
      data=$(dirname "$0")
      exec "${HEDGEROW:-hedgerow}" ingest "$@" \\
        \(options.joined(separator: " \\\n  "))

      """
  }
}

/// Counts by type, as `info.json` has them.
func counts(_ counts: [(type: some CustomStringConvertible, count: Int)]) -> JSON {
  .object(counts.map { .init(key: "\($0.type)", value: .int($0.count)) })
}
