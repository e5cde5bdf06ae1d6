import CHedgerowKernels
import Glibc
import HedgerowCore
import HedgerowStore

/// The edges that a type has in the store, in the order of an index, as records of a layout whose first
/// columns are the stored ones.
///
/// A text stays where it is: its record holds the edge's place in the store, marked as such.
final class StoredEdges: EdgeStream {
  private var cursor: EdgeCursor
  private let layout: EdgeLayout
  private let columns: [ColumnReader]
  private let records: UnsafeMutableRawBufferPointer
  private let values: UnsafeMutableRawBufferPointer
  private let isValid: UnsafeMutableBufferPointer<Bool>
  private var position = 0

  /// Tells an edge's place in the store from a place in the heap of texts.
  private static let mark: UInt64 = 1 << 63

  /// - Parameter index: `in` for edges without columns only; their words have the target above.
  init(
    _ type: EdgeType, in snapshot: Snapshot, _ index: AdjacencyIndex, layout: EdgeLayout
  ) throws {
    require(index == .out || layout.isPlain, "only plain edges are read by their targets")
    cursor = try snapshot.edges(of: type, index)
    self.layout = layout
    columns = try (snapshot.schema.edge(type)?.properties ?? []).map {
      try snapshot.columnReader(of: type, $0.name)
    }
    let count = EdgeCursor.blockCount
    records = .allocate(byteCount: count * layout.recordByteCount, alignment: 16)
    values = .allocate(
      byteCount: count * (columns.map(\.kind.byteWidth).max() ?? 0), alignment: 16)
    isValid = .allocate(capacity: count)
  }

  deinit {
    records.deallocate()
    values.deallocate()
    isValid.deallocate()
  }

  static func isStored(_ place: UInt64) -> Bool { place & mark != 0 }

  /// Calls `body` with the text of a column that is at a marked place.
  func withText(
    _ column: Int, at place: UInt64, _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    let row = Int(place & ~Self.mark)
    try columns[column].readTexts(row..<row + 1) { try body($0!) }
  }

  func next() throws -> UnsafeRawBufferPointer? {
    guard try cursor.advance() else { return nil }
    let count = cursor.rows.count
    let start = records.baseAddress!
    if layout.isPlain {
      hr_zip_u64(
        cursor.rows, cursor.neighbors, count, start.assumingMemoryBound(to: UInt64.self))
    } else {
      memset(start, 0, count * layout.width)
      for (row, (source, target)) in zip(cursor.rows, cursor.neighbors).enumerated() {
        EdgeLayout.setEnds(start + row * layout.width, source, target)
      }
      for column in columns.indices { try fill(column, count) }
      position += count
    }
    return UnsafeRawBufferPointer(rebasing: records[..<(count * layout.recordByteCount)])
  }

  private func fill(_ column: Int, _ count: Int) throws {
    let rows = position..<position + count
    let start = records.baseAddress! + layout.offsets[column]
    if columns[column].kind.hasVariableLength {
      var row = 0
      try columns[column].readTexts(rows) { text in
        isValid[row] = text != nil
        if text != nil {
          start.storeBytes(
            of: UInt64(position + row) | Self.mark, toByteOffset: row * layout.width,
            as: UInt64.self)
        }
        row += 1
      }
    } else {
      let width = columns[column].kind.byteWidth
      try columns[column].read(
        rows, into: UnsafeMutableRawBufferPointer(rebasing: values[..<(count * width)]),
        isValid: UnsafeMutableBufferPointer(rebasing: isValid[..<count]))
      hr_values_to_records(
        values.baseAddress!.assumingMemoryBound(to: UInt8.self), width, count,
        start.assumingMemoryBound(to: UInt8.self), layout.width)
    }
    for row in 0..<count where isValid[row] {
      layout.setValid(records.baseAddress! + row * layout.width, column)
    }
  }
}
