import Glibc
import HedgerowCore

/// Values of rows whose key an earlier row has, in the order of the earlier rows: they go there.
///
/// The files are read once more for them. Memory: the sorter's, and one chunk's patches.
final class RowPatches {
  /// What becomes of the values of one row.
  struct Patch {
    var row: Int
    /// As ``EdgeLayout`` has them.
    fileprivate var record: [UInt8]
  }

  private let layout: EdgeLayout
  /// A value that a later row lacks goes, too.
  private let replacesAll: Bool
  private let columnCount: Int
  private let heap: TextHeap
  private let records: SortedRecords
  private var block: UnsafeRawBufferPointer?
  private var position = 0

  /// - Parameter splits: columns whose fields are wanted as they are written, too.
  init(
    _ duplicates: Duplicates, of table: InputTable, splits: [Int], after storedCount: Int,
    runner: PassRunner, memory: Int, scratch: String
  ) throws {
    let columns = Array(table.codecs.indices) + splits
    let codecs =
      table.codecs + splits.map { ColumnCodec(checking: table.codecs[$0].name, .string, .none) }
    let layout = EdgeLayout(codecs)
    let heap = try TextHeap(scratch: scratch)
    self.layout = layout
    self.heap = heap
    columnCount = table.codecs.count
    replacesAll = duplicates.mode == .keepLast
    let sorter = ExternalSorter(
      layout.shape, memory: memory, scratch: scratch, expected: duplicates.count)
    let pairs = try duplicates.sortedByLater()
    var isThere = try pairs.advance()
    var rowCount = storedCount
    for file in table.files.indices {
      let fields = columns.map { table.fields[file][$0] }
      try runner.run(table.files[file], .read) { chunk in
        Scan.prepare(chunk, table, file: file)
        let values = zip(codecs, fields).map { codec, field in
          field.map { codec.encode(chunk, column: $0) } ?? codec.nulls(chunk)
        }
        let records = UnsafeMutableRawBufferPointer.allocate(
          byteCount: chunk.rowCount * layout.width, alignment: 16)
        records.initializeMemory(as: UInt8.self, repeating: 0)
        if chunk.rowCount > 0 { layout.fill(records.baseAddress!, from: values) }
        return records
      } consume: { chunk, records in
        defer { records.deallocate() }
        for row in 0..<chunk.rowCount {
          guard isThere, let pair = pairs.current,
            pair.high == rowCount + chunk.ordinal(of: row)
          else { continue }
          let record = UnsafeMutableRawBufferPointer(
            rebasing: records[row * layout.width..<(row + 1) * layout.width])
          EdgeLayout.setEnds(record.baseAddress!, UInt32(pair.low), UInt32(pair.high))
          for (index, codec) in codecs.enumerated() where codec.kind.hasVariableLength {
            guard let field = fields[index], layout.isValid(record.baseAddress!, index) else {
              continue
            }
            let place = try codec.withStored(chunk.field(row, field)) { try heap.append($0) }
            record.storeBytes(of: place, toByteOffset: layout.offsets[index], as: UInt64.self)
          }
          try sorter.append(UnsafeRawBufferPointer(record))
          isThere = try pairs.advance()
        }
        rowCount += chunk.totalRowCount
      }
    }
    guard !isThere else { throw changedFile(table.files[0]) }
    try heap.flush()
    records = try sorter.finish()
    block = try records.next()
  }

  /// The patches of the rows before one, from where the last call ended.
  func next(below end: Int) throws -> [Patch] {
    var patches: [Patch] = []
    while let block {
      let record = block.baseAddress! + position
      let row = Int(EdgeLayout.ends(record) >> 32)
      guard row < end else { break }
      if let last = patches.indices.last, patches[last].row == row, !replacesAll {
        merge(record, into: &patches[last].record)
      } else {
        if patches.last?.row == row { patches.removeLast() }
        let bytes = UnsafeRawBufferPointer(start: record, count: layout.width)
        patches.append(Patch(row: row, record: Array(bytes)))
      }
      position += layout.width
      if position == block.count {
        self.block = try records.next()
        position = 0
      }
    }
    return patches
  }

  private func merge(_ record: UnsafeRawPointer, into older: inout [UInt8]) {
    older.withUnsafeMutableBytes { older in
      for column in layout.codecs.indices where layout.isValid(record, column) {
        layout.setValid(older.baseAddress!, column)
        let offset = layout.offsets[column]
        memcpy(older.baseAddress! + offset, record + offset, layout.codecs[column].kind.byteWidth)
      }
    }
  }

  /// Whether a patch says anything of a column.
  func changes(_ column: Int, _ patch: Patch) -> Bool { replacesAll || isValid(column, patch) }

  private func isValid(_ column: Int, _ patch: Patch) -> Bool {
    patch.record.withUnsafeBytes { layout.isValid($0.baseAddress!, column) }
  }

  /// Puts a value of a fixed width into its place.
  func put(_ column: Int, _ patch: Patch, at place: Int, into values: ColumnCodec.Values) {
    values.isValid[place] = isValid(column, patch)
    let width = layout.codecs[column].kind.byteWidth
    _ = patch.record.withUnsafeBytes {
      memcpy(
        values.bytes.baseAddress! + place * width, $0.baseAddress! + layout.offsets[column], width)
    }
  }

  /// Calls `body` with a text, or with nil for null.
  func withText(
    _ column: Int, _ patch: Patch, _ body: (UnsafeRawBufferPointer?) throws -> Void
  ) throws {
    guard isValid(column, patch) else { return try body(nil) }
    let place = patch.record.withUnsafeBytes {
      $0.loadUnaligned(fromByteOffset: layout.offsets[column], as: UInt64.self)
    }
    try heap.withText(at: place) { try body($0) }
  }

  /// Calls `body` with the field of the n-th of the splits, or with nil where there is none.
  func withField(
    ofSplit split: Int, _ patch: Patch, _ body: (UnsafeRawBufferPointer?) throws -> Void
  ) throws {
    try withText(columnCount + split, patch, body)
  }
}

/// The patches of one chunk's rows.
struct RowChanges {
  let patches: RowPatches
  private let byRow: [Int: RowPatches.Patch]

  /// Nil where no row has any.
  ///
  /// - Parameter first: the place of the chunk's first row among all.
  init?(_ patches: RowPatches?, in chunk: TextChunk, from first: Int) throws {
    guard let patches else { return nil }
    let found = try patches.next(below: first + chunk.totalRowCount)
    guard !found.isEmpty else { return nil }
    var byRow: [Int: RowPatches.Patch] = [:]
    var next = 0
    for row in 0..<chunk.rowCount where next < found.count {
      guard found[next].row == first + chunk.ordinal(of: row) else { continue }
      byRow[row] = found[next]
      next += 1
    }
    self.patches = patches
    self.byRow = byRow
  }

  func patch(_ row: Int) -> RowPatches.Patch? { byRow[row] }

  /// Puts values of a fixed width into their places.
  func apply(to values: ColumnCodec.Values, _ rows: Range<Int>, column: Int) {
    guard values.bytes.count > 0 else { return }
    for (row, patch) in byRow where rows.contains(row) && patches.changes(column, patch) {
      patches.put(column, patch, at: row, into: values)
    }
  }
}
