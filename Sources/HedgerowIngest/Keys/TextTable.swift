import CHedgerowKernels
import Glibc
import HedgerowCore

/// Distinct texts, numbered in the order of their first insertion, each with a tag of 32 bits.
///
/// The bytes lie end to end in one arena; an open-addressing table of 8-byte slots (half hash, half
/// number) finds them, so that a look-up touches the arena only for its own text. Look-ups may run
/// on many threads while nobody inserts.
///
/// Time O(1) an operation; memory about 40 bytes a text beside the text itself.
package final class TextTable {
  package private(set) var count = 0
  /// Bytes of all texts.
  package private(set) var textByteCount = 0

  private var arena: UnsafeMutablePointer<UInt8>
  private var arenaCapacity = 1 << 12
  private var entries: UnsafeMutablePointer<hr_text>
  private var entryCapacity = 1 << 8
  private var slots: UnsafeMutablePointer<UInt64>
  private var slotCount = 1 << 9

  package init() {
    arena = Self.resized(nil, to: arenaCapacity)
    entries = Self.resized(nil, to: entryCapacity)
    slots = Self.zeroed(slotCount)
  }

  deinit {
    free(arena)
    free(entries)
    free(slots)
  }

  // The C library moves large blocks by remapping pages, which copies nothing.
  private static func resized<T>(
    _ pointer: UnsafeMutablePointer<T>?, to count: Int
  ) -> UnsafeMutablePointer<T> {
    guard let memory = realloc(pointer, count * MemoryLayout<T>.stride) else {
      fatalError("no memory for \(count * MemoryLayout<T>.stride) bytes of keys")
    }
    return memory.assumingMemoryBound(to: T.self)
  }

  private static func zeroed(_ count: Int) -> UnsafeMutablePointer<UInt64> {
    guard let memory = calloc(count, 8) else {
      fatalError("no memory for \(count * 8) bytes of keys")
    }
    return memory.assumingMemoryBound(to: UInt64.self)
  }

  /// What the table takes once `count` more texts of `byteCount` bytes in all have come, and what
  /// sorting them takes then.
  package func footprint(adding count: Int, byteCount: Int) -> Int {
    var arenaCapacity = self.arenaCapacity
    while arenaCapacity < textByteCount + byteCount { arenaCapacity += arenaCapacity / 2 }
    var entryCapacity = self.entryCapacity
    while entryCapacity < self.count + count { entryCapacity += entryCapacity / 2 }
    var slotCount = self.slotCount
    while 4 * (self.count + count) > 3 * slotCount { slotCount *= 2 }
    return arenaCapacity + entryCapacity * 16 + slotCount * 8 + 20 * (self.count + count)
  }

  package func text(_ index: Int) -> UnsafeBufferPointer<UInt8> {
    let entry = entries[index]
    return UnsafeBufferPointer(start: arena + Int(entry.offset), count: Int(entry.count))
  }

  package func tag(_ index: Int) -> UInt32 { entries[index].tag }
  package func setTag(_ index: Int, _ tag: UInt32) { entries[index].tag = tag }

  package static func hash(_ text: UnsafeBufferPointer<UInt8>) -> UInt64 {
    guard let start = text.baseAddress else { return 0 }
    return hr_hash_bytes(start, text.count)
  }

  /// The number of a text, or nil.
  package func find(_ text: UnsafeBufferPointer<UInt8>) -> Int? {
    find(text, hash: Self.hash(text)).found
  }

  private func find(
    _ text: UnsafeBufferPointer<UInt8>, hash: UInt64
  ) -> (found: Int?, slot: Int) {
    let mask = slotCount - 1
    let mark = hash & 0xFFFF_FFFF_0000_0000
    var slot = Int(truncatingIfNeeded: hash >> 32) & mask
    while true {
      let word = slots[slot]
      if word == 0 { return (nil, slot) }
      if word & 0xFFFF_FFFF_0000_0000 == mark {
        let index = Int(word & 0xFFFF_FFFF) - 1
        let entry = entries[index]
        if Int(entry.count) == text.count
          && (text.isEmpty
            || memcmp(arena + Int(entry.offset), text.baseAddress!, text.count) == 0)
        {
          return (index, slot)
        }
      }
      slot = (slot + 1) & mask
    }
  }

  /// The text's number, and whether it is new; only then the tag is taken.
  @discardableResult
  package func insert(
    _ text: UnsafeBufferPointer<UInt8>, tag: UInt32 = 0
  ) -> (index: Int, isNew: Bool) {
    let hash = Self.hash(text)
    var (found, slot) = find(text, hash: hash)
    if let found { return (found, false) }
    if 4 * (count + 1) > 3 * slotCount {
      growSlots()
      slot = find(text, hash: hash).slot
    }
    if textByteCount + text.count > arenaCapacity {
      while arenaCapacity < textByteCount + text.count { arenaCapacity += arenaCapacity / 2 }
      arena = Self.resized(arena, to: arenaCapacity)
    }
    if count == entryCapacity {
      entryCapacity += entryCapacity / 2
      entries = Self.resized(entries, to: entryCapacity)
    }
    if let start = text.baseAddress { memcpy(arena + textByteCount, start, text.count) }
    entries[count] = hr_text(
      offset: UInt64(textByteCount), count: UInt32(text.count), tag: tag)
    textByteCount += text.count
    slots[slot] = hash & 0xFFFF_FFFF_0000_0000 | UInt64(count + 1)
    count += 1
    return (count - 1, true)
  }

  private func growSlots() {
    let old = slots
    let oldCount = slotCount
    slotCount *= 2
    slots = Self.zeroed(slotCount)
    let mask = slotCount - 1
    for place in 0..<oldCount where old[place] != 0 {
      var slot = Int(truncatingIfNeeded: old[place] >> 32) & mask
      while slots[slot] != 0 { slot = (slot + 1) & mask }
      slots[slot] = old[place]
    }
    free(old)
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
      hr_sort_texts(arena, entries, prefixes, start, scratch, count)
    }
    return order
  }

  /// Forgets all texts and gives the memory back.
  package func removeAll() {
    count = 0
    textByteCount = 0
    arenaCapacity = 1 << 12
    entryCapacity = 1 << 8
    slotCount = 1 << 9
    free(slots)
    arena = Self.resized(arena, to: arenaCapacity)
    entries = Self.resized(entries, to: entryCapacity)
    slots = Self.zeroed(slotCount)
  }
}

extension String {
  package init(_ text: UnsafeBufferPointer<UInt8>) { self.init(decoding: text, as: UTF8.self) }
}
