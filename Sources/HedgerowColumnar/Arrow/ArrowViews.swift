import Glibc
import HedgerowCore

/// Texts as views: each of sixteen bytes, which hold a short text, or say in which of several buffers a
/// longer one is.
///
/// (https://arrow.apache.org/docs/format/Columnar.html, "Variable-size Binary View Layout")
final class ArrowViews {
  private let views: ArrowBuffer
  private let buffers: ArrowBuffers
  private let places: Range<Int>
  private let window: PageBuffer
  private var current: ViewedBuffer?
  private var currentPlace = -1
  private static let longestShort = 12
  private static let longest = 64 << 20

  /// - Parameter next: the buffer of views, behind which are those that they lead to.
  init(_ buffers: ArrowBuffers, from next: Int, count: Int, budget: MemoryBudget) throws {
    views = try buffers.buffer(next)
    self.buffers = buffers
    places = next + 1..<next + 1 + count
    window = PageBuffer("texts of a record batch", budget: budget)
  }

  /// Appends the next texts, copied to a room; those that are not there are empty.
  func append(
    _ count: Int, _ isThere: ArraySlice<Bool>, to out: inout [UnsafeRawBufferPointer],
    in room: PageBuffer
  ) throws {
    var bytes = [UInt8](repeating: 0, count: 16 * count)
    try bytes.withUnsafeMutableBytes { try views.read(into: $0) }
    try bytes.withUnsafeBytes { bytes in
      func number(_ index: Int, _ part: Int) -> Int {
        Int(bytes.loadUnaligned(fromByteOffset: 16 * index + 4 * part, as: Int32.self).littleEndian)
      }
      var total = 0
      let flags = Array(isThere)
      for index in 0..<count where flags[index] {
        guard number(index, 0) >= 0 else { throw PageFault("has a text of no length") }
        total += number(index, 0)
        guard total <= Self.longest else { throw PageFault("has texts of more than 64 MiB") }
      }
      let texts = try room.prepare(total)
      var place = 0
      for index in 0..<count {
        let length = flags[index] ? number(index, 0) : 0
        let text = UnsafeMutableRawBufferPointer(rebasing: texts[place..<place + length])
        place += length
        if length > Self.longestShort {
          try copy(number(index, 2), at: number(index, 3), to: text)
        } else {
          text.copyMemory(
            from: UnsafeRawBufferPointer(rebasing: bytes[16 * index + 4..<16 * index + 4 + length]))
        }
        out.append(UnsafeRawBufferPointer(text))
      }
    }
  }

  private func copy(
    _ number: Int, at offset: Int, to text: UnsafeMutableRawBufferPointer
  ) throws {
    guard number >= 0, number < places.count else {
      throw PageFault("has a text in buffer \(number) of \(places.count)")
    }
    if currentPlace != number || current == nil {
      current = try ViewedBuffer(
        buffers.buffer(places.lowerBound + number), in: buffers.file, room: window)
      currentPlace = number
    }
    try current?.copy(offset, to: text)
  }
}

/// A buffer of texts in any order: a window of it, or all of it if it is compressed.
private final class ViewedBuffer {
  private let file: FileBytes
  private let room: PageBuffer
  private let byteCount: Int
  /// In the file, of one that is not compressed.
  private let start: Int?
  private var held = 0..<0
  private var bytes = UnsafeMutableRawBufferPointer(start: nil, count: 0)
  private static let windowByteCount = 1 << 18
  private static let longest = 64 << 20

  init(_ buffer: ArrowBuffer, in file: FileBytes, room: PageBuffer) throws {
    self.file = file
    self.room = room
    byteCount = buffer.left
    start = buffer.start
    guard start == nil else { return }
    guard byteCount <= Self.longest else {
      throw PageFault("has a compressed buffer of more than 64 MiB")
    }
    bytes = try room.prepare(byteCount)
    try buffer.read(into: bytes)
    held = 0..<byteCount
  }

  func copy(_ offset: Int, to text: UnsafeMutableRawBufferPointer) throws {
    guard offset >= 0, text.count <= byteCount - offset else {
      throw PageFault("has a text that goes on beyond its buffer")
    }
    if let start, offset < held.lowerBound || offset + text.count > held.upperBound {
      if text.count > Self.windowByteCount {
        return try file.read(at: start + offset, into: text)
      }
      held = offset..<min(byteCount, offset + Self.windowByteCount)
      bytes = try room.prepare(held.count)
      try file.read(at: start + offset, into: bytes)
    }
    memcpy(text.baseAddress!, bytes.baseAddress! + offset - held.lowerBound, text.count)
  }
}
