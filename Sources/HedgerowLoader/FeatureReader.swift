import HedgerowCore
import HedgerowGraph
import HedgerowTensor
import Synchronization

/// Reads the rows that batches take in: pinned ones from memory, the others from where they are kept.
///
/// Of a column with pinned rows, the others are cold: they are read by one batch at a time, as they were
/// packed, or in the order in which they lie, with many requests under way, so that the device has one
/// deep queue instead of several that wait for each other.
final class FeatureReader<Source: FeatureSource>: Sendable {
  private let source: Source
  private let pinned: PinnedRows?
  private let packed: PackedBatches?
  private let isReading: Bool
  private let isLeaving: Bool
  private let device = Mutex(())

  init(_ source: Source, _ options: LoaderOptions) {
    self.source = source
    pinned = options.pinnedRows
    packed = options.packed
    isReading = options.readsFeatures
    isLeaving = options.leavesRowsInPlace
  }

  /// Starts reading what ``rows(of:_:_:_:)`` will need, but for columns with pinned rows.
  func prefetch(_ columns: [(name: String, width: Int)], _ nodes: [UInt32], _ type: NodeType) {
    for column in columns where isReading && pinned?.column(column.name, of: type) == nil {
      source.prefetch(nodes.span, of: type, column: column.name)
    }
  }

  /// The columns of a type side by side, as rows of these nodes: nodes x the sum of the widths.
  func rows(
    of columns: [(name: String, width: Int)], _ nodes: [UInt32], _ type: NodeType,
    _ work: inout BatchWork
  ) throws -> Tensor {
    if isLeaving, columns.count == 1, pinned?.column(columns[0].name, of: type) == nil {
      let rows = try work.measure(.gather) {
        try source.rowsInPlace(nodes.span, of: type, column: columns[0].name)
      }
      if let rows {
        work.rows.read += isReading ? nodes.count : 0
        return Tensor(isReading ? rows : .ones(nodes.count, width: columns[0].width))
      }
    }
    return try sideBySide(columns, rowCount: nodes.count) { column, rows in
      if !isReading {
        rows.initialize(repeating: 1)
      } else if let pinned = pinned?.column(column, of: type) {
        try read(nodes, pinned, into: rows, &work)
      } else {
        try work.measure(.gather) {
          try source.gather(nodes.span, of: type, column: column, into: rows)
        }
        work.rows.read += nodes.count
      }
    }
  }

  private func read(
    _ nodes: [UInt32], _ pinned: PinnedRows.Column,
    into rows: UnsafeMutableBufferPointer<Float>, _ work: inout BatchWork
  ) throws {
    require(rows.count == nodes.count * pinned.layout.width, "places for other rows")
    let split = work.measure(.gather) { pinned.split(nodes) }
    if !split.otherNodes.isEmpty {
      let (epoch, batch) = (work.epoch, work.batch)
      try work.measure(.read, holding: device) {
        if let packed, let out = rows.baseAddress,
          try packed.read(
            pinned, epoch: epoch, batch: batch, places: split.otherPlaces, into: out)
        {
          return
        }
        try readOthers(split, pinned, into: rows)
      }
    }
    work.measure(.gather) {
      if let rows = rows.baseAddress { pinned.gather(split, into: rows) }
    }
    work.rows.pinned += split.ranks.count
    work.rows.read += split.otherNodes.count
  }

  private func readOthers(
    _ split: BitRanks.Split, _ pinned: PinnedRows.Column,
    into rows: UnsafeMutableBufferPointer<Float>
  ) throws {
    let width = pinned.layout.byteCount
    let size = min(split.otherNodes.count, pinned.layout.rowsAtOnce)
    try withUnsafeTemporaryAllocation(byteCount: size * width, alignment: 64) { buffer in
      for first in stride(from: 0, to: split.otherNodes.count, by: size) {
        let part = first..<min(first + size, split.otherNodes.count)
        let found = UnsafeMutableRawBufferPointer(rebasing: buffer[..<(part.count * width)])
        try source.read(
          split.otherNodes.span.extracting(part), of: pinned.type, column: pinned.name, into: found)
        pinned.layout.widen(
          UnsafeRawBufferPointer(found), into: rows.baseAddress!,
          at: split.otherPlaces.span.extracting(part))
      }
    }
  }
}

extension FeatureSource {
  /// The columns of a type side by side, as rows of these nodes: nodes x the sum of the widths.
  func rows(
    of columns: [(name: String, width: Int)], _ nodes: [UInt32], _ type: NodeType
  ) throws -> Tensor {
    try sideBySide(columns, rowCount: nodes.count) {
      try gather(nodes.span, of: type, column: $0, into: $1)
    }
  }
}

/// Columns, each filled by a call, side by side.
private func sideBySide(
  _ columns: [(name: String, width: Int)], rowCount: Int,
  _ fill: (_ column: String, _ rows: UnsafeMutableBufferPointer<Float>) throws -> Void
) rethrows -> Tensor {
  try concatenated(
    columns.map { column in
      try Tensor(shape: [rowCount, column.width]) { try fill(column.name, $0) }
    })
}

extension RowsInPlace {
  /// One row of ones, so many times.
  fileprivate static func ones(_ count: Int, width: Int) -> RowsInPlace {
    final class Row: @unchecked Sendable {
      // Never written to again.
      let numbers: UnsafeMutableBufferPointer<Float>
      init(_ width: Int) {
        numbers = .allocate(capacity: max(1, width))
        numbers.initialize(repeating: 1)
      }
      deinit { numbers.deallocate() }
    }
    let row = Row(width)
    return RowsInPlace(
      Array(repeating: UnsafeRawPointer(row.numbers.baseAddress!), count: count), of: .float32,
      width: width, owner: row)
  }
}
