import CHedgerowKernels
import Glibc
import HedgerowCore

/// The first pass: which kinds columns have, and which keys there are.
struct Scan {
  /// One end of an edge type, or a node type's own key.
  struct KeyColumn {
    var keys: NodeKeys
    /// Whether the keys seen are taken into the dictionary.
    var isGathered: Bool
  }

  /// What one chunk says.
  struct Part {
    var profiles: [ColumnProfile.Part] = []
    /// For each key column: the new keys, or all of them for a node file.
    var integers: [[Int64]] = []
    var texts: [[UnsafeBufferPointer<UInt8>]] = []
    var uuids: [[UUIDKey]] = []
    /// Where a key is no integer, or no UUID, and all must be.
    var isText: [Bool] = []
  }

  let runner: PassRunner
  let faults: Faults
  let texts: TextShare

  private func add(
    _ parts: [ColumnProfile.Part], of chunk: TextChunk, to profiles: inout [ColumnProfile],
    place: String
  ) throws {
    var grown = 0
    for index in profiles.indices {
      grown -= profiles[index].textFootprint
      try profiles[index].add(parts[index], rowCount: chunk.rowCount, place: place)
      grown += profiles[index].textFootprint
    }
    try texts.add(grown)
  }

  // MARK: Rows

  /// Cuts a chunk and drops the rows that cannot be used whatever the kinds turn out to be. The
  /// second pass drops the same ones.
  static func prepare(_ chunk: TextChunk, _ table: InputTable, file: Int) {
    let layout = table.files[file].layout
    chunk.split(layout)
    chunk.checkText()
    let withoutKey: TextChunk.Cause = table.files[file].skipsRowsWithoutKey ? .unwanted : .line
    for (column, limit) in zip(layout.keyColumns, table.keyLimits) {
      if let limit { checkLimit(chunk, column, limit) }
      let mustBeInteger = layout.columns[column].kind?.isNumeric ?? false
      let mustBeUUID = layout.columns[column].isUUID
      for row in 0..<chunk.rowCount {
        let field = chunk.fields[row * chunk.columnCount + column]
        let length = Int(hr_field_end(field) - field.begin)
        // A field that begins with no space is a key.
        if length > 0, chunk.bytes[Int(field.begin)] > UInt8(ascii: " "),
          !mustBeInteger, !mustBeUUID
        {
          continue
        }
        let key = chunk.key(row, column)
        if key.isEmpty {
          chunk.mark(row, as: withoutKey, "has no key in column \(column + 1)")
        } else if mustBeInteger, hr_classify(key.baseAddress!, key.count) != HR_CLASS_INTEGER {
          chunk.mark(row, "has \(field: column) where an integer key belongs")
        } else if mustBeUUID, UUIDKey(key) == nil {
          chunk.mark(row, "has \(field: column) where a UUID belongs")
        }
      }
    }
    for (index, profile) in table.profiles.enumerated() {
      guard let column = table.fields[file][index] else { continue }
      if profile.requirement != .none {
        ColumnCodec(checking: profile.name, profile.declared ?? .string, profile.requirement)
          .checkRequirement(chunk, column: column)
      }
      // Texts and categories can be anything.
      if let kind = profile.declared, kind != .string, kind != .categorical {
        _ = ColumnCodec(checking: profile.name, kind, .none).encode(chunk, column: column)
      }
    }
    chunk.dropMarked()
  }

  // MARK: Chunks

