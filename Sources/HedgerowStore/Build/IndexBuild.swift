import CHedgerowKernels
import Glibc
import HedgerowCore
import HedgerowMapped
import HedgerowRoaring

/// Makes the index of a column: its distinct values in order, each with the rows that have it.
///
/// Rows are read in order and their values sorted in memory until it is full; each such run goes to
/// a scratch file as values with bitmaps, and the runs are merged. Rows of later runs lie behind
/// those of earlier ones, so that a value's bitmaps are put together end to end. Memory: the share
/// that is given, and the largest bitmap.
struct IndexBuild {
  let column: StoredColumn
  let memory: Int
  let scratch: String
  let onBlock: () throws -> Void

  /// Writes the index to a segment; returns the numbers of its rows and of its distinct values.
  func write(to segment: SegmentWriter) throws -> (rows: UInt64, values: Int) {
    var nulls = RoaringBitmap()
    let file = try ScratchFile(in: scratch)
    var runs: [IndexRun] = []
    let table = RunTable()
    func spill() throws {
      guard table.count > 0 else { return }
      runs.append(try table.write(to: file))
      table.removeAll()
    }
    var row: UInt32 = 0
    // Sorting takes half of it again.
    let limit = memory / 2
    for start in stride(from: 0, to: column.rowCount, by: 1 << 12) {
      try onBlock()
      try column.visitIndexValues(start..<min(column.rowCount, start + 1 << 12)) { value in
        if let value {
          if table.byteCount(adding: value.count) > limit { try spill() }
          table.append(value, row: row)
        } else {
          nulls.insert(row)
        }
        row &+= 1
      }
    }
    try spill()
    try file.flush()
    return (column.rowCount, try merge(runs, of: file, nulls, to: segment))
  }

  private func merge(
    _ runs: [IndexRun], of file: ScratchFile, _ nulls: RoaringBitmap, to segment: SegmentWriter
  ) throws -> Int {
    typealias Section = StoreLayout.IndexSection
    let isText = column.kind.hasVariableLength
    let values = Spool(in: scratch)
    let valueOffsets = Spool(in: scratch)
    let bitmapOffsets = Spool(in: scratch)
    var valueEnd: UInt64 = 0
    var bitmapEnd: UInt64 = 0
    var count = 0
    try segment.beginSection(Section.bitmaps, elementByteCount: 1)
    try valueOffsets.append(valueEnd)
    try bitmapOffsets.append(bitmapEnd)
    func append(_ rows: RoaringBitmap) throws {
      let bytes = rows.serialized()
      try segment.append(bytes)
      bitmapEnd += UInt64(bytes.count)
      try bitmapOffsets.append(bitmapEnd)
    }
    let share = max(16 << 10, memory / max(1, runs.count))
    var readers = RunHeap()
    for (number, run) in runs.enumerated() {
      let reader = RunReader(file, run, number: number, bufferByteCount: min(1 << 20, share))
      if try reader.advance() { readers.push(reader) }
    }
    while let first = readers.first {
      if count % 256 == 0 { try onBlock() }
      let value = first.value
      var rows = RoaringBitmap()
      // The runs that have the value leave the heap one after the other.
      while let reader = readers.first, reader.value == value {
        rows.formUnion(try RoaringBitmap(serialized: reader.bitmap))
        readers.removeFirst()
        if try reader.advance() { readers.push(reader) }
      }
      if isText {
        try value.withUnsafeBytes { try values.append($0) }
        valueEnd += UInt64(value.count)
        try valueOffsets.append(valueEnd)
      } else {
        try values.append(value.withUnsafeBytes { IndexValue.integer($0) })
      }
      try append(rows)
      count += 1
    }
    try append(nulls)
    try segment.beginSection(Section.bitmapOffsets, elementByteCount: 8)
    try bitmapOffsets.drain { try segment.append($0) }
    if isText {
      try segment.beginSection(Section.bytes, elementByteCount: 1)
      try values.drain { try segment.append($0) }
      try segment.beginSection(Section.offsets, elementByteCount: 8)
      try valueOffsets.drain { try segment.append($0) }
    } else {
      try segment.beginSection(Section.integers, elementByteCount: 8)
      try values.drain { try segment.append($0) }
    }
    return count
  }
}

/// Where a sorted run lies in the scratch file.
private struct IndexRun {
  var offset: Int
  var byteCount: Int
}

/// Values with their rows, until they are sorted.
private final class RunTable {
  private var arena: [UInt8] = []
  private var texts: [hr_text] = []

  var count: Int { texts.count }

  /// What one more value would bring the table to: a text, its place, and what sorting needs.
  func byteCount(adding count: Int) -> Int {
    arena.count + count + (texts.count + 1) * (MemoryLayout<hr_text>.stride + 16)
  }

