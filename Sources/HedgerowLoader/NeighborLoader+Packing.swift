import Glibc
import HedgerowCore
import HedgerowGraph
import HedgerowMapped

/// Whether what coming batches are made of is packed into their order, beside pinned rows.
public enum Packing: String, Sendable, CaseIterable {
  /// Where the device gives packed rows sooner, by how fast it gives some of either kind.
  case automatic
  case always
  case never
}

extension NeighborLoader {
  /// This loader with what coming epochs are made of and memory does not hold packed into the order of their
  /// batches; itself where that does not pay, or there is no room for one epoch.
  ///
  /// Batches are the same bits. Their subgraphs are sampled now and kept in a file; the rows that are not pinned are
  /// then read by one pass over each column for as many epochs as there is room for.
  ///
  /// - Parameters:
  ///   - epochs: those to come, of which the first ones are packed.
  ///   - firstBatch: of the first epoch.
  ///   - directory: where the files are to be, on a device with room; they are read from there.
  ///   - byteLimit: memory to use meanwhile.
  ///   - checkInterruption: called now and then; throws to stop.
  /// - Throws: what sampling, reading and writing throw.
  public func packing(
    epochs: Range<Int>, from firstBatch: Int = 0, in directory: String, byteLimit: Int,
    when packing: Packing = .automatic, checkInterruption: () throws -> Void = {}
  ) async throws -> NeighborLoader {
    var loader = withoutPacked
    guard packing != .never, let columns = options.pinnedRows?.columns, !columns.isEmpty,
      !epochs.isEmpty, packing == .always || access(directory, W_OK) == 0
    else { return loader }
    do {
      loader.options.packed = try await loader.packed(
        columns, epochs, from: firstBatch, in: directory, byteLimit: byteLimit, packing,
        checkInterruption)
    } catch let error as HedgerowError where packing == .automatic && error.code == .io {
      // There was less room than it seemed; what is wrong with the rows themselves batches will say.
    }
    return loader
  }

  private func packed(
    _ columns: [PinnedRows.Column], _ epochs: Range<Int>, from firstBatch: Int,
    in directory: String, byteLimit: Int, _ packing: Packing, _ checkInterruption: () throws -> Void
  ) async throws -> PackedBatches? {
    let room = try FileSystem.freeByteCount(in: directory) / 2
    let batchesPerEpoch = try batchCount(epoch: epochs.lowerBound)
    var needs = try PackedBatches.Needs(
      columns, counts: columns.map { graph.count(of: $0.type) },
      batchCount: batchesPerEpoch * min(epochs.count, Self.mostPackedEpochs), in: directory,
      byteLimit: byteLimit)
    var packed = epochs.lowerBound..<epochs.lowerBound
    /// How many times what a first epoch needs that has lost its first batches an epoch will need.
    let scale = Double(batchesPerEpoch) / Double(max(1, batchesPerEpoch - firstBatch))
    for epoch in epochs.prefix(Self.mostPackedEpochs) {
      let before = needs.byteCount
      let first = epoch == epochs.lowerBound ? firstBatch : 0
      for try await sampled in subgraphs(columns, epoch: epoch, from: first) {
        try checkInterruption()
        try needs.add(sampled.subgraph, sampled.otherNodes)
        guard needs.byteCount <= room else { return nil }
      }
      packed = packed.lowerBound..<epoch + 1
      if packing == .automatic, epoch == epochs.lowerBound,
        try !packingPays(
          zip(columns, needs.totals).map { ($0.place, Int(scale * Double($1))) },
          epochCount: epochs.count
        ).pays
      {
        return nil
      }
      guard needs.isListedCheaply || packing == .always else {
        if packed.count == 1 { return nil }
        break
      }
      // The next one will need about as many.
      let added = Int(
        (epoch == epochs.lowerBound ? scale : 1) * Double(needs.byteCount - before))
      guard needs.byteCount + added + added / 16 <= room else { break }
    }
    guard needs.totals.contains(where: { $0 > 0 }) else { return nil }
    return try PackedBatches(
      needs, epochs: packed, from: firstBatch, batchesPerEpoch: batchesPerEpoch, of: graph,
      in: directory, bufferByteLimit: byteLimit / 2, checkInterruption: checkInterruption)
  }

  /// This loader, which lets go of what was packed and of the room that it takes.
  public var withoutPacked: NeighborLoader {
    var loader = self
    loader.options.packed = nil
    return loader
  }

  /// Epochs that are packed at once: training may end before them.
  static var mostPackedEpochs: Int { 8 }

  /// Whether packing an epoch's rows, so many of each column, is worth it where the device is as fast as it
  /// is now, and the seconds that it takes for a row by itself, and for a byte of packed ones.
  func packingPays(
    _ columns: [(column: FeatureColumn, rowCount: Int)], epochCount: Int
  ) throws -> (pays: Bool, seconds: (perScatteredRow: Double, perByte: Double)) {
    var (scattered, together, bytes) = (0.0, 0.0, 0.0)
    let rows = columns.reduce(0) { $0 + $1.rowCount }
    for (column, rowCount) in columns where rowCount > 0 {
      let total = graph.count(of: column.type)
      let width = column.layout.byteCount
      let run = min(total, max(1, Self.probedBytes / width))
      // Other ones each time: what the device has given lately it may give from memory of its own.
      let first = UInt32.random(in: 0...UInt32(total - run))
      let secondsScattered = try secondsOfScatteredRow(column)
      let secondsTogether = try seconds(of: (0..<UInt32(run)).map { first + $0 }, column)
      scattered += secondsScattered * Double(rowCount)
      // The pass over the column, and each row written and read.
      let moved =
        Double(total * width) / Double(min(epochCount, Self.mostPackedEpochs))
        + 2 * Double(rowCount * width)
      together += secondsTogether / Double(run * width) * moved
      bytes += moved
    }
    return (
      together < scattered,
      (rows > 0 ? scattered / Double(rows) : 0, bytes > 0 ? together / bytes : 0)
    )
  }

  static var probedRows: Int { 4096 }
  private static var probedBytes: Int { 32 << 20 }

  /// What the device takes for a row by itself, of many that are asked for at once, as fast as it is now.
  func secondsOfScatteredRow(_ column: FeatureColumn) throws -> Double {
    let total = graph.count(of: column.type)
    let probe = min(total, Self.probedRows)
    guard probe > 0 else { return 0 }
    let some = (0..<probe).map { UInt32($0 * total / probe + .random(in: 0...total / probe - 1)) }
    return try seconds(of: some, column) / Double(probe)
  }

  /// Reads some rows as packing would, and says how long it took.
  private func seconds(of nodes: [UInt32], _ column: FeatureColumn) throws -> Double {
    let size = min(nodes.count, column.layout.rowsAtOnce)
    let width = column.layout.byteCount
    let clock = ContinuousClock()
    let start = clock.now
    try withUnsafeTemporaryAllocation(byteCount: size * width, alignment: 64) { buffer in
      for first in stride(from: 0, to: nodes.count, by: size) {
        let part = first..<min(nodes.count, first + size)
        try graph.read(
          nodes.span.extracting(part), of: column.type, column: column.name,
          into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<(part.count * width)]))
      }
    }
    return (clock.now - start).seconds
  }
}