  private func part(
    _ chunk: TextChunk, _ table: InputTable, file: Int, _ profiles: [ColumnProfile],
    _ keyColumns: [KeyColumn], onlyNew: Bool
  ) -> Part {
    Self.prepare(chunk, table, file: file)
    var part = Part()
    let layout = table.files[file].layout
    for (column, keyColumn) in zip(layout.keyColumns, keyColumns) {
      var integers: [Int64] = []
      var texts: [UnsafeBufferPointer<UInt8>] = []
      var uuids: [UUIDKey] = []
      var isText = false
      if keyColumn.isGathered {
        switch keyColumn.keys.form {
        case .integers:
          integers = Self.integers(chunk, column)
          isText = integers.count < chunk.rowCount
          if onlyNew && !isText { integers = keyColumn.keys.unknown(integers: integers) }
        case .uuids:
          for row in 0..<chunk.rowCount {
            guard let key = UUIDKey(chunk.key(row, column)) else {
              isText = true
              break
            }
            uuids.append(key)
          }
          if onlyNew { uuids = keyColumn.keys.unknown(uuids: uuids) }
        case .texts:
          texts = (0..<chunk.rowCount).map { chunk.key($0, column) }
          if onlyNew { texts = keyColumn.keys.unknown(texts: texts) }
        }
      }
      part.integers.append(integers)
      part.texts.append(texts)
      part.uuids.append(uuids)
      part.isText.append(isText)
    }
    part.profiles = zip(profiles, table.fields[file]).map { profile, column in
      column.map { profile.part(of: chunk, column: $0) } ?? ColumnProfile.Part()
    }
    return part
  }

  /// The keys of a column, up to the first that is no integer.
  static func integers(_ chunk: TextChunk, _ column: Int) -> [Int64] {
    [Int64](unsafeUninitializedCapacity: chunk.rowCount) { buffer, count in
      guard chunk.rowCount > 0 else { return }
      count = hr_parse_keys(
        chunk.bytes, chunk.fields + column, chunk.columnCount, chunk.rowCount,
        buffer.baseAddress!)
    }
  }

  private static func checkLimit(_ chunk: TextChunk, _ column: Int, _ limit: Int) {
    for row in 0..<chunk.rowCount {
      var key: Int64 = -1
      let text = chunk.key(row, column)
      if text.isEmpty { continue }
      if hr_classify(text.baseAddress!, text.count) == HR_CLASS_INTEGER {
        _ = hr_parse_int64(text.baseAddress!, text.count, &key)
      }
      if key < 0 || key >= limit {
        chunk.mark(
          row,
          "has the key \(field: column), but the feature matrix has rows 0 to \(limit - 1)"
        )
      }
    }
  }

  // MARK: Files

  /// Scans a node type's files; false when a key is no integer, or no UUID, though all were taken to
  /// be.
  func scan(
    nodes table: inout InputTable, keys: NodeKeys, _ duplicates: Duplicates
  ) throws -> Bool {
    var isInteger = true
    var rowCount = keys.storedCount
    for file in table.files.indices {
      let snapshot = table
      var profiles = table.profiles
      try runner.run(table.files[file], .scan) { chunk in
        let column = KeyColumn(keys: keys, isGathered: true)
        return part(chunk, snapshot, file: file, profiles, [column], onlyNew: false)
      } consume: { chunk, part in
        try faults.add(chunk, of: snapshot.files[file])
        try add(part.profiles, of: chunk, to: &profiles, place: snapshot.files[file].name)
        isInteger = isInteger && !part.isText[0]
        let first = rowCount
        rowCount += chunk.totalRowCount
        try keys.endRows(at: rowCount, dropping: chunk.faults.lazy.map { first + $0.ordinal })
        guard isInteger else { return }
        func onDuplicate(key: String, earlier: Int, later: Int) throws {
          try duplicate(
            key, earlier, later, in: snapshot, after: keys.storedCount, duplicates)
        }
        func row(_ index: Int) -> Int { first + chunk.ordinal(of: index) }
        switch keys.form {
        case .integers:
          try part.integers[0].withUnsafeBufferPointer {
            try keys.addRows(integers: $0, row: row, onDuplicate: onDuplicate)
          }
        case .uuids:
          try NodeKeys.withEncoded(part.uuids[0]) {
            try keys.addRows(texts: $0, row: row, onDuplicate: onDuplicate)
          }
        case .texts: try keys.addRows(texts: part.texts[0], row: row, onDuplicate: onDuplicate)
        }
      }
      table.profiles = profiles
    }
    return isInteger
  }

