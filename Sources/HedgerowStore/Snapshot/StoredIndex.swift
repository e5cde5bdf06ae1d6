import Glibc
import HedgerowCore
import HedgerowMapped
import HedgerowRoaring

/// The distinct values of a column, in order, and the rows of each.
///
/// It covers the rows that there were when it was made. Rows that came later are not in it, and
/// whoever asks looks at them by their values.
final class StoredIndex: Sendable {
  /// Rows that it covers: those below.
  let rowCount: UInt64
  /// Distinct values.
  let valueCount: Int
  let path: String
  private let segment: MappedSegment
  private let kind: PropertyKind
  /// Texts of a categorical column's codes, which the index holds as integers.
  private let categories: [String]

  private typealias Section = StoreLayout.IndexSection

  init(_ segment: MappedSegment, record: SegmentRecord, of column: StoredColumn) throws {
    self.segment = segment
    path = segment.path
    kind = column.kind
    categories = column.categories
    rowCount = record.rowCount
    guard rowCount <= column.rowCount, segment.attributes[1] == record.edgeCount,
      record.edgeCount <= rowCount,
      let count = Int(exactly: segment.attributes[1])
    else {
      throw HedgerowError(
        .damaged, "damaged segment: its counts do not fit the catalog", at: segment.path)
    }
    valueCount = count
    if kind.hasVariableLength {
      _ = try segment.elements(Section.offsets, as: UInt64.self, count: count + 1)
    } else {
      _ = try segment.elements(Section.integers, as: Int64.self, count: count)
    }
    // One bitmap more: of the rows without a value.
    _ = try segment.elements(Section.bitmapOffsets, as: UInt64.self, count: count + 2)
    guard segment.section(Section.bitmaps) != nil,
      !kind.hasVariableLength || segment.section(Section.bytes) != nil
    else { throw HedgerowError(.damaged, "damaged segment: no values or bitmaps", at: path) }
  }

  private var integers: UnsafeBufferPointer<Int64> {
    segment.section(Section.integers)!.assumingMemoryBound(to: Int64.self)
  }

  private func slice(_ offsets: UInt32, _ bytes: UInt32, _ place: Int) throws
    -> UnsafeRawBufferPointer
  {
    let offsets = segment.section(offsets)!.assumingMemoryBound(to: UInt64.self)
    let bytes = segment.section(bytes)!
    let (start, end) = (offsets[place], offsets[place + 1])
    guard start <= end, end <= UInt64(bytes.count) else {
      throw HedgerowError(.damaged, "the offsets of value \(place) make no sense", at: path)
    }
    return UnsafeRawBufferPointer(rebasing: bytes[Int(start)..<Int(end)])
  }

  private func text(_ place: Int) throws -> UnsafeRawBufferPointer {
    try slice(Section.offsets, Section.bytes, place)
  }

  /// The rows of the value at a place; those without one behind the last.
  private func rows(_ place: Int) throws -> RoaringBitmap {
    let rows: RoaringBitmap
    do {
      rows = try RoaringBitmap(serialized: slice(Section.bitmapOffsets, Section.bitmaps, place))
    } catch var error as HedgerowError {
      error.place = error.place ?? path
      throw error
    }
    if let last = rows.max(), UInt64(last) >= rowCount {
      throw HedgerowError(.damaged, "row \(last) of \(rowCount) in an index", at: path)
    }
    return rows
  }

  private func nulls() throws -> RoaringBitmap { try rows(valueCount) }

  // MARK: Asking

