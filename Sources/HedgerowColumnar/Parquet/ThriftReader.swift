/// Reads Thrift's compact protocol, of which the metadata of Parquet is made
/// (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md).
///
/// No length is believed: a text or list has at most as many bytes or elements as there are bytes left.
struct ThriftReader {
  enum Failure: Error {
    /// The bytes end too early.
    case truncated
    case malformed
  }

  enum Kind: UInt8 {
    case yes = 1
    case no, byte, int16, int32, int64, double, binary, list, set, map, structure, uuid
  }

  private let bytes: UnsafeRawBufferPointer
  private(set) var position = 0
  private var depth = 0
  private static let deepest = 32

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  private mutating func next() throws -> UInt8 {
    guard position < bytes.count else { throw Failure.truncated }
    defer { position += 1 }
    return bytes[position]
  }

  private mutating func advance(_ count: Int) throws -> UnsafeRawBufferPointer {
    guard count <= bytes.count - position else { throw Failure.truncated }
    defer { position += count }
    return UnsafeRawBufferPointer(rebasing: bytes[position..<position + count])
  }

  private mutating func varint() throws -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      let byte = try next()
      value |= UInt64(byte & 127) << shift
      if byte < 128 { return value }
    }
    throw Failure.malformed
  }

  private mutating func count() throws -> Int {
    let value = try varint()
    guard value <= UInt64(bytes.count - position) else { throw Failure.truncated }
    return Int(value)
  }

  /// A number of a field of any width.
  mutating func integer(_ kind: Kind) throws -> Int {
    switch kind {
    case .byte: return Int(Int8(bitPattern: try next()))
    case .int16, .int32, .int64:
      let value = try varint()
      return Int(Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1))
    default: throw Failure.malformed
    }
  }

  mutating func flag(_ kind: Kind) throws -> Bool {
    guard kind == .yes || kind == .no else { throw Failure.malformed }
    return kind == .yes
  }

  mutating func text(_ kind: Kind) throws -> String {
    guard kind == .binary else { throw Failure.malformed }
    return String(decoding: try advance(count()), as: UTF8.self)
  }

  /// Calls `body` with the number and kind of each field; it reads or skips it.
  mutating func structure(
    _ kind: Kind = .structure, _ body: (inout ThriftReader, _ field: Int, Kind) throws -> Void
  ) throws {
    guard kind == .structure else { throw Failure.malformed }
    try enter()
    var field = 0
    while true {
      let byte = try next()
      if byte & 15 == 0 { break }
      guard let kind = Kind(rawValue: byte & 15) else { throw Failure.malformed }
      field = byte >> 4 == 0 ? try integer(.int16) : field + Int(byte >> 4)
      guard field >= 0, field <= 1 << 15 else { throw Failure.malformed }
      try body(&self, field, kind)
    }
    depth -= 1
  }

  /// Calls `body` for each element, which it reads or skips.
  mutating func list(
    _ kind: Kind, _ body: (inout ThriftReader, Kind) throws -> Void
  ) throws {
    guard kind == .list || kind == .set else { throw Failure.malformed }
    try enter()
    let byte = try next()
    let number = byte >> 4 == 15 ? try count() : Int(byte >> 4)
    guard let element = Kind(rawValue: byte & 15) else { throw Failure.malformed }
    for _ in 0..<number { try body(&self, element) }
    depth -= 1
  }

  private mutating func enter() throws {
    depth += 1
    guard depth < Self.deepest else { throw Failure.malformed }
  }

  mutating func skip(_ kind: Kind) throws {
    switch kind {
    case .yes, .no: break
    case .byte: _ = try next()
    case .int16, .int32, .int64: _ = try varint()
    case .double: _ = try advance(8)
    case .uuid: _ = try advance(16)
    case .binary: _ = try advance(count())
    case .list, .set: try list(kind) { try $0.skipElement($1) }
    case .map:
      try enter()
      let number = try count()
      if number > 0 {
        let byte = try next()
        guard let key = Kind(rawValue: byte >> 4), let value = Kind(rawValue: byte & 15) else {
          throw Failure.malformed
        }
        for _ in 0..<number {
          try skipElement(key)
          try skipElement(value)
        }
      }
      depth -= 1
    case .structure: try structure { try $0.skip($2) }
    }
  }

  /// In lists and maps a truth value takes a byte.
  private mutating func skipElement(_ kind: Kind) throws {
    if kind == .yes || kind == .no { _ = try next() } else { try skip(kind) }
  }
}
