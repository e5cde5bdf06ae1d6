import Glibc
import HedgerowCore
import HedgerowStore

/// Reads rows of a stored column in any order and hands them to a writer.
///
/// Some rows at a time, which are read by rising number; neighbors in one go.
struct PermutedColumn {
  let reader: ColumnReader
  private let blockRowCount: Int
  private var sorted: [UInt8] = []
  private var values: [UInt8] = []
  private var sortedFlags: [Bool] = []
  private var flags: [Bool] = []

  init(_ reader: ColumnReader) {
    self.reader = reader
    blockRowCount = max(1, min(1 << 13, (2 << 20) / reader.kind.byteWidth))
  }

  /// - Parameter prefetch: called with rows that are about to be read.
  mutating func append(
    _ rows: ArraySlice<UInt64>, to writer: ColumnWriter,
    prefetch: (ArraySlice<UInt64>) -> Void = { _ in }
  ) throws {
    var start = rows.startIndex
    while start < rows.endIndex {
      let part = rows[start..<min(rows.endIndex, start + blockRowCount)]
      prefetch(part)
      if reader.kind.hasVariableLength {
        for row in part {
          try reader.readTexts(Int(row)..<Int(row) + 1) { try writer.append(text: $0) }
        }
      } else {
        try read(part)
        try values.withUnsafeBytes { values in
          try flags.withUnsafeBufferPointer {
            try writer.append(fixed: values, count: part.count, isValid: $0)
          }
        }
      }
      start += part.count
    }
  }

  /// The integers of rows, one after the other; null is 0.
  mutating func integers(of rows: ArraySlice<UInt64>) throws -> [Int64] {
    require(reader.kind.byteWidth == 8 && !reader.kind.hasVariableLength)
    try read(rows)
    return values.withUnsafeBytes { Array($0.bindMemory(to: Int64.self)) }
  }

  /// Fills ``values`` and ``flags`` with rows.
  private mutating func read(_ rows: ArraySlice<UInt64>) throws {
    let width = reader.kind.byteWidth
    Self.resize(&values, to: rows.count * width, 0)
    Self.resize(&flags, to: rows.count, false)
    // Where rows rise already, they are read to their place.
    var isRising = true
    for index in rows.indices.dropFirst() where rows[index] <= rows[index - 1] {
      isRising = false
      break
    }
    if isRising { return try read(Array(rows), into: &values, &flags) }
    let order = rows.indices.sorted { rows[$0] < rows[$1] }
    Self.resize(&sorted, to: rows.count * width, 0)
    Self.resize(&sortedFlags, to: rows.count, false)
    try read(order.map { rows[$0] }, into: &sorted, &sortedFlags)
    sorted.withUnsafeBytes { sorted in
      values.withUnsafeMutableBytes { values in
        for (from, index) in order.enumerated() {
          let to = index - rows.startIndex
          memcpy(values.baseAddress! + to * width, sorted.baseAddress! + from * width, width)
          flags[to] = sortedFlags[from]
        }
      }
    }
  }

  private static func resize<T>(_ array: inout [T], to count: Int, _ filler: T) {
    if array.count > count {
      array.removeLast(array.count - count)
    } else {
      array.append(contentsOf: repeatElement(filler, count: count - array.count))
    }
  }

  private func read(_ rows: [UInt64], into values: inout [UInt8], _ flags: inout [Bool]) throws {
    let width = reader.kind.byteWidth
    try values.withUnsafeMutableBytes { values in
      try flags.withUnsafeMutableBufferPointer { flags in
        var start = 0
        while start < rows.count {
          var end = start + 1
          while end < rows.count, rows[end] == rows[end - 1] + 1 { end += 1 }
          try reader.read(
            Int(rows[start])..<Int(rows[end - 1]) + 1,
            into: UnsafeMutableRawBufferPointer(rebasing: values[start * width..<end * width]),
            isValid: UnsafeMutableBufferPointer(rebasing: flags[start..<end]))
          start = end
        }
      }
    }
  }
}
