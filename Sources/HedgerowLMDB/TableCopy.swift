import CHedgerowLMDB
import HedgerowCore

/// Entries of a table as a transaction saw them, for whoever needs them longer than a transaction
/// should last: copied as they lie there, and checked and decoded when they are walked.
///
/// ```swift
/// let films = try environment.read { try $0.copy(years) }
/// try films.visit { film, year in ... }
/// ```
/// An entry takes its own bytes and 6 more.
public struct TableCopy<Key: KeyCodec, Value: ValueCodec>: Sendable {
  private let table: Table<Key, Value>
  private let chunks: [EntryChunk]

  fileprivate init(_ table: Table<Key, Value>, _ chunks: [EntryChunk]) {
    self.table = table
    self.chunks = chunks
  }

  public var isEmpty: Bool { chunks.isEmpty }

  /// Hands all entries to `body`, in the order of the keys.
  ///
  /// - Throws: `damaged`, naming table and key, when a checksum does not hold.
  public func visit(_ body: (Key, Value) throws -> Void) throws {
    try walk { key, value in
      try body(key, value)
      return .next
    }
  }

  /// Hands entries to `body` in the order of the keys until it says to stop.
  public func walk(_ body: (Key, Value) throws -> Walk) throws {
    for chunk in chunks {
      var place = 0
      while let entry = chunk.next(&place) {
        let key = try table.decodeKey(entry.key)
        guard try body(key, table.decodeValue(entry.value, key: entry.key)) == .next else { return }
      }
    }
  }
}

extension Transaction where Self: ~Copyable {
  /// Copies the entries whose keys begin with `prefix`.
  ///
  /// - Parameter start: those of smaller keys are left out.
  public func copy<K, V>(
    _ table: Table<K, V>, prefix: [UInt8] = [], from start: K? = nil
  ) throws -> TableCopy<K, V> {
    var chunks: [EntryChunk] = []
    try walkRaw(table, prefix: prefix, from: start) { entry in
      if chunks.last?.append(entry) != true {
        // A small one first: most tables hold little.
        let byteCount = chunks.isEmpty ? 1 << 10 : 1 << 18
        chunks.append(EntryChunk(byteCount: max(byteCount, EntryChunk.byteCount(of: entry))))
        chunks[chunks.count - 1].append(entry)
      }
      return .next
    }
    return TableCopy(table, chunks)
  }
}

/// Entries one after the other: the key's size u16, the value's u32, and both.
///
/// It is written to by whoever makes the copy, and by nobody afterwards.
private final class EntryChunk: @unchecked Sendable {
  private let bytes: UnsafeMutableRawBufferPointer
  private var count = 0

  init(byteCount: Int) { bytes = .allocate(byteCount: byteCount, alignment: 8) }
  deinit { bytes.deallocate() }

  private static var headByteCount: Int { 6 }
  static func byteCount(of entry: RawEntry) -> Int {
    headByteCount + entry.key.count + entry.value.mv_size
  }

  /// Says whether there was room.
  @discardableResult
  func append(_ entry: RawEntry) -> Bool {
    guard bytes.count - count >= Self.byteCount(of: entry) else { return false }
    let place = bytes.baseAddress! + count
    place.storeBytes(of: UInt16(entry.key.count), as: UInt16.self)
    place.storeBytes(of: UInt32(entry.value.mv_size), toByteOffset: 2, as: UInt32.self)
    let key = place + Self.headByteCount
    key.copyMemory(from: entry.key.baseAddress!, byteCount: entry.key.count)
    (key + entry.key.count).copyMemory(
      from: entry.value.mv_data, byteCount: entry.value.mv_size)
    count += Self.byteCount(of: entry)
    return true
  }

  /// The entry at a place, which moves behind it.
  func next(_ place: inout Int) -> RawEntry? {
    guard place < count else { return nil }
    let head = bytes.baseAddress! + place
    let keyCount = Int(head.loadUnaligned(as: UInt16.self))
    let valueCount = Int(head.loadUnaligned(fromByteOffset: 2, as: UInt32.self))
    let key = head + Self.headByteCount
    place += Self.headByteCount + keyCount + valueCount
    return RawEntry(
      key: UnsafeRawBufferPointer(start: key, count: keyCount),
      value: MDB_val(mv_size: valueCount, mv_data: key + keyCount))
  }
}
