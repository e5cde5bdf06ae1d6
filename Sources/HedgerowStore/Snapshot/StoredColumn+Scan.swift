import Glibc
import HedgerowCore
import HedgerowMapped
import HedgerowRoaring

extension StoredColumn {
  /// Rows that are looked at between two calls of `onBlock`.
  private static let blockCount = 1 << 16

  /// The rows whose value passes a test: by the index where there is one, and by a look at each row
  /// that it does not cover.
  ///
  /// - Parameter changed: values that are not those of the column any more.
  func rows(
    passing test: ColumnTest, changed: ChangedValues? = nil, onBlock: () throws -> Void
  ) throws -> RoaringBitmap {
    var found = RoaringBitmap()
    var start: UInt64 = 0
    if let index = try index(), let indexed = try index.rows(passing: test) {
      found = indexed
      start = index.rowCount
    }
    found.formUnion(try rows(start..<rowCount, passing: test, onBlock: onBlock))
    guard let changed else { return found }
    found.subtract(changed.rows)
    for row in changed.rows where test.matches(try changed.value(row)) { found.insert(row) }
    return found
  }

  /// Those of some rows, found by going over them.
  func rows(
    _ rows: Range<UInt64>, passing test: ColumnTest, onBlock: () throws -> Void
  ) throws -> RoaringBitmap {
    var found = RoaringBitmap()
    var hits: [UInt32] = []
    let check = try rowTest(test)
    try forEachBlock(of: rows) { segment, local, first in
      try onBlock()
      hits.removeAll(keepingCapacity: true)
      try check(segment, local, UInt32(first), &hits)
      hits.withUnsafeBufferPointer { found.insert(contentsOf: $0) }
    }
    return found
  }

  /// Calls `body` with a segment, some of its rows, and the number of the first among all.
  private func forEachBlock(
    of rows: Range<UInt64>, _ body: (Int, Range<Int>, UInt64) throws -> Void
  ) throws {
    for segment in 0..<segmentCount {
      let start = max(rows.lowerBound, starts[segment])
      let end = min(rows.upperBound, starts[segment + 1])
      var row = start
      while row < end {
        let next = min(end, row + UInt64(Self.blockCount))
        let local = Int(row - starts[segment])..<Int(next - starts[segment])
        prefetch(segment, local)
        try body(segment, local, row)
        row = next
      }
    }
  }

  /// Adds the numbers of rows of a segment that pass, the first of which has the number given.
  private typealias RowTest = (Int, Range<Int>, UInt32, inout [UInt32]) throws -> Void

  private func rowTest(_ test: ColumnTest) throws -> RowTest {
    switch test {
    case .null: return nullTest(wanted: false)
    case .notNull: return nullTest(wanted: true)
    case .integers(let intervals):
      switch kind {
      case .bool, .uint8: return integerTest(intervals, UInt8.self)
      case .int8: return integerTest(intervals, Int8.self)
      case .int16: return integerTest(intervals, Int16.self)
      case .int32: return integerTest(intervals, Int32.self)
      default: return integerTest(intervals, Int64.self)
      }
    case .reals(let intervals):
      switch kind {
      case .float16: return realTest(intervals, UInt16.self) { Double(Float16(bitPattern: $0)) }
      case .bfloat16:
        return realTest(intervals, UInt16.self) { Double(Float(BFloat16(bitPattern: $0))) }
      case .float32: return realTest(intervals, Float.self) { Double($0) }
      case .scaledInt8(let scale):
        return realTest(intervals, Int8.self) { Double(Float($0) * scale) }
      default: return realTest(intervals, Double.self) { $0 }
      }
    case .texts(let intervals):
      if kind == .categorical {
        let isTaken = categories.map { ColumnTest.contains(intervals, ByteText(Array($0.utf8))) }
        return { [self] segment, local, first, hits in
          for row in local where isThere(segment, row) {
            if isTaken[Int(try code(segment, row))] {
              hits.append(first + UInt32(row - local.lowerBound))
            }
          }
        }
      }
      return { [self] segment, local, first, hits in
        for row in local where isThere(segment, row) {
          if TextIntervals.contain(intervals, try text(segment, row)) {
            hits.append(first + UInt32(row - local.lowerBound))
          }
        }
      }
    }
  }

