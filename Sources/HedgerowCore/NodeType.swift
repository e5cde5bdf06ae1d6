/// The name of a kind of node, as `paper`.
///
/// Name your types once and typos become compile errors:
/// ```swift
/// extension NodeType { static let user: Self = "user" }
/// ```
public struct NodeType: Hashable, Sendable {
  public let name: String

  public init(_ name: String) { self.name = name }

  /// Checks a name that came from a user: 1 to 64 letters, digits, `_`, `-` or `.`.
  public init(validating name: String) throws {
    try Identifier.check(name, as: "node type")
    self.name = name
  }
}

extension NodeType: ExpressibleByStringLiteral, CustomStringConvertible, Comparable {
  public init(stringLiteral value: String) { self.init(value) }
  public var description: String { name }
  public static func < (a: NodeType, b: NodeType) -> Bool { a.name < b.name }
}

/// The row of a node among those of its type: dense, from zero, and never reused.
public struct NodeID: Hashable, Comparable, Sendable {
  public let rawValue: UInt32
  public init(_ rawValue: UInt32) { self.rawValue = rawValue }
  public static func < (a: NodeID, b: NodeID) -> Bool { a.rawValue < b.rawValue }
}

/// The rule for names of types, relations, columns and sets.
public enum Identifier {
  public static func isValid(_ name: some StringProtocol) -> Bool {
    let bytes = name.utf8
    return (1...64).contains(bytes.count)
      && bytes.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"),
          UInt8(ascii: "."):
          true
        default: false
        }
      }
  }

  public static func check(_ name: some StringProtocol, as what: String) throws {
    guard isValid(name) else {
      throw HedgerowError(
        .usage,
        "'\(name)' is no name for a \(what): use 1 to 64 letters, digits, '_', '-' or '.'")
    }
  }
}
