import Hedgerow

/// The files that a graph of packages is written to, and the command that makes a store of them.
enum PackageGraphFiles {
  /// Node types, with the columns of their files.
  static let nodes: [(type: NodeType, header: String)] = [
    (
      .package,
      "id\tsection:categorical\tsplit:categorical\tversion:string\tarchitecture:categorical\t"
        + "priority:categorical\tinstalled_size:int64\tsize:int64\tdescription:string"
    ),
    (.virtual, "id"), (.source, "id"), (.maintainer, "id"), (.tag, "id\tfacet:categorical"),
  ]

  /// Edge types, with the columns of their files: relations first, to packages and to names that
  /// are none, then those that no relation field tells.
  static let edges: [(type: EdgeType, header: String)] =
    PackageRelation.Kind.allCases.flatMap { kind in
      [kind.edge(to: .package), kind.edge(to: .virtual)].map {
        ($0, "source\ttarget\tclause:int32\tconstraint:string")
      }
    } + [EdgeType.builtFrom, .maintainedBy, .tagged].map { ($0, "source\ttarget") }

  static let features = "features-package.npy"
  static let info = "info.json"
  static let ingest = "ingest.sh"

  static func name(of type: NodeType) -> String { "nodes-\(type).tsv" }
  static func name(of type: EdgeType) -> String {
    "edges-\(type.source)-\(type.relation)-\(type.target).tsv"
  }

  static var all: [String] {
    nodes.map { name(of: $0.type) } + edges.map { name(of: $0.type) } + [features, info, ingest]
  }

  /// A script of the shell beside the files.
  static var ingestScript: String {
    let options =
      nodes.map { "--nodes \"\($0.type)=$data/\(name(of: $0.type))\"" }
      + edges.map { "--edges \"\($0.type)=$data/\(name(of: $0.type))\"" }
      + ["--features \"package.x=$data/\(features)\"", "--split package.split"]
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

extension NodeType {
  static let package: Self = "package"
  /// Names that packages relate to, and that none has: virtual packages and missing ones.
  static let virtual: Self = "virtual"
  static let source: Self = "source"
  static let maintainer: Self = "maintainer"
  static let tag: Self = "tag"
}

extension EdgeType {
  static let builtFrom = EdgeType(.package, "built_from", .source)
  static let maintainedBy = EdgeType(.package, "maintained_by", .maintainer)
  static let tagged = EdgeType(.package, "tagged", .tag)
}

extension PackageRelation.Kind {
  func edge(to target: NodeType) -> EdgeType { EdgeType(.package, rawValue, target) }
}
