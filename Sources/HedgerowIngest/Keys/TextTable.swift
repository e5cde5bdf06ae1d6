import CHedgerowKernels
import Glibc
import HedgerowCore

/// Distinct texts, numbered in the order of their first insertion, each with a tag of 32 bits.
///
/// The bytes lie end to end in one arena; an open-addressing table of 8-byte slots (half hash, half
/// number) finds them, so that a look-up touches the arena only for its own text. Of many texts at a
/// time the reads wait for memory together, which is several times as fast. Look-ups may run
/// on many threads while nobody inserts.
///
/// Time O(1) an operation; memory about 40 bytes a text beside the text itself.
package final class TextTable {
  package typealias Text = UnsafeBufferPointer<UInt8>

  private var table = hr_table()
  // Small to begin with: a table with many columns has one of these for each.
  private static let leastArena = 1 << 8
  private static let leastEntries = 1 << 4
  private static let leastSlots = 1 << 5
  private var arenaCapacity = TextTable.leastArena
  private var entryCapacity = TextTable.leastEntries
  private var slotCount = TextTable.leastSlots

  package var count: Int { Int(table.count) }
  /// Bytes of all texts.
  package var textByteCount: Int { Int(table.byte_count) }

  package init() { begin() }

  deinit {
    free(table.arena)
    free(table.entries)
    free(table.slots)
  }

  private func begin() {
    arenaCapacity = Self.leastArena
    entryCapacity = Self.leastEntries
    slotCount = Self.leastSlots
    table = hr_table(
      slots: Self.zeroed(slotCount), mask: UInt64(slotCount - 1),
      entries: Self.resized(nil, to: entryCapacity), arena: Self.resized(nil, to: arenaCapacity),
      count: 0, byte_count: 0, seed: Self.seed)
  }

  // The C library moves large blocks by remapping pages, which copies nothing.
  private static func resized<T>(
    _ pointer: UnsafeMutablePointer<T>?, to count: Int
  ) -> UnsafeMutablePointer<T> {
    guard let memory = realloc(pointer, count * MemoryLayout<T>.stride) else {
      fatalError("no memory for \(count * MemoryLayout<T>.stride) bytes of keys")
    }
    askForLargePages(memory, count * MemoryLayout<T>.stride)
    return memory.assumingMemoryBound(to: T.self)
  }

  /// Look-ups go all over the memory, so that finding its pages costs as much as reading them.
  private static func askForLargePages(_ memory: UnsafeMutableRawPointer, _ byteCount: Int) {
    guard byteCount >= 4 << 20 else { return }
    let start = (Int(bitPattern: memory) + 4095) & ~4095
    let end = (Int(bitPattern: memory) + byteCount) & ~4095
    madvise(UnsafeMutableRawPointer(bitPattern: start), end - start, Int32(MADV_HUGEPAGE))
  }

  /// Drawn once a process, so that nobody can choose keys that all have one hash.
  private static let seed = UInt64.random(in: .min ... .max)

  private static func zeroed(_ count: Int) -> UnsafeMutablePointer<UInt64> {
    guard let memory = calloc(count, 8) else {
      fatalError("no memory for \(count * 8) bytes of keys")
    }
    askForLargePages(memory, count * 8)
    return memory.assumingMemoryBound(to: UInt64.self)
  }

  private struct Capacities {
    var arena: Int
    var entries: Int
    var slots: Int
  }

  /// What there must be room for when `count` more texts of `byteCount` bytes in all have come.
  private func capacities(adding count: Int, byteCount: Int) -> Capacities {
    var needed = Capacities(arena: arenaCapacity, entries: entryCapacity, slots: slotCount)
    while needed.arena < textByteCount + byteCount { needed.arena += needed.arena / 2 }
    while needed.entries < self.count + count { needed.entries += needed.entries / 2 }
    while 4 * (self.count + count) > 3 * needed.slots { needed.slots *= 2 }
    return needed
  }

  /// What the table takes once `count` more texts of `byteCount` bytes in all have come, and what
  /// sorting them takes then.
  package func footprint(adding count: Int, byteCount: Int) -> Int {
    let needed = capacities(adding: count, byteCount: byteCount)
    return needed.arena + needed.entries * 16 + needed.slots * 8 + 20 * (self.count + count)
  }

  private func makeRoom(count: Int, byteCount: Int) {
    let needed = capacities(adding: count, byteCount: byteCount)
    if needed.arena > arenaCapacity {
      arenaCapacity = needed.arena
      table.arena = Self.resized(table.arena, to: arenaCapacity)
    }
    if needed.entries > entryCapacity {
      entryCapacity = needed.entries
      table.entries = Self.resized(table.entries, to: entryCapacity)
    }
    if needed.slots > slotCount {
      let old = table.slots
      let oldCount = slotCount
      slotCount = needed.slots
      table.slots = Self.zeroed(slotCount)
      table.mask = UInt64(slotCount - 1)
      hr_table_rehash(old, oldCount, &table)
      free(old)
    }
  }

  package func text(_ index: Int) -> Text {
    let entry = table.entries[index]
    return Text(start: table.arena + Int(entry.offset), count: Int(entry.count))
  }

  package func tag(_ index: Int) -> UInt32 { table.entries[index].tag }
  package func setTag(_ index: Int, _ tag: UInt32) { table.entries[index].tag = tag }

  /// The number of a text, or nil.
  package func find(_ text: Text) -> Int? {
    var number = UInt32.max
    withUnsafePointer(to: table) { table in
      withUnsafePointer(to: hr_bytes(text)) { hr_table_find(table, $0, 1, &number) }
    }
    return number == .max ? nil : Int(number)
  }

  /// The numbers of texts, `UInt32.max` for those that are not there.
  package func find(_ texts: [Text], into numbers: UnsafeMutablePointer<UInt32>) {
    withUnsafePointer(to: table) { table in
      texts.withPieces { hr_table_find(table, $0, texts.count, numbers) }
    }
  }

  /// The text's number, and whether it is new; only then the tag is taken.
  @discardableResult
  package func insert(_ text: Text, tag: UInt32 = 0) -> (index: Int, isNew: Bool) {
    makeRoom(count: 1, byteCount: text.count)
    var number: UInt32 = 0
    var isNew: UInt8 = 0
    withUnsafePointer(to: hr_bytes(text)) { text in
      withUnsafePointer(to: tag) { hr_table_insert(&table, text, 1, $0, &number, &isNew) }
    }
    return (Int(number), isNew != 0)
  }

  /// Inserts texts in order, and calls `body` with the place of each that was there already and its
  /// number.
  package func insert(
    _ texts: [Text], tags: [UInt32], onKnown body: (_ place: Int, _ number: Int) throws -> Void
  ) rethrows {
    makeRoom(count: texts.count, byteCount: texts.reduce(0) { $0 + $1.count })
    var numbers = [UInt32](repeating: 0, count: texts.count)
    var isNew = [UInt8](repeating: 0, count: texts.count)
    texts.withPieces { hr_table_insert(&table, $0, texts.count, tags, &numbers, &isNew) }
    for place in texts.indices where isNew[place] == 0 { try body(place, Int(numbers[place])) }
  }

  /// The numbers of all texts by their bytes.
  package func sortedOrder() -> [UInt32] {
    var order = (0..<UInt32(count)).map { $0 }
    let prefixes = UnsafeMutablePointer<UInt64>.allocate(capacity: max(1, count))
    let scratch = UnsafeMutablePointer<UInt32>.allocate(capacity: max(1, count))
    defer {
      prefixes.deallocate()
      scratch.deallocate()
    }
    order.withUnsafeMutableBufferPointer {
      guard let start = $0.baseAddress else { return }
      hr_sort_texts(table.arena, table.entries, prefixes, start, scratch, count)
    }
    return order
  }

  /// Forgets all texts and gives the memory back.
  package func removeAll() {
    free(table.arena)
    free(table.entries)
    free(table.slots)
    begin()
  }
}

extension hr_bytes {
  fileprivate init(_ text: TextTable.Text) { self.init(start: text.baseAddress, count: text.count) }
}

extension [TextTable.Text] {
  /// The texts as C sees them: both are a pointer and a count.
  fileprivate func withPieces(_ body: (UnsafePointer<hr_bytes>?) -> Void) {
    require(
      MemoryLayout<TextTable.Text>.stride == MemoryLayout<hr_bytes>.stride,
      "texts are no pointers with counts")
    withUnsafeBytes { body($0.baseAddress?.assumingMemoryBound(to: hr_bytes.self)) }
  }
}

extension String {
  package init(_ text: UnsafeBufferPointer<UInt8>) { self.init(decoding: text, as: UTF8.self) }
}
