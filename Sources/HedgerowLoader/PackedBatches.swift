import HedgerowCore
import HedgerowGraph
import HedgerowMapped

/// What batches to come are made of, in their order: their subgraphs, and the rows of features that they need and
/// that are not pinned.
///
/// A batch then reads two stretches of a file, where it would look for its nodes all over the indices and read a
/// page for each row: a device gives such bytes many times as fast. The files have no names, and nothing of them
/// stays behind.
public final class PackedBatches: Sendable {
  /// The epochs whose batches are packed, of the first those from `firstBatch` on.
  public let epochs: Range<Int>
  let firstBatch: Int
  /// Bytes of the files.
  public var byteCount: Int { file.byteCount + subgraphs.byteCount }
  private let batchesPerEpoch: Int
  private let subgraphs: SubgraphFile
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

  /// How many rows are listed at a time, in half of the memory: each takes 8 bytes, and 4 more while they are
  /// sorted. The other half is for rows on their way into the file.
  private static func mostRows(byteLimit: Int) -> Int {
    max(1, byteLimit / 2 / (3 * MemoryLayout<UInt64>.size / 2))
  }

  /// Memory that packing takes.
  static func byteCount(rows: Int, batches: Int, byteLimit: Int) -> Int {
    3 * MemoryLayout<UInt64>.size / 2 * min(rows, mostRows(byteLimit: byteLimit))
      + min(byteLimit / 2, batches * mostBufferedBytes)
  }

  /// Whether reading so many bytes of nodes once for each list of rows is little beside the rows.
  ///
  /// - Parameters:
  ///   - rows: of all columns together.
  ///   - byteLimit: memory that packing may take.
  static func listsCheaply(rows: Int, rowBytes: Int, nodeBytes: Int, byteLimit: Int) -> Bool {
    rows / mostRows(byteLimit: byteLimit) * nodeBytes <= rowBytes / 4
  }

  /// What batches to come need: their subgraphs in a file, and how many rows of each column are not pinned.
  struct Needs {
    let columns: [PinnedRows.Column]
    fileprivate let subgraphs: SubgraphFile
    fileprivate let mostRows: Int
    /// For each column, of each batch.
    fileprivate var rowCounts: [[Int]]
    /// Of each column.
    fileprivate(set) var totals: [Int]
    /// Bytes of the nodes of each column's type, of all batches together.
    private var nodeByteCount = 0
    private let byteLimit: Int
    /// For each column, of each of its parts, which have ``partSizes`` nodes; one part's rows of all batches can be
    /// listed.
    fileprivate var rowCountsOfParts: [[Int]]
    fileprivate let partSizes: [Int]

    /// - Parameters:
    ///   - counts: nodes that each column has rows of.
    ///   - batchCount: at most so many batches come.
    ///   - byteLimit: memory that packing may take.
    init(
      _ columns: [PinnedRows.Column], counts: [Int], batchCount: Int, in directory: String,
      byteLimit: Int
    ) throws {
      self.columns = columns
      subgraphs = try SubgraphFile(in: directory)
      let mostRows = PackedBatches.mostRows(byteLimit: byteLimit)
      self.mostRows = mostRows
      self.byteLimit = byteLimit
      rowCounts = columns.map { _ in [] }
      totals = columns.map { _ in 0 }
      // Of very many nodes parts are larger than they should be: their counts take memory, too.
      partSizes = counts.map { max(1, mostRows / max(1, batchCount), $0 / 65_536) }
      rowCountsOfParts = zip(counts, partSizes).map { [Int](repeating: 0, count: $0 / $1 + 1) }
    }

    /// Whether listing the rows part by part takes little time beside copying them.
    var isListedCheaply: Bool {
      PackedBatches.listsCheaply(
        rows: totals.reduce(0, +), rowBytes: byteCount - subgraphs.byteCount,
        nodeBytes: nodeByteCount, byteLimit: byteLimit)
    }
    /// Bytes that all this will have in files.
    var byteCount: Int {
      zip(columns, totals).reduce(subgraphs.byteCount) { $0 + $1.1 * $1.0.layout.byteCount }
    }

    /// Adds those of the next batch.
    ///
    /// - Parameter otherNodes: of each column, the nodes whose rows are not pinned.
    mutating func add(_ subgraph: SampledSubgraph, _ otherNodes: [[UInt32]]) throws {
      try subgraphs.append(subgraph)
      for (column, nodes) in otherNodes.enumerated() {
        rowCounts[column].append(nodes.count)
        totals[column] += nodes.count
        nodeByteCount +=
          MemoryLayout<UInt32>.size * (subgraph.nodes[optional: columns[column].type]?.count ?? 0)
        for node in nodes { rowCountsOfParts[column][Int(node) / partSizes[column]] += 1 }
      }
    }

    /// Ranges of a column's nodes, in order, each with as many rows as can be listed.
    fileprivate func ranges(of column: Int) -> [(nodes: Range<Int>, rowCount: Int)] {
      let size = partSizes[column]
      var ranges: [(nodes: Range<Int>, rowCount: Int)] = []
      for (part, count) in rowCountsOfParts[column].enumerated() where count > 0 {
        let end = (part + 1) * size
        if let last = ranges.last, last.rowCount + count <= mostRows {
          ranges[ranges.count - 1] = (last.nodes.lowerBound..<end, last.rowCount + count)
        } else {
          ranges.append((part * size..<end, count))
        }
      }
      return ranges
    }

