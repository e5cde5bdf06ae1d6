/// The triple that names a kind of edge: source type, relation, target type.
///
/// Every stored edge type can be read backwards under the relation `rev_<relation>`; ``reversed``
/// goes from one to the other and back.
public struct EdgeType: Hashable, Sendable {
  public let source: NodeType
  public let relation: String
  public let target: NodeType

  public init(_ source: NodeType, _ relation: String, _ target: NodeType) {
    self.source = source
    self.relation = relation
    self.target = target
  }

  /// Reads `paper:cites:paper`.
  public init(validating text: String) throws {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 3 else {
      throw HedgerowError(
        .usage, "'\(text)' is no edge type: write SOURCE:RELATION:TARGET, as paper:cites:paper")
    }
    try Identifier.check(parts[1], as: "relation")
    self.init(
      try NodeType(validating: String(parts[0])), String(parts[1]),
      try NodeType(validating: String(parts[2])))
  }

  static let reversePrefix = "rev_"

  /// Whether the relation is the backward reading of a stored one.
  public var isReversed: Bool { relation.hasPrefix(Self.reversePrefix) }

  /// `(paper, cites, author)` becomes `(author, rev_cites, paper)`, and back.
  public var reversed: EdgeType {
    let name =
      isReversed
      ? String(relation.dropFirst(Self.reversePrefix.count)) : Self.reversePrefix + relation
    return EdgeType(target, name, source)
  }
}

extension EdgeType: CustomStringConvertible, Comparable {
  public var description: String { "\(source):\(relation):\(target)" }
  public static func < (a: EdgeType, b: EdgeType) -> Bool {
    (a.source, a.relation, a.target) < (b.source, b.relation, b.target)
  }
}
