extension Filter {
  /// Reads a filter as people write it: `year >= 2010 and label = 'ml'`.
  ///
  /// ```
  /// filter  test, joined by and, or, not and parentheses; not binds first, then and
  /// test    column =, !=, <, <=, >, >= value        column [not] between value and value
  ///         column [not] in (value, ...)            column is [not] null
  ///         column [not] starts with 'text'
  /// value   12, -0.5, 'text' with '' for a quote, true, false, 0x and hexadecimal digits for bytes
  /// ```
  /// Words may be of either case. A column that is named like one of them, or like a number, stands
  /// in double quotes.
  ///
  /// - Throws: `usage` that says at which character what is wrong.
  public init(_ text: String) throws {
    var parser = try FilterParser(text)
    self = try parser.parse()
  }
}

/// Reads filters by recursive descent.
struct FilterParser {
  private enum Token: Equatable {
    case word(String)
    /// In double quotes.
    case name(String)
    case value(PropertyValue)
    /// A comparison, a parenthesis or a comma.
    case sign(String)
    case end
  }

  private struct Place {
    var token: Token
    /// Of its first character, from 1.
    var position: Int
  }

  private let text: String
  private var places: [Place] = []
  private var next = 0
  private var depth = 0

  /// Parentheses and nots inside each other.
  static let depthLimit = 200

  private static let words: Set<String> = [
    "and", "or", "not", "between", "in", "is", "null", "starts", "with", "true", "false",
  ]

  /// Whether a column's name needs no quotes.
  static func isPlainName(_ name: String) -> Bool {
    guard let first = name.unicodeScalars.first, isLetter(first) else { return false }
    return name.unicodeScalars.allSatisfy(isNamePart) && !words.contains(name.lowercased())
  }