  private func nullTest(wanted: Bool) -> RowTest {
    { [self] segment, local, first, hits in
      for row in local where isThere(segment, row) == wanted {
        hits.append(first + UInt32(row - local.lowerBound))
      }
    }
  }

  private func integerTest<T: FixedWidthInteger & BitwiseCopyable>(
    _ intervals: [Interval<Int64>], _ type: T.Type
  ) -> RowTest {
    if intervals.count == 1 {
      let low = intervals[0].lower?.value ?? .min
      let high = intervals[0].upper?.value ?? .max
      return valueTest(type) { (value: T) in
        let value = Int64(truncatingIfNeeded: value)
        return value >= low && value <= high
      }
    }
    return valueTest(type) { (value: T) in
      ColumnTest.contains(intervals, Int64(truncatingIfNeeded: value))
    }
  }

  private func realTest<T: BitwiseCopyable>(
    _ intervals: [Interval<Double>], _ type: T.Type, _ number: @escaping (T) -> Double
  ) -> RowTest {
    if intervals.count == 1 {
      let low = intervals[0].lower?.value ?? -.infinity
      let high = intervals[0].upper?.value ?? .infinity
      return valueTest(type) { (value: T) in
        let value = number(value)
        return value >= low && value <= high
      }
    }
    return valueTest(type) { (value: T) in
      let value = number(value)
      return !value.isNaN && ColumnTest.contains(intervals, value)
    }
  }

  private func valueTest<T: BitwiseCopyable>(
    _ type: T.Type, _ passes: @escaping (T) -> Bool
  ) -> RowTest {
    { [self] segment, local, first, hits in
      let start = values[segment].baseAddress!
      for row in local {
        let value = (start + row * MemoryLayout<T>.stride).loadUnaligned(as: T.self)
        if passes(value) && isThere(segment, row) {
          hits.append(first + UInt32(row - local.lowerBound))
        }
      }
    }
  }

  private func isThere(_ segment: Int, _ local: Int) -> Bool {
    guard let bits = validity[segment] else { return true }
    return bits[local / 64] >> UInt64(local % 64) & 1 == 1
  }
}

/// Values that were changed after a column's segments were written: what these, or an index, say of
/// the rows does not count.
struct ChangedValues {
  var rows: RoaringBitmap
  /// The value that a changed row has now.
  var value: (UInt32) throws -> PropertyValue?
}

/// Texts of mapped files against intervals, without a copy of them.
enum TextIntervals {
  static func contain(_ intervals: [Interval<ByteText>], _ text: UnsafeRawBufferPointer) -> Bool {
    var low = 0
    var high = intervals.count
    while low < high {
      let middle = (low + high) / 2
      if let lower = intervals[middle].lower, compare(text, lower.value) < 0 {
        high = middle
      } else {
        low = middle + 1
      }
    }
    return (low > 0 && contains(intervals[low - 1], text))
      || (low > 1 && contains(intervals[low - 2], text))
  }

  private static func contains(
    _ interval: Interval<ByteText>, _ text: UnsafeRawBufferPointer
  ) -> Bool {
    if let lower = interval.lower {
      let order = compare(text, lower.value)
      if order < 0 || (order == 0 && !lower.isIncluded) { return false }
    }
    if let upper = interval.upper {
      let order = compare(text, upper.value)
      if order > 0 || (order == 0 && !upper.isIncluded) { return false }
    }
    return true
  }

  static func compare(_ a: UnsafeRawBufferPointer, _ b: ByteText) -> Int {
    b.bytes.withUnsafeBytes { StoredKeys.compare(a, $0) }
  }
}
