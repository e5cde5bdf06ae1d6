import CHedgerowKernels
import Glibc
import HedgerowCore
import HedgerowMapped

/// Sorts more fixed-width records than fit in memory.
///
/// ```swift
/// let sorter = try ExternalSorter(.words, memory: 256 << 20, scratch: directory)
/// try sorter.append(words)
/// let sorted = try sorter.finish()
/// while let block = try sorted.next() { ... }
/// ```
/// Records are collected in half of the memory and radix-sorted into the other half. A full buffer
/// becomes a sorted run in one scratch file; the runs are merged as they are read. Equal keys keep
/// the order in which they were appended, so the result does not depend on the memory.
///
/// Not for use by two threads at a time.
package final class ExternalSorter {
  /// What records look like.
  package enum Shape: Sendable {
    /// Native 64-bit words in numeric order.
    case words
    /// `width` bytes of which the first `keyWidth` decide as `memcmp` does.
    case records(width: Int, keyWidth: Int)

    package var width: Int {
      switch self {
      case .words: 8
      case .records(let width, _): width
      }
    }

    var keyWidth: Int {
      switch self {
      case .words: 8
      case .records(_, let keyWidth): keyWidth
      }
    }
  }

  package let shape: Shape
  /// Records appended so far.
  package private(set) var count = 0

  private let memory: Int
  private let scratch: String
  /// What the files of runs are called, when they are to be there after a kill.
  private let name: String?
  private let capacity: Int
  private var records: UnsafeMutableRawPointer
  private var spare: UnsafeMutableRawPointer
  private var buffered = 0
  private var file: ScratchFile?
  private var runs: [SortedRun] = []
  /// The file before its runs were merged; a checkpoint may name it.
  private var mergedFile: ScratchFile?

  /// - Parameters:
  ///   - memory: bytes for buffers, at least 1 MiB.
  ///   - name: of the file with the runs, for one that may go on after a kill: see ``checkpoint``.
  ///   - expected: records that will come, when known: no more memory than they need is taken.
  package init(
    _ shape: Shape, memory: Int, scratch: String, named name: String? = nil, expected: Int = .max
  ) {
    self.shape = shape
    self.memory = max(memory, 1 << 20)
    self.scratch = scratch
    self.name = name
    let limit = self.memory / 2 / shape.width
    capacity = max(1, min(limit, expected))
    records = Self.allocate(capacity * shape.width)
    spare = Self.allocate(capacity * shape.width)
  }

  deinit { release() }

  /// Whole pages, large ones where the system has them: radix passes write all over the buffer.
  private static func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer {
    let alignment = byteCount >= 4 << 20 ? 2 << 20 : 4096
    let size = (byteCount + alignment - 1) / alignment * alignment
    let pointer = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: alignment)
    if alignment > 4096 { madvise(pointer, size, Int32(MADV_HUGEPAGE)) }
    return pointer
  }

  private var isReleased = false
  private func release() {
    guard !isReleased else { return }
    isReleased = true
    records.deallocate()
    spare.deallocate()
  }

  /// Whether the next `count` records still fit without a run being written.
  package func fits(_ count: Int) -> Bool { buffered + count <= capacity }

  /// Whether some records are in runs already.
  package var hasRuns: Bool { file != nil }

  /// Appends whole records.
  package func append(_ bytes: UnsafeRawBufferPointer) throws {
    let width = shape.width
    require(bytes.count % width == 0, "\(bytes.count) bytes are no records of \(width)")
    var left = bytes
    while left.count > 0 {
      if buffered == capacity { try spill() }
      let part = min(left.count, (capacity - buffered) * width)
      memcpy(records + buffered * width, left.baseAddress!, part)
      buffered += part / width
      left = UnsafeRawBufferPointer(rebasing: left[part...])
    }
    count += bytes.count / width
  }

  private func sortBuffer() -> UnsafeMutableRawPointer {
    let width = shape.width
    let sorted: UnsafeMutableRawPointer
    switch shape {
    case .words:
      sorted = UnsafeMutableRawPointer(
        hr_sort_u64(
          records.assumingMemoryBound(to: UInt64.self), spare.assumingMemoryBound(to: UInt64.self),
          buffered))
    case .records(_, let keyWidth):
      sorted = UnsafeMutableRawPointer(
        hr_sort_records(
          records.assumingMemoryBound(to: UInt8.self), spare.assumingMemoryBound(to: UInt8.self),
          buffered, width, keyWidth))
    }
    if sorted != records { swap(&records, &spare) }
    return records
  }

  /// Sorts what is buffered and writes it as a run.
  package func spill() throws {
    guard buffered > 0 else { return }
    let file = try self.file ?? ScratchFile(in: scratch, named: name, bufferByteCount: 1 << 16)
    self.file = file
    let start = file.byteCount
    try file.append(
      UnsafeRawBufferPointer(start: sortBuffer(), count: buffered * shape.width))
    runs.append(SortedRun(offset: start, byteCount: file.byteCount - start))
    buffered = 0
  }

  /// Ends the appending. The sorter's memory passes to the result.
  package func finish() throws -> SortedRecords {
    guard file != nil else {
      let sorted = sortBuffer()
      spare.deallocate()
      isReleased = true
      return SortedRecords(shape, owning: sorted, count: buffered)
    }
    if buffered > 0 { try spill() }
    release()
    // Enough for each run to be read in stretches that a disk likes.
    let fanIn = max(2, min(64, memory / (128 << 10)))
    let unmerged = file!
    while runs.count > fanIn { try mergeGroups(of: fanIn) }
    if file !== unmerged, name != nil { mergedFile = unmerged }
    try file!.flush()
    return try SortedRecords(shape, runs: runs, in: file!, count: count, memory: memory)
  }

  /// Merges neighboring runs, so that their order among equal keys stays.
  private func mergeGroups(of fanIn: Int) throws {
    let old = file!
    try old.flush()
    let new = try ScratchFile(
      in: scratch, named: name.map { "\($0)-\(runs.count)" }, bufferByteCount: 1 << 16)
    var merged: [SortedRun] = []
    var first = 0
    while first < runs.count {
      let group = Array(runs[first..<min(first + fanIn, runs.count)])
      let start = new.byteCount
      let total = group.reduce(0) { $0 + $1.byteCount } / shape.width
      let records = try SortedRecords(shape, runs: group, in: old, count: total, memory: memory)
      while let block = try records.next() { try new.append(block) }
      merged.append(SortedRun(offset: start, byteCount: new.byteCount - start))
      first += fanIn
    }
    file = new
    runs = merged
  }
}

