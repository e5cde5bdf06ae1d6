import HedgerowCore

/// Writes a Parquet file, a row group at a time and in it a column at a time, so that no more than a page
/// is held: PLAIN values in pages that are compressed with zstd.
///
/// ```swift
/// let writer = try ParquetWriter([.init("id", .integer(bits: 64, isSigned: true))], to: file.append)
/// try writer.appendGroup { _, chunk in for id in [7, 9] { try chunk.append(Int64(id)) } }
/// try writer.finish()
/// ```
package final class ParquetWriter {
  package struct Column: Sendable {
    package var name: String
    package var type: ColumnarType
    package var isList: Bool
    package var isOptional: Bool
    package init(
      _ name: String, _ type: ColumnarType, isList: Bool = false, isOptional: Bool = false
    ) {
      self.name = name
      self.type = type
      self.isList = isList
      self.isOptional = isOptional
    }
  }

  private struct Group {
    var rowCount: Int
    var chunks: [ParquetChunkWriter.Summary]
  }

  private let columns: [Column]
  private let notes: [(key: String, value: String)]
  private let write: (UnsafeRawBufferPointer) throws -> Void
  private var position = 0
  private var groups: [Group] = []

  /// - Parameters:
  ///   - notes: what the file says of itself, beside its columns.
  ///   - write: takes the file's bytes in order.
  package init(
    _ columns: [Column], notes: [(key: String, value: String)] = [],
    to write: @escaping (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    self.columns = columns
    self.notes = notes
    self.write = write
    try append(ParquetFile.magic)
  }

  private func append(_ bytes: [UInt8]) throws {
    try bytes.withUnsafeBytes(write)
    position += bytes.count
  }

  /// Adds rows: `body` is called for each column and appends its values to a chunk, to all as many.
  ///
  /// - Returns: how many.
  @discardableResult
  package func appendGroup(
    _ body: (_ column: Int, ParquetChunkWriter) throws -> Void
  ) throws -> Int {
    var group = Group(rowCount: 0, chunks: [])
    for (index, column) in columns.enumerated() {
      let chunk = try ParquetChunkWriter(column, at: position, to: write)
      try body(index, chunk)
      try chunk.finish()
      if index == 0 { group.rowCount = chunk.rowCount }
      require(
        chunk.rowCount == group.rowCount, "\(chunk.rowCount) rows of \(group.rowCount)")
      if group.rowCount == 0 { return 0 }
      group.chunks.append(chunk.summary)
      position += chunk.summary.compressedByteCount
    }
    groups.append(group)
    return group.rowCount
  }

  /// Ends the file.
  package func finish() throws {
    let footer = footer()
    try append(footer)
    try append((0..<4).map { UInt8(truncatingIfNeeded: footer.count >> (8 * $0)) })
    try append(ParquetFile.magic)
  }

  // MARK: Footer

  private func footer() -> [UInt8] {
    var writer = ThriftWriter()
    writer.element { writer in
      writer.int32(1, 2)
      let count = columns.reduce(1) { $0 + ($1.isList ? 3 : 1) }
      writer.list(2, of: .structure, count: count) { writer in
        writer.element {
          $0.text(4, "schema")
          $0.int32(5, columns.count)
        }
        for column in columns { appendSchema(column, to: &writer) }
      }
      writer.int64(3, groups.reduce(0) { $0 + $1.rowCount })
      writer.list(4, of: .structure, count: groups.count) { writer in
        for group in groups { appendGroup(group, to: &writer) }
      }
      if !notes.isEmpty {
        writer.list(5, of: .structure, count: notes.count) { writer in
          for note in notes {
            writer.element {
              $0.text(1, note.key)
              $0.text(2, note.value)
            }
          }
        }
      }
      writer.text(6, "hedgerow")
    }
    return writer.bytes
  }

  private func appendSchema(_ column: Column, to writer: inout ThriftWriter) {
    typealias Repetition = ParquetFooter.Repetition
    let outer: Repetition = column.isOptional ? .optional : .required
    guard column.isList else { return appendLeaf(column.name, column.type, outer, to: &writer) }
    writer.element {
      $0.int32(3, outer.rawValue)
      $0.text(4, column.name)
      $0.int32(5, 1)
      $0.int32(6, 3)
      $0.structure(10) { $0.structure(3) }
    }
    writer.element {
      $0.int32(3, Repetition.repeated.rawValue)
      $0.text(4, "list")
      $0.int32(5, 1)
    }
    appendLeaf("element", column.type, .required, to: &writer)
  }

  private func appendLeaf(
    _ name: String, _ type: ColumnarType, _ repetition: ParquetFooter.Repetition,
    to writer: inout ThriftWriter
  ) {
    writer.element { writer in
      writer.int32(1, type.parquetType)
      if let length = type.parquetLength { writer.int32(2, length) }
      writer.int32(3, repetition.rawValue)
      writer.text(4, name)
      type.appendAnnotation(to: &writer)
    }
  }

  private func appendGroup(_ group: Group, to writer: inout ThriftWriter) {
    writer.element { writer in
      writer.list(1, of: .structure, count: group.chunks.count) { writer in
        for (column, chunk) in zip(columns, group.chunks) {
          writer.element { writer in
            writer.int64(2, 0)
            writer.structure(3) { writer in
              writer.int32(1, column.type.parquetType)
              writer.list(2, of: .int32, count: 2) {
                $0.element(0)
                $0.element(3)
              }
              let path = column.isList ? [column.name, "list", "element"] : [column.name]
              writer.list(3, of: .binary, count: path.count) { writer in
                for name in path { writer.element(name) }
              }
              writer.int32(4, PageCodec.zstd.rawValue)
              writer.int64(5, chunk.valueCount)
              writer.int64(6, chunk.byteCount)
              writer.int64(7, chunk.compressedByteCount)
              writer.int64(9, chunk.offset)
            }
          }
        }
      }
      writer.int64(2, group.chunks.reduce(0) { $0 + $1.byteCount })
      writer.int64(3, group.rowCount)
    }
  }
}

extension ColumnarType {
  /// As ``ParquetPhysical`` numbers them.
  var parquetType: Int {
    switch self {
    case .bool: 0
    case .integer(let bits, _): bits == 64 ? 2 : 1
    case .timestamp: 2
    case .float32: 4
    case .float64: 5
    case .text, .bytes: 6
    case .float16, .uuid: 7
    }
  }

  var parquetLength: Int? {
    switch self {
    case .float16: 2
    case .uuid: 16
    default: nil
    }
  }

  /// What the values mean, in the words of old and of new.
  fileprivate func appendAnnotation(to writer: inout ThriftWriter) {
    switch self {
    case .bool, .float32, .float64, .bytes: break
    // Parquet has no times in seconds, and plain integers need no word.
    case .timestamp(.seconds), .integer(64, true), .integer(32, true): break
    case .integer(let bits, let isSigned):
      let size = bits.trailingZeroBitCount - 3
      writer.int32(6, (isSigned ? 15 : 11) + size)
      writer.structure(10) {
        $0.structure(10) {
          $0.byte(1, Int8(bits))
          $0.flag(2, isSigned)
        }
      }
    case .timestamp(let unit):
      let number = unit == .milliseconds ? 1 : unit == .microseconds ? 2 : 3
      if number < 3 { writer.int32(6, 8 + number) }
      writer.structure(10) {
        $0.structure(8) {
          $0.flag(1, true)
          $0.structure(2) { $0.structure(number) }
        }
      }
    case .text:
      writer.int32(6, 0)
      writer.structure(10) { $0.structure(1) }
    case .uuid: writer.structure(10) { $0.structure(14) }
    case .float16: writer.structure(10) { $0.structure(15) }
    }
  }
}