  /// The rows that it covers whose value passes a test; `nil` when going over the column is faster,
  /// as with a range of very many values.
  func rows(passing test: ColumnTest) throws -> RoaringBitmap? {
    var places: [Range<Int>] = []
    switch test {
    case .null: return try nulls()
    case .notNull:
      guard rowCount > 0 else { return RoaringBitmap() }
      return RoaringBitmap(0...UInt32(rowCount - 1)).subtracting(try nulls())
    case .reals: return nil
    case .integers(let intervals):
      let integers = integers
      for interval in intervals {
        // Bounds of integers are included.
        let lower = interval.lower.map { bound in
          partition { integers[$0] >= bound.value }
        }
        let upper = interval.upper.map { bound in
          partition { integers[$0] > bound.value }
        }
        let start = lower ?? 0
        places.append(start..<max(start, upper ?? valueCount))
      }
    case .texts(let intervals) where kind == .categorical:
      let integers = integers
      for place in 0..<valueCount {
        guard integers[place] >= 0, integers[place] < categories.count else {
          throw HedgerowError(
            .damaged, "category \(integers[place]) of \(categories.count)", at: path)
        }
        let text = ByteText(Array(categories[Int(integers[place])].utf8))
        if ColumnTest.contains(intervals, text) { places.append(place..<place + 1) }
      }
    case .texts(let intervals):
      for interval in intervals {
        let lower = try interval.lower.map { bound in
          try partition {
            let order = TextIntervals.compare(try text($0), bound.value)
            return bound.isIncluded ? order >= 0 : order > 0
          }
        }
        let upper = try interval.upper.map { bound in
          try partition {
            let order = TextIntervals.compare(try text($0), bound.value)
            return bound.isIncluded ? order > 0 : order >= 0
          }
        }
        let start = lower ?? 0
        places.append(start..<max(start, upper ?? valueCount))
      }
    }
    let count = places.reduce(0) { $0 + $1.count }
    guard count <= max(64, Int(rowCount) / Self.rowsPerBitmap) else { return nil }
    var found = RoaringBitmap()
    for place in places.joined() { found.formUnion(try rows(place)) }
    return found
  }

  /// Rows that are looked at in about the time that one bitmap takes.
  private static let rowsPerBitmap = 128

  /// The first place from which on a condition holds, which holds from some place on.
  private func partition(_ holds: (Int) throws -> Bool) rethrows -> Int {
    var low = 0
    var high = valueCount
    while low < high {
      let middle = (low + high) / 2
      if try holds(middle) { high = middle } else { low = middle + 1 }
    }
    return low
  }

  // MARK: Checking

  /// Calls `body` with each value as the index orders it, and its rows, `nil` for null.
  ///
  /// - Throws: `damaged` for values that do not rise, or bitmaps that are none.
  func visit(_ body: (UnsafeRawBufferPointer?, RoaringBitmap) throws -> Void) throws {
    for place in 0..<valueCount {
      let rises: Bool
      if place == 0 {
        rises = true
      } else if kind.hasVariableLength {
        rises = StoredKeys.compare(try text(place - 1), try text(place)) < 0
      } else {
        rises = integers[place - 1] < integers[place]
      }
      guard rises else {
        throw HedgerowError(.damaged, "values \(place - 1) and \(place) do not rise", at: path)
      }
      let rows = try rows(place)
      guard !rows.isEmpty else {
        throw HedgerowError(.damaged, "value \(place) has no row", at: path)
      }
      if kind.hasVariableLength {
        try body(try text(place), rows)
      } else {
        try IndexValue.withBytes(of: integers[place]) { try body($0, rows) }
      }
    }
    try body(nil, try nulls())
  }
}

/// Values as an index orders them: by bytes.
enum IndexValue {
  /// Whether an index can hold the values of a kind.
  static func isIndexable(_ kind: PropertyKind) -> Bool {
    switch kind {
    case .bool, .int8, .int16, .int32, .int64, .uint8, .timestamp, .categorical, .string, .bytes:
      true
    case .float16, .bfloat16, .float32, .float64, .scaledInt8, .vector: false
    }
  }

  /// Calls `body` with the 8 bytes of an integer that sort as it does.
  static func withBytes<T>(
    of integer: Int64, _ body: (UnsafeRawBufferPointer) throws -> T
  ) rethrows -> T {
    try withUnsafeBytes(of: (UInt64(bitPattern: integer) ^ 1 << 63).bigEndian, body)
  }

