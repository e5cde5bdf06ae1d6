import HedgerowCore

/// A Parquet file (https://github.com/apache/parquet-format), of which columns are read page by page.
///
/// Read are flat columns and lists of numbers, in the encodings PLAIN, RLE, both of dictionaries, the
/// three of differences and BYTE_STREAM_SPLIT, in pages of both versions, as they are or compressed with
/// Snappy, gzip or zstd.
///
/// - Complexity: opening reads the end of the file. A cursor holds a page and a dictionary.
final class ParquetFile: ColumnarFile {
  let name: String
  let columns: [ColumnarColumn]
  let rowCount: Int
  let notes: [String: String]
  let bytes: FileBytes
  /// Where the chunks of a column are, in the order of the row groups.
  struct Chunk {
    var rowCount: Int
    var valueCount: Int
    var range: Range<Int>
    var codec: Int
  }
  private let schema: ParquetSchema
  private let footer: ParquetFooter
  private let share: MemoryBudget.Reservation

  static let magic = Array("PAR1".utf8)
  static let encryptedMagic = Array("PARE".utf8)
  /// Of the keys of our own notes.
  static let notePrefix = "hedgerow."
  private static let longestFooter = 64 << 20

  init(_ bytes: FileBytes, budget: MemoryBudget) throws {
    func wrong(_ message: String) -> HedgerowError {
      HedgerowError(.badData, message, at: bytes.name)
    }
    self.bytes = bytes
    name = bytes.name
    let size = bytes.byteCount
    guard size >= 12 else { throw wrong("is no Parquet file: it has \(size) bytes") }
    let start = try bytes.bytes(at: 0, count: 4)
    let end = try bytes.bytes(at: size - 8, count: 8)
    guard end[4...].elementsEqual(Self.magic), start.elementsEqual(Self.magic) else {
      if end[4...].elementsEqual(Self.encryptedMagic) { throw wrong("is encrypted") }
      throw wrong(
        start.elementsEqual(Self.magic)
          ? "ends without a footer: the file is truncated, fetch it again" : "is no Parquet file")
    }
    let length = end[..<4].reversed().reduce(0) { $0 << 8 | Int($1) }
    guard length <= size - 12, length <= Self.longestFooter else {
      throw wrong("claims a footer of \(length) bytes")
    }
    share = try budget.reserve(3 * length, for: "what \(bytes.name) says of its columns")
    do {
      footer = try bytes.bytes(at: size - 8 - length, count: length).withUnsafeBytes {
        try ParquetFooter($0)
      }
      schema = try ParquetSchema(footer.elements)
    } catch is ThriftReader.Failure {
      throw wrong("has a footer that cannot be read")
    }
    guard !footer.isEncrypted else { throw wrong("is encrypted") }
    rowCount = footer.rowCount
    notes = footer.notes
    columns = schema.columns.map(\.column)
    guard !columns.isEmpty else { throw wrong("has no columns") }
    guard footer.chunks.count == footer.groups.count * schema.leafCount else {
      throw wrong("has row groups without some of the columns")
    }
    var rows = 0
    for count in footer.groups {
      guard count >= 0, count <= rowCount - rows else {
        throw wrong("has row groups that do not add up")
      }
      rows += count
    }
    guard rows == rowCount else {
      throw wrong("has \(rows) rows in its row groups, and claims \(rowCount)")
    }
    // No byte is of two chunks, so that a small file cannot be long to read.
    var byteCount = 0
    for chunk in footer.chunks where !chunk.isEncrypted {
      guard chunk.byteCount >= 0, chunk.byteCount <= size - byteCount else {
        throw wrong("claims more bytes in its columns than there are")
      }
      byteCount += chunk.byteCount
    }
  }

  private static let codecs = [3: "LZO", 4: "Brotli", 5: "LZ4 as Hadoop has it"]

  /// The chunks of a column.
  private func chunks(of column: ParquetSchema.Column, isList: Bool) throws -> [Chunk] {
    try footer.groups.indices.map { group in
      let chunk = footer.chunks[group * schema.leafCount + column.place]
      // Where nothing is, it is nowhere.
      if footer.groups[group] == 0 {
        return Chunk(rowCount: 0, valueCount: 0, range: 0..<0, codec: 0)
      }
      func wrong(_ message: String) -> HedgerowError {
        HedgerowError(.badData, "column '\(column.column.name)' \(message)", at: name)
      }
      if chunk.isEncrypted { throw wrong("is encrypted") }
      guard !chunk.isElsewhere else { throw wrong("is kept in another file") }
      if let codec = Self.codecs[chunk.codec] {
        throw wrong(
          "is compressed with \(codec): Snappy, gzip, zstd and LZ4_RAW are read, and what is not compressed"
        )
      }
      guard chunk.hasMetadata, PageCodec(rawValue: chunk.codec) != nil else {
        throw wrong("has a row group that cannot be read")
      }
      let hasDictionary =
        chunk.dictionaryOffset > 0 && chunk.dictionaryOffset < chunk.dataOffset
      let start = hasDictionary ? chunk.dictionaryOffset : chunk.dataOffset
      guard start >= 4, start <= bytes.byteCount, chunk.byteCount <= bytes.byteCount - start else {
        throw wrong("lies beyond the file's end in row group \(group)")
      }
      guard chunk.valueCount >= 0, isList || chunk.valueCount == footer.groups[group] else {
        throw wrong(
          "has \(chunk.valueCount) values in row group \(group) of \(footer.groups[group]) rows")
      }
      return Chunk(
        rowCount: footer.groups[group], valueCount: chunk.valueCount,
        range: start..<start + chunk.byteCount, codec: chunk.codec)
    }
  }

  func makeCursor(of index: Int, budget: MemoryBudget) throws -> any ColumnCursor {
    let column = schema.columns[index]
    guard let leaf = column.leaf else {
      guard case .refused(let message) = column.column.content else {
        fatalError("a column is read or refused")
      }
      throw HedgerowError(.badData, "column '\(column.column.name)' \(message)", at: name)
    }
    return ParquetCursor(
      column.column.name, leaf, try chunks(of: column, isList: leaf.isList), in: bytes,
      budget: budget)
  }
}
