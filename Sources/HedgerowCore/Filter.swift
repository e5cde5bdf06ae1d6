/// Which nodes of a type to take, by the values of its columns.
///
/// ```swift
/// let recent = try graph.nodes(of: "paper", where: .column("year") >= 2010 && .column("label") == "ml")
/// ```
/// Null matches no comparison, nor does NaN. `!` gives all other nodes, those with null among them;
/// `!=` does not.
///
/// A number that a column of few digits is compared with is first rounded to what the column can
/// hold, so that a float32 which was written as 0.1 equals 0.1. Texts, categories and bytes are
/// ordered by their bytes.
public indirect enum Filter: Hashable, Sendable {
  case condition(String, Condition)
  /// All nodes but those of a filter.
  case not(Filter)
  /// Nodes that every filter takes.
  case all([Filter])
  /// Nodes that some filter takes.
  case any([Filter])

  /// What is asked of one column.
  public enum Condition: Hashable, Sendable {
    case compare(Comparison, PropertyValue)
    /// Both ends belong to it.
    case between(PropertyValue, PropertyValue)
    case oneOf([PropertyValue])
    case hasPrefix(String)
    case isNull
    case isNotNull
  }

  public enum Comparison: String, Hashable, Sendable, CaseIterable {
    case equal = "="
    case notEqual = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
  }

  /// A column by its name, to be compared with values.
  public struct Column: Hashable, Sendable {
    public var name: String

    public static func column(_ name: String) -> Column { Column(name: name) }

    public var isNull: Filter { .condition(name, .isNull) }
    public var isNotNull: Filter { .condition(name, .isNotNull) }
    /// Whether the value is one of these.
    public func `in`(_ values: [PropertyValue]) -> Filter { .condition(name, .oneOf(values)) }
    /// Whether the value lies between two, both included.
    public func between(_ low: PropertyValue, and high: PropertyValue) -> Filter {
      .condition(name, .between(low, high))
    }
    /// Whether a text or category begins like this.
    public func hasPrefix(_ text: String) -> Filter { .condition(name, .hasPrefix(text)) }

    public static func == (column: Column, value: PropertyValue) -> Filter {
      .condition(column.name, .compare(.equal, value))
    }
    public static func != (column: Column, value: PropertyValue) -> Filter {
      .condition(column.name, .compare(.notEqual, value))
    }
    public static func < (column: Column, value: PropertyValue) -> Filter {
      .condition(column.name, .compare(.less, value))
    }
    public static func <= (column: Column, value: PropertyValue) -> Filter {
      .condition(column.name, .compare(.lessOrEqual, value))
    }
    public static func > (column: Column, value: PropertyValue) -> Filter {
      .condition(column.name, .compare(.greater, value))
    }
    public static func >= (column: Column, value: PropertyValue) -> Filter {
      .condition(column.name, .compare(.greaterOrEqual, value))
    }
  }

  public static func column(_ name: String) -> Column { Column(name: name) }

  public static func && (a: Filter, b: Filter) -> Filter { .all(a.conjuncts + b.conjuncts) }
  public static func || (a: Filter, b: Filter) -> Filter { .any(a.disjuncts + b.disjuncts) }
  public static prefix func ! (filter: Filter) -> Filter { .not(filter) }

  // A long chain stays flat, so that nothing has to recurse as deep as it is long.
  private var conjuncts: [Filter] { if case .all(let parts) = self { parts } else { [self] } }
  private var disjuncts: [Filter] { if case .any(let parts) = self { parts } else { [self] } }

  /// The names of the columns that it looks at, each once, in order.
  public var columns: [String] {
    switch self {
    case .condition(let column, _): return [column]
    case .not(let filter): return filter.columns
    case .all(let filters), .any(let filters):
      var seen: Set<String> = []
      return filters.flatMap(\.columns).filter { seen.insert($0).inserted }
    }
  }
}

extension Filter: CustomStringConvertible {
  /// As ``init(_:)`` reads it.
  public var description: String {
    switch self {
    case .condition(let column, let condition):
      let name = Self.quoted(column)
      return switch condition {
      case .compare(let comparison, let value):
        "\(name) \(comparison.rawValue) \(Self.literal(value))"
      case .between(let low, let high):
        "\(name) between \(Self.literal(low)) and \(Self.literal(high))"
      case .oneOf(let values): "\(name) in (\(values.map(Self.literal).joined(separator: ", ")))"
      case .hasPrefix(let text): "\(name) starts with \(Self.literal(.text(text)))"
      case .isNull: "\(name) is null"
      case .isNotNull: "\(name) is not null"
      }
    case .not(let filter): return "not (\(filter))"
    case .all(let filters): return filters.map { "(\($0))" }.joined(separator: " and ")
    case .any(let filters): return filters.map { "(\($0))" }.joined(separator: " or ")
    }
  }

  private static func quoted(_ name: String) -> String {
    FilterParser.isPlainName(name) ? name : enclosed(name, in: "\"")
  }

  /// In quotes, those inside it doubled.
  private static func enclosed(_ text: String, in quote: Character) -> String {
    let parts = text.split(separator: quote, omittingEmptySubsequences: false)
    return "\(quote)" + parts.joined(separator: "\(quote)\(quote)") + "\(quote)"
  }

  private static func literal(_ value: PropertyValue) -> String {
    if case .text(let text) = value { enclosed(text, in: "'") } else { "\(value)" }
  }
}
