import HedgerowCore

// Which columns of a file are taken, and as what.

extension TextLayout {
  /// Follows a choice of columns; sets ``keyColumns`` where it names some.
  mutating func choose(
    _ choice: IngestOptions.ColumnChoice, role: Role, place: String
  ) throws {
    func index(_ name: String) throws -> Int {
      let found = columns.indices.filter { columns[$0].name == Self.cleanName(name) }
      guard let first = found.first else {
        let names = columns.filter { !$0.isIgnored }.map { "'\($0.name)'" }.joined(separator: ", ")
        throw HedgerowError(
          .badData, "has no column '\(name)': the columns are \(names)", at: place)
      }
      guard found.count == 1 else {
        throw HedgerowError(.badData, "has two columns '\(name)'", at: place)
      }
      return first
    }
    let keys = try (role == .nodes ? [choice.key] : [choice.source, choice.target])
      .map { try $0.map(index) }
    if let only = choice.only {
      let kept = try Set(only.map(index))
      for index in columns.indices where !kept.contains(index) { columns[index].isIgnored = true }
    }
    for index in try choice.without.map(index) { columns[index].isIgnored = true }
    let kinds = try choice.kinds.map { (try index($0), $1) }
    let names = try choice.names.map { (try index($0), $1) }
    for (index, kind) in kinds {
      let typed = try Self.column(named: "\(columns[index].name):\(kind)", at: place)
      columns[index].kind = typed.kind
      columns[index].isText = typed.isText
      columns[index].isUUID = typed.isUUID
    }
    for (index, name) in names {
      try Identifier.check(name, as: "column")
      columns[index].name = name
    }
    if keys.contains(where: { !$0.isEmpty }) {
      guard keys.allSatisfy({ !$0.isEmpty }) else {
        throw HedgerowError(
          .usage, "names the column of one end: name source and target", at: place)
      }
      for parts in keys {
        // Another reading of the file may want what this one has as its key.
        columns[parts[0]].isIgnored = columns[parts[0]].isIgnored && parts.count > 1
        keyColumns.append(parts.count == 1 ? parts[0] : columns.count)
        if parts.count == 1 { continue }
        columns.append(Column(name: "", kind: .string))
        made.append(.joined(parts, separator: choice.separator))
      }
    }
    for constant in choice.constants {
      columns.append(try Self.column(named: constant.column, at: place))
      made.append(.constant(Array(constant.value.utf8)))
    }
  }
}

extension TextChunk {
  /// Adds columns that the file does not have behind those that it has.
  func add(_ made: [TextLayout.Made]) {
    let width = columnCount
    widen(by: made.count)
    var bytes: [UInt8] = []
    let start = count
    for (index, column) in made.enumerated() {
      let place = width + index
      switch column {
      case .constant(let value):
        let field = field(at: start + bytes.count, count: value.count, isQuoted: true)
        bytes += value
        for row in 0..<rowCount { set(row, place, field) }
      case .joined(let parts, let separator):
        for row in 0..<rowCount {
          let begin = bytes.count
          for (number, part) in parts.enumerated() {
            let key = key(row, part)
            if key.isEmpty {
              mark(row, "has nothing in column \(part + 1), which is part of its key")
            } else if key.contains(separator) {
              mark(
                row,
                """
                has '\(UnicodeScalar(separator))' in column \(part + 1), which stands between the \
                parts of keys: choose another separator
                """)
            }
            if number > 0 { bytes.append(separator) }
            bytes += key
          }
          // The parts have no spaces around them but those that stood in quotes.
          set(row, place, field(at: start + begin, count: bytes.count - begin, isQuoted: true))
        }
      }
    }
    append(bytes)
    dropMarked()
  }
}
