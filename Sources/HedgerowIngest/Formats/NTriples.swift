import HedgerowCore

/// RDF as lines of triples or quads (https://www.w3.org/TR/n-triples/, https://www.w3.org/TR/n-quads/).
///
/// Subjects, and objects that are no literals, are nodes of the type `resource`; their keys are IRIs,
/// or labels of blank nodes with their `_:`. Literals are nodes of the type `literal`, whose keys are as
/// the file has them: in quotes, with language or datatype, in one spelling of escapes. Each predicate
/// is a relation that has its IRI's last part as its name. Quads keep their graph in a column `graph`.
/// So nothing of a file is lost but the order of its lines.
struct NTriples {
  static let resource: NodeType = "resource"
  static let literal: NodeType = "literal"

  static func read(
    _ path: String, called name: String, hasGraphs: Bool, into graph: GraphImport
  ) throws {
    let reader = try LineReader(path, called: name, onRead: graph.note)
    var names = NameTable(areRelations: true)
    struct Relation: Hashable {
      var predicate: [UInt8]
      var isLiteral: Bool
    }
    var tables: [Relation: TableSpool.Table] = [:]
    while let line = try reader.next() {
      var parser = StatementParser(line)
      let statement: StatementParser.Statement
      do {
        guard let found = try parser.statement(hasGraph: hasGraphs) else { continue }
        statement = found
      } catch let error as StatementParser.Failure {
        throw reader.wrong("\(error.message) at byte \(parser.position + 1)")
      }
      let relation = Relation(predicate: statement.predicate, isLiteral: statement.isLiteral)
      let table: TableSpool.Table
      if let known = tables[relation] {
        table = known
      } else {
        let text = String(decoding: statement.predicate, as: UTF8.self)
        let local = text[
          text.index(after: text.lastIndex { "#/:".contains($0) } ?? text.startIndex)...]
        let name = names.name(for: text, spoken: local.isEmpty ? text : String(local))
        table = try graph.makeTable(
          EdgeType(resource, name, statement.isLiteral ? literal : resource),
          hasGraphs ? [.init("graph", .string, isKept: true)] : [], from: reader.name)
        tables[relation] = table
      }
      statement.subject.withUnsafeBytes { table.append($0) }
      statement.object.withUnsafeBytes { table.append($0) }
      if hasGraphs {
        if let graph = statement.graph {
          graph.withUnsafeBytes { table.append($0) }
        } else {
          table.append(nil as String?)
        }
      }
      try table.endRow(line: reader.number)
    }
  }
}

/// Reads one line of N-Triples or N-Quads.
struct StatementParser {
  struct Statement: Equatable {
    /// An IRI without its brackets, or a blank node's label with its `_:`.
    var subject: [UInt8]
    var predicate: [UInt8]
    /// Like a subject, or a literal in quotes.
    var object: [UInt8]
    var isLiteral: Bool
    var graph: [UInt8]?
  }
  struct Failure: Error {
    var message: String
  }

  private let line: UnsafeRawBufferPointer
  private(set) var position = 0

  init(_ line: UnsafeRawBufferPointer) { self.line = line }

  private var byte: UInt8? { position < line.count ? line[position] : nil }

  private mutating func skipSpaces() {
    while let byte, byte == 32 || byte == 9 { position += 1 }
  }

  /// The statement of the line; nil for a blank one or a comment.
  mutating func statement(hasGraph: Bool) throws -> Statement? {
    skipSpaces()
    if byte == nil || byte == UInt8(ascii: "#") { return nil }
    guard let subject = try resource() else { throw Failure(message: "has no subject") }
    skipSpaces()
    guard byte == UInt8(ascii: "<") else { throw Failure(message: "has no IRI as its predicate") }
    let predicate = try iri()
    skipSpaces()
    let isLiteral = byte == UInt8(ascii: "\"")
    guard let object = isLiteral ? try literal() : try resource() else {
      throw Failure(message: "has no object")
    }
    skipSpaces()
    var graph: [UInt8]?
    if hasGraph, byte != UInt8(ascii: ".") {
      graph = try resource()
      skipSpaces()
    }
    guard byte == UInt8(ascii: ".") else {
      throw Failure(message: "has no '.' at the end of its statement")
    }
    position += 1
    skipSpaces()
    guard byte == nil || byte == UInt8(ascii: "#") else {
      throw Failure(message: "goes on behind the end of its statement")
    }
    return Statement(
      subject: subject, predicate: predicate, object: object, isLiteral: isLiteral, graph: graph)
  }

  private mutating func resource() throws -> [UInt8]? {
    switch byte {
    case UInt8(ascii: "<"): return try iri()
    case UInt8(ascii: "_"): return try blankNode()
    default: return nil
    }
  }

