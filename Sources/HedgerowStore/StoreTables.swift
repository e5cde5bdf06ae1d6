import CHedgerowKernels
import FoundationEssentials
import HedgerowCore
import HedgerowLMDB
import HedgerowRoaring

/// The tables of `data.mdb`: few, and prefixed by type ids, never one for each type.
///
/// Those from `counts` on hold what came since the segments were written.
struct StoreTables: Sendable {
  let store = Table<String, JSON<StoreRecord>>("meta")
  let format = Table<String, JSON<StoreFormat>>("meta")
  let features = Table<String, JSON<StoreFeatures>>("meta")
  let nodes = Table<TypeKey, JSON<NodeTypeRecord>>("catalog.nodes")
  let edges = Table<TypeKey, JSON<EdgeTypeRecord>>("catalog.edges")
  let manifest = Table<SegmentID, SegmentRecord>("manifest")
  let sets = Table<SetKey, StoredSet>("sets")
  let models = Table<String, StoredModel>("models")
  let counts = Table<OwnerKey, Counts>("counts")
  /// From an external key to the ids that may have it.
  let keys = Table<ExternalKeyEntry, NodeIDs>("keys")
  /// From an id to its external key's bytes.
  let keysByID = Table<NodeKey, [UInt8]>("keys.ids")
  let deleted = Table<BlockKey, StoredSet>("deleted")
  let delta = Table<DeltaKey, [UInt8]>("delta")
  let cells = Table<CellKey, [UInt8]>("cells")
  let categories = Table<CategoryKey, String>("categories")
  let log = Table<LogKey, [UInt8]>("log")

  /// What a store of this format holds: these tables, and no others.
  var names: Set<String> {
    [
      store.name, nodes.name, edges.name, manifest.name, sets.name, models.name, counts.name,
      keys.name, keysByID.name, deleted.name, delta.name, cells.name, categories.name, log.name,
    ]
  }

  /// What is wrong with the tables that a store has.
  func problems(ofNames names: Set<String>) -> [String] {
    names.subtracting(self.names).sorted().map { "no table is called '\($0)'" }
      + self.names.subtracting(names).sorted().map { "table '\($0)' is missing" }
  }

  /// Makes all tables: a store has them from its beginning, so that nested transactions find them.
  func create(in txn: borrowing WriteTransaction) throws {
    try txn.create(store)
    try txn.create(sets)
    try txn.create(models)
    try txn.create(manifest)
    try txn.create(nodes)
    try txn.create(edges)
    try txn.create(counts)
    try txn.create(keys)
    try txn.create(keysByID)
    try txn.create(deleted)
    try txn.create(delta)
    try txn.create(cells)
    try txn.create(categories)
    try txn.create(log)
  }

  static let storeKey = "store"
}

/// A Codable value as JSON with sorted keys: small records that people may want to read.
struct JSON<Value: Codable & Sendable>: ValueCodec {
  var value: Value
  init(_ value: Value) { self.value = value }

  func encode(into bytes: inout [UInt8]) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    // Records hold numbers and texts only, which always encode.
    bytes += (try? encoder.encode(value)).map { Array($0) } ?? []
  }

  init(decoding bytes: RawSpan) throws {
    do {
      let data = bytes.withUnsafeBytes { Data($0) }
      value = try JSONDecoder().decode(Value.self, from: data)
    } catch {
      throw HedgerowError(.damaged, "the record is not what it must be")
    }
  }
}

/// A type's number, big-endian.
struct TypeKey: KeyCodec {
  var id: UInt16
  init(_ id: UInt16) { self.id = id }
  func encode(into bytes: inout [UInt8]) { appendBigEndian(id, to: &bytes) }
  init(decoding bytes: RawSpan) throws {
    guard bytes.byteCount == 2 else { throw HedgerowError(.damaged, "not a type's number") }
    id = UInt16(bigEndian: bytes.unsafeLoadUnaligned(as: UInt16.self))
  }
}

/// A set of nodes: the node type's number and the set's name.
struct SetName: Hashable, Sendable {
  var type: UInt16
  var name: String

  /// What the keys of its blocks begin with.
  var prefix: [UInt8] {
    var bytes: [UInt8] = []
    appendBigEndian(type, to: &bytes)
    bytes += name.utf8
    bytes.append(0)
    return bytes
  }
}

/// A set, and which 65,536 ids of it: those with the same upper half.
struct SetKey: KeyCodec, Hashable {
  var set: SetName
  var block: UInt16

