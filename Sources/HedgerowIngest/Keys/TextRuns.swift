import Glibc
import HedgerowCore
import HedgerowMapped

/// Sorted texts with tags, spilled from a ``TextTable`` when its memory is full, and their merge.
///
/// A record is the text's length and its tag, 4 bytes each, and the text.
package final class TextRuns {
  private let scratch: String
  private let file: ScratchFile
  private var runs: [SortedRun] = []

  package init(scratch: String) throws {
    self.scratch = scratch
    file = try ScratchFile(in: scratch)
  }

  package func spill(_ table: TextTable) throws {
    let start = file.byteCount
    for index in table.sortedOrder() {
      try file.append(text: table.text(Int(index)), tag: table.tag(Int(index)))
    }
    runs.append(SortedRun(offset: start, byteCount: file.byteCount - start))
  }

  /// Every distinct text once, in order; `combine` sees all tags of a text, the first spilled first,
  /// and makes the one that is kept.
  package func merge(
    memory: Int, combine: (UnsafeBufferPointer<UInt8>, [UInt32]) throws -> UInt32
  ) throws -> SortedTexts {
    try file.flush()
    let share = max(16 << 10, memory / (runs.count + 1))
    let readers = runs.map { TextReader(file, $0, bufferByteCount: min(1 << 20, share)) }
    let output = try ScratchFile(in: scratch)
    var heap = ReaderHeap(readers)
    for reader in readers.indices where try readers[reader].advance() { heap.push(reader) }
    var count = 0
    var key: [UInt8] = []
    var tags: [UInt32] = []
    while let first = heap.first {
      key.removeAll(keepingCapacity: true)
      key.append(contentsOf: readers[first].text)
      tags.removeAll(keepingCapacity: true)
      // Equal texts leave the heap in the order of their runs.
      while let reader = heap.first, readers[reader].text.elementsEqual(key) {
        tags.append(readers[reader].tag)
        heap.removeFirst()
        if try readers[reader].advance() { heap.push(reader) }
      }
      try key.withUnsafeBufferPointer { text in
        try output.append(text: text, tag: combine(text, tags))
      }
      count += 1
    }
    try output.flush()
    return SortedTexts(output, count: count)
  }
}

extension ScratchFile {
  fileprivate func append(text: UnsafeBufferPointer<UInt8>, tag: UInt32) throws {
    try withUnsafeBytes(of: (UInt32(text.count), tag)) { try append($0) }
    try append(UnsafeRawBufferPointer(text))
  }
}

/// Distinct texts with tags in a file, in order.
package final class SortedTexts {
  package let count: Int
  /// Of the texts, about.
  var byteCount: Int { file.byteCount - 8 * count }
  private let file: ScratchFile

  init(_ file: ScratchFile, count: Int) {
    self.file = file
    self.count = count
  }

  /// A reader at the first text.
  package func reader(bufferByteCount: Int = 1 << 20) -> TextReader {
    TextReader(
      file, SortedRun(offset: 0, byteCount: file.byteCount), bufferByteCount: bufferByteCount)
  }
}

/// Reads the texts of one run in order.
package final class TextReader {
  private let file: ScratchFile
  private var offset: Int
  private let end: Int
  private var buffer: UnsafeMutableRawBufferPointer
  private var position = 0
  private var filled = 0
  private var textCount = 0
  /// Of the current text.
  package private(set) var tag: UInt32 = 0

  init(_ file: ScratchFile, _ run: SortedRun, bufferByteCount: Int) {
    self.file = file
    offset = run.offset
    end = run.offset + run.byteCount
    buffer = .allocate(byteCount: bufferByteCount, alignment: 16)
  }

  deinit { buffer.deallocate() }

  /// The current text, until the next ``advance()``.
  package var text: UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(
      start: (buffer.baseAddress! + position - textCount).assumingMemoryBound(to: UInt8.self),
      count: textCount)
  }

  /// Goes to the next text; false at the end.
  package func advance() throws -> Bool {
    guard try load(8) else { return false }
    textCount = Int(buffer.loadUnaligned(fromByteOffset: position, as: UInt32.self))
    tag = buffer.loadUnaligned(fromByteOffset: position + 4, as: UInt32.self)
    position += 8
    _ = try load(textCount)
    position += textCount
    return true
  }

  /// Makes sure that the next `count` bytes are in the buffer; false at the end of the run.
  private func load(_ count: Int) throws -> Bool {
    if filled - position >= count { return true }
    let rest = filled - position
    if rest + end - offset < count { return false }
    if buffer.count < count {
      let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 * count, alignment: 16)
      memcpy(larger.baseAddress!, buffer.baseAddress! + position, rest)
      buffer.deallocate()
      buffer = larger
    } else {
      memmove(buffer.baseAddress!, buffer.baseAddress! + position, rest)
    }
    position = 0
    let part = min(buffer.count - rest, end - offset)
    try file.read(
      at: offset, into: UnsafeMutableRawBufferPointer(rebasing: buffer[rest..<(rest + part)]))
    offset += part
    filled = rest + part
    return filled >= count
  }
}

/// The readers by their current text, ties by their number: a binary heap.
private struct ReaderHeap {
  private let readers: [TextReader]
  private var items: [Int] = []

  init(_ readers: [TextReader]) { self.readers = readers }

  var first: Int? { items.first }

  private func precedes(_ a: Int, _ b: Int) -> Bool {
    let order = compare(readers[a].text, readers[b].text)
    return order != 0 ? order < 0 : a < b
  }

  mutating func push(_ reader: Int) {
    var place = items.count
    items.append(reader)
    while place > 0, precedes(items[place], items[(place - 1) / 2]) {
      items.swapAt(place, (place - 1) / 2)
      place = (place - 1) / 2
    }
  }

  mutating func removeFirst() {
    // The reader at the top has not moved yet, so the order below still holds.
    items.swapAt(0, items.count - 1)
    items.removeLast()
    var place = 0
    while true {
      var least = place
      for child in [2 * place + 1, 2 * place + 2] where child < items.count {
        if precedes(items[child], items[least]) { least = child }
      }
      if least == place { return }
      items.swapAt(place, least)
      place = least
    }
  }
}

/// Below zero, zero or above it, by unsigned bytes.
package func compare(
  _ a: UnsafeBufferPointer<UInt8>, _ b: UnsafeBufferPointer<UInt8>
) -> Int {
  let shared = min(a.count, b.count)
  if shared > 0 {
    let order = memcmp(a.baseAddress!, b.baseAddress!, shared)
    if order != 0 { return Int(order) }
  }
  return a.count - b.count
}
