import HedgerowCore

/// The statements of a small file of Cypher, cut into tokens.
struct CypherStatements {
  enum Token: Equatable {
    /// A name, a key word or a number; a name in backticks without them.
    case word(String)
    /// What stood in quotes.
    case text(String)
    case mark(Character)
  }

  private let name: String
  private let text: [UInt8]
  private var position = 0
  private(set) var all: [[Token]] = []

  private static let longestFile = 16 << 20

  init(_ path: String) throws {
    name = path
    let source = try ByteSource(path: path)
    var bytes = [UInt8](repeating: 0, count: min(source.fileByteCount, Self.longestFile) + 1)
    let count = try bytes.withUnsafeMutableBytes { try source.read(into: $0) }
    guard count < bytes.count else {
      throw HedgerowError(
        .badData, "is longer than \(ByteSize.format(Self.longestFile)): is it Cypher?", at: path)
    }
    text = Array(bytes[..<count])
    try read()
  }

  private mutating func read() throws {
    var statement: [Token] = []
    while let token = try next() {
      if token == .mark(";") {
        if !statement.isEmpty { all.append(statement) }
        statement = []
      } else {
        statement.append(token)
      }
    }
    guard statement.isEmpty else {
      throw HedgerowError(.badData, "ends inside a statement: ';' is missing", at: name)
    }
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."), 0x80...:
      true
    default: false
    }
  }

  private mutating func next() throws -> Token? {
    while position < text.count, text[position] <= 32 { position += 1 }
    guard position < text.count else { return nil }
    let first = text[position]
    switch first {
    case UInt8(ascii: "'"), UInt8(ascii: "\""): return .text(try quoted(by: first))
    case UInt8(ascii: "`"): return .word(try quoted(by: first))
    case _ where Self.isWord(first):
      let start = position
      while position < text.count, Self.isWord(text[position]) { position += 1 }
      return .word(String(decoding: text[start..<position], as: UTF8.self))
    default:
      position += 1
      return .mark(Character(UnicodeScalar(first)))
    }
  }

  /// What stands between quotes; a backslash stands before what is meant as it is.
  private mutating func quoted(by quote: UInt8) throws -> String {
    let line = 1 + text[..<position].count { $0 == 10 }
    var bytes: [UInt8] = []
    position += 1
    while position < text.count, text[position] != quote {
      if text[position] == UInt8(ascii: "\\"), quote != UInt8(ascii: "`"),
        position + 1 < text.count
      {
        position += 1
      }
      bytes.append(text[position])
      position += 1
    }
    guard position < text.count else {
      throw HedgerowError(.badData, "has a quote that never closes", at: "\(name):\(line)")
    }
    position += 1
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// Goes over the tokens of a statement.
struct CypherReader {
  private let tokens: [CypherStatements.Token]
  private var position = 0
  /// What messages call the file.
  private let name: String

  init(_ tokens: [CypherStatements.Token], of name: String) {
    self.tokens = tokens
    self.name = name
  }

  var peek: CypherStatements.Token? { position < tokens.count ? tokens[position] : nil }

  mutating func next() -> CypherStatements.Token? {
    guard position < tokens.count else { return nil }
    position += 1
    return tokens[position - 1]
  }

  /// Steps over key words, in any case, if all of them come next.
  mutating func take(_ words: String...) -> Bool {
    for (index, word) in words.enumerated() {
      guard position + index < tokens.count, case .word(let text) = tokens[position + index],
        text.uppercased() == word
      else { return false }
    }
    position += words.count
    return true
  }

  mutating func take(mark: Character) -> Bool {
    guard peek == .mark(mark) else { return false }
    position += 1
    return true
  }

  mutating func name(of what: String) throws -> String {
    guard case .word(let text)? = next() else { throw wrong("has no name where \(what) belongs") }
    return text
  }

  mutating func expect(_ mark: Character) throws {
    guard take(mark: mark) else { throw wrong("lacks '\(mark)'") }
  }

  /// Steps over what is left up to the comma or the parenthesis that ends it.
  mutating func skipItem() -> [CypherStatements.Token] {
    var skipped: [CypherStatements.Token] = []
    var depth = 0
    while let token = peek {
      if depth == 0, token == .mark(",") || token == .mark(")") { break }
      if token == .mark("(") { depth += 1 }
      if token == .mark(")") { depth -= 1 }
      skipped.append(token)
      position += 1
    }
    return skipped
  }

  func wrong(_ message: String) -> HedgerowError {
    let start = tokens.prefix(4).map {
      switch $0 {
      case .word(let text), .text(let text): String(text.prefix(40))
      case .mark(let mark): String(mark)
      }
    }
    return HedgerowError(
      .badData, "\(message), in the statement '\(start.joined(separator: " ")) ...'", at: name)
  }
}
