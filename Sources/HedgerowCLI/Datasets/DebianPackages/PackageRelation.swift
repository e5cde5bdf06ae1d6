/// What a package says of another one: one alternative of one clause of a relation field.
///
/// `a (>= 1) | b:any [amd64] <!nocheck>, c` are two clauses, the first of two alternatives.
struct PackageRelation: Equatable {
  /// The place of its clause in the field, from 0: alternatives share one.
  var clause: Int
  var name: ArraySlice<UInt8>
  /// As `>= 1`; empty when any version will do.
  var constraint: String

  static func == (one: Self, other: Self) -> Bool {
    one.clause == other.clause && one.name.elementsEqual(other.name)
      && one.constraint == other.constraint
  }
}

extension PackageRelation {
  /// The kinds of relations, in the order in which Debian's policy has them.
  enum Kind: String, CaseIterable {
    case depends
    case preDepends = "pre_depends"
    case recommends, suggests, enhances, breaks, conflicts,
      replaces, provides

    var field: StaticString {
      switch self {
      case .depends: "Depends"
      case .preDepends: "Pre-Depends"
      case .recommends: "Recommends"
      case .suggests: "Suggests"
      case .enhances: "Enhances"
      case .breaks: "Breaks"
      case .conflicts: "Conflicts"
      case .replaces: "Replaces"
      case .provides: "Provides"
      }
    }
  }

  /// Calls `body` with each relation of a field in order. Qualifiers of architecture and build
  /// profile are read over. Returns how many alternatives were none and left out.
  static func parse(
    _ field: ArraySlice<UInt8>, _ body: (PackageRelation) throws -> Void
  ) rethrows -> Int {
    var wrong = 0
    var clause = 0
    for text in field.parts(between: UInt8(ascii: ",")) {
      for alternative in text.split(separator: UInt8(ascii: "|"), omittingEmptySubsequences: false)
      {
        if let relation = PackageRelation(alternative, clause: clause) {
          try body(relation)
        } else {
          wrong += 1
        }
      }
      clause += 1
    }
    return wrong
  }

  private init?(_ text: ArraySlice<UInt8>, clause: Int) {
    var rest = text.trimmed
    self.clause = clause
    name = rest.prefix(while: \.isOfPackageName)
    guard name.isPackageName else { return nil }
    rest = rest[name.endIndex...]
    if rest.first == UInt8(ascii: ":") {
      rest = rest.dropFirst()
      let qualifier = rest.prefix { $0.isAlphanumeric || $0 == UInt8(ascii: "-") }
      guard !qualifier.isEmpty else { return nil }
      rest = rest[qualifier.endIndex...]
    }
    constraint = ""
    rest = rest.trimmed
    if rest.first == UInt8(ascii: "(") {
      guard let end = rest.firstIndex(of: UInt8(ascii: ")")),
        let constraint = Self.constraint(rest[rest.startIndex + 1..<end])
      else { return nil }
      self.constraint = constraint
      rest = rest[(end + 1)...].trimmed
    }
    while let first = rest.first {
      let closing: UInt8
      switch first {
      case UInt8(ascii: "["): closing = UInt8(ascii: "]")
      case UInt8(ascii: "<"): closing = UInt8(ascii: ">")
      default: return nil
      }
      guard let end = rest.firstIndex(of: closing) else { return nil }
      rest = rest[(end + 1)...].trimmed
    }
  }

  /// `>=1` as `>= 1`.
  private static func constraint(_ text: ArraySlice<UInt8>) -> String? {
    let text = text.trimmed
    let relation = text.prefix {
      [UInt8(ascii: "<"), UInt8(ascii: "="), UInt8(ascii: ">")].contains($0)
    }
    let version = text[relation.endIndex...].trimmed
    let word = String(decoding: relation, as: UTF8.self)
    guard ["<<", "<=", "=", ">=", ">>", "<", ">"].contains(word), !version.isEmpty,
      version.allSatisfy({ (33...126).contains($0) })
    else { return nil }
    return "\(word) \(String(decoding: version, as: UTF8.self))"
  }
}

extension UInt8 {
  fileprivate var isOfPackageName: Bool {
    isAlphanumeric || self == UInt8(ascii: "+") || self == UInt8(ascii: "-")
      || self == UInt8(ascii: ".") || self == UInt8(ascii: "_")
  }
}

extension ArraySlice<UInt8> {
  /// Letters, digits and `+-._`, of which the first is a letter or a digit; dpkg takes no other.
  var isPackageName: Bool {
    guard let first else { return false }
    return first.isAlphanumeric && count <= 255 && allSatisfy(\.isOfPackageName)
  }
}
