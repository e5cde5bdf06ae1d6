import CHedgerowKernels
import HedgerowCore

/// The rows of a file of delimited text. Rows are matched with those of other files by their order, so
/// a bad one ends the reading.
final class DelimitedRows: FieldRows {
  let name: String
  /// As many as the first line has.
  let columnCount: Int
  /// What the first line names them, if it does.
  let header: [String]
  private(set) var rowCount = 0
  private(set) var line = 0
  private let graph: GraphImport
  private let source: ByteSource
  private let delimiter: UInt8
  private let feed: ChunkFeed
  private var batch: [TextChunk] = []
  private var chunkIndex = 0
  private var row = 0
  private var lines: LineCounter?

  /// - Parameter header: `present` or `absent`.
  init(
    _ path: String, called name: String, delimiter: UInt8 = UInt8(ascii: ","),
    header: IngestOptions.Header = .absent, into graph: GraphImport
  ) throws {
    self.name = name
    self.graph = graph
    self.delimiter = delimiter
    let start = try FileStart(
      path: path, called: name, byteCount: 1 << 16, comment: 0, mayHaveHeader: true)
    let first = start.rows(delimiter: delimiter, limit: 1).first ?? []
    columnCount = first.count
    let hasHeader = if case .present = header { true } else { false }
    self.header = hasHeader ? first.map { String(decoding: $0, as: UTF8.self) } : []
    source = try ByteSource(path: path, called: name)
    feed = ChunkFeed(
      source: source, delimiter: delimiter,
      skipByteCount: start.markByteCount + (hasHeader ? start.firstRowByteCount(delimiter) : 0),
      batchCount: 1)
  }

  deinit { feed.stop() }

  var place: String { "\(name):\(line)" }

  func next() throws -> Bool {
    row += 1
    while lines == nil || row >= batch[chunkIndex].rowCount {
      guard try nextChunk() else { return false }
    }
    rowCount += 1
    line = lines!.line(of: row)
    return true
  }

  /// Goes to the start of the next chunk.
  private func nextChunk() throws -> Bool {
    // Without rows the first line is none, too.
    guard columnCount > 0 else { return false }
    row = 0
    chunkIndex += 1
    if chunkIndex >= batch.count {
      lines = nil
      feed.recycle(batch)
      batch = try feed.nextBatch()
      chunkIndex = 0
      guard !batch.isEmpty else { return false }
    }
    let chunk = batch[chunkIndex]
    chunk.split(delimiter: delimiter, columnCount: columnCount)
    chunk.checkText()
    if let fault = chunk.faults.first {
      var lines = LineCounter(chunk)
      throw HedgerowError(
        .badData, chunk.message(of: fault), at: "\(name):\(lines.line(of: fault))")
    }
    lines = LineCounter(chunk)
    try graph.note(name, chunk.filePosition, of: source.fileByteCount)
    return true
  }

  func withField<Result>(
    _ column: Int, _ body: (UnsafeRawBufferPointer) throws -> Result
  ) throws -> Result {
    try body(UnsafeRawBufferPointer(batch[chunkIndex].key(row, column)))
  }

  /// A field as it stands there, with the spaces around; nil where nothing does.
  func withText<Result>(
    _ column: Int, _ body: (UnsafeRawBufferPointer?) throws -> Result
  ) rethrows -> Result {
    let chunk = batch[chunkIndex]
    return try body(
      chunk.isText(row, column) ? UnsafeRawBufferPointer(chunk.field(row, column)) : nil)
  }

  func integer(_ column: Int) -> Int? {
    let field = batch[chunkIndex].key(row, column)
    var value: Int64 = 0
    guard let start = field.baseAddress, hr_parse_int64(start, field.count, &value) != 0 else {
      return nil
    }
    return Int(value)
  }

  func number(_ column: Int) -> Double? {
    let field = batch[chunkIndex].key(row, column)
    var value = 0.0
    guard let start = field.baseAddress, hr_parse_double(start, field.count, &value) != 0 else {
      return nil
    }
    return value
  }
}
