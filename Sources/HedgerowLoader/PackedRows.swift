import HedgerowCore
import HedgerowGraph
import HedgerowMapped

/// The rows of features that batches to come need and that are not pinned, copied into the order of these
/// batches.
///
/// A batch then reads one stretch of a file, where it would read a page for each row: a device gives such
/// bytes many times as fast. The file has no name, and nothing of it stays behind.
public final class PackedRows: Sendable {
  /// The epochs whose batches are packed, of the first those from `firstBatch` on.
  public let epochs: Range<Int>
  let firstBatch: Int
  /// Bytes of the file.
  public var byteCount: Int { file.byteCount }
  private let batchesPerEpoch: Int
  private let columns: [PinnedRows.Column]
  /// For each column, where each batch's rows begin in the file, and how many there are.
  private let stretches: [[Stretch]]
  private let file: ScratchFile
  /// For each column.
  private let readers: [DirectReader]

  private struct Stretch {
    var offset = 0
    var rowCount = 0
  }

  /// How many rows can be listed in so much memory. A list grows into one of twice its room, and the other
  /// half is for rows on their way into the file.
  static func mostRows(byteLimit: Int) -> Int { byteLimit / 4 / MemoryLayout<UInt64>.size }

  /// Memory that packing takes: a list of the rows, grown to twice its room at most, and what is on its
  /// way into the file.
  static func byteCount(rows: Int, batches: Int, byteLimit: Int) -> Int {
    3 * MemoryLayout<UInt64>.size * rows / 2 + min(byteLimit / 2, batches * mostBufferedBytes)
  }

  /// What batches will need of each column beyond its pinned rows.
  struct Needs {
    let columns: [PinnedRows.Column]
    /// For each column, each batch's rows: the node above 32 bits, the batch's number below.
    fileprivate var rows: [[UInt64]]
    fileprivate(set) var batchCount = 0

    init(_ columns: [PinnedRows.Column]) {
      self.columns = columns
      rows = columns.map { _ in [] }
    }

    /// Of each column.
    var rowCounts: [Int] { rows.map(\.count) }
    var rowCount: Int { rows.reduce(0) { $0 + $1.count } }
    /// Bytes that all these rows have.
    var byteCount: Int {
      zip(columns, rows).reduce(0) { $0 + $1.1.count * $1.0.layout.byteCount }
    }

    /// Adds those of the next batch.
    mutating func add(_ nodes: [[UInt32]]) {
      for (column, nodes) in nodes.enumerated() {
        for node in nodes { rows[column].append(UInt64(node) << 32 | UInt64(batchCount)) }
      }
      batchCount += 1
    }
  }

  /// Copies rows, those of all batches by one pass over each column.
  ///
  /// - Parameters:
  ///   - bufferByteLimit: memory to collect rows in before they are written.
  ///   - checkInterruption: called now and then; throws to stop.
  /// - Throws: what reading and writing throw.
  init(
    _ needs: consuming Needs, epochs: Range<Int>, from firstBatch: Int, batchesPerEpoch: Int,
    of source: some FeatureSource, in directory: String, bufferByteLimit: Int,
    checkInterruption: () throws -> Void
  ) throws {
    (self.epochs, self.firstBatch, self.batchesPerEpoch) = (epochs, firstBatch, batchesPerEpoch)
    columns = needs.columns
    readers = needs.columns.map { DirectReader(rowByteCount: $0.layout.byteCount) }
    file = try ScratchFile(in: directory, bufferByteCount: 0)
    var stretches: [[Stretch]] = []
    for (number, column) in needs.columns.enumerated() {
      var rows = needs.rows[number]
      needs.rows[number] = []
      rows.sort()
      var places = [Stretch](repeating: Stretch(), count: needs.batchCount)
      for row in rows { places[Int(UInt32(truncatingIfNeeded: row))].rowCount += 1 }
      for batch in places.indices {
        places[batch].offset = try file.makeRoom(
          for: Self.pages(places[batch].rowCount * column.layout.byteCount))
      }
      try Self.write(
        rows, of: column, from: source, to: file, at: places.map(\.offset),
        bufferByteLimit: bufferByteLimit, checkInterruption)
      stretches.append(places)
    }
    try file.settle()
    self.stretches = stretches
  }