  init(_ set: SetName, block: UInt16) {
    self.set = set
    self.block = block
  }
  func encode(into bytes: inout [UInt8]) {
    bytes += set.prefix
    appendBigEndian(block, to: &bytes)
  }
  init(decoding bytes: RawSpan) throws {
    let wrong = HedgerowError(.damaged, "not a set's key")
    guard bytes.byteCount > 5 else { throw wrong }
    let type = UInt16(bigEndian: bytes.unsafeLoadUnaligned(as: UInt16.self))
    let rest = bytes.withUnsafeBytes { [UInt8]($0.dropFirst(2)) }
    guard let end = rest.firstIndex(of: 0), end == rest.count - 3 else { throw wrong }
    block = UInt16(rest[end + 1]) << 8 | UInt16(rest[end + 2])
    set = SetName(type: type, name: String(decoding: rest[..<end], as: UTF8.self))
  }
}

/// A named set in Roaring's portable form.
struct StoredSet: ValueCodec {
  var members: RoaringBitmap
  init(_ members: RoaringBitmap) { self.members = members }
  func encode(into bytes: inout [UInt8]) { bytes += members.serialized() }
  init(decoding bytes: RawSpan) throws { members = try RoaringBitmap(serialized: bytes) }
}

/// A trained model as the store keeps it.
public struct ModelRecord: Sendable {
  public var name: String
  /// What it takes to build the model again, as JSON.
  public var specification: [UInt8]
  /// Its weights, as a safetensors file.
  public var weights: [UInt8]

  public init(name: String, specification: [UInt8], weights: [UInt8]) {
    self.name = name
    self.specification = specification
    self.weights = weights
  }

  /// Hexadecimal CRC-32C of the weights: which state of the model it is.
  public var hash: String {
    String(weights.withUnsafeBytes { hr_crc32c(0, $0.baseAddress, $0.count) }, radix: 16)
  }
}

struct StoredModel: ValueCodec {
  var model: ModelRecord
  init(_ model: ModelRecord) { self.model = model }

  func encode(into bytes: inout [UInt8]) {
    var writer = ByteWriter()
    writer.put(Array(model.name.utf8))
    writer.put(model.specification)
    writer.put(model.weights)
    bytes += writer.bytes
  }
  init(decoding bytes: RawSpan) throws {
    var reader = ByteReader(bytes)
    model = ModelRecord(
      name: String(decoding: try reader.array(), as: UTF8.self),
      specification: try reader.array(), weights: try reader.array())
    try reader.end()
  }
}

extension SegmentID: KeyCodec {
  func encode(into bytes: inout [UInt8]) {
    bytes.append(part.rawValue)
    for number in [type, column] { appendBigEndian(number, to: &bytes) }
    appendBigEndian(range, to: &bytes)
  }
  init(decoding bytes: RawSpan) throws {
    guard bytes.byteCount == 9, let part = Part(rawValue: bytes.unsafeLoad(as: UInt8.self)) else {
      throw HedgerowError(.damaged, "not a segment's key")
    }
    self.part = part
    type = UInt16(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 1, as: UInt16.self))
    column = UInt16(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 3, as: UInt16.self))
    range = UInt32(bigEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 5, as: UInt32.self))
  }
}

extension SegmentRecord: ValueCodec {
  func encode(into bytes: inout [UInt8]) {
    var writer = ByteWriter()
    id.encode(into: &writer.bytes)
    for number in [generation, rowCount, edgeCount, fileByteCount] { writer.put(number) }
    bytes += writer.bytes
  }
  init(decoding bytes: RawSpan) throws {
    var reader = ByteReader(bytes)
    id = try SegmentID(decoding: Array(reader.take(9)).span.bytes)
    generation = try reader.number()
    rowCount = try reader.number()
    edgeCount = try reader.number()
    fileByteCount = try reader.number()
    try reader.end()
  }
}

/// Little-endian numbers and counted byte arrays, one after the other.
private struct ByteWriter {
  var bytes: [UInt8] = []
  mutating func put(_ number: UInt64) { withUnsafeBytes(of: number.littleEndian) { bytes += $0 } }
  mutating func put(_ array: [UInt8]) {
    put(UInt64(array.count))
    bytes += array
  }
}

private struct ByteReader {
  private var rest: ArraySlice<UInt8>

  init(_ bytes: RawSpan) { rest = bytes.withUnsafeBytes { ArraySlice($0) } }

  mutating func take(_ count: Int) throws -> ArraySlice<UInt8> {
    guard count <= rest.count else { throw HedgerowError(.damaged, "the record is cut short") }
    defer { rest = rest.dropFirst(count) }
    return rest.prefix(count)
  }

  mutating func number() throws -> UInt64 {
    try take(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  mutating func array() throws -> [UInt8] {
    guard let count = Int(exactly: try number()), count <= rest.count else {
      throw HedgerowError(.damaged, "the record is cut short")
    }
    return Array(try take(count))
  }

  func end() throws {
    guard rest.isEmpty else { throw HedgerowError(.damaged, "the record is too long") }
  }
}
