import CHedgerowKernels
import Glibc
package import HedgerowCore

/// The lines of an input, one after the other, for formats that are read a line at a time.
///
/// Memory: the longest line, at most ``TextChunk/longestRow``.
package final class LineReader {
  package let name: String
  /// The number of the line that was read last, from 1.
  package private(set) var number = 0
  /// Whether that line ended with the file instead of a line feed.
  package private(set) var isCutShort = false
  private let source: ByteSource
  private let onRead: (LineReader) throws -> Void
  /// Within memory that may be read around it, as the parsers of numbers do.
  private var buffer: UnsafeMutableRawBufferPointer
  private var start = 0
  private var end = 0
  private var hasEnded = false

  /// - Parameters:
  ///   - name: what messages call the file.
  ///   - onRead: called for every quarter of a MiB or so; may throw to stop.
  package init(
    _ path: String, called name: String, onRead: @escaping (LineReader) throws -> Void = { _ in }
  ) throws {
    self.name = name
    self.onRead = onRead
    source = try ByteSource(path: path, called: name)
    buffer = Self.allocate(1 << 18)
  }

  deinit { Self.deallocate(buffer) }

  private static func allocate(_ byteCount: Int) -> UnsafeMutableRawBufferPointer {
    let padding = HR_TEXT_PADDING
    let whole = UnsafeMutableRawBufferPointer.allocate(
      byteCount: byteCount + 2 * padding, alignment: 1)
    memset(whole.baseAddress!, 0, padding)
    memset(whole.baseAddress! + padding + byteCount, 0, padding)
    return UnsafeMutableRawBufferPointer(rebasing: whole[padding..<padding + byteCount])
  }

  private static func deallocate(_ buffer: UnsafeMutableRawBufferPointer) {
    (buffer.baseAddress! - HR_TEXT_PADDING).deallocate()
  }

  package var position: Int { source.filePosition }
  package var total: Int { source.fileByteCount }

  /// The next line without its end, or nil. Its bytes stay until the next call.
  package func next() throws -> UnsafeRawBufferPointer? {
    var searched = start
    while true {
      if let stop = memchr(buffer.baseAddress! + searched, 10, end - searched) {
        let at = UnsafeRawPointer(stop) - UnsafeRawPointer(buffer.baseAddress!)
        defer { start = at + 1 }
        return line(upTo: at)
      }
      if hasEnded {
        guard start < end else { return nil }
        defer { start = end }
        isCutShort = true
        return line(upTo: end)
      }
      searched = end - start
      try refill()
    }
  }

  private func line(upTo stop: Int) -> UnsafeRawBufferPointer {
    number += 1
    var stop = stop
    if stop > start, buffer[stop - 1] == 13 { stop -= 1 }
    // A mark of UTF-8 says nothing.
    if number == 1, stop - start >= 3, buffer[start] == 0xEF, buffer[start + 1] == 0xBB,
      buffer[start + 2] == 0xBF
    {
      start += 3
    }
    return UnsafeRawBufferPointer(rebasing: buffer[start..<stop])
  }

  /// Moves what is left to the front and reads behind it.
  private func refill() throws {
    memmove(buffer.baseAddress!, buffer.baseAddress! + start, end - start)
    end -= start
    start = 0
    if end == buffer.count {
      guard buffer.count < TextChunk.longestRow else {
        throw HedgerowError(
          .badData,
          "is longer than \(ByteSize.format(TextChunk.longestRow)): is this no text file?",
          at: "\(name):\(number + 1)")
      }
      let larger = Self.allocate(2 * buffer.count)
      memcpy(larger.baseAddress!, buffer.baseAddress!, end)
      Self.deallocate(buffer)
      buffer = larger
    }
    try onRead(self)
    let room = UnsafeMutableRawBufferPointer(rebasing: buffer[end...])
    let count = try source.read(into: room)
    end += count
    hasEnded = count < room.count
  }

  package func wrong(_ message: String) -> HedgerowError {
    HedgerowError(.badData, message, at: "\(name):\(number)")
  }
}
