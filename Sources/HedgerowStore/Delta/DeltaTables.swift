import HedgerowCore
import HedgerowLMDB
import HedgerowRoaring

// Keys and values of the tables that hold what came since the segments were written. Keys are
// big-endian, so that what belongs together stands together and in the order that readers want.

/// Whether a number is a node type's or an edge type's.
enum Owner: UInt8, Hashable, Sendable {
  case node = 0
  case edge = 1
}

func appendBigEndian(_ number: some FixedWidthInteger, to bytes: inout [UInt8]) {
  withUnsafeBytes(of: number.bigEndian) { bytes += $0 }
}

/// Takes big-endian numbers from the front of a key.
struct KeyReader {
  private let bytes: [UInt8]
  private let what: String
  private var place = 0

  init(_ span: RawSpan, _ what: String) {
    bytes = span.withUnsafeBytes { [UInt8]($0) }
    self.what = what
  }

  mutating func number<T: FixedWidthInteger>(_ type: T.Type = T.self) throws -> T {
    guard bytes.count - place >= MemoryLayout<T>.size else { throw wrong }
    var value: T = 0
    for _ in 0..<MemoryLayout<T>.size {
      value = value << 8 | T(truncatingIfNeeded: bytes[place])
      place += 1
    }
    return value
  }

  mutating func rest() -> [UInt8] {
    defer { place = bytes.count }
    return [UInt8](bytes[place...])
  }

  func end() throws { guard place == bytes.count else { throw wrong } }

  var wrong: HedgerowError { HedgerowError(.damaged, "not \(what)") }
}

/// A node type or an edge type.
struct OwnerKey: KeyCodec, Hashable {
  var owner: Owner
  var type: UInt16

  init(_ owner: Owner, _ type: UInt16) {
    self.owner = owner
    self.type = type
  }
  func encode(into bytes: inout [UInt8]) {
    bytes.append(owner.rawValue)
    appendBigEndian(type, to: &bytes)
  }
  init(decoding bytes: RawSpan) throws {
    var reader = KeyReader(bytes, "a type's key")
    guard let owner = Owner(rawValue: try reader.number()) else { throw reader.wrong }
    self.owner = owner
    type = try reader.number()
    try reader.end()
  }
}

extension Counts: ValueCodec {
  func encode(into bytes: inout [UInt8]) {
    appendBigEndian(total, to: &bytes)
    appendBigEndian(other, to: &bytes)
  }
  init(decoding bytes: RawSpan) throws {
    var reader = KeyReader(bytes, "a type's counts")
    total = try reader.number()
    other = try reader.number()
    try reader.end()
  }
}

/// A node.
struct NodeKey: KeyCodec {
  var type: UInt16
  var id: UInt32

  init(_ type: UInt16, _ id: UInt32) {
    self.type = type
    self.id = id
  }
  func encode(into bytes: inout [UInt8]) {
    appendBigEndian(type, to: &bytes)
    appendBigEndian(id, to: &bytes)
  }
  init(decoding bytes: RawSpan) throws {
    var reader = KeyReader(bytes, "a node's key")
    type = try reader.number()
    id = try reader.number()
    try reader.end()
  }
}

/// 65,536 nodes of a type: ids with the same upper half.
struct BlockKey: KeyCodec, Hashable {
  var type: UInt16
  var block: UInt16

  init(_ type: UInt16, _ block: UInt16) {
    self.type = type
    self.block = block
  }
  func encode(into bytes: inout [UInt8]) {
    appendBigEndian(type, to: &bytes)
    appendBigEndian(block, to: &bytes)
  }
  init(decoding bytes: RawSpan) throws {
    var reader = KeyReader(bytes, "a block's key")
    type = try reader.number()
    block = try reader.number()
    try reader.end()
  }
}

/// An external key, or, of a long one, its first bytes and a hash of all.
struct ExternalKeyEntry: KeyCodec {
  var type: UInt16
  var bytes: [UInt8]

  /// Keys up to this length are kept whole.
  static let wholeByteCount = 400

  init(_ type: UInt16, _ key: [UInt8]) {
    self.type = type
    guard key.count > Self.wholeByteCount else {
      bytes = key
      return
    }
    bytes = Array(key.prefix(Self.wholeByteCount))
    var hash = UInt64(key.count)
    for byte in key { hash = RandomStream.mix(hash ^ UInt64(byte)) }
    appendBigEndian(hash, to: &bytes)
    appendBigEndian(UInt32(truncatingIfNeeded: key.count), to: &bytes)
  }
  func encode(into bytes: inout [UInt8]) {
    appendBigEndian(type, to: &bytes)
    bytes += self.bytes
  }
  init(decoding bytes: RawSpan) throws {
    var reader = KeyReader(bytes, "an external key")
    type = try reader.number()
    self.bytes = reader.rest()
  }
}

/// The ids of nodes whose keys are kept under one entry: one, unless long keys share a hash.
struct NodeIDs: ValueCodec {
  var ids: [UInt32]
  init(_ ids: [UInt32]) { self.ids = ids }
  func encode(into bytes: inout [UInt8]) { for id in ids { appendBigEndian(id, to: &bytes) } }
  init(decoding bytes: RawSpan) throws {
    var reader = KeyReader(bytes, "ids")
    ids = []
    for _ in 0..<bytes.byteCount / 4 { ids.append(try reader.number()) }
    try reader.end()
  }
}

