import CHedgerowKernels
package import HedgerowCore

/// The external keys of one node type while they are gathered, and afterwards the ids they have.
///
/// First come the rows: the nodes that the store has, by id, and the lines of the type's node files, in
/// order; then the keys that edges mention. A row's id is its place among the rows that are kept; keys
/// that only edges mention follow, rising. So without node files ids rise with the keys, and no id
/// depends on memory or threads.
///
/// Integer keys are a bitmap as long as the rows, if there are any, are 0, 1, 2, ... and keys are
/// small enough for the memory. All others are texts (integers as 8 bytes that sort as they do, UUIDs
/// as their 16) in a hash table, which spills sorted runs when its memory is full; look-ups are then made in batches
/// that are merged with the sorted whole (``KeyQueries``).
package final class NodeKeys {
  package enum Form: Sendable { case integers, uuids, texts }

  package let type: NodeType
  package let form: Form
  /// Nodes that the store has: the first rows.
  package internal(set) var storedCount = 0
  /// Rows so far, dropped ones included.
  package private(set) var rowCount = 0
  /// Nodes of the type, once sealed.
  package private(set) var count = 0
  /// Nodes that only edges mention, once sealed.
  package private(set) var createdCount = 0

  let scratch: String
  let memory: Int
  var bits: KeyBits?
  let table = TextTable()
  var runs: TextRuns?
  /// All keys with their tags, when they did not fit in memory.
  private(set) var spilled: SortedTexts?
  /// Of the table's texts, once sealed.
  private(set) var order: [UInt32] = []
  private(set) var isSealed = false

  // A tag is a row, or `rowCount` and more for a node that edges made.
  private static let madeByEdge = UInt32.max
  private let dropped = KeyBits(memory: 1 << 40)
  private var hasDropped = false
  private var keptRowCount = 0

  /// What to do with a row whose key an earlier row has: throws, or returns to drop it.
  package typealias OnDuplicate = (_ key: String, _ first: Int, _ second: Int) throws -> Void

  package init(_ type: NodeType, form: Form, memory: Int, scratch: String) {
    self.type = type
    self.form = form
    self.memory = memory
    self.scratch = scratch
    if form == .integers { bits = KeyBits(memory: memory) }
  }

  // MARK: Gathering

  /// Takes note of rows that will not become nodes, and of how many there are now.
  package func endRows(at rowCount: Int, dropping rows: some Sequence<Int>) throws {
    self.rowCount = rowCount
    guard rowCount < UInt32.max else { throw tooMany() }
    for row in rows { drop(row) }
  }

  private func drop(_ row: Int) {
    dropped.insert(row)
    hasDropped = true
  }

  private func tooMany() -> HedgerowError {
    HedgerowError(.badData, "node type '\(type)' has 2^32 nodes or more; that is the limit")
  }

  /// Makes the nodes 0..<count, each its own key.
  package func addIdentityRows(_ count: Int) throws {
    var next: Int64 = 0
    while next < count {
      let part = (next..<min(Int64(count), next + 65536)).map { $0 }
      guard part.withUnsafeBufferPointer({ bits!.insert($0) }) == part.count else {
        throw HedgerowError(
          .usage, "\(count) keys of node type '\(type)' do not fit in memory: raise --memory")
      }
      next += Int64(part.count)
    }
    keptRowCount = count
    try endRows(at: count, dropping: EmptyCollection())
  }

  /// Adds the keys of rows; `row(i)` is the place of the i-th among all rows.
  package func addRows(
    integers keys: UnsafeBufferPointer<Int64>, row: (Int) -> Int, onDuplicate: OnDuplicate
  ) throws {
    var index = 0
    if let bits {
      while index < keys.count, keys[index] == Int64(keptRowCount + index) { index += 1 }
      let fitting = UnsafeBufferPointer(rebasing: keys[..<index])
      index = bits.insert(fitting)
      keptRowCount += index
      if index == keys.count { return }
      try leaveBits()
    }
    let rest = index
    try withEncoded(Array(keys[rest...])) {
      try addRows(texts: $0, row: { row(rest + $0) }, onDuplicate: onDuplicate)
    }
  }

  /// Texts, or the 16 bytes of each UUID.
  package func addRows(
    texts: [UnsafeBufferPointer<UInt8>], row: (Int) -> Int, onDuplicate: OnDuplicate
  ) throws {
    try makeRoom(count: texts.count, byteCount: texts.reduce(0) { $0 + $1.count })
    if let last = texts.indices.last, row(last) >= UInt32.max { throw tooMany() }
    keptRowCount += texts.count
    try table.insert(texts, tags: texts.indices.map { UInt32(row($0)) }) { place, number in
      try onDuplicate(name(of: texts[place]), Int(table.tag(number)), row(place))
      drop(row(place))
      keptRowCount -= 1
    }
  }

  /// The keys that are not there yet, in order. Any number of threads may ask while nobody adds.
  package func unknown(integers keys: [Int64]) -> [Int64] {
    if let bits { return keys.withUnsafeBufferPointer { bits.unknown($0) } }
    return withEncoded(keys) { unknown(keys, $0) }
  }

  package func unknown(
    texts: [UnsafeBufferPointer<UInt8>]
  ) -> [UnsafeBufferPointer<UInt8>] { unknown(texts, texts) }

  package func unknown(uuids: [UUIDKey]) -> [UUIDKey] {
    Self.withEncoded(uuids) { unknown(uuids, $0) }
  }

  private func unknown<Key>(_ keys: [Key], _ texts: [UnsafeBufferPointer<UInt8>]) -> [Key] {
    let numbers = [UInt32](unsafeUninitializedCapacity: texts.count) { numbers, count in
      count = texts.count
      if count > 0 { table.find(texts, into: numbers.baseAddress!) }
    }
    return zip(keys, numbers).lazy.filter { $1 == .max }.map { $0.0 }
  }

  /// Calls `body` with the 16 bytes of each UUID.
  package static func withEncoded<T>(
    _ uuids: [UUIDKey], _ body: ([UnsafeBufferPointer<UInt8>]) throws -> T
  ) rethrows -> T { try withPieces(of: uuids, byteCount: 16, body) }

  /// Calls `body` with the 8 bytes of each integer that sort as it does.
  func withEncoded<T>(
    _ keys: [Int64], _ body: ([UnsafeBufferPointer<UInt8>]) throws -> T
  ) rethrows -> T {
    try Self.withPieces(
      of: keys.map { (UInt64(bitPattern: $0) ^ 1 << 63).bigEndian }, byteCount: 8, body)
  }

  private static func withPieces<Key, T>(
    of keys: [Key], byteCount: Int, _ body: ([UnsafeBufferPointer<UInt8>]) throws -> T
  ) rethrows -> T {
    try keys.withUnsafeBytes { bytes in
      let bytes = bytes.assumingMemoryBound(to: UInt8.self)
      return try body(
        keys.indices.map {
          UnsafeBufferPointer(rebasing: bytes[byteCount * $0..<byteCount * ($0 + 1)])
        })
    }
  }

  /// Adds keys that edges mention.
  package func addMentions(integers keys: [Int64]) throws {
    var index = 0
    if let bits {
      index = keys.withUnsafeBufferPointer { bits.insert($0) }
      if index == keys.count { return }
      try leaveBits()
    }
    try withEncoded(Array(keys[index...])) { try addMentions(texts: $0) }
  }

  package func addMentions(texts: [UnsafeBufferPointer<UInt8>]) throws {
    try makeRoom(count: texts.count, byteCount: texts.reduce(0) { $0 + $1.count })
    table.insert(
      texts, tags: [UInt32](repeating: Self.madeByEdge, count: texts.count), onKnown: { _, _ in })
  }

  /// Goes on with the table, into which all keys of the bitmap go.
  private func leaveBits() throws {
    guard let bits else { return }
    self.bits = nil
    var row: UInt32 = 0
    try bits.visit { key in
      try makeRoom(count: 1, byteCount: 8)
      guard key < Int64(keptRowCount) else {
        withEncoded(key) { _ = table.insert($0, tag: Self.madeByEdge) }
        return
      }
      while hasDropped, dropped.contains(Int(row)) { row += 1 }
      withEncoded(key) { _ = table.insert($0, tag: row) }
      row += 1
    }
  }

  private func makeRoom(count: Int, byteCount: Int) throws {
    guard table.count > 0, table.footprint(adding: count, byteCount: byteCount) > memory else {
      return
    }
    if runs == nil { runs = try TextRuns(scratch: scratch) }
    try runs!.spill(table)
    table.removeAll()
  }

  /// The 8 bytes of an integer that sort as it does.
  package func withEncoded<T>(
    _ key: Int64, _ body: (UnsafeBufferPointer<UInt8>) throws -> T
  ) rethrows -> T {
    let word = (UInt64(bitPattern: key) ^ 1 << 63).bigEndian
    return try withUnsafeBytes(of: word) { bytes in
      try bytes.withMemoryRebound(to: UInt8.self) { try body($0) }
    }
  }

  func decoded(_ text: UnsafeBufferPointer<UInt8>) -> Int64 {
    let word = UnsafeRawPointer(text.baseAddress!).loadUnaligned(as: UInt64.self)
    return Int64(bitPattern: UInt64(bigEndian: word) ^ 1 << 63)
  }

  func uuid(_ text: UnsafeBufferPointer<UInt8>) -> UUIDKey {
    UnsafeRawPointer(text.baseAddress!).loadUnaligned(as: UUIDKey.self)
  }

  /// Calls `body` with a key of a file as the dictionary has it, or with nil when it is none of the
  /// form.
  package func withEncoded<T>(
    field key: UnsafeBufferPointer<UInt8>, _ body: (UnsafeBufferPointer<UInt8>?) throws -> T
  ) rethrows -> T {
    switch form {
    case .texts: return try body(key)
    case .uuids:
      guard let uuid = UUIDKey(key) else { return try body(nil) }
      return try withUnsafeBytes(of: uuid) { bytes in
        try bytes.withMemoryRebound(to: UInt8.self) { try body($0) }
      }
    case .integers:
      guard hr_classify(key.baseAddress!, key.count) == HR_CLASS_INTEGER else {
        return try body(nil)
      }
      var integer: Int64 = 0
      _ = hr_parse_int64(key.baseAddress!, key.count, &integer)
      return try withEncoded(integer, body)
    }
  }

  /// A key of the dictionary as people write it.
  func name(of text: UnsafeBufferPointer<UInt8>) -> String {
    switch form {
    case .integers: "\(decoded(text))"
    case .uuids: "\(uuid(text))"
    case .texts: String(text)
    }
  }

  // MARK: Numbering

  /// Ends the gathering and gives every key its id.
  ///
  /// - Parameter onBlock: called often, but for the sorting of what is in memory; may throw to stop.
  package func seal(onBlock: () throws -> Void = {}, onDuplicate: OnDuplicate) throws {
    var count = 0
    func onText() throws {
      count += 1
      if count % Self.blockCount == 0 { try onBlock() }
    }
    if let bits {
      bits.seal()
      createdCount = bits.count - keptRowCount
    } else if let runs {
      try runs.spill(table)
      table.removeAll()
      spilled = try runs.merge(memory: memory) { text, tags in
        try onText()
        guard let first = tags.min(), first != Self.madeByEdge else { return try nextCreated() }
        for row in tags.sorted().dropFirst() where row != Self.madeByEdge {
          try onDuplicate(name(of: text), Int(first), Int(row))
          drop(Int(row))
          keptRowCount -= 1
        }
        return first
      }
      self.runs = nil
    } else {
      order = table.sortedOrder()
      for index in order {
        try onText()
        if table.tag(Int(index)) == Self.madeByEdge {
          table.setTag(Int(index), try nextCreated())
        }
      }
    }
    dropped.seal()
    self.count = keptRowCount + createdCount
    guard self.count < UInt32.max else { throw tooMany() }
    isSealed = true
  }

  private func nextCreated() throws -> UInt32 {
    guard rowCount + createdCount < UInt32.max else { throw tooMany() }
    createdCount += 1
    return UInt32(rowCount + createdCount - 1)
  }

  /// The id of a tag: rows that were dropped have none.
  func id(ofTag tag: UInt32) -> UInt32 {
    hasDropped ? tag - UInt32(dropped.count(below: Int(tag))) : tag
  }

  /// Whether a row was dropped, for its key or for what its line said.
  package func isDropped(row: Int) -> Bool {
    hasDropped && dropped.contains(row)
  }

  /// Bytes of all keys together.
  package var keyByteCount: Int {
    spilled?.byteCount ?? (bits != nil ? 8 * count : table.textByteCount)
  }

  /// Bytes that the sealed dictionary holds.
  package var residentByteCount: Int {
    (bits?.byteCount ?? 0) + table.footprint(adding: 0, byteCount: 0) + dropped.byteCount
  }

  /// Whether any row has no node.
  package var hasDroppedRows: Bool { hasDropped }

  /// The rows that have no node, rising.
  package func visitDroppedRows(_ body: (Int) throws -> Void) rethrows {
    try dropped.visit { try body(Int($0)) }
  }
  /// Rows that became nodes, once sealed.
  package var keptRows: Int { keptRowCount }
}