/// Where a sorted run is in its file.
struct SortedRun: Codable {
  var offset: Int
  var byteCount: Int
}

// MARK: - After a kill

/// Sorted runs in a named file, from which a sorter or its result can be had again.
package struct SortedRuns: Codable {
  package var file: String
  var byteCount: Int
  var runs: [SortedRun]
  package var count: Int
}

extension ExternalSorter {
  /// What has been appended, all of it in runs; call ``spill()`` first. `nil` without any run.
  package func checkpoint() throws -> SortedRuns? {
    guard let file, let name = file.name else { return nil }
    require(buffered == 0, "\(buffered) records are in no run")
    try file.flush()
    return SortedRuns(file: name, byteCount: file.byteCount, runs: runs, count: count)
  }

  /// Takes over what another sorter of the same shape and name had at its checkpoint.
  package func resume(_ checkpoint: SortedRuns) throws {
    require(count == 0, "a sorter goes on before anything else is appended")
    file = try ScratchFile(
      reopening: checkpoint.file, in: scratch, byteCount: checkpoint.byteCount,
      bufferByteCount: 1 << 16)
    runs = checkpoint.runs
    count = checkpoint.count
  }
}

/// Sorted records, read a block at a time from memory or by merging runs.
package final class SortedRecords: @unchecked Sendable {
  package let count: Int
  private let shape: ExternalSorter.Shape
  // In memory.
  private var owned: UnsafeMutableRawPointer?
  private var position = 0
  // On disk.
  private let file: ScratchFile?
  private let runs: [SortedRun]
  private let stretchByteCount: Int
  private let stretches: UnsafeMutableRawPointer
  private let cursors: UnsafeMutablePointer<hr_cursor>
  private let tree: UnsafeMutablePointer<UInt32>
  private var nextOffsets: [Int] = []
  private var merge = hr_merge()
  private let output: UnsafeMutableRawBufferPointer
  private static let blockRecordCount = 1 << 16

  init(_ shape: ExternalSorter.Shape, owning records: UnsafeMutableRawPointer, count: Int) {
    self.shape = shape
    self.count = count
    owned = records
    file = nil
    runs = []
    stretchByteCount = 0
    stretches = .allocate(byteCount: 1, alignment: 1)
    cursors = .allocate(capacity: 1)
    tree = .allocate(capacity: 1)
    output = .allocate(byteCount: 0, alignment: 8)
  }

  init(
    _ shape: ExternalSorter.Shape, runs: [SortedRun], in file: ScratchFile, count: Int, memory: Int
  ) throws {
    self.shape = shape
    self.count = count
    self.file = file
    self.runs = runs
    let width = shape.width
    let share = min(1 << 20, memory / (runs.count + 1))
    stretchByteCount = max(1, share / width) * width
    stretches = .allocate(byteCount: stretchByteCount * runs.count, alignment: 16)
    cursors = .allocate(capacity: runs.count)
    tree = .allocate(capacity: max(1, runs.count))
    output = .allocate(
      byteCount: max(1, min(Self.blockRecordCount, share / width)) * width, alignment: 16)
    try rewind()
  }

  deinit {
    owned?.deallocate()
    stretches.deallocate()
    cursors.deallocate()
    tree.deallocate()
    output.deallocate()
  }

  /// Goes back to the first record.
  package func rewind() throws {
    position = 0
    guard file != nil else { return }
    nextOffsets = runs.map(\.offset)
    merge = hr_merge()
    merge.cursors = cursors
    merge.tree = tree
    merge.runs = UInt32(runs.count)
    merge.width = UInt32(shape.width)
    merge.key_width = UInt32(shape.keyWidth)
    for run in runs.indices { try fill(run) }
  }

  private func fill(_ run: Int) throws {
    let end = runs[run].offset + runs[run].byteCount
    let count = min(stretchByteCount, end - nextOffsets[run])
    let start = stretches + run * stretchByteCount
    try file!.read(
      at: nextOffsets[run], into: UnsafeMutableRawBufferPointer(start: start, count: count))
    nextOffsets[run] += count
    let bytes = start.assumingMemoryBound(to: UInt8.self)
    cursors[run] = hr_cursor(
      next: bytes, end: bytes + count, is_last: nextOffsets[run] == end ? 1 : 0)
  }

  /// The next records, or nil at the end; they stay where they are until the next call.
  package func next() throws -> UnsafeRawBufferPointer? {
    let width = shape.width
    if let owned {
      guard position < count else { return nil }
      let part = min(Self.blockRecordCount, count - position)
      defer { position += part }
      return UnsafeRawBufferPointer(start: owned + position * width, count: part * width)
    }
    var written = 0
    let room = output.count / width
    while written < room {
      var produced = 0
      let run = hr_merge_next(
        &merge, output.baseAddress!.assumingMemoryBound(to: UInt8.self) + written * width,
        room - written, &produced)
      written += produced
      if run < 0 { break }
      try fill(Int(run))
    }
    return written > 0 ? UnsafeRawBufferPointer(rebasing: output[..<(written * width)]) : nil
  }
}
