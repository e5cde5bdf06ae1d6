import CHedgerowKernels
import Glibc
import HedgerowCore

/// Reads a delimited file on a thread of its own and hands out chunks of whole rows, in order.
///
/// Chunks end at row ends: a line end inside quotes does not count. At most two batches are in
/// flight, so that the memory is bounded whatever the file.
package final class ChunkFeed: @unchecked Sendable {
  package static let chunkByteCount = 256 << 10

  private let source: ByteSource
  private let delimiter: UInt8
  private let comment: UInt8
  private let firstLine: Int
  private let skipByteCount: Int
  private let skipChunkCount: Int
  private let batchByteCount: Int
  private let monitor = Monitor()
  private var thread: pthread_t?
  // Guarded by `monitor`.
  private var queue: [TextChunk] = []
  private var free: [TextChunk] = []
  private var queuedByteCount = 0
  private var inFlightByteCount = 0
  private var isOver = false
  private var isStopping = false
  private var failure: HedgerowError?

  /// - Parameters:
  ///   - comment: begins lines that say nothing; 0 for none.
  ///   - firstLine: the number of the line that the source begins with.
  ///   - skipByteCount: bytes at the start (a mark, a header) that hold no rows.
  ///   - skipChunkCount: chunks that were read by an earlier run; a file has the same ones every time.
  ///   - batchCount: chunks that are worked on at a time.
  package init(
    source: ByteSource, delimiter: UInt8, comment: UInt8 = 0, firstLine: Int = 1,
    skipByteCount: Int,
    skipChunkCount: Int = 0, batchCount: Int
  ) {
    self.source = source
    self.delimiter = delimiter
    self.comment = comment
    self.firstLine = firstLine
    self.skipByteCount = skipByteCount
    self.skipChunkCount = skipChunkCount
    batchByteCount = batchCount * Self.chunkByteCount
    thread = Thread.start { self.readAll() }
  }

  /// Ends the thread; whoever made the feed calls this when it is done with it.
  package func stop() {
    monitor.withLock {
      isStopping = true
      monitor.wakeAll()
    }
    if let thread { pthread_join(thread, nil) }
    thread = nil
  }

  /// The next chunks, at least one unless the file has ended. Give them back with ``recycle(_:)``.
  package func nextBatch() throws -> [TextChunk] {
    try monitor.withLock {
      while !isOver && queuedByteCount < batchByteCount { monitor.wait() }
      if queue.isEmpty, let failure { throw failure }
      var batch: [TextChunk] = []
      var taken = 0
      while taken < batchByteCount, batch.count < queue.count {
        taken += queue[batch.count].capacity
        batch.append(queue[batch.count])
      }
      queue.removeFirst(batch.count)
      queuedByteCount -= taken
      return batch
    }
  }

  package func recycle(_ batch: [TextChunk]) {
    for chunk in batch { chunk.forgetFaults() }
    monitor.withLock {
      for chunk in batch {
        inFlightByteCount -= chunk.capacity
        if chunk.capacity == Self.chunkByteCount { free.append(chunk) }
      }
      monitor.wakeAll()
    }
  }

  private func readAll() {
    do {
      try cutChunks()
    } catch {
      let failure =
        error as? HedgerowError ?? HedgerowError(.io, "\(error)", at: source.name)
      monitor.withLock { self.failure = failure }
    }
    monitor.withLock {
      isOver = true
      monitor.wakeAll()
    }
  }

  /// A chunk to fill, or nil when nobody wants any.
  private func takeChunk() -> TextChunk? {
    monitor.withLock {
      while !isStopping && inFlightByteCount >= 2 * batchByteCount { monitor.wait() }
      if isStopping { return nil }
      return free.popLast() ?? TextChunk(capacity: Self.chunkByteCount)
    }
  }

  private func publish(_ chunk: TextChunk) {
    monitor.withLock {
      queue.append(chunk)
      queuedByteCount += chunk.capacity
      inFlightByteCount += chunk.capacity
      monitor.wakeAll()
    }
  }

  private func cutChunks() throws {
    var line = try skipStart()
    var carry: [UInt8] = []
    var hasEnded = false
    var skipped = 0
    while !hasEnded || !carry.isEmpty {
      guard let chunk = takeChunk() else { return }
      if chunk.capacity < carry.count + 1 { chunk.grow(to: 2 * carry.count) }
      carry.withUnsafeBytes { if $0.count > 0 { memcpy(chunk.bytes, $0.baseAddress!, $0.count) } }
      chunk.count = carry.count
      var cut = 0
      while cut == 0 {
        if !hasEnded {
          // One byte stays for a line end that the file may lack.
          let room = chunk.capacity - 1 - chunk.count
          let count = try source.read(
            into: UnsafeMutableRawBufferPointer(start: chunk.bytes + chunk.count, count: room))
          chunk.count += count
          hasEnded = count < room
        }
        cut = hr_last_row_end(chunk.bytes, 0, chunk.count, delimiter, comment)
        if hasEnded && cut < chunk.count {
          if chunk.bytes[chunk.count - 1] != UInt8(ascii: "\n") {
            chunk.bytes[chunk.count] = UInt8(ascii: "\n")
            chunk.count += 1
          }
          cut = chunk.count
        }
        if cut > 0 || (hasEnded && chunk.count == 0) { break }
        guard chunk.count <= TextChunk.longestRow else {
          throw HedgerowError(
            .badData,
            "is longer than \(ByteSize.format(TextChunk.longestRow)): "
              + "is a quote missing, or is this no text file?",
            at: "\(source.name):\(line)")
        }
        chunk.grow(to: min(2 * chunk.capacity, TextChunk.longestRow + ChunkFeed.chunkByteCount))
      }
      if chunk.count == 0 { return }
      carry = Array(UnsafeBufferPointer(start: chunk.bytes + cut, count: chunk.count - cut))
      chunk.count = cut
      chunk.firstLine = line
      chunk.filePosition = source.filePosition
      line += hr_count_byte(chunk.bytes, cut, UInt8(ascii: "\n"))
      if skipped < skipChunkCount {
        skipped += 1
        if chunk.capacity == Self.chunkByteCount { monitor.withLock { free.append(chunk) } }
      } else {
        publish(chunk)
      }
    }
  }

  /// Steps over what comes before the rows and returns the line they begin on.
  private func skipStart() throws -> Int {
    var line = firstLine
    var left = skipByteCount
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
    defer { buffer.deallocate() }
    while left > 0 {
      let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(left, buffer.count)])
      let count = try source.read(into: part)
      if count == 0 { break }
      let bytes = part.baseAddress!.assumingMemoryBound(to: UInt8.self)
      line += hr_count_byte(bytes, count, UInt8(ascii: "\n"))
      left -= count
    }
    return line
  }
}
