import CHedgerowKernels
import HedgerowCore
import Synchronization

/// Where the entries of a sparse matrix are: a row and a column for each, in the order of its values.
///
/// A value that costs the same to copy and to transpose however many entries there are. A place may be
/// there several times, and its entries need not be sorted. Rows, columns and entries are fewer than
/// 2^32. Other readings of the entries - by row, by column, as coordinates - are made when they are
/// first asked for, in time O(entries + rows + columns), and kept.
public struct SparsityPattern: Sendable {
  /// How entries are kept.
  public enum Layout: Sendable {
    /// Coordinates: a row and a column for each entry, in any order.
    case coo
    /// Compressed rows: the entries of row 0, those of row 1, ...
    case csr
    /// Compressed columns: the entries of column 0, those of column 1, ...
    case csc
  }

  /// A row and a column for each entry.
  public typealias Coordinates = (rows: [UInt32], columns: [UInt32])

  private let entries: Entries
  private let isTransposed: Bool

  private init(_ entries: Entries, isTransposed: Bool = false) {
    self.entries = entries
    self.isTransposed = isTransposed
  }

  /// Entries in any order, by their coordinates; traps when one is outside the matrix.
  public init(rows: [UInt32], columns: [UInt32], rowCount: Int, columnCount: Int) {
    require(
      rows.count == columns.count, "\(rows.count) rows for \(columns.count) columns of entries")
    self.init(Entries(.coordinates((rows, columns)), rowCount, columnCount))
  }

  /// The entries of each row, their columns in any order; traps when one is outside the matrix.
  ///
  /// These are all rows, in the order of the entries: without ``CompressedRows/places`` and
  /// ``CompressedRows/entries``.
  public init(_ rows: CompressedRows, columnCount: Int) {
    require(
      rows.places == nil && rows.entries.isEmpty,
      "rows of a matrix are all, and in the order of its entries")
    rows.check(bound: columnCount, "columns")
    var rows = rows
    rows.trim()
    self.init(Entries(.compressed(rows), rows.rowCount, columnCount))
  }

  /// Entries by their coordinates, which are in the order of the layout.
  init(_ coordinates: Coordinates, rowCount: Int, columnCount: Int, ordered layout: Layout) {
    switch layout {
    case .coo:
      self.init(
        rows: coordinates.rows, columns: coordinates.columns, rowCount: rowCount,
        columnCount: columnCount)
    case .csr:
      let offsets = CompressedRows.offsets(counting: coordinates.rows, rowCount: rowCount)
      self.init(
        CompressedRows(offsets: offsets, indices: coordinates.columns, rowCount: rowCount),
        columnCount: columnCount)
    case .csc:
      self =
        SparsityPattern(
          (coordinates.columns, coordinates.rows), rowCount: columnCount, columnCount: rowCount,
          ordered: .csr
        ).transposed()
    }
  }

  public var layout: Layout {
    if case .coordinates = entries.given { return .coo }
    return isTransposed ? .csc : .csr
  }
  public var rowCount: Int { isTransposed ? entries.columnCount : entries.rowCount }
  public var columnCount: Int { isTransposed ? entries.rowCount : entries.columnCount }
  /// Entries in all.
  public var count: Int { entries.count }

  /// Rows as columns: the same entries in the same order, read the other way. Of compressed rows these
  /// are compressed columns, and the other way round.
  public func transposed() -> SparsityPattern {
    SparsityPattern(entries, isTransposed: !isTransposed)
  }

  /// The columns of each row's entries, and in ``CompressedRows/entries`` which entries these are; that is
  /// empty where they are in the order of the layout. Those of coordinates rise, the earlier one of
  /// equals first.
  public var byRow: CompressedRows { isTransposed ? entries.columns : entries.rows }

  /// The rows of each column's entries, as ``byRow``.
  public var byColumn: CompressedRows { isTransposed ? entries.rows : entries.columns }

  /// The row and the column of each entry.
  public var coordinates: Coordinates {
    let (rows, columns) = entries.coordinates
    return isTransposed ? (columns, rows) : (rows, columns)
  }

  /// ``byRow`` with rising columns, the earlier one of equals first.
  var sortedByRow: CompressedRows {
    let rows = byRow
    return rows.rises ? rows : byColumn.transposed(columnCount: rowCount)
  }

  /// Entries as they were given, and what was made of them.
  private final class Entries: Sendable {
    enum Given {
      case coordinates(Coordinates)
      case compressed(CompressedRows)
    }
    private struct Made {
      var coordinates: Coordinates?
      var rows: CompressedRows?
      var columns: CompressedRows?
    }

    let rowCount: Int
    let columnCount: Int
    let count: Int
    let given: Given
    private let made = Mutex(Made())

