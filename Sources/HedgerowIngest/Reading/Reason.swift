/// What is wrong with a row, in words of which one may be a field of the row:
/// `"has \(field: 2) where an integer key belongs"`.
///
/// Many rows have the same reason: it is kept once, and the field is put in when somebody asks.
package struct Reason: Hashable, Sendable, ExpressibleByStringInterpolation {
  private var before: String
  private var after: String
  package private(set) var column: Int?

  package init(stringLiteral text: String) {
    before = text
    after = ""
  }

  package init(stringInterpolation parts: StringInterpolation) {
    before = parts.before
    after = parts.after
    column = parts.column
  }

  package struct StringInterpolation: StringInterpolationProtocol {
    fileprivate var before = ""
    fileprivate var after = ""
    fileprivate var column: Int?

    package init(literalCapacity: Int, interpolationCount: Int) {}

    package mutating func appendLiteral(_ text: String) {
      if column == nil { before += text } else { after += text }
    }

    package mutating func appendInterpolation(_ value: some CustomStringConvertible) {
      appendLiteral("\(value)")
    }

    /// The row's field of a column; once.
    package mutating func appendInterpolation(field column: Int) { self.column = column }
  }

  package func text(quoting field: UnsafeBufferPointer<UInt8>) -> String {
    column == nil ? before : before + Self.quote(field) + after
  }

  /// A field as part of a message.
  package static func quote(_ field: UnsafeBufferPointer<UInt8>) -> String {
    let start = String(decoding: field.prefix(60), as: UTF8.self)
    return field.count > 60 ? "'\(start)...'" : "'\(start)'"
  }
}