/// One entry that a row gained or lost.
struct DeltaKey: KeyCodec {
  enum Kind: UInt8, Sendable {
    /// `number` counts among the parallel edges of the segments.
    case removed = 0
    /// `number` is the edge's own, which grows with each added one.
    case added = 1
  }
  var type: UInt16
  var index: AdjacencyIndex
  var row: UInt32
  var neighbor: UInt32
  var kind: Kind
  var number: UInt64

  init(
    _ type: UInt16, _ index: AdjacencyIndex, row: UInt32, neighbor: UInt32, _ kind: Kind,
    _ number: UInt64
  ) {
    self.type = type
    self.index = index
    self.row = row
    self.neighbor = neighbor
    self.kind = kind
    self.number = number
  }
  static func prefix(_ type: UInt16, _ index: AdjacencyIndex) -> [UInt8] {
    var bytes: [UInt8] = []
    appendBigEndian(type, to: &bytes)
    bytes.append(index.rawValue)
    return bytes
  }
  static func prefix(_ type: UInt16, _ index: AdjacencyIndex, row: UInt32) -> [UInt8] {
    var bytes = prefix(type, index)
    appendBigEndian(row, to: &bytes)
    return bytes
  }
  static func prefix(
    _ type: UInt16, _ index: AdjacencyIndex, row: UInt32, neighbor: UInt32
  ) -> [UInt8] {
    var bytes = prefix(type, index, row: row)
    appendBigEndian(neighbor, to: &bytes)
    return bytes
  }
  func encode(into bytes: inout [UInt8]) {
    bytes += Self.prefix(type, index, row: row, neighbor: neighbor)
    bytes.append(kind.rawValue)
    appendBigEndian(number, to: &bytes)
  }
  init(decoding bytes: RawSpan) throws {
    guard bytes.byteCount == 20 else { throw HedgerowError(.damaged, "not a changed edge's key") }
    func load<T: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, _ as: T.Type) -> T {
      T(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: T.self))
    }
    guard let index = AdjacencyIndex(rawValue: load(2, UInt8.self)),
      let kind = Kind(rawValue: load(11, UInt8.self))
    else { throw HedgerowError(.damaged, "not a changed edge's key") }
    type = load(0, UInt16.self)
    self.index = index
    row = load(3, UInt32.self)
    neighbor = load(7, UInt32.self)
    self.kind = kind
    number = load(12, UInt64.self)
  }
}

/// A column of a type.
struct ColumnKey: Hashable, Sendable {
  var owner: Owner
  var type: UInt16
  var column: UInt16

  init(_ owner: Owner, _ type: UInt16, _ column: UInt16) {
    self.owner = owner
    self.type = type
    self.column = column
  }
  func encode(into bytes: inout [UInt8]) {
    bytes.append(owner.rawValue)
    appendBigEndian(type, to: &bytes)
    appendBigEndian(column, to: &bytes)
  }
  init(_ reader: inout KeyReader) throws {
    guard let owner = Owner(rawValue: try reader.number()) else { throw reader.wrong }
    self.owner = owner
    type = try reader.number()
    column = try reader.number()
  }
}

/// A value that changed: a node's by its id, an edge's by its place in the segments' out order.
struct CellKey: KeyCodec {
  var column: ColumnKey
  var place: UInt64

  init(_ column: ColumnKey, _ place: UInt64) {
    self.column = column
    self.place = place
  }
  func encode(into bytes: inout [UInt8]) {
    column.encode(into: &bytes)
    appendBigEndian(place, to: &bytes)
  }
  init(decoding bytes: RawSpan) throws {
    var reader = KeyReader(bytes, "a cell's key")
    column = try ColumnKey(&reader)
    place = try reader.number()
    try reader.end()
  }
}

/// A category that the column's dictionary segment does not have.
struct CategoryKey: KeyCodec {
  var column: ColumnKey
  var code: UInt32

  init(_ column: ColumnKey, _ code: UInt32) {
    self.column = column
    self.code = code
  }
  func encode(into bytes: inout [UInt8]) {
    column.encode(into: &bytes)
    appendBigEndian(code, to: &bytes)
  }
  init(decoding bytes: RawSpan) throws {
    var reader = KeyReader(bytes, "a category's key")
    column = try ColumnKey(&reader)
    code = try reader.number()
    try reader.end()
  }
}

/// A part of what one commit changed.
struct LogKey: KeyCodec, Comparable {
  var version: UInt64
  var part: UInt32

  init(_ version: UInt64, _ part: UInt32) {
    self.version = version
    self.part = part
  }
  func encode(into bytes: inout [UInt8]) {
    appendBigEndian(version, to: &bytes)
    appendBigEndian(part, to: &bytes)
  }
  init(decoding bytes: RawSpan) throws {
    var reader = KeyReader(bytes, "a key of the log")
    version = try reader.number()
    part = try reader.number()
    try reader.end()
  }
  static func < (a: LogKey, b: LogKey) -> Bool { (a.version, a.part) < (b.version, b.part) }
}