    init(_ given: Given, _ rowCount: Int, _ columnCount: Int) {
      require(
        0 <= rowCount && rowCount <= UInt32.max && 0 <= columnCount && columnCount <= UInt32.max,
        "a sparse matrix has fewer than 2^32 rows and columns, not \(rowCount) x \(columnCount)")
      switch given {
      case .coordinates(let coordinates):
        count = coordinates.rows.count
        CompressedRows.check(coordinates.rows, below: rowCount, "rows")
        CompressedRows.check(coordinates.columns, below: columnCount, "columns")
      case .compressed(let rows): count = rows.count
      }
      require(count <= UInt32.max, "a sparse matrix has fewer than 2^32 entries, not \(count)")
      self.rowCount = rowCount
      self.columnCount = columnCount
      self.given = given
    }

    var coordinates: Coordinates {
      switch given {
      case .coordinates(let coordinates): coordinates
      case .compressed(let rows):
        made.withLock { made in
          if let coordinates = made.coordinates { return coordinates }
          let coordinates = (rows.rowOfEachEntry(), rows.indices)
          made.coordinates = coordinates
          return coordinates
        }
      }
    }

    var rows: CompressedRows { made.withLock { rows(&$0) } }

    private func rows(_ made: inout Made) -> CompressedRows {
      switch given {
      case .compressed(let rows): return rows
      case .coordinates(let (rows, columns)):
        if let rows = made.rows { return rows }
        let grouped = CompressedRows(grouping: columns, rowCount: columnCount)
        let byColumn = CompressedRows(
          offsets: grouped.offsets, indices: grouped.indices.map { rows[Int($0)] },
          rowCount: columnCount, entries: grouped.indices)
        made.rows = byColumn.transposed(columnCount: rowCount)
        return made.rows!
      }
    }

    var columns: CompressedRows {
      made.withLock { made in
        if let columns = made.columns { return columns }
        made.columns = rows(&made).transposed(columnCount: columnCount)
        return made.columns!
      }
    }
  }
}

extension CompressedRows {
  static func check(_ indices: [UInt32], below bound: Int, _ what: String) {
    require(
      hr_indices_are_valid(indices, indices.count, UInt32(clamping: bound)),
      "\(what) up to \(indices.max() ?? 0) of entries are not below \(bound)")
  }

  /// Where the entries of each row begin, if these are their rows.
  static func offsets(counting rows: [UInt32], rowCount: Int) -> [UInt32] {
    var offsets = [UInt32](repeating: 0, count: rowCount + 1)
    for row in rows { offsets[Int(row) + 1] += 1 }
    for row in 0..<rowCount { offsets[row + 1] += offsets[row] }
    return offsets
  }

  /// Lets go of what the arrays hold beyond the rows.
  mutating func trim() {
    if offsets.count > rowCount + 1 { offsets = Array(offsets[...rowCount]) }
    if indices.count > count { indices = Array(indices[..<count]) }
  }

  /// For each entry, its row.
  func rowOfEachEntry() -> [UInt32] {
    [UInt32](unsafeUninitializedCapacity: count) { rows, count in
      for row in 0..<rowCount {
        let (first, end) = (Int(offsets[row]), Int(offsets[row + 1]))
        rows[first..<end].initialize(repeating: UInt32(truncatingIfNeeded: row))
      }
      count = self.count
    }
  }

  /// Whether the indices of each row rise, or are equal.
  var rises: Bool {
    (0..<rowCount).allSatisfy { row in
      let (first, end) = (Int(offsets[row]), Int(offsets[row + 1]))
      var falls = false
      for entry in first..<max(first, end - 1) {
        falls = falls || indices[entry] > indices[entry + 1]
      }
      return !falls
    }
  }

  /// The rows of each index, rising, and which entries of what these are entries of: a counting sort, in
  /// time O(entries + rows + columns).
  func transposed(columnCount: Int) -> CompressedRows {
    let offsets = Self.offsets(counting: indices, rowCount: columnCount)
    var next = offsets
    var rows = [UInt32](repeating: 0, count: count)
    var places = rows
    next.withUnsafeMutableBufferPointer { next in
      for row in 0..<rowCount {
        for entry in Int(self.offsets[row])..<Int(self.offsets[row + 1]) {
          let column = Int(indices[entry])
          let place = Int(next[column])
          rows[place] = UInt32(truncatingIfNeeded: row)
          places[place] = entries.isEmpty ? UInt32(truncatingIfNeeded: entry) : entries[entry]
          next[column] += 1
        }
      }
    }
    return CompressedRows(offsets: offsets, indices: rows, rowCount: columnCount, entries: places)
  }
}
