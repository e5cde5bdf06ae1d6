import Hedgerow

/// Writes a file of many like items, made in chunks by all threads, in bounded memory.
struct ChunkWriter {
  let file: BufferedFile
  let pool: ThreadPool
  let progress: ProgressBar

  /// - Parameters:
  ///   - count: how many items there are.
  ///   - chunk: how many make a chunk.
  ///   - byteCount: the most that an item takes.
  ///   - fill: writes the items of a range to the buffer, and says how many bytes they took.
  func write(
    count: Int, chunk: Int, byteCount: Int,
    fill: @Sendable (Range<Int>, UnsafeMutableRawBufferPointer) -> Int
  ) throws {
    let slotCount = 2 * pool.threadCount
    let slotSize = chunk * byteCount
    let buffer = UnsafeMutableRawBufferPointer.allocate(
      byteCount: slotCount * slotSize, alignment: 64)
    defer { buffer.deallocate() }
    var start = 0
    while start < count {
      try Interruption.check()
      let parts = min(slotCount, (count - start + chunk - 1) / chunk)
      let first = start
      let lengths = [Int](unsafeUninitializedCapacity: parts) { lengths, initialized in
        let lengths = lengths  // each part writes its own element and its own slot
        pool.run(parts: parts) { part in
          let lower = first + part * chunk
          let slot = UnsafeMutableRawBufferPointer(
            rebasing: buffer[part * slotSize..<(part + 1) * slotSize])
          lengths[part] = fill(lower..<min(lower + chunk, count), slot)
        }
        initialized = parts
      }
      for part in 0..<parts {
        let slot = part * slotSize..<part * slotSize + lengths[part]
        try file.write(UnsafeRawBufferPointer(rebasing: buffer[slot]))
      }
      start = min(count, first + parts * chunk)
      progress.advance(by: start - first)
    }
  }
}

/// Writes numbers and words as text into memory that is known to be long enough.
struct TextCursor {
  private var address: UnsafeMutableRawPointer
  private let start: UnsafeMutableRawPointer

  init(_ buffer: UnsafeMutableRawBufferPointer) {
    start = buffer.baseAddress!
    address = start
  }

  var byteCount: Int { address - start }

  /// A decimal number of at most 10 digits.
  @inline(__always)
  mutating func write(_ number: UInt32) {
    let digitCount = Self.digitCount(number)
    var rest = number
    var place = digitCount
    while place > 0 {
      place -= 1
      let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
      address.storeBytes(
        of: 48 &+ UInt8(truncatingIfNeeded: digit), toByteOffset: place, as: UInt8.self)
      rest = quotient
    }
    address += digitCount
  }

  @inline(__always)
  mutating func write(byte: UInt8) {
    address.storeBytes(of: byte, as: UInt8.self)
    address += 1
  }

  mutating func write(_ word: StaticString) {
    address.copyMemory(from: word.utf8Start, byteCount: word.utf8CodeUnitCount)
    address += word.utf8CodeUnitCount
  }

  @inline(__always)
  private static func digitCount(_ number: UInt32) -> Int {
    if number < 100_000 {
      return number < 100 ? (number < 10 ? 1 : 2) : number < 1000 ? 3 : number < 10_000 ? 4 : 5
    }
    if number < 10_000_000 { return number < 1_000_000 ? 6 : 7 }
    return number < 100_000_000 ? 8 : number < 1_000_000_000 ? 9 : 10
  }
}
