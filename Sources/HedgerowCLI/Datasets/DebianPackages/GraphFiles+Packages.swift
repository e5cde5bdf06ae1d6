import Hedgerow

extension GraphFiles {
  /// The files of a graph of packages: relations first, to packages and to names that are none, then
  /// those edges that no relation field tells.
  static let packages = GraphFiles(
    nodes: [
      (
        .package,
        "id\tsection:categorical\tsplit:categorical\tversion:string\tarchitecture:categorical\t"
          + "priority:categorical\tinstalled_size:int64\tsize:int64\tdescription:string"
      ),
      (.virtual, "id"), (.source, "id"), (.maintainer, "id"), (.tag, "id\tfacet:categorical"),
    ],
    edges: PackageRelation.Kind.allCases.flatMap { kind in
      [kind.edge(to: .package), kind.edge(to: .virtual)].map {
        ($0, "source\ttarget\tclause:int32\tconstraint:string")
      }
    } + [EdgeType.builtFrom, .maintainedBy, .tagged].map { ($0, "source\ttarget") },
    target: .package)
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
