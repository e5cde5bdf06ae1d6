/// One value of a property, as it is written and read singly. `nil` stands for null.
///
/// ```swift
/// let values: [String: PropertyValue] = ["stars": 5, "title": "Dune", "x": [0.5, 1]]
/// ```
public enum PropertyValue: Hashable, Sendable {
  case bool(Bool)
  case int(Int64)
  case float(Double)
  /// A string, or the text of a category.
  case text(String)
  case bytes([UInt8])
  case vector([Float])
}

extension PropertyValue: ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByArrayLiteral
{
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(integerLiteral value: Int64) { self = .int(value) }
  public init(floatLiteral value: Double) { self = .float(value) }
  public init(stringLiteral value: String) { self = .text(value) }
  /// A vector.
  public init(arrayLiteral elements: Float...) { self = .vector(elements) }
}

extension PropertyValue: CustomStringConvertible {
  /// As text files hold it: bytes as `0x` and hexadecimal digits, a vector's elements between `;`.
  public var description: String {
    switch self {
    case .bool(let value): "\(value)"
    case .int(let value): "\(value)"
    case .float(let value): "\(value)"
    case .text(let value): value
    case .bytes(let value): HexadecimalText.encode(value)
    case .vector(let elements): elements.map { "\($0)" }.joined(separator: ";")
    }
  }
}
