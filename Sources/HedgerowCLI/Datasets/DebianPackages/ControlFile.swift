import Hedgerow

/// A paragraph of a Debian control file: fields, each of which may go on over several lines.
struct ControlParagraph {
  private struct Field {
    var name: Range<Int>
    var value: Range<Int>
  }

  /// Where it begins in its file.
  fileprivate(set) var firstLine = 0
  private var bytes: [UInt8] = []
  private var fields: [Field] = []

  /// The value of a field, whose name may be written in small or capital letters, without the white
  /// space around it; lines that go on are still apart. `nil` when there is no such field, or
  /// nothing in it. Of fields with one name the first counts.
  func value(of name: StaticString) -> ArraySlice<UInt8>? {
    name.withUTF8Buffer { name in
      for field in fields where field.name.count == name.count {
        let isNamed = zip(bytes[field.name], name).allSatisfy {
          $0.asciiLowercase == $1.asciiLowercase
        }
        guard isNamed else { continue }
        let value = bytes[field.value].trimmed
        return value.isEmpty ? nil : value
      }
      return nil
    }
  }

  fileprivate var isEmpty: Bool { fields.isEmpty }
  fileprivate var byteCount: Int { bytes.count }

  fileprivate mutating func removeAll() {
    bytes.removeAll(keepingCapacity: true)
    fields.removeAll(keepingCapacity: true)
  }

  fileprivate mutating func append(_ part: ArraySlice<UInt8>) { bytes.append(contentsOf: part) }

  fileprivate enum Line {
    case field(nameEnd: Int)
    case continuation, blank, comment, wrong
  }

  /// Takes the bytes from `start` on as the next line, without its end.
  fileprivate mutating func endLine(from start: Int) -> Line {
    if bytes.count > start, bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
    // Nothing may refer to the bytes when they change: they would be copied, line by line.
    let line = Self.line(bytes[start...], canContinue: !fields.isEmpty)
    switch line {
    case .field(let colon):
      fields.append(Field(name: start..<colon, value: colon + 1..<bytes.count))
      bytes.append(UInt8(ascii: "\n"))
    case .continuation:
      fields[fields.count - 1].value = fields[fields.count - 1].value.lowerBound..<bytes.count
      bytes.append(UInt8(ascii: "\n"))
    case .blank, .comment, .wrong: bytes.removeSubrange(start...)
    }
    return line
  }

  private static func line(_ text: ArraySlice<UInt8>, canContinue: Bool) -> Line {
    guard let first = text.first(where: { !$0.isSpace }) else { return .blank }
    if text[text.startIndex].isSpace { return canContinue ? .continuation : .wrong }
    if first == UInt8(ascii: "#") { return .comment }
    guard let colon = text.firstIndex(of: UInt8(ascii: ":")), colon > text.startIndex,
      first != UInt8(ascii: "-"), text[..<colon].allSatisfy({ (33...126).contains($0) })
    else { return .wrong }
    return .field(nameEnd: colon)
  }
}

/// Reads the paragraphs of a control file in order (RFC 822 as deb822(5) has it): paragraphs stand
/// between blank lines, a line that begins with white space goes on with the field before it, and
/// one that begins with `#` is a comment.
///
/// Holds a buffer and one paragraph, and refuses a longer one than ``longestParagraph``.
final class ControlReader {
  static let longestParagraph = 8 << 20

  private let input: PackagesInput
  private var buffer = [UInt8](repeating: 0, count: 1 << 18)
  private var unread = 0..<0
  private var hasEnded = false
  private var line = 0

  init(_ input: PackagesInput) throws {
    self.input = input
    try refill()
    if buffer[unread].starts(with: [0xEF, 0xBB, 0xBF]) { unread.removeFirst(3) }
  }

  /// Reads the next paragraph in the place of the one that is there; `false` at the end.
  ///
  /// - Throws: `badData` for a line that is no part of a control file, and what the input throws.
  func next(_ paragraph: inout ControlParagraph) throws -> Bool {
    paragraph.removeAll()
    while true {
      let start = paragraph.byteCount
      guard try readLine(&paragraph) else { return !paragraph.isEmpty }
      switch paragraph.endLine(from: start) {
      case .field, .continuation: if start == 0 { paragraph.firstLine = line }
      case .comment: break
      case .blank: if !paragraph.isEmpty { return true }
      case .wrong:
        throw HedgerowError(
          .badData, "is no line of a control file ('Field: value'): is this a Packages file?",
          at: "\(input.path):\(line)")
      }
    }
  }

  /// Appends the bytes up to the next line end; `false` when there are none left.
  private func readLine(_ paragraph: inout ControlParagraph) throws -> Bool {
    line += 1
    var hasAny = false
    while true {
      if unread.isEmpty {
        try refill()
        if unread.isEmpty { return hasAny }
      }
      hasAny = true
      let end = buffer[unread].firstIndex(of: UInt8(ascii: "\n"))
      paragraph.append(buffer[unread.lowerBound..<(end ?? unread.upperBound)])
      unread = (end.map { $0 + 1 } ?? unread.upperBound)..<unread.upperBound
      guard paragraph.byteCount <= Self.longestParagraph else {
        throw HedgerowError(
          .badData,
          "a paragraph is longer than \(ByteSize.format(Self.longestParagraph)): "
            + "is this a Packages file?",
          at: "\(input.path):\(line)")
      }
      if end != nil { return true }
    }
  }

  private func refill() throws {
    guard !hasEnded else { return }
    let count = try buffer.withUnsafeMutableBytes { try input.read(into: $0) }
    hasEnded = count < buffer.count
    unread = 0..<count
  }
}

extension ArraySlice<UInt8> {
  var trimmed: Self {
    var part = self
    while let last = part.last, last.isSpace { part.removeLast() }
    return part.drop(while: \.isSpace)
  }

  /// The parts between separators, without the white space around them; empty ones are left out.
  func parts(between separator: UInt8) -> some Sequence<Self> {
    split(separator: separator).lazy.map(\.trimmed).filter { !$0.isEmpty }
  }
}
