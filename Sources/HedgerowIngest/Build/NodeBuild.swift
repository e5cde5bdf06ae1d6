import CHedgerowKernels
import HedgerowCore
import HedgerowMapped
import HedgerowRoaring
import HedgerowStore

/// The second pass over a node type: its columns, sets, features and keys go to the store.
struct NodeBuild {
  let runner: PassRunner
  let builder: GenerationBuilder
  let table: InputTable
  let keys: NodeKeys
  let features: [FeatureBuild]
  /// Columns whose values become sets.
  let splits: [String]
  /// Those of them whose fields are lists.
  let listSplits: Set<String>
  /// The store as it is, when it has the type.
  let present: Snapshot?
  /// Rows whose key an earlier row has.
  let duplicates: Duplicates
  /// For sorting their values.
  let memory: Int
  /// Where rows of features belong when the type is there and has no node file.
  let keyed: KeyedRows?

  /// Distinct values of a split column, and sets of a file of sets.
  static let setLimit = 1024

  func run() throws {
    let type = keys.type
    let properties = table.properties + features.map { PropertySchema($0.column, $0.kind) }
    if let present {
      let schema = present.schema.node(type)
      try builder.extend(
        type, to: keys.count, adding: properties.filter { schema?.property($0.name) == nil })
    } else {
      try builder.declare(NodeSchema(type, properties: properties), count: keys.count)
    }
    let rewritten = duplicates.reachStore ? try replaceStoredColumns() : []
    try writeColumns(rewriting: rewritten)
    for feature in features {
      let writer = try writer(of: feature.column)
      if let keyed {
        try feature.write(
          to: writer, keyed: keyed, stored: storedColumn(feature.column), runner: runner)
      } else if let writer {
        try feature.write(
          to: writer, keys: keys,
          replacing: duplicates.movesValues ? duplicates.sortedByEarlier() : nil, runner: runner)
      }
    }
    if isLarger { try writeKeys() }
  }

  /// Whether there are nodes to add; a new type is written in any case.
  private var isLarger: Bool { present == nil || keys.count > keys.storedCount }

  /// The writer of a column, but for one that is there already and gets no rows.
  private func writer(of column: String) throws -> ColumnWriter? {
    let isThere = present?.schema.node(keys.type)?.property(column) != nil
    return isThere && !isLarger ? nil : try builder.columnWriter(of: keys.type, column)
  }

  private func storedColumn(_ name: String) throws -> ColumnReader? {
    guard let present, present.schema.node(keys.type)?.property(name) != nil else { return nil }
    return try present.columnReader(of: keys.type, name)
  }

  // MARK: Columns

  private struct Split {
    var column: Int
    var isList = false
    var names = TextTable()
    var members: [[UInt32]] = []
    var sets: [RoaringBitmap] = []
    /// Nodes of the store whose value was another one, by the set that it named.
    var left: [String: RoaringBitmap] = [:]

    mutating func flush() {
      for index in members.indices where !members[index].isEmpty {
        members[index].withUnsafeBufferPointer { sets[index].insert(contentsOf: $0) }
        members[index].removeAll(keepingCapacity: true)
      }
    }
  }

  /// Begins the columns anew that the store has and rows of the files change.
  private func replaceStoredColumns() throws -> [Int] {
    let type = keys.type
    let schema = present?.schema.node(type)
    return try table.codecs.indices.filter { column in
      guard let property = schema?.property(table.codecs[column].name),
        table.fields.contains(where: { $0[column] != nil })
      else { return false }
      try builder.declareColumn(property, of: type, provenance: nil, replaces: true)
      return true
    }
  }