  private static func pages(_ byteCount: Int) -> Int { (byteCount + 4095) & ~4095 }
  /// Bytes of one batch that are written at once, where memory allows.
  private static var mostBufferedBytes: Int { 64 << 10 }

  private static func write(
    _ rows: [UInt64], of column: PinnedRows.Column, from source: some FeatureSource,
    to file: ScratchFile, at offsets: [Int], bufferByteLimit: Int,
    _ checkInterruption: () throws -> Void
  ) throws {
    let width = column.layout.byteCount
    let fitting = min(mostBufferedBytes, bufferByteLimit / max(1, offsets.count)) / width
    let capacity = max(1, fitting) * width
    let buffers = UnsafeMutableRawBufferPointer.allocate(
      byteCount: capacity * offsets.count, alignment: 64)
    defer { buffers.deallocate() }
    var (written, buffered) = (offsets, [Int](repeating: 0, count: offsets.count))
    func flush(_ batch: Int) throws {
      let first = batch * capacity
      try file.write(
        UnsafeRawBufferPointer(rebasing: buffers[first..<first + buffered[batch]]),
        into: written[batch])
      written[batch] += buffered[batch]
      buffered[batch] = 0
    }

    let partSize = column.layout.rowsAtOnce
    /// The next nodes, each once, and the rows of `rows` that are theirs.
    func part(from first: Int) -> (nodes: [UInt32], rows: Range<Int>) {
      var (nodes, end) = ([UInt32](), first)
      nodes.reserveCapacity(partSize)
      while end < rows.count {
        let node = UInt32(truncatingIfNeeded: rows[end] >> 32)
        if nodes.last != node {
          if nodes.count == partSize { break }
          nodes.append(node)
        }
        end += 1
      }
      return (nodes, first..<end)
    }
    let found = UnsafeMutableRawBufferPointer.allocate(byteCount: partSize * width, alignment: 64)
    defer { found.deallocate() }
    var current = part(from: 0)
    while !current.rows.isEmpty {
      try checkInterruption()
      try source.read(
        current.nodes.span, of: column.type, column: column.name,
        into: UnsafeMutableRawBufferPointer(rebasing: found[..<(current.nodes.count * width)]))
      var place = 0
      for row in rows[current.rows] {
        if current.nodes[place] != UInt32(truncatingIfNeeded: row >> 32) { place += 1 }
        let batch = Int(UInt32(truncatingIfNeeded: row))
        if buffered[batch] == capacity { try flush(batch) }
        (buffers.baseAddress! + batch * capacity + buffered[batch]).copyMemory(
          from: found.baseAddress! + place * width, byteCount: width)
        buffered[batch] += width
      }
      current = part(from: current.rows.upperBound)
    }
    for batch in offsets.indices where buffered[batch] > 0 { try flush(batch) }
  }

  /// Whether a batch's rows are here.
  func holds(epoch: Int, batch: Int) -> Bool {
    epochs.contains(epoch) && (epoch > epochs.lowerBound || batch >= firstBatch)
  }

  /// Writes a batch's rows of a column to their places, as float32.
  ///
  /// - Parameter places: of the rows by rising node.
  func read(
    _ column: PinnedRows.Column, epoch: Int, batch: Int, places: [UInt32],
    into out: UnsafeMutablePointer<Float>
  ) throws {
    let number = (epoch - epochs.lowerBound) * batchesPerEpoch + batch - firstBatch
    guard let index = columns.firstIndex(where: { $0 === column }) else {
      fatalError("rows of '\(column.type).\(column.name)' were packed beside others in memory")
    }
    let stretch = stretches[index][number]
    require(
      stretch.rowCount == places.count,
      "\(places.count) rows for a batch that was packed with \(stretch.rowCount)")
    let width = column.layout.byteCount
    let size = max(1, min(places.count, column.layout.rowsAtOnce))
    try withUnsafeTemporaryAllocation(byteCount: size * width, alignment: 64) { buffer in
      for first in stride(from: 0, to: places.count, by: size) {
        let part = first..<min(first + size, places.count)
        let rows = UnsafeMutableRawBufferPointer(rebasing: buffer[..<(part.count * width)])
        try file.read(
          rowsOf: width, at: stretch.offset + first * width, by: readers[index], into: rows)
        column.layout.widen(
          UnsafeRawBufferPointer(rows), into: out, at: places.span.extracting(part))
      }
    }
  }
}