  private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
    ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || scalar == "_"
  }
  private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }
  private static func isNamePart(_ scalar: Unicode.Scalar) -> Bool {
    isLetter(scalar) || isDigit(scalar) || scalar == "-" || scalar == "."
  }

  init(_ text: String) throws {
    self.text = text
    try cut()
  }

  private func failure(_ what: String, at position: Int) -> HedgerowError {
    let shown = text.unicodeScalars.count > 80 ? String(text.prefix(80)) + "..." : text
    return HedgerowError(.usage, "\(what), at character \(position) of the filter '\(shown)'")
  }

  // MARK: Tokens

  private mutating func cut() throws {
    let scalars = Array(text.unicodeScalars)
    var start = 0
    func string(_ range: Range<Int>) -> String {
      var view = String.UnicodeScalarView()
      view.append(contentsOf: scalars[range])
      return String(view)
    }
    while start < scalars.count {
      let scalar = scalars[start]
      let position = start + 1
      var end = start + 1
      let token: Token
      if scalar.properties.isWhitespace {
        start = end
        continue
      } else if Self.isLetter(scalar) {
        while end < scalars.count, Self.isNamePart(scalars[end]) { end += 1 }
        token = .word(string(start..<end))
      } else if scalar == "'" || scalar == "\"" {
        var content = String.UnicodeScalarView()
        while true {
          guard end < scalars.count else {
            throw failure(
              scalar == "'" ? "this text has no closing quote" : "this name has no closing quote",
              at: position)
          }
          if scalars[end] == scalar {
            guard end + 1 < scalars.count, scalars[end + 1] == scalar else { break }
            end += 1
          }
          content.append(scalars[end])
          end += 1
        }
        end += 1
        token = scalar == "'" ? .value(.text(String(content))) : .name(String(content))
      } else if Self.isDigit(scalar) || scalar == "-" || scalar == "+" || scalar == "." {
        while end < scalars.count, Self.isNumberPart(scalars, end) { end += 1 }
        token = .value(try number(string(start..<end), at: position))
      } else {
        let pair = string(start..<min(start + 2, scalars.count))
        if ["!=", "<>", "<=", ">=", "==", "&&", "||"].contains(pair) {
          token = .sign(pair)
          end = start + 2
        } else if "=<>!(),".unicodeScalars.contains(scalar) {
          token = .sign(String(Character(scalar)))
        } else {
          throw failure("'\(Character(scalar))' has no meaning here", at: position)
        }
      }
      places.append(Place(token: token, position: position))
      start = end
    }
    places.append(Place(token: .end, position: scalars.count + 1))
  }

  /// Letters belong to it, so that `12abc` is one wrong number; a sign only after an exponent.
  private static func isNumberPart(_ scalars: [Unicode.Scalar], _ index: Int) -> Bool {
    let scalar = scalars[index]
    if isLetter(scalar) || isDigit(scalar) || scalar == "." { return true }
    return (scalar == "-" || scalar == "+")
      && (scalars[index - 1] == "e" || scalars[index - 1] == "E")
  }

  private func number(_ text: String, at position: Int) throws -> PropertyValue {
    if text.hasPrefix("0x") {
      guard let bytes = HexadecimalText.decode(Array(text.utf8)) else {
        throw failure("'\(text)' are no bytes: write pairs of hexadecimal digits", at: position)
      }
      return .bytes(bytes)
    }
    if let integer = Int64(text) { return .int(integer) }
    let isDecimal = text.unicodeScalars.allSatisfy {
      Self.isDigit($0) || "+-.eE".unicodeScalars.contains($0)
    }
    guard isDecimal, let real = Double(text), real.isFinite else {
      throw failure("'\(text)' is no number", at: position)
    }
    return .float(real)
  }

  // MARK: Grammar

  mutating func parse() throws -> Filter {
    let filter = try disjunction()
    guard places[next].token == .end else { throw unexpected("'and', 'or' or the end") }
    return filter
  }

  private func unexpected(_ wanted: String) -> HedgerowError {
    let found =
      switch places[next].token {
      case .word(let word): "'\(word)'"
      case .name(let name): "\"\(name)\""
      case .value(.text(let text)): "the text '\(text)'"
      case .value(let value): "'\(value)'"
      case .sign(let sign): "'\(sign)'"
      case .end: "the end"
      }
    return failure("\(wanted) is missing before \(found)", at: places[next].position)
  }

  private mutating func take(word: String) -> Bool {
    guard case .word(let found) = places[next].token, found.lowercased() == word else {
      return false
    }
    next += 1
    return true
  }

  private mutating func take(sign: String) -> Bool {
    guard places[next].token == .sign(sign) else { return false }
    next += 1
    return true
  }

  private mutating func disjunction() throws -> Filter {
    var filter = try conjunction()
    while take(word: "or") || take(sign: "||") { filter = filter || (try conjunction()) }
    return filter
  }

  private mutating func conjunction() throws -> Filter {
    var filter = try negation()
    while take(word: "and") || take(sign: "&&") { filter = filter && (try negation()) }
    return filter
  }

  private mutating func negation() throws -> Filter {
    let position = places[next].position
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.depthLimit else {
      throw failure("more than \(Self.depthLimit) filters are inside each other", at: position)
    }
    if take(word: "not") || take(sign: "!") { return .not(try negation()) }
    if take(sign: "(") {
      let filter = try disjunction()
      guard take(sign: ")") else { throw unexpected("')'") }
      return filter
    }
    return try test()
  }

  private mutating func test() throws -> Filter {
    let column: String
    switch places[next].token {
    case .name(let name): column = name
    case .word(let word) where !Self.words.contains(word.lowercased()): column = word
    default: throw unexpected("the name of a column")
    }
    next += 1
    if take(word: "is") {
      let isNegated = take(word: "not")
      guard take(word: "null") else { throw unexpected("'null'") }
      return .condition(column, isNegated ? .isNotNull : .isNull)
    }
    let isNegated = take(word: "not")
    let condition: Filter.Condition
    if take(word: "between") {
      let low = try value()
      guard take(word: "and") else { throw unexpected("'and'") }
      condition = .between(low, try value())
    } else if take(word: "in") {
      guard take(sign: "(") else { throw unexpected("'('") }
      var values = [try value()]
      while take(sign: ",") { values.append(try value()) }
      guard take(sign: ")") else { throw unexpected("',' or ')'") }
      condition = .oneOf(values)
    } else if take(word: "starts") {
      guard take(word: "with") else { throw unexpected("'with'") }
      guard case .value(.text(let text)) = places[next].token else {
        throw unexpected("a text in single quotes")
      }
      next += 1
      condition = .hasPrefix(text)
    } else if !isNegated, let comparison = takeComparison() {
      condition = .compare(comparison, try value())
    } else {
      throw unexpected(isNegated ? "'between', 'in' or 'starts with'" : "a comparison")
    }
    let filter = Filter.condition(column, condition)
    return isNegated ? .not(filter) : filter
  }

  private mutating func takeComparison() -> Filter.Comparison? {
    guard case .sign(let sign) = places[next].token else { return nil }
    let sameSigns = ["==": "=", "<>": "!="]
    guard let comparison = Filter.Comparison(rawValue: sameSigns[sign] ?? sign) else { return nil }
    next += 1
    return comparison
  }

  private mutating func value() throws -> PropertyValue {
    if take(word: "true") { return .bool(true) }
    if take(word: "false") { return .bool(false) }
    if case .word(let word) = places[next].token, word.lowercased() == "null" {
      throw failure(
        "nothing compares with null: write 'is null' or 'is not null'", at: places[next].position)
    }
    if case .name = places[next].token {
      throw failure("a text stands in single quotes", at: places[next].position)
    }
    guard case .value(let value) = places[next].token else { throw unexpected("a value") }
    next += 1
    return value
  }
}