  /// Scans an edge type's files; says for each end whether all its keys were integers, or UUIDs, if
  /// they had to be.
  func scan(edges table: inout InputTable, _ keyColumns: [KeyColumn]) throws -> [Bool] {
    var isInteger = [true, true]
    var rowCount = 0
    for file in table.files.indices {
      let snapshot = table
      var profiles = table.profiles
      try runner.run(table.files[file], .scan) { chunk in
        part(chunk, snapshot, file: file, profiles, keyColumns, onlyNew: true)
      } consume: { chunk, part in
        try faults.add(chunk, of: snapshot.files[file])
        try add(part.profiles, of: chunk, to: &profiles, place: snapshot.files[file].name)
        rowCount += chunk.rowCount
        for end in 0..<2 {
          isInteger[end] = isInteger[end] && !part.isText[end]
          guard keyColumns[end].isGathered, isInteger[end] else { continue }
          switch keyColumns[end].keys.form {
          case .integers: try keyColumns[end].keys.addMentions(integers: part.integers[end])
          case .uuids:
            try NodeKeys.withEncoded(part.uuids[end]) {
              try keyColumns[end].keys.addMentions(texts: $0)
            }
          case .texts: try keyColumns[end].keys.addMentions(texts: part.texts[end])
          }
        }
      }
      table.profiles = profiles
    }
    table.rowCount = rowCount
    return isInteger
  }

  // MARK: Duplicates

  private static let deletedNode =
    ", whose node was deleted from the store: bring it back with hedgerow insert"

  /// Reports a key that two rows have, with both lines; `storedCount` rows come before the files.
  func duplicate(
    _ key: String, _ earlier: Int, _ later: Int, in table: InputTable, after storedCount: Int,
    _ duplicates: Duplicates
  ) throws {
    let isDeleted = duplicates.isDeleted(earlier)
    guard duplicates.mode == .fail || isDeleted else {
      return try duplicates.add(earlier: earlier, later: later)
    }
    // Each look at a line reads the files up to it: of many, the rest are looked up together.
    guard duplicates.faultCount < LeftOutLines.messageLimit else {
      return try duplicates.addFault(earlier: earlier, later: later)
    }
    duplicates.faultCount += 1
    let key = key.count > 60 ? "\(key.prefix(60))..." : key
    func place(_ row: Int) throws -> (file: String, line: Int) {
      var rows = [row - storedCount].makeIterator()
      var place = (file: "", line: 0)
      try runner.visit(
        table, rows: { rows.next() },
        look: { file, line, _, _ in place = (file.name, file.line(of: line)) })
      return place
    }
    let (file, line) = try place(later)
    if isDeleted {
      try faults.add("lists the key '\(key)'\(Self.deletedNode)", in: file, line: line)
    } else if earlier < storedCount {
      try faults.add(
        "lists the key '\(key)', which the store has already", in: file, line: line)
    } else {
      let first = try place(earlier)
      try faults.add(
        "lists the key '\(key)' again: it is on \(first.file):\(first.line) already", in: file,
        line: line)
    }
  }

  /// Reports the repeated keys that ``duplicate(_:_:_:in:after:_:)`` put aside, in one more pass over
  /// the files.
  func reportRepeated(
    _ duplicates: Duplicates, in table: InputTable, after storedCount: Int
  ) throws {
    guard let faulty = try duplicates.sortedFaults() else { return }
    try runner.visit(
      table, rows: { try faulty.advance() ? faulty.current!.high - storedCount : nil },
      look: { file, line, chunk, row in
        let key = Reason.quote(chunk.key(row, file.layout.keyColumns[0]))
        let earlier = faulty.current!.low
        let why =
          duplicates.isDeleted(earlier)
          ? Self.deletedNode : earlier < storedCount ? ", which the store has already" : " again"
        try faults.add(
          "lists the key \(key)\(why)",
          in: file.name, line: file.line(of: line))
      })
  }
}
