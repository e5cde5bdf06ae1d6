import HedgerowCore
import HedgerowMapped
internal import Yams

/// A place in a YAML document, of which JSON is a part: what stands there, and on which line.
struct YAMLNode {
  private let node: Yams.Node
  private let file: String

  /// Documents are written by hand: a longer one is none.
  private static let longestDocument = 4 << 20

  /// Reads a file that holds one document.
  init(path: String) throws {
    guard !FileSystem.isDirectory(path) else {
      throw HedgerowError(.badData, "is a folder", at: path)
    }
    let source = try ByteSource(path: path, called: path)
    var bytes = [UInt8](repeating: 0, count: Self.longestDocument + 1)
    let count = try bytes.withUnsafeMutableBytes { try source.read(into: $0) }
    guard count <= Self.longestDocument else {
      throw HedgerowError(
        .badData, "is longer than \(ByteSize.format(Self.longestDocument)): is it YAML?", at: path)
    }
    guard let text = String(validating: bytes[..<count], as: UTF8.self) else {
      throw HedgerowError(.badData, "is not UTF-8", at: path)
    }
    try self.init(parsing: text, called: path)
  }

  init(parsing text: String, called file: String) throws {
    try Self.checkDepth(text, file)
    do {
      guard let root = try Yams.compose(yaml: text) else {
        throw HedgerowError(.badData, "is empty", at: file)
      }
      node = root
    } catch let error as YamlError {
      throw Self.failure(error, file)
    }
    self.file = file
  }

  private init(_ node: Yams.Node, in file: String) {
    self.node = node
    self.file = file
  }

  /// The parser goes down a level of the stack for each level of the document.
  private static func checkDepth(_ text: String, _ file: String) throws {
    let deepest = 64
    var open = 0
    var line = 1
    var column = 0
    var marks = 0
    var isAtStart = true
    for byte in text.utf8 {
      switch byte {
      case 10:
        line += 1
        (column, marks, isAtStart) = (0, 0, true)
        continue
      case UInt8(ascii: "["), UInt8(ascii: "{"):
        open += 1
        isAtStart = false
      case UInt8(ascii: "]"), UInt8(ascii: "}"):
        open = max(0, open - 1)
        isAtStart = false
      case UInt8(ascii: "-"), UInt8(ascii: "?"), UInt8(ascii: ":"): if isAtStart { marks += 1 }
      case 32, 9: if isAtStart { column += 1 }
      default: isAtStart = false
      }
      guard open <= deepest, marks <= deepest, column <= 4 * deepest else {
        throw HedgerowError(.badData, "is nested too deeply", at: "\(file):\(line)")
      }
    }
  }

  private static func failure(_ error: YamlError, _ file: String) -> HedgerowError {
    switch error {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      return HedgerowError(.badData, "is no YAML here: \(problem)", at: "\(file):\(mark.line)")
    case .duplicatedKeysInMapping(let keys, let context):
      return HedgerowError(
        .badData, "has the key '\(keys.map { "\($0)" }.sorted().first ?? "")' twice",
        at: "\(file):\(context.mark.line)")
    default: return HedgerowError(.badData, "is no YAML", at: file)
    }
  }

  // MARK: What is here

  /// File and line.
  var place: String { node.mark.map { "\(file):\($0.line)" } ?? file }

  func wrong(_ message: String) -> HedgerowError { HedgerowError(.badData, message, at: place) }

  var isNull: Bool { node.null != nil }
  var isMapping: Bool { node.mapping != nil }

  /// A text, also one that looks like a number.
  func text(of what: String) throws -> String {
    guard let scalar = node.scalar, !isNull else {
      throw wrong("has no text where \(what) belongs")
    }
    return scalar.string
  }

  func flag(of what: String) throws -> Bool {
    guard let value = node.bool else { throw wrong("has no true or false where \(what) belongs") }
    return value
  }

  func integer(of what: String) throws -> Int {
    guard let value = node.int else { throw wrong("has no whole number where \(what) belongs") }
    return value
  }

  /// The elements of a list; what is none is a list of one, nothing a list of none.
  var list: [YAMLNode] {
    if isNull { return [] }
    guard let sequence = node.sequence else { return [self] }
    return sequence.map { YAMLNode($0, in: file) }
  }

  /// Keys and values in their order.
  func entries(of what: String) throws -> [(key: String, value: YAMLNode)] {
    if isNull { return [] }
    guard let mapping = node.mapping else {
      throw wrong("has no keys with values where \(what) belong")
    }
    return try mapping.map { key, value in
      let key = try YAMLNode(key, in: file).text(of: "a key")
      return (key, YAMLNode(value, in: file))
    }
  }

  /// The value of a key; nil where it is absent or null.
  subscript(key: String) -> YAMLNode? {
    guard let value = node.mapping?[key] else { return nil }
    let found = YAMLNode(value, in: file)
    return found.isNull ? nil : found
  }

  /// Refuses keys other than these, which nobody would heed.
  func checkKeys(_ known: [String], of what: String) throws {
    for (key, value) in try entries(of: what) where !known.contains(key) {
      throw value.wrong(
        "has the key '\(key)', which \(what) do not have: they are \(known.joined(separator: ", "))"
      )
    }
  }
}