  func append(_ value: UnsafeRawBufferPointer, row: UInt32) {
    texts.append(hr_text(offset: UInt64(arena.count), count: UInt32(value.count), tag: row))
    arena.append(contentsOf: value)
  }

  func removeAll() {
    arena.removeAll(keepingCapacity: true)
    texts.removeAll(keepingCapacity: true)
  }

  /// Writes each distinct value, by rising bytes: the lengths of value and bitmap, and both.
  func write(to file: ScratchFile) throws -> IndexRun {
    let start = file.byteCount
    var order = (0..<UInt32(count)).map { $0 }
    var prefixes = [UInt64](repeating: 0, count: count)
    var scratch = [UInt32](repeating: 0, count: count)
    // Never empty, so that it has an address even when all texts are.
    arena.append(0)
    try arena.withUnsafeBufferPointer { arena in
      hr_sort_texts(arena.baseAddress!, texts, &prefixes, &order, &scratch, count)
      func text(_ place: Int) -> UnsafeRawBufferPointer {
        let text = texts[Int(order[place])]
        return UnsafeRawBufferPointer(
          start: arena.baseAddress! + Int(text.offset), count: Int(text.count))
      }
      var first = 0
      var rows: [UInt32] = []
      while first < count {
        let value = text(first)
        rows.removeAll(keepingCapacity: true)
        var end = first
        // Equal texts keep the order in which they came: their rows rise.
        while end < count, StoredKeys.compare(text(end), value) == 0 {
          rows.append(texts[Int(order[end])].tag)
          end += 1
        }
        let bitmap = RoaringBitmap(rows).serialized()
        try withUnsafeBytes(of: (UInt64(value.count), UInt64(bitmap.count))) {
          try file.append($0)
        }
        try file.append(value)
        try bitmap.withUnsafeBytes { try file.append($0) }
        first = end
      }
    }
    return IndexRun(offset: start, byteCount: file.byteCount - start)
  }
}

/// Reads the values of a run in order.
private final class RunReader {
  private let file: ScratchFile
  private var offset: Int
  private let end: Int
  private var buffer: [UInt8] = []
  private var position = 0
  private let bufferByteCount: Int
  private(set) var value: [UInt8] = []
  private(set) var bitmap: [UInt8] = []

  /// Runs of higher numbers hold later rows.
  let number: Int

  init(_ file: ScratchFile, _ run: IndexRun, number: Int, bufferByteCount: Int) {
    self.file = file
    self.number = number
    offset = run.offset
    end = run.offset + run.byteCount
    self.bufferByteCount = bufferByteCount
  }

  /// Goes to the next value; false at the end.
  func advance() throws -> Bool {
    guard offset < end || position < buffer.count else { return false }
    let lengths = try take(16)
    let (valueCount, bitmapCount) = lengths.withUnsafeBytes {
      (
        Int($0.loadUnaligned(as: UInt64.self)),
        Int($0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
      )
    }
    value = try take(valueCount)
    bitmap = try take(bitmapCount)
    return true
  }

  private func take(_ count: Int) throws -> [UInt8] {
    if buffer.count - position < count {
      buffer.removeFirst(position)
      position = 0
      let wanted = min(max(bufferByteCount, count) - buffer.count, end - offset)
      let filled = buffer.count
      buffer += [UInt8](repeating: 0, count: wanted)
      try buffer.withUnsafeMutableBytes {
        try file.read(at: offset, into: UnsafeMutableRawBufferPointer(rebasing: $0[filled...]))
      }
      offset += wanted
    }
    defer { position += count }
    return Array(buffer[position..<position + count])
  }
}

/// Readers by their current value, then by their number: a binary heap.
private struct RunHeap {
  private var items: [RunReader] = []

  var first: RunReader? { items.first }

  private func precedes(_ a: Int, _ b: Int) -> Bool {
    let order = items[a].value.withUnsafeBytes { a in
      items[b].value.withUnsafeBytes { StoredKeys.compare(a, $0) }
    }
    return order != 0 ? order < 0 : items[a].number < items[b].number
  }

  mutating func push(_ reader: RunReader) {
    items.append(reader)
    var place = items.count - 1
    while place > 0, precedes(place, (place - 1) / 2) {
      items.swapAt(place, (place - 1) / 2)
      place = (place - 1) / 2
    }
  }

  mutating func removeFirst() {
    items.swapAt(0, items.count - 1)
    items.removeLast()
    var place = 0
    while true {
      var least = place
      for child in [2 * place + 1, 2 * place + 2]
      where child < items.count && precedes(child, least) { least = child }
      if least == place { return }
      items.swapAt(place, least)
      place = least
    }
  }
}