  static func integer(_ bytes: UnsafeRawBufferPointer) -> Int64 {
    Int64(bitPattern: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)) ^ 1 << 63)
  }
}

extension StoredColumn {
  /// Calls `body` with the value of each row as an index orders it, `nil` for null.
  func visitIndexValues(
    _ rows: Range<UInt64>, _ body: (UnsafeRawBufferPointer?) throws -> Void
  ) throws {
    if kind.hasVariableLength { return try visitTexts(rows, body) }
    let width = kind.byteWidth
    let block = 4096
    let values = UnsafeMutableRawBufferPointer.allocate(byteCount: block * width, alignment: 16)
    let isValid = UnsafeMutableBufferPointer<Bool>.allocate(capacity: block)
    defer {
      values.deallocate()
      isValid.deallocate()
    }
    var row = rows.lowerBound
    while row < rows.upperBound {
      let count = Int(min(UInt64(block), rows.upperBound - row))
      try copy(
        row..<row + UInt64(count),
        into: UnsafeMutableRawBufferPointer(rebasing: values[..<(count * width)]),
        isValid: UnsafeMutableBufferPointer(rebasing: isValid[..<count]))
      for index in 0..<count {
        guard isValid[index] else {
          try body(nil)
          continue
        }
        func load<T: BitwiseCopyable>(_ type: T.Type) -> T {
          values.loadUnaligned(fromByteOffset: index * width, as: T.self)
        }
        let integer: Int64 =
          switch kind {
          case .bool: load(UInt8.self) == 0 ? 0 : 1
          case .uint8: Int64(load(UInt8.self))
          case .int8: Int64(load(Int8.self))
          case .int16: Int64(load(Int16.self))
          case .int32: Int64(load(Int32.self))
          case .categorical: Int64(load(UInt32.self))
          default: load(Int64.self)
          }
        try IndexValue.withBytes(of: integer) { try body($0) }
      }
      row += UInt64(count)
    }
  }

  /// Checks that the index says of each row what the column says, when there is one. For `verify`.
  func verifyIndex() throws {
    guard let index = try index() else { return }
    // Sums that do not depend on the order of the rows.
    var said = RowSum()
    var seen = RoaringBitmap()
    try index.visit { value, rows in
      guard seen.isDisjoint(with: rows) else {
        throw HedgerowError(.damaged, "a row has two values in the index", at: index.path)
      }
      seen.formUnion(rows)
      let value = RowSum.hash(of: value)
      for row in rows { said.add(value, row: row) }
    }
    var held = RowSum()
    var row: UInt32 = 0
    try visitIndexValues(0..<index.rowCount) { value in
      held.add(RowSum.hash(of: value), row: row)
      row &+= 1
    }
    guard said == held else {
      throw HedgerowError(
        .damaged, "the index of column '\(name)' holds other values than the column",
        at: index.path)
    }
  }
}

/// A sum over the values of rows, in any order.
private struct RowSum: Equatable {
  private var sum: UInt64 = 0
  private var count = 0

  mutating func add(_ value: UInt64, row: UInt32) {
    sum &+= RandomStream.mix(value &+ RandomStream.mix(UInt64(row) &+ 0x9E37_79B9_7F4A_7C15))
    count += 1
  }

  static func hash(of value: UnsafeRawBufferPointer?) -> UInt64 {
    guard let value else { return 0x5851_F42D_4C95_7F2D }
    var hash = RandomStream.mix(UInt64(value.count) &+ 1)
    var place = 0
    while place < value.count {
      var word: UInt64 = 0
      withUnsafeMutableBytes(of: &word) {
        $0.copyMemory(
          from: UnsafeRawBufferPointer(rebasing: value[place..<min(place + 8, value.count)]))
      }
      hash = RandomStream.mix(hash ^ word)
      place += 8
    }
    return hash
  }
}
