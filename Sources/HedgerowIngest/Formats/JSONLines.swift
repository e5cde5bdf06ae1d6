import HedgerowCore

/// A file with one JSON object on each line.
struct JSONLines {
  private let reader: LineReader
  private let graph: GraphImport
  private let path: String

  init(_ path: String, called name: String, into graph: GraphImport) throws {
    reader = try LineReader(path, called: name, onRead: graph.note)
    self.path = path
    self.graph = graph
  }

  /// Calls `body` with the members of each object. Lines that it fails for are left out where the
  /// caller wants it so, and those that are no objects.
  ///
  /// - Parameter isFirst: nothing was said about the file's lines before.
  func forEach(
    isFirst: Bool,
    _ body: (_ members: [JSONValue.Member], _ line: UnsafeRawBufferPointer, _ number: Int) throws ->
      Void
  ) throws {
    while let line = try reader.next() {
      if JSONText.isBlank(line) { continue }
      do {
        guard case .object(let members, _) = try JSONText.value(of: line) else {
          throw JSONText.Failure(message: "is no JSON object")
        }
        guard let members else { throw JSONText.tooMany("keys") }
        try Self.checkKeys(members)
        try body(members, line, reader.number)
      } catch let failure as JSONText.Failure {
        // The second reading finds the same.
        if isFirst { try graph.leaveOut(failure.message, in: reader.name, line: reader.number) }
      }
    }
  }

  /// The text of a key: that of a string, or an integer's digits.
  static func key(_ value: JSONValue?, _ name: String, in line: UnsafeRawBufferPointer) throws
    -> [UInt8]
  {
    switch value {
    case .string(let text):
      guard !text.isEmpty else { throw JSONText.Failure(message: "has an empty '\(name)'") }
      return text
    case .number(let range):
      let text = Array(line[range])
      guard text.allSatisfy({ $0 == UInt8(ascii: "-") || ($0 >= 48 && $0 <= 57) }) else {
        throw JSONText.Failure(
          message:
            "has '\(name)' \(String(decoding: text, as: UTF8.self)): keys are texts or integers")
      }
      return text
    case nil, .null: throw JSONText.Failure(message: "has no '\(name)'")
    default: throw JSONText.Failure(message: "has '\(name)' that is neither a text nor an integer")
    }
  }

  /// The value of a key; nil where there is none.
  static func value(_ key: String, of members: [JSONValue.Member]) -> JSONValue? {
    members.first { $0.key == key }?.value
  }

  /// - Throws: ``JSONText/Failure`` for a key that is there twice.
  static func checkKeys(_ members: [JSONValue.Member]) throws {
    func twice(_ key: String) -> JSONText.Failure {
      JSONText.Failure(message: "has the key '\(key.prefix(60))' twice")
    }
    guard members.count > 16 else {
      for (place, member) in members.enumerated()
      where members[..<place].contains(where: { $0.key == member.key }) {
        throw twice(member.key)
      }
      return
    }
    var seen: Set<String> = []
    for member in members where !seen.insert(member.key).inserted { throw twice(member.key) }
  }
}

/// Tables of nodes or edges as JSON Lines: an object is a row.
struct JSONTable: TableFormat {
  static func isKnown(_ path: String) -> Bool {
    let name = path.withoutCompression
    return [".jsonl", ".ndjson", ".json"].contains { name.hasSuffix($0) }
  }

  /// Reads the files twice, since the kinds of columns follow from all of them.
  static func read(_ files: TableFiles, into graph: GraphImport, budget: MemoryBudget) throws {
    let keys = files.keys ?? files.owner.keys
    guard files.columns == nil else {
      throw HedgerowError(
        .usage, "names its columns itself: leave out --columns", at: files.files[0].name)
    }
    var columns = JSONColumns(reserved: keys)
    for file in files.files {
      try JSONLines(file.path, called: file.name, into: graph).forEach(isFirst: true) {
        members, line, _ in
        for key in keys { _ = try JSONLines.key(JSONLines.value(key, of: members), key, in: line) }
        for member in members where !keys.contains(member.key) {
          try columns.note(member, in: line)
        }
      }
    }
    for file in files.files {
      let table = try graph.makeTable(files.owner, columns.columns, from: file.name)
      try JSONLines(file.path, called: file.name, into: graph).forEach(isFirst: false) {
        members, line, number in
        let texts = try keys.map {
          try JSONLines.key(JSONLines.value($0, of: members), $0, in: line)
        }
        let properties = members.filter { !keys.contains($0.key) }
        try columns.check(properties)
        for text in texts { text.withUnsafeBytes { table.append($0) } }
        columns.append(properties, of: line, to: table)
        try table.endRow(line: number)
      }
    }
  }
}
