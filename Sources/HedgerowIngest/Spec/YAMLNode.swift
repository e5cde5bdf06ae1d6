import HedgerowCore
import HedgerowMapped
internal import Yams

/// A place in a YAML document, of which JSON is a part: what stands there, and on which line.
struct YAMLNode {
  private let node: Yams.Node
  private let file: String
  /// Where its key stands, if it has one.
  private var keyMark: Yams.Mark?

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
    try Self.refuseAnchors(text, file)
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

  private init(_ node: Yams.Node, in file: String, key: Yams.Mark? = nil) {
    self.node = node
    self.file = file
    keyMark = key
  }

  /// What an alias stands for is expanded wherever it is named, and that again, without bound.
  private static func refuseAnchors(_ text: String, _ file: String) throws {
    var line = 1
    var quote: UInt8?
    var last = UInt8(ascii: " ")
    let bytes = Array(text.utf8)
    for (place, byte) in bytes.enumerated() {
      defer { last = byte }
      if byte == 10 {
        line += 1
        quote = nil
      } else if byte == quote {
        quote = nil
      } else if quote == nil, " \t\r\n[{,:-?".utf8.contains(last) {
        if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") { quote = byte }
        let next = place + 1 < bytes.count ? bytes[place + 1] : 32
        guard byte != UInt8(ascii: "&") || next <= 32 else {
          throw HedgerowError(
            .badData, "has an anchor, which is not read: write the text out where it belongs",
            at: "\(file):\(line)")
        }
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
  var place: String { (keyMark ?? node.mark).map { "\(file):\($0.line)" } ?? file }

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
      let name = try YAMLNode(key, in: file).text(of: "a key")
      return (name, YAMLNode(value, in: file, key: key.mark))
    }
  }

  /// The value of a key; nil where it is absent or null.
  subscript(key: String) -> YAMLNode? {
    guard let entry = node.mapping?.first(where: { $0.key.scalar?.string == key }) else {
      return nil
    }
    let found = YAMLNode(entry.value, in: file, key: entry.key.mark)
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