  /// - Parameter rewritten: columns of the store that are written anew.
  private func writeColumns(rewriting rewritten: [Int]) throws {
    let writers = try table.codecs.indices.map { column in
      rewritten.contains(column)
        ? try builder.columnWriter(of: keys.type, table.codecs[column].name)
        : try writer(of: table.codecs[column].name)
    }
    var splits: [Split] = self.splits.map { name in
      Split(
        column: table.codecs.firstIndex { $0.name == name }!, isList: listSplits.contains(name))
    }
    let patches =
      duplicates.movesValues && !table.codecs.isEmpty
      ? try RowPatches(
        duplicates, of: table, splits: splits.map(\.column), after: keys.storedCount,
        runner: runner, memory: memory, scratch: builder.scratchDirectory) : nil
    // Those of new columns and of columns that begin anew.
    let begun = writers.indices.filter { writers[$0]?.rowCount == 0 }
    try writeStored(begun, rewritten, writers, patches, &splits)
    for writer in writers { try writer?.appendNulls(keys.storedCount - Int(writer!.rowCount)) }
    var rowCount = keys.storedCount
    var nextID = UInt32(keys.storedCount)
    if !writers.isEmpty {
      for file in table.files.indices {
        try runner.run(table.files[file], .read) { chunk in
          Scan.prepare(chunk, table, file: file)
          return table.encode(chunk, file: file)
        } consume: { chunk, values in
          let changes = try RowChanges(patches, in: chunk, from: rowCount)
          for index in values.indices { changes?.apply(to: values[index], column: index) }
          for rows in keptRows(of: chunk, from: rowCount) {
            for case (let index, let writer?) in writers.enumerated() {
              try write(
                values[index], rows, of: chunk, field: table.fields[file][index],
                by: table.codecs[index], changes: changes, column: index, to: writer)
            }
            for index in splits.indices {
              let field = table.fields[file][splits[index].column]
              if field == nil && changes == nil { continue }
              try add(
                rows, of: chunk, field: field, firstID: nextID, changes: changes, split: index,
                to: &splits[index])
            }
            nextID += UInt32(rows.count)
          }
          rowCount += chunk.totalRowCount
        }
      }
      guard nextID == keys.keptRows else { throw changedFile(table.files[0]) }
      for case (let writer?, let codec) in zip(writers, table.codecs) {
        // Nodes that edges made have null everywhere.
        try writer.appendNulls(keys.createdCount)
        try writer.finish(categories: codec.categories)
      }
    }
    for var split in splits {
      for index in 0..<split.names.count {
        let name = Self.setName(split.names.text(index))
        var members = try present?.set(named: name, of: keys.type) ?? RoaringBitmap()
        if let left = split.left.removeValue(forKey: name) { members.subtract(left) }
        try builder.setMembers(name, of: keys.type, members.union(split.sets[index]))
      }
      for (name, left) in split.left.sorted(by: { $0.key < $1.key }) {
        guard var members = try present?.set(named: name, of: keys.type) else { continue }
        members.subtract(left)
        try builder.setMembers(name, of: keys.type, members)
      }
    }
  }

  // MARK: Nodes that the store has

  /// Writes the rows of nodes that the store has to columns that begin anew, with what the files say.
  ///
  /// - Parameter rewritten: those of the columns that the store has.
  private func writeStored(
    _ columns: [Int], _ rewritten: [Int], _ writers: [ColumnWriter?], _ patches: RowPatches?,
    _ splits: inout [Split]
  ) throws {
    guard let present, let patches, duplicates.reachStore else { return }
    let readers = try columns.map { column in
      rewritten.contains(column)
        ? try present.columnReader(of: keys.type, table.codecs[column].name) : nil
    }
    let widest = columns.map { table.codecs[$0].byteWidth }.max() ?? 0
    let blockCount = max(1, min(4096, (1 << 20) / max(1, widest)))
    for start in stride(from: 0, to: keys.storedCount, by: blockCount) {
      try runner.checkCancelled()
      let rows = start..<min(keys.storedCount, start + blockCount)
      let changes = try patches.next(below: rows.upperBound)
      for (column, reader) in zip(columns, readers) {
        try copy(rows, of: reader, changes, patches, column: column, to: writers[column]!)
      }
      for index in splits.indices {
        for patch in changes where patches.changes(splits[index].column, patch) {
          try leaveSets(UInt32(patch.row), of: &splits[index], in: present)
          try patches.withField(ofSplit: index, patch) {
            try add(
              UInt32(patch.row), field: $0?.assumingMemoryBound(to: UInt8.self),
              to: &splits[index])
          }
        }
        splits[index].flush()
      }
    }
  }

