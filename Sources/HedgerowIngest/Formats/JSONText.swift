import CHedgerowKernels
import HedgerowCore

/// A value of JSON (RFC 8259) in a line of text.
enum JSONValue {
  case null
  case bool(Bool)
  /// As it is written.
  case number(Range<Int>)
  /// UTF-8, without escapes.
  case string([UInt8])
  case array([JSONValue], Range<Int>)
  case object([Member], Range<Int>)

  struct Member {
    var key: String
    var value: JSONValue
  }
}

/// Reads one JSON value that fills a line.
///
/// Foundation's decoder gives numbers as numbers, objects without the order of their keys and nested
/// values without their text; a table needs all three as they are written, and the decoder's
/// errors on trying one type after the other would cost more than the reading.
struct JSONText {
  struct Failure: Error {
    var message: String
  }

  private let line: UnsafeRawBufferPointer
  private var position = 0
  /// Deeper values are refused.
  static let depth = 128

  private init(_ line: UnsafeRawBufferPointer) { self.line = line }

  /// - Throws: ``Failure``.
  static func value(of line: UnsafeRawBufferPointer) throws -> JSONValue {
    guard
      line.isEmpty
        || hr_is_utf8(line.baseAddress!.assumingMemoryBound(to: UInt8.self), line.count) != 0
    else { throw Failure(message: "has bytes that are not UTF-8: convert the file") }
    var text = JSONText(line)
    text.skipSpaces()
    let value = try text.value(depth: 0)
    text.skipSpaces()
    guard text.position == line.count else { throw text.wrong("something behind its value") }
    return value
  }

  static func isBlank(_ line: UnsafeRawBufferPointer) -> Bool { line.allSatisfy(isSpace) }

  private static func isSpace(_ byte: UInt8) -> Bool {
    byte == 32 || byte == 9 || byte == 13 || byte == 10
  }

  private func wrong(_ what: String) -> Failure {
    Failure(
      message: position < line.count
        ? "is no JSON: it has \(what) at byte \(position + 1)"
        : "is no JSON: it ends too early")
  }

  private var byte: UInt8? { position < line.count ? line[position] : nil }

  private mutating func skipSpaces() {
    while let byte, Self.isSpace(byte) { position += 1 }
  }

  private mutating func value(depth: Int) throws -> JSONValue {
    guard depth < Self.depth else {
      throw Failure(message: "has values within values, more than \(Self.depth) deep")
    }
    switch byte {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"):
      try word("true")
      return .bool(true)
    case UInt8(ascii: "f"):
      try word("false")
      return .bool(false)
    case UInt8(ascii: "n"):
      try word("null")
      return .null
    default: return .number(try number())
    }
  }

  private mutating func word(_ word: StaticString) throws {
    let count = word.utf8CodeUnitCount
    guard position + count <= line.count,
      (0..<count).allSatisfy({ line[position + $0] == word.utf8Start[$0] })
    else { throw wrong("no value") }
    position += count
  }

  private static func isDigit(_ byte: UInt8?) -> Bool { byte.map { $0 >= 48 && $0 <= 57 } ?? false }

  private mutating func number() throws -> Range<Int> {
    let start = position
    if byte == UInt8(ascii: "-") { position += 1 }
    guard Self.isDigit(byte) else { throw wrong("no value") }
    let first = byte
    position += 1
    if first != UInt8(ascii: "0") { while Self.isDigit(byte) { position += 1 } }
    if byte == UInt8(ascii: ".") {
      position += 1
      guard Self.isDigit(byte) else { throw wrong("no digit behind the point") }
      while Self.isDigit(byte) { position += 1 }
    }
    if let byte, byte | 32 == UInt8(ascii: "e") {
      position += 1
      if self.byte == UInt8(ascii: "+") || self.byte == UInt8(ascii: "-") { position += 1 }
      guard Self.isDigit(self.byte) else { throw wrong("no digit in the exponent") }
      while Self.isDigit(self.byte) { position += 1 }
    }
    return start..<position
  }

  private mutating func string() throws -> [UInt8] {
    position += 1
    var text: [UInt8] = []
    while true {
      let start = position
      while let byte, byte >= 32, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
        position += 1
      }
      text.append(contentsOf: line[start..<position])
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        return text
      case UInt8(ascii: "\\"):
        position += 1
        try escape(into: &text)
      default: throw wrong("a control character in a text")
      }
    }
  }

  private mutating func escape(into text: inout [UInt8]) throws {
    guard let byte else { throw wrong("") }
    let plain: UInt8
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): plain = byte
    case UInt8(ascii: "b"): plain = 8
    case UInt8(ascii: "f"): plain = 12
    case UInt8(ascii: "n"): plain = 10
    case UInt8(ascii: "r"): plain = 13
    case UInt8(ascii: "t"): plain = 9
    case UInt8(ascii: "u"):
      position += 1
      var code = UInt32(try unit())
      if code & 0xFC00 == 0xD800 {
        guard byteAt(0) == UInt8(ascii: "\\"), byteAt(1) == UInt8(ascii: "u") else {
          throw wrong("half of a character")
        }
        position += 2
        let low = UInt32(try unit())
        guard low & 0xFC00 == 0xDC00 else { throw wrong("half of a character") }
        code = 0x10000 + (code & 0x3FF) << 10 + (low & 0x3FF)
      }
      guard let scalar = Unicode.Scalar(code) else { throw wrong("half of a character") }
      text += UTF8.encode(scalar)!
      return
    default: throw wrong("an escape that is not known")
    }
    position += 1
    text.append(plain)
  }

  private func byteAt(_ offset: Int) -> UInt8? {
    position + offset < line.count ? line[position + offset] : nil
  }

  /// Four hexadecimal digits.
  private mutating func unit() throws -> UInt16 {
    var value: UInt16 = 0
    for _ in 0..<4 {
      guard let byte, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw wrong("no hexadecimal digit")
      }
      value = value << 4 | UInt16(digit)
      position += 1
    }
    return value
  }

  private mutating func array(depth: Int) throws -> JSONValue {
    let start = position
    position += 1
    var elements: [JSONValue] = []
    skipSpaces()
    if byte == UInt8(ascii: "]") {
      position += 1
      return .array([], start..<position)
    }
    while true {
      skipSpaces()
      elements.append(try value(depth: depth + 1))
      skipSpaces()
      switch byte {
      case UInt8(ascii: ","): position += 1
      case UInt8(ascii: "]"):
        position += 1
        return .array(elements, start..<position)
      default: throw wrong("neither ',' nor ']'")
      }
    }
  }

  private mutating func object(depth: Int) throws -> JSONValue {
    let start = position
    position += 1
    var members: [JSONValue.Member] = []
    skipSpaces()
    if byte == UInt8(ascii: "}") {
      position += 1
      return .object([], start..<position)
    }
    while true {
      skipSpaces()
      guard byte == UInt8(ascii: "\"") else { throw wrong("no key in quotes") }
      let key = String(decoding: try string(), as: UTF8.self)
      skipSpaces()
      guard byte == UInt8(ascii: ":") else { throw wrong("no ':' behind a key") }
      position += 1
      skipSpaces()
      members.append(.init(key: key, value: try value(depth: depth + 1)))
      skipSpaces()
      switch byte {
      case UInt8(ascii: ","): position += 1
      case UInt8(ascii: "}"):
        position += 1
        return .object(members, start..<position)
      default: throw wrong("neither ',' nor '}'")
      }
    }
  }
}
