import CHedgerowKernels
import HedgerowCore

/// A value of JSON (RFC 8259) in a line of text.
///
/// Nested values are known by where they stand: a line may have more of them than memory should hold,
/// each of a byte or two.
enum JSONValue {
  case null
  case bool(Bool)
  /// As it is written.
  case number(Range<Int>)
  /// UTF-8, without escapes.
  case string([UInt8])
  case array(Elements, Range<Int>)
  /// Members are those of the line's object and of those right in it, unless they are too many.
  case object([Member]?, Range<Int>)

  struct Member {
    var key: String
    var value: JSONValue
  }

  /// What an array's elements are.
  enum Elements: Equatable {
    case none
    case numbers(Int)
    case texts(Int)
    case others
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

  static func tooMany(_ what: String) -> Failure {
    Failure(message: "has more than \(memberLimit) \(what)")
  }

  private let line: UnsafeRawBufferPointer
  private var position = 0
  /// Deeper values are refused.
  static let depth = 128
  /// Of an object more members are not kept, and of all objects within the line's.
  static let memberLimit = 1 << 13
  private var innerMemberCount = 0

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

  /// The texts of an array of texts in a line that was read.
  static func texts(of array: Range<Int>, in line: UnsafeRawBufferPointer) throws -> [String] {
    var text = JSONText(UnsafeRawBufferPointer(rebasing: line[array]))
    var texts: [String] = []
    text.position = 1
    while true {
      text.skipSpaces()
      guard text.byte == UInt8(ascii: "\"") else { return texts }
      texts.append(String(decoding: try text.string(), as: UTF8.self))
      text.skipSpaces()
      text.position += 1
    }
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
    var elements = JSONValue.Elements.none
    skipSpaces()
    if byte == UInt8(ascii: "]") {
      position += 1
      return .array(elements, start..<position)
    }
    while true {
      skipSpaces()
      switch (elements, try value(depth: depth + 1)) {
      case (.none, .number): elements = .numbers(1)
      case (.none, .string): elements = .texts(1)
      case (.numbers(let count), .number): elements = .numbers(count + 1)
      case (.texts(let count), .string): elements = .texts(count + 1)
      default: elements = .others
      }
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
    var members: [JSONValue.Member]? = depth < 2 ? [] : nil
    skipSpaces()
    if byte == UInt8(ascii: "}") {
      position += 1
      return .object(members, start..<position)
    }
    while true {
      skipSpaces()
      guard byte == UInt8(ascii: "\"") else { throw wrong("no key in quotes") }
      let key = try string()
      skipSpaces()
      guard byte == UInt8(ascii: ":") else { throw wrong("no ':' behind a key") }
      position += 1
      skipSpaces()
      let value = try value(depth: depth + 1)
      if let count = members?.count {
        if depth > 0 { innerMemberCount += 1 }
        if count == Self.memberLimit || innerMemberCount > Self.memberLimit {
          if depth > 0 { innerMemberCount -= count + 1 }
          members = nil
        } else {
          members!.append(.init(key: String(decoding: key, as: UTF8.self), value: value))
        }
      }
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
