/// The fields of a line, with one space between them.
struct WordNetFields {
  private var rest: Substring

  init(_ line: String) { rest = line[...] }

  /// Whether only white space is left.
  var isAtEnd: Bool { rest.utf8.allSatisfy { $0 == UInt8(ascii: " ") } }

  /// - Parameter what: for the message when there is none.
  mutating func next(_ what: String) throws(WordNetSyntax) -> Substring {
    let field = upToSpace
    guard !field.isEmpty else {
      throw WordNetSyntax(
        "has no \(what) where one should be: it is cut short, or a count in it does not fit")
    }
    rest = rest[field.endIndex...]
    if !rest.isEmpty { rest = rest[rest.utf8.index(after: rest.startIndex)...] }
    return field
  }

  /// Bytes: a character may have marks beyond its space.
  private var upToSpace: Substring {
    rest[..<(rest.utf8.firstIndex(of: UInt8(ascii: " ")) ?? rest.endIndex)]
  }

  /// A number without a sign, of so many digits.
  mutating func number(
    _ what: String, digits: ClosedRange<Int>, radix: Int = 10
  ) throws(WordNetSyntax) -> Int {
    let field = try next(what)
    guard digits.contains(field.utf8.count), field.utf8.allSatisfy(\.isAlphanumeric),
      let number = Int(field, radix: radix)
    else {
      let count =
        digits.count == 1 ? "\(digits.lowerBound)" : "\(digits.lowerBound) to \(digits.upperBound)"
      throw WordNetSyntax(
        "has '\(Self.shown(field))' for the \(what), which is a number of \(count) "
          + (radix == 16 ? "hexadecimal digits" : "digits"))
    }
    return number
  }

  /// What follows `| `, without spaces around it.
  mutating func gloss() throws(WordNetSyntax) -> String {
    let mark = try next("gloss")
    guard mark == "|" else {
      throw WordNetSyntax(
        "has '\(Self.shown(mark))' where '|' and the gloss should be: a count before it does not "
          + "fit")
    }
    let bytes = Array(rest.utf8)[...].trimmed
    return String(decoding: bytes, as: UTF8.self)
  }

  /// A field in a message.
  static func shown(_ field: Substring) -> String {
    field.count <= 40 ? String(field) : "\(field.prefix(40))..."
  }
}
