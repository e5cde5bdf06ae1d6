package import HedgerowCore

/// Some rows of a column, decoded.
///
/// An item is the value of a row, or an element of a row's list. Items that are null are zero, or empty.
///
/// Reads and writes of its arrays are not watched for overlaps, which would take longer than they do:
/// a cursor changes them in its own `advance` only, which hands them to no one meanwhile.
package final class ColumnStretch {
  @exclusivity(unchecked)
  package internal(set) var count = 0
  /// Of each item whether it is there.
  @exclusivity(unchecked)
  package internal(set) var isThere: [Bool] = []
  /// Of these four, the one that the type says has the items.
  @exclusivity(unchecked)
  package internal(set) var integers: [Int64] = []
  @exclusivity(unchecked)
  package internal(set) var floats: [Float] = []
  @exclusivity(unchecked)
  package internal(set) var doubles: [Double] = []
  /// They stay until the next stretch.
  @exclusivity(unchecked)
  package internal(set) var bytes: [UnsafeRawBufferPointer] = []
  /// Of lists: where the items of each row begin, and behind them where those of the last row end.
  @exclusivity(unchecked)
  package internal(set) var starts: [Int] = []
  /// Of lists: whether a row has one.
  @exclusivity(unchecked)
  package internal(set) var hasList: [Bool] = []

  init() {}

  /// Forgets everything and keeps the room.
  func removeAll() {
    count = 0
    removeItems(isThere.count)
    starts.removeAll(keepingCapacity: true)
    hasList.removeAll(keepingCapacity: true)
  }

  /// Forgets the first items.
  func removeItems(_ number: Int) {
    isThere.removeFirst(number)
    integers.removeFirst(min(number, integers.count))
    floats.removeFirst(min(number, floats.count))
    doubles.removeFirst(min(number, doubles.count))
    bytes.removeFirst(min(number, bytes.count))
  }
}

/// Goes over a column of a file, a stretch of rows at a time.
package protocol ColumnCursor: AnyObject {
  var stretch: ColumnStretch { get }
  /// Puts the next rows into the stretch, at least one; false at the column's end.
  func advance() throws -> Bool
}

/// The longest list that is read: as wide as a vector may be.
let longestList = 1 << 24

/// Goes over several columns of a file at a time, which have their pages at different places: hands out
/// rows that all columns have decoded.
package final class ColumnarRows {
  package let columns: [any ColumnCursor]
  /// The rows: so many, from here on in the stretch of each column.
  package private(set) var count = 0
  package private(set) var starts: [Int]
  /// The number of the first of them in the file, from 0.
  package private(set) var first = 0
  private let rowCount: Int
  private let name: String

  package init(_ file: any ColumnarFile, columns: [Int], budget: MemoryBudget) throws {
    self.columns = try columns.map { try file.makeCursor(of: $0, budget: budget) }
    starts = [Int](repeating: 0, count: columns.count)
    rowCount = file.rowCount
    name = file.name
  }

  /// Goes on; false at the end.
  package func advance() throws -> Bool {
    first += count
    guard first < rowCount else { return false }
    var common = rowCount - first
    for (index, column) in columns.enumerated() {
      starts[index] += count
      if starts[index] == column.stretch.count {
        guard try column.advance() else {
          throw HedgerowError(.badData, "has columns with fewer rows than it claims", at: name)
        }
        starts[index] = 0
      }
      common = min(common, column.stretch.count - starts[index])
    }
    count = common
    return true
  }
}
