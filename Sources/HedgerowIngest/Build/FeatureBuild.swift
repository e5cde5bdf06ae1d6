import Glibc
import HedgerowCore
import HedgerowMapped
import HedgerowStore

/// A NumPy array that becomes a column of a node type, a block of rows at a time.
///
/// Two dimensions make a vector column: float32, float16 and uint8 as they are, int64 as float32 if
/// every element is exact. One dimension makes a scalar column of the array's own kind. A vector
/// with an element that is not finite is refused: one would spoil every layer that sees it.
struct FeatureBuild {
  let column: String
  let file: NPYFile
  let normalization: IngestOptions.Normalization

  init(_ column: String, path: String, normalization: IngestOptions.Normalization) throws {
    self.column = column
    self.normalization = normalization
    file = try NPYFile(path: path)
    if let width = file.columnCount, width > 1 << 24 {
      throw HedgerowError(.badData, "has rows of \(width) elements; the limit is 2^24", at: path)
    }
  }

  var kind: PropertyKind {
    guard let width = file.columnCount else { return file.element }
    if normalization == .row || file.element == .int64 {
      return .vector(element: .float32, width: width)
    }
    return .vector(element: file.element, width: width)
  }

  /// Writes the rows of the nodes that have one, then nulls.
  func write(to writer: ColumnWriter, keys: NodeKeys, runner: PassRunner) throws {
    let isVector = file.columnCount != nil
    let least = isVector && normalization == .row ? try leastElement(runner) : 0
    let converts = kind.element != file.element
    try forEachBlock(runner) { rows, bytes in
      if isVector { try checkFinite(rows, bytes) }
      if converts || (isVector && normalization == .row) {
        var floats = try floats(rows, bytes)
        if normalization == .row { normalize(&floats, least: least) }
        try floats.withUnsafeBytes { try append($0, rows, to: writer, keys) }
      } else {
        try append(bytes, rows, to: writer, keys)
      }
    }
    try writer.appendNulls(keys.createdCount)
    try writer.finish()
  }

  private func append(
    _ bytes: UnsafeRawBufferPointer, _ rows: Range<Int>, to writer: ColumnWriter, _ keys: NodeKeys
  ) throws {
    let width = writer.kind.byteWidth
    func append(_ part: Range<Int>) throws {
      guard !part.isEmpty else { return }
      try writer.append(
        fixed: UnsafeRawBufferPointer(
          rebasing: bytes.dropFirst((part.lowerBound - rows.lowerBound) * width)
            .prefix(part.count * width)),
        count: part.count)
    }
    if keys.droppedRows.isEmpty { return try append(rows) }
    // A line that was left out takes its row of features with it.
    var start = rows.lowerBound
    for row in rows where keys.isDropped(row: row) {
      try append(start..<row)
      start = row + 1
    }
    try append(start..<rows.upperBound)
  }

  private func forEachBlock(
    _ runner: PassRunner, _ body: (Range<Int>, UnsafeRawBufferPointer) throws -> Void
  ) throws {
    let block = max(1, (1 << 20) / file.rowByteCount)
    let buffer = UnsafeMutableRawBufferPointer.allocate(
      byteCount: block * file.rowByteCount, alignment: 16)
    defer { buffer.deallocate() }
    var row = 0
    while row < file.rowCount {
      try runner.checkCancelled()
      let rows = row..<min(row + block, file.rowCount)
      let part = UnsafeMutableRawBufferPointer(
        rebasing: buffer[..<(rows.count * file.rowByteCount)])
      try file.read(rows: rows, into: part)
      try body(rows, UnsafeRawBufferPointer(part))
      row = rows.upperBound
      runner.progress(
        IngestProgress(phase: .features, subject: file.path, done: row, total: file.rowCount))
    }
  }

  private func checkFinite(_ rows: Range<Int>, _ bytes: UnsafeRawBufferPointer) throws {
    func check<T: BinaryFloatingPoint & BitwiseCopyable>(_ type: T.Type) throws {
      let values = bytes.assumingMemoryBound(to: T.self)
      // x - x is 0 for finite numbers only, and the sum of zeros stays 0.
      var sum: T = 0
      for value in values { sum += value - value }
      guard sum != 0 || sum.isNaN else { return }
      let place = values.firstIndex { !$0.isFinite }!
      let width = file.columnCount!
      throw HedgerowError(
        .badData,
        "row \(rows.lowerBound + place / width), column \(place % width) is \(values[place]): "
          + "features must be finite",
        at: file.path)
    }
    switch file.element {
    case .float32: try check(Float.self)
    case .float16: try check(Float16.self)
    default: break
    }
  }

  private func floats(_ rows: Range<Int>, _ bytes: UnsafeRawBufferPointer) throws -> [Float] {
    switch file.element {
    case .float32: return Array(bytes.assumingMemoryBound(to: Float.self))
    case .float16: return bytes.assumingMemoryBound(to: Float16.self).map { Float($0) }
    case .uint8: return bytes.map { Float($0) }
    default:
      return try bytes.assumingMemoryBound(to: Int64.self).enumerated().map { index, value in
        guard let float = Float(exactly: value) else {
          let width = file.columnCount!
          throw HedgerowError(
            .badData,
            "row \(rows.lowerBound + index / width), column \(index % width) is \(value), which "
              + "float32 does not hold exactly: save the array as float32",
            at: file.path)
        }
        return float
      }
    }
  }

  private func leastElement(_ runner: PassRunner) throws -> Float {
    var least = Float.infinity
    try forEachBlock(runner) { rows, bytes in
      try checkFinite(rows, bytes)
      for value in try floats(rows, bytes) { least = min(least, value) }
    }
    return least
  }

  private func normalize(_ values: inout [Float], least: Float) {
    let width = file.columnCount!
    for start in stride(from: 0, to: values.count, by: width) {
      var sum = 0.0
      for index in start..<(start + width) {
        values[index] -= least
        sum += Double(values[index])
      }
      let scale = Float(max(sum, 1))
      for index in start..<(start + width) { values[index] /= scale }
    }
  }
}