  private mutating func iri() throws -> [UInt8] {
    position += 1
    var text: [UInt8] = []
    while true {
      let start = position
      while position < line.count, !Self.isMark(line[position]) { position += 1 }
      text.append(contentsOf: line[start..<position])
      switch byte {
      case nil: throw Failure(message: "has an IRI that does not end")
      case UInt8(ascii: ">"):
        guard !text.isEmpty else { throw Failure(message: "has an empty IRI") }
        position += 1
        return text
      case UInt8(ascii: "\\"):
        position += 1
        try escape(into: &text, onlyCodes: true)
      default: throw Failure(message: "has a character that no IRI has")
      }
    }
  }

  /// Whether a byte within an IRI ends it, begins an escape or must not be there.
  private static func isMark(_ byte: UInt8) -> Bool {
    switch byte {
    case 0...32, UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "\""), UInt8(ascii: "\\"),
      UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "|"), UInt8(ascii: "^"),
      UInt8(ascii: "`"):
      true
    default: false
    }
  }

  private mutating func blankNode() throws -> [UInt8] {
    let start = position
    position += 1
    guard byte == UInt8(ascii: ":") else { throw Failure(message: "has '_' without ':'") }
    position += 1
    func isLabel(_ byte: UInt8) -> Bool {
      byte >= 128 || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
        || byte == UInt8(ascii: ":") || (byte >= 48 && byte <= 57)
        || (byte | 32 >= 97 && byte | 32 <= 122)
    }
    while let byte, isLabel(byte) || byte == UInt8(ascii: ".") { position += 1 }
    // A dot at the end belongs to the statement.
    while line[position - 1] == UInt8(ascii: ".") { position -= 1 }
    guard position > start + 2 else { throw Failure(message: "has a blank node without a label") }
    return Array(line[start..<position])
  }

  private mutating func literal() throws -> [UInt8] {
    position += 1
    var text: [UInt8] = []
    while true {
      let start = position
      while let byte, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") { position += 1 }
      text.append(contentsOf: line[start..<position])
      guard let byte else { throw Failure(message: "has a literal that does not end") }
      position += 1
      if byte == UInt8(ascii: "\"") { break }
      try escape(into: &text, onlyCodes: false)
    }
    var key = Self.quoted(text)
    if byte == UInt8(ascii: "@") {
      let start = position
      position += 1
      while let byte,
        byte == UInt8(ascii: "-") || (byte >= 48 && byte <= 57)
          || (byte | 32 >= 97 && byte | 32 <= 122)
      { position += 1 }
      guard position > start + 1 else { throw Failure(message: "has '@' without a language") }
      key += line[start..<position]
    } else if byte == UInt8(ascii: "^") {
      position += 1
      guard byte == UInt8(ascii: "^") else { throw Failure(message: "has '^' instead of '^^'") }
      position += 1
      guard byte == UInt8(ascii: "<") else { throw Failure(message: "has no datatype behind '^^'") }
      key += Array("^^<".utf8) + (try iri()) + [UInt8(ascii: ">")]
    }
    return key
  }

  /// A literal's text in quotes, with the escapes of canonical N-Triples.
  static func quoted(_ text: some Sequence<UInt8>) -> [UInt8] {
    var out = [UInt8(ascii: "\"")]
    for byte in text {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): out += [UInt8(ascii: "\\"), byte]
      case 10: out += Array("\\n".utf8)
      case 13: out += Array("\\r".utf8)
      default: out.append(byte)
      }
    }
    return out + [UInt8(ascii: "\"")]
  }

  private static let escapes: [UInt8: UInt8] = [
    UInt8(ascii: "t"): 9, UInt8(ascii: "b"): 8, UInt8(ascii: "n"): 10, UInt8(ascii: "r"): 13,
    UInt8(ascii: "f"): 12, UInt8(ascii: "\""): 34, UInt8(ascii: "'"): 39, UInt8(ascii: "\\"): 92,
  ]

  /// What follows a backslash.
  private mutating func escape(into text: inout [UInt8], onlyCodes: Bool) throws {
    guard let byte else { throw Failure(message: "ends in a backslash") }
    position += 1
    let digitCount: Int
    switch byte {
    case UInt8(ascii: "u"): digitCount = 4
    case UInt8(ascii: "U"): digitCount = 8
    default:
      guard !onlyCodes, let plain = Self.escapes[byte] else {
        throw Failure(message: "has an escape that is not known")
      }
      return text.append(plain)
    }
    guard position + digitCount <= line.count,
      let code = UInt32(
        String(decoding: line[position..<position + digitCount], as: UTF8.self), radix: 16),
      line[position] != UInt8(ascii: "+"), let scalar = Unicode.Scalar(code), code != 0
    else { throw Failure(message: "has an escape that is no character") }
    position += digitCount
    text += UTF8.encode(scalar)!
  }
}