  /// Takes a node out of the sets that its value in the store names.
  private func leaveSets(_ id: UInt32, of split: inout Split, in present: Snapshot) throws {
    let column = table.codecs[split.column].name
    guard present.schema.node(keys.type)?.property(column) != nil,
      let value = try present.value(of: column, of: keys.type, at: NodeID(id))
    else { return }
    var names: [String] = []
    switch value {
    case .text(let text):
      names = split.isList ? text.split(separator: ";").map { String($0) } : [text]
    case .int(let number): names = ["\(number)"]
    case .bool(let flag): names = ["\(flag)"]
    default: break
    }
    for name in names {
      let name = Array(name.utf8).withUnsafeBufferPointer { Self.setName($0) }
      split.left[name, default: RoaringBitmap()].insert(id)
    }
  }

  private func copy(
    _ rows: Range<Int>, of reader: ColumnReader?, _ changes: [RowPatches.Patch],
    _ patches: RowPatches, column: Int, to writer: ColumnWriter
  ) throws {
    if writer.kind.hasVariableLength {
      var row = rows.lowerBound
      var next = 0
      func append(_ text: UnsafeRawBufferPointer?) throws {
        if next < changes.count, changes[next].row == row {
          let patch = changes[next]
          next += 1
          if patches.changes(column, patch) {
            try patches.withText(column, patch) { try writer.append(text: $0) }
            row += 1
            return
          }
        }
        try writer.append(text: text)
        row += 1
      }
      guard let reader else {
        for _ in rows { try append(nil) }
        return
      }
      return try reader.readTexts(rows, append)
    }
    let values = ColumnCodec.Values(count: rows.count, byteWidth: writer.kind.byteWidth)
    if let reader {
      try reader.read(rows, into: values.bytes, isValid: values.isValid)
    } else {
      values.bytes.initializeMemory(as: UInt8.self, repeating: 0)
      values.isValid.initialize(repeating: false)
    }
    for patch in changes where patches.changes(column, patch) {
      patches.put(column, patch, at: patch.row - rows.lowerBound, into: values)
    }
    try writer.append(
      fixed: UnsafeRawBufferPointer(values.bytes), count: rows.count,
      isValid: UnsafeBufferPointer(values.isValid))
  }

  // MARK: Rows

  /// The rows of a chunk that are nodes, as stretches; all of them but for duplicates.
  private func keptRows(of chunk: TextChunk, from first: Int) -> [Range<Int>] {
    if !keys.hasDroppedRows { return chunk.rowCount > 0 ? [0..<chunk.rowCount] : [] }
    var stretches: [Range<Int>] = []
    var start = 0
    for row in 0...chunk.rowCount {
      if row == chunk.rowCount || keys.isDropped(row: first + chunk.ordinal(of: row)) {
        if start < row { stretches.append(start..<row) }
        start = row + 1
      }
    }
    return stretches
  }

  private func write(
    _ values: ColumnCodec.Values, _ rows: Range<Int>, of chunk: TextChunk, field: Int?,
    by codec: ColumnCodec, changes: RowChanges?, column: Int, to writer: ColumnWriter
  ) throws {
    if writer.kind.hasVariableLength {
      for row in rows {
        if let changes, let patch = changes.patch(row), changes.patches.changes(column, patch) {
          try changes.patches.withText(column, patch) { try writer.append(text: $0) }
        } else if let field, values.isValid[row] {
          try codec.withStored(chunk.field(row, field)) { try writer.append(text: $0) }
        } else {
          try writer.append(text: nil)
        }
      }
      return
    }
    let width = writer.kind.byteWidth
    try writer.append(
      fixed: UnsafeRawBufferPointer(
        rebasing: values.bytes[(rows.lowerBound * width)..<(rows.upperBound * width)]),
      count: rows.count,
      isValid: UnsafeBufferPointer(rebasing: values.isValid[rows]))
  }

  // MARK: Sets

