import CHedgerowZstd
import HedgerowCore

/// Writes the values of a column in a row group, page by page.
package final class ParquetChunkWriter {
  struct Summary {
    var offset: Int
    var valueCount = 0
    var byteCount = 0
    var compressedByteCount = 0
  }

  /// Of which kind the values are that it takes.
  package var storage: ColumnarType.Storage { column.type.storage }
  private(set) var summary: Summary
  private(set) var rowCount = 0
  private let column: ParquetWriter.Column
  private let write: (UnsafeRawBufferPointer) throws -> Void
  private var repetitions = RunEncoder()
  private var definitions = RunEncoder()
  private var values: [UInt8] = []
  private var pageValueCount = 0
  /// Truth values that fill no byte yet.
  private var bits: UInt8 = 0
  private var bitCount = 0
  private static let pageByteCount = 256 << 10
  private static let pageValueCount = 1 << 16
  private static let level: Int32 = 1

  init(
    _ column: ParquetWriter.Column, at offset: Int,
    to write: @escaping (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    self.column = column
    self.write = write
    summary = Summary(offset: offset)
  }

  // MARK: Rows

  package func appendNull() throws {
    require(column.isOptional, "'\(column.name)' has no null")
    try beginRow()
    definitions.append(0)
    if column.isList { repetitions.append(0) }
    pageValueCount += 1
  }

  package func append(_ value: Int64) throws {
    try beginValue()
    put(value)
  }

  package func append(_ value: Float) throws {
    try beginValue()
    put(value)
  }

  package func append(_ value: Double) throws {
    try beginValue()
    put(value)
  }

  package func append(_ value: UnsafeRawBufferPointer) throws {
    try beginValue()
    if column.type.parquetLength == nil { put(UInt32(value.count)) }
    values.append(contentsOf: value)
  }

  /// A list with an element at least, whose elements are put behind it.
  package func appendList(count: Int) throws {
    require(column.isList && count > 0, "'\(column.name)' has no lists of \(count)")
    try beginRow()
    repetitions.append(0)
    repetitions.append(1, count: count - 1)
    definitions.append(column.isOptional ? 2 : 1, count: count)
    pageValueCount += count
  }

  private func beginValue() throws {
    try beginRow()
    if column.isOptional { definitions.append(1) }
    pageValueCount += 1
  }

  /// Pages end between rows.
  private func beginRow() throws {
    rowCount += 1
    if values.count >= Self.pageByteCount || pageValueCount >= Self.pageValueCount { try endPage() }
  }

  // MARK: Values

  package func put(_ value: Int64) {
    switch column.type.parquetType {
    case 0:
      bits |= UInt8(truncatingIfNeeded: value & 1) << UInt8(bitCount)
      bitCount += 1
      if bitCount == 8 { endBits() }
    case 1: put(UInt32(truncatingIfNeeded: value))
    default: put(UInt64(bitPattern: value))
    }
  }

  package func put(_ value: Float) {
    if column.type == .float16 { put(Float16(value).bitPattern) } else { put(value.bitPattern) }
  }

  package func put(_ value: Double) { put(value.bitPattern) }

  private func put<T: FixedWidthInteger>(_ value: T) {
    withUnsafeBytes(of: value.littleEndian) { values.append(contentsOf: $0) }
  }

  private func endBits() {
    values.append(bits)
    bits = 0
    bitCount = 0
  }

  // MARK: Pages

  private func endPage() throws {
    guard pageValueCount > 0 else { return }
    if bitCount > 0 { endBits() }
    var page: [UInt8] = []
    if column.isList { page += repetitions.finish() }
    if column.isList || column.isOptional { page += definitions.finish() }
    page += values
    let bound = ZSTD_compressBound(page.count)
    let compressed = try [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
      count = page.withUnsafeBytes {
        ZSTD_compress(buffer.baseAddress, bound, $0.baseAddress, $0.count, Self.level)
      }
      guard ZSTD_isError(count) == 0 else { throw HedgerowError(.io, "zstd cannot be started") }
    }
    let header = header(page.count, compressed.count)
    try header.withUnsafeBytes(write)
    try compressed.withUnsafeBytes(write)
    summary.valueCount += pageValueCount
    summary.byteCount += header.count + page.count
    summary.compressedByteCount += header.count + compressed.count
    pageValueCount = 0
    // One long value is no reason to keep its room.
    values.removeAll(keepingCapacity: values.capacity <= 4 * Self.pageByteCount)
  }

  private func header(_ byteCount: Int, _ compressedByteCount: Int) -> [UInt8] {
    var writer = ThriftWriter()
    writer.element { writer in
      writer.int32(1, ParquetPageReader.Header.Kind.data.rawValue)
      writer.int32(2, byteCount)
      writer.int32(3, compressedByteCount)
      writer.structure(5) {
        $0.int32(1, pageValueCount)
        $0.int32(2, 0)
        $0.int32(3, 3)
        $0.int32(4, 3)
      }
    }
    return writer.bytes
  }

  func finish() throws { try endPage() }
}

/// Levels, which a byte holds, as runs of one value each.
private struct RunEncoder {
  private var bytes: [UInt8] = []
  private var value: UInt8 = 0
  private var count = 0

  mutating func append(_ value: UInt8, count: Int = 1) {
    if value != self.value { flush() }
    self.value = value
    self.count += count
  }

  private mutating func flush() {
    guard count > 0 else { return }
    var header = count << 1
    while header > 127 {
      bytes.append(UInt8(truncatingIfNeeded: header) | 128)
      header >>= 7
    }
    bytes += [UInt8(header), value]
    count = 0
  }

  /// What was appended, behind its length.
  mutating func finish() -> [UInt8] {
    flush()
    defer { bytes.removeAll(keepingCapacity: true) }
    return (0..<4).map { UInt8(truncatingIfNeeded: bytes.count >> (8 * $0)) } + bytes
  }
}
