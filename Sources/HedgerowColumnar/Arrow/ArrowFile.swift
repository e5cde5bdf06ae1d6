import HedgerowCore

/// A file of Arrow's interprocess format, which is what Feather of version 2 is
/// (https://arrow.apache.org/docs/format/Columnar.html), or a stream of it in a file.
///
/// Read are flat columns, those with dictionaries, and lists of numbers; buffers as they are or compressed
/// with zstd.
///
/// - Complexity: opening goes over the messages without their bodies: those that a file's footer names, or
///   those of a stream one after the other. A cursor holds some rows of a
///   column, and its dictionary.
final class ArrowFile: ColumnarFile {
  /// A record batch, or a dictionary.
  struct Message {
    var metadata: Range<Int>
    var body: Range<Int>
    /// The dictionary's number.
    var dictionary: Int?
    var isDelta = false
  }

  static let magic = Array("ARROW1".utf8)
  let name: String
  let rowCount: Int
  let columns: [ColumnarColumn]
  let notes: [String: String] = [:]
  let schema: ArrowSchema
  let bytes: FileBytes
  let batches: [Message]
  let dictionaries: [Message]
  /// In files, unlike in streams, a dictionary may come behind what uses it.
  let isStream: Bool
  private let share: MemoryBudget.Reservation
  private static let longestMetadata = 64 << 20

  init(_ bytes: FileBytes, budget: MemoryBudget) throws {
    func wrong(_ message: String) -> HedgerowError {
      HedgerowError(.badData, message, at: bytes.name)
    }
    self.bytes = bytes
    name = bytes.name
    let start = try bytes.bytes(at: 0, count: min(8, bytes.byteCount))
    isStream = !start.starts(with: Self.magic)
    var walk = Walk(bytes: bytes)
    do {
      if isStream {
        while try walk.advance() {}
      } else {
        try walk.readFooter()
      }
    } catch is FlatTable.Failure {
      throw wrong("has a message that cannot be read, at byte \(walk.position)")
    } catch let fault as PageFault {
      throw wrong(fault.message)
    }
    guard let schema = walk.schema else {
      throw wrong("is no Arrow file: it begins with no schema")
    }
    self.schema = schema
    rowCount = walk.rowCount
    batches = walk.batches
    dictionaries = walk.dictionaries
    columns = schema.columns.map(\.column)
    share = try budget.reserve(
      64 * (batches.count + dictionaries.count), for: "what \(bytes.name) says of its columns")
    guard !columns.isEmpty else { throw wrong("has no columns") }
  }

  /// Goes from message to message.
  private struct Walk {
    let bytes: FileBytes
    var position = 0
    var schema: ArrowSchema?
    var rowCount = 0
    var batches: [Message] = []
    var dictionaries: [Message] = []

    private func integer(at offset: Int) throws -> Int {
      guard offset <= bytes.byteCount - 4 else { throw FlatTable.Failure() }
      let four = try bytes.bytes(at: offset, count: 4)
      return four.reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    /// Goes to each message that a file names at its end, dictionaries first.
    mutating func readFooter() throws {
      let size = bytes.byteCount
      guard size >= 18, try bytes.bytes(at: size - 6, count: 6) == ArrowFile.magic else {
        throw PageFault("ends without a footer: the file is truncated, fetch it again")
      }
      let length = try integer(at: size - 10)
      guard length <= ArrowFile.longestMetadata, length <= size - 18 else {
        throw FlatTable.Failure()
      }
      position = size - 10 - length
      let blocks = try bytes.bytes(at: position, count: length).withUnsafeBytes {
        let footer = try FlatTable(root: $0)
        schema = try footer.table(1).map { try ArrowSchema($0) }
        return try footer.integers(2, each: 3) + footer.integers(3, each: 3)
      }
      // No byte is of two messages, so that a small file cannot be long to read.
      var left = size
      for block in stride(from: 0, to: blocks.count, by: 3) {
        guard blocks[block] >= 8, blocks[block] < size else { throw FlatTable.Failure() }
        position = Int(blocks[block])
        let start = position
        guard try advance(), position - start <= left else { throw FlatTable.Failure() }
        left -= position - start
      }
    }

    /// Reads the message at the position and goes behind it; false at the end.
    mutating func advance() throws -> Bool {
      // A stream may end where a message could begin.
      guard position < bytes.byteCount else { return false }
      var length = try integer(at: position)
      var start = position + 4
      // Versions before 0.15 have no mark in front of the length.
      if length == 0xFFFF_FFFF {
        length = try integer(at: start)
        start += 4
      }
      if length == 0 { return false }
      guard length <= ArrowFile.longestMetadata, length <= bytes.byteCount - start else {
        throw FlatTable.Failure()
      }
      let metadata = start..<start + length
      let body = try bytes.bytes(at: start, count: length).withUnsafeBytes {
        try read(FlatTable(root: $0), metadata)
      }
      position = body.upperBound
      return true
    }

    private mutating func read(_ message: FlatTable, _ metadata: Range<Int>) throws -> Range<Int> {
      let length = try message.integer(3, Int64.self)
      guard length >= 0, length <= bytes.byteCount - metadata.upperBound,
        let header = try message.table(2)
      else { throw FlatTable.Failure() }
      let body = metadata.upperBound..<metadata.upperBound + Int(length)
      switch try message.integer(1, UInt8.self) {
      case 1:
        guard schema == nil else { throw PageFault("has two schemas") }
        schema = try ArrowSchema(header)
      case 2:
        guard schema != nil else { throw FlatTable.Failure() }
        dictionaries.append(
          Message(
            metadata: metadata, body: body, dictionary: Int(try header.integer(0, Int64.self)),
            isDelta: try header.integer(2, UInt8.self) != 0))
      case 3:
        guard schema != nil else { throw FlatTable.Failure() }
        let count = try header.integer(0, Int64.self)
        guard count >= 0, count <= Int64.max - Int64(rowCount) else { throw FlatTable.Failure() }
        rowCount += Int(count)
        batches.append(Message(metadata: metadata, body: body))
      default: break
      }
      return body
    }
  }

  func makeCursor(of index: Int, budget: MemoryBudget) throws -> any ColumnCursor {
    let column = schema.columns[index]
    if case .refused(let message) = column.column.content {
      throw HedgerowError(.badData, "column '\(column.column.name)' \(message)", at: name)
    }
    return ArrowCursor(column, in: self, budget: budget)
  }
}