  private func add(
    _ rows: Range<Int>, of chunk: TextChunk, field: Int?, firstID: UInt32, changes: RowChanges?,
    split index: Int, to split: inout Split
  ) throws {
    for row in rows {
      let id = firstID + UInt32(row - rows.lowerBound)
      if let changes, let patch = changes.patch(row), changes.patches.changes(split.column, patch) {
        try changes.patches.withField(ofSplit: index, patch) {
          try add(id, field: $0?.assumingMemoryBound(to: UInt8.self), to: &split)
        }
      } else {
        try add(id, field: field.map { chunk.field(row, $0) }, to: &split)
      }
    }
    split.flush()
  }

  /// Puts a node into the sets that its field names.
  private func add(
    _ id: UInt32, field: UnsafeBufferPointer<UInt8>?, to split: inout Split
  ) throws {
    guard let field else { return }
    let texts =
      split.isList
      ? field.split(separator: UInt8(ascii: ";")).map { UnsafeBufferPointer(rebasing: $0) }
      : [field]
    for text in texts where !text.isEmpty { try add(id, to: text, of: &split) }
  }

  private func add(
    _ id: UInt32, to text: UnsafeBufferPointer<UInt8>, of split: inout Split
  ) throws {
    let (index, isNew) = split.names.insert(text)
    if isNew {
      guard index < Self.setLimit else {
        throw HedgerowError(
          .badData,
          "split column '\(table.codecs[split.column].name)' has more than \(Self.setLimit) "
            + "values; each would become a set", at: table.files[0].name)
      }
      let name = Self.setName(text)
      for other in 0..<index where Self.setName(split.names.text(other)) == name {
        throw HedgerowError(
          .badData, "two values of a split column both make the set '\(name)': rename one",
          at: table.files[0].name)
      }
      split.members.append([])
      split.sets.append(RoaringBitmap())
    }
    split.members[index].append(id)
  }

  /// A value as the name of a set: what no name may have becomes `_`.
  private static func setName(_ text: UnsafeBufferPointer<UInt8>) -> String {
    TextLayout.cleanName(String(text.trimmed))
  }

  // MARK: Keys

  private func writeKeys() throws {
    let writer = try builder.keyWriter(of: keys.type, keys.storedKind)
    try keys.write(to: writer, onBlock: runner.checkCancelled) { append in
      if let present { try keys.visitStored(in: present, append) }
      var rowCount = keys.storedCount
      var keyCount = keys.storedCount
      for file in table.files.indices {
        let column = table.files[file].layout.keyColumns[0]
        try runner.run(table.files[file], .read) { chunk in
          Scan.prepare(chunk, table, file: file)
        } consume: { chunk, _ in
          for row in keptRows(of: chunk, from: rowCount).joined() {
            keyCount += 1
            try keys.withEncoded(field: chunk.key(row, column)) { key in
              guard let key else { throw changedFile(table.files[file]) }
              try append(key)
            }
          }
          rowCount += chunk.totalRowCount
        }
      }
      guard keyCount == keys.keptRows else { throw changedFile(table.files[0]) }
    }
  }
}

extension ColumnWriter {
  /// Appends rows of null.
  func appendNulls(_ count: Int) throws {
    guard !kind.hasVariableLength else {
      for _ in 0..<count { try append(text: nil) }
      return
    }
    let width = kind.byteWidth
    let block = max(1, min(count, (1 << 20) / max(1, width)))
    let zeros = UnsafeMutableRawBufferPointer.allocate(byteCount: block * width, alignment: 16)
    let isValid = [Bool](repeating: false, count: block)
    defer { zeros.deallocate() }
    zeros.initializeMemory(as: UInt8.self, repeating: 0)
    var left = count
    while left > 0 {
      let part = min(left, block)
      try isValid.withUnsafeBufferPointer {
        try append(
          fixed: UnsafeRawBufferPointer(rebasing: zeros[..<(part * width)]), count: part,
          isValid: UnsafeBufferPointer(rebasing: $0[..<part]))
      }
      left -= part
    }
  }
}