    /// The rows of a column that batches need of some nodes: the node above 32 bits, the batch's number below; by
    /// rising node.
    fileprivate func rows(
      _ column: Int, of range: (nodes: Range<Int>, rowCount: Int),
      _ checkInterruption: () throws -> Void
    ) throws -> [UInt64] {
      var rows: [UInt64] = []
      rows.reserveCapacity(range.rowCount)
      for batch in 0..<subgraphs.count {
        try checkInterruption()
        let nodes = try subgraphs.nodes(batch, of: columns[column].type)
          .filter { range.nodes.contains(Int($0)) }
        if nodes.isEmpty { continue }
        for node in columns[column].split(nodes).otherNodes {
          rows.append(UInt64(node) << 32 | UInt64(batch))
        }
      }
      rows.sort()
      return rows
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
    subgraphs = needs.subgraphs
    readers = needs.columns.map { DirectReader(rowByteCount: $0.layout.byteCount) }
    let file = try ScratchFile(in: directory, bufferByteCount: 0)
    self.file = file
    try needs.subgraphs.finish()
    var stretches: [[Stretch]] = []
    for (number, column) in needs.columns.enumerated() {
      let places = try needs.rowCounts[number].map { count in
        Stretch(
          offset: try file.makeRoom(for: Self.pages(count * column.layout.byteCount)),
          rowCount: count)
      }
      let writer = RowWriter(
        to: file, at: places.map(\.offset), rowByteCount: column.layout.byteCount,
        byteLimit: bufferByteLimit)
      for range in needs.ranges(of: number) {
        try Self.write(
          needs.rows(number, of: range, checkInterruption), of: column, from: source, by: writer,
          checkInterruption)
      }
      try writer.finish()
      stretches.append(places)
    }
    try file.settle()
    self.stretches = stretches
  }

  private static func pages(_ byteCount: Int) -> Int { (byteCount + 4095) & ~4095 }
  /// Bytes of one batch that are written at once, where memory allows.
  private static var mostBufferedBytes: Int { 64 << 10 }

  /// Reads rows, each once, and writes them to the batches that need them.
  private static func write(
    _ rows: [UInt64], of column: PinnedRows.Column, from source: some FeatureSource,
    by writer: RowWriter, _ checkInterruption: () throws -> Void
  ) throws {
    let width = column.layout.byteCount
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
        try writer.add(
          found.baseAddress! + place * width, to: Int(UInt32(truncatingIfNeeded: row)))
      }
      current = part(from: current.rows.upperBound)
    }
  }

  /// Collects the rows of each batch, and writes them to where the batch's are.
  private final class RowWriter {
    private let file: ScratchFile
    private let rowByteCount: Int
    /// Bytes of each batch that are collected.
    private let capacity: Int
    private let buffers: UnsafeMutableRawBufferPointer
    private var buffered: [Int]
    /// Where the next bytes of each batch go.
    private var offsets: [Int]

    init(to file: ScratchFile, at offsets: [Int], rowByteCount: Int, byteLimit: Int) {
      let fitting = min(mostBufferedBytes, byteLimit / max(1, offsets.count)) / rowByteCount
      self.file = file
      self.rowByteCount = rowByteCount
      self.offsets = offsets
      capacity = max(1, fitting) * rowByteCount
      buffered = [Int](repeating: 0, count: offsets.count)
      buffers = .allocate(byteCount: capacity * offsets.count, alignment: 64)
    }

    deinit { buffers.deallocate() }

    func add(_ row: UnsafeMutableRawPointer, to batch: Int) throws {
      if buffered[batch] == capacity { try flush(batch) }
      (buffers.baseAddress! + batch * capacity + buffered[batch]).copyMemory(
        from: row, byteCount: rowByteCount)
      buffered[batch] += rowByteCount
    }

    private func flush(_ batch: Int) throws {
      let first = batch * capacity
      try file.write(
        UnsafeRawBufferPointer(rebasing: buffers[first..<first + buffered[batch]]),
        into: offsets[batch])
      offsets[batch] += buffered[batch]
      buffered[batch] = 0
    }

    /// Writes what is left.
    func finish() throws {
      for batch in offsets.indices where buffered[batch] > 0 { try flush(batch) }
    }
  }

  /// The number of a batch among those that are here; `nil` where it is none of them.
  private func number(epoch: Int, batch: Int) -> Int? {
    guard epochs.contains(epoch), epoch > epochs.lowerBound || batch >= firstBatch else {
      return nil
    }
    return (epoch - epochs.lowerBound) * batchesPerEpoch + batch - firstBatch
  }

  /// A batch's subgraph; `nil` where it is not here.
  func subgraph(epoch: Int, batch: Int) throws -> SampledSubgraph? {
    try number(epoch: epoch, batch: batch).map(subgraphs.subgraph)
  }

  /// Writes a batch's rows of a column to their places, as float32.
  ///
  /// - Parameter places: of the rows by rising node.
  /// - Returns: whether the batch is here.
  func read(
    _ column: PinnedRows.Column, epoch: Int, batch: Int, places: [UInt32],
    into out: UnsafeMutablePointer<Float>
  ) throws -> Bool {
    guard let number = number(epoch: epoch, batch: batch) else { return false }
    guard let index = columns.firstIndex(where: { $0 === column }) else {
      fatalError("rows of '\(column.type).\(column.name)' were packed beside others in memory")
    }
    let stretch = stretches[index][number]
    require(
      stretch.rowCount == places.count,
      "\(places.count) rows for a batch that was packed with \(stretch.rowCount)")
    let width = column.layout.byteCount
    // Each row to its place as it comes, where there is nothing to be made of it.
    if column.layout.isOfFloat32 {
      var done = 0
      while done < places.count {
        let count = min(1 << 16, places.count - done)
        let isRead = try places.withUnsafeBufferPointer {
          try file.readDirectly(
            rows: count, of: width, at: stretch.offset + done * width, by: readers[index],
            into: out, places: $0.baseAddress! + done)
        }
        guard isRead else { break }
        done += count
      }
      if done == places.count { return true }
    }
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
    return true
  }
}
