import CHedgerowKernels
import Glibc
package import HedgerowCore

/// How a delimited file is laid out: its delimiter, its header and its columns.
///
/// Told from the name and the first lines, unless options say so.
package struct TextLayout {
  package struct Column {
    package var name: String
    /// From a typed header, as `year:int`.
    package var kind: PropertyKind?
    /// The header says `id:uuid`.
    package var isUUID = false
    /// Left out by its empty name in ``IngestOptions/nodeColumns``.
    package var isIgnored = false
    /// From a typed header, as `name:text`: a string or a category, whatever values look like.
    package var isText = false
  }

  package enum Role { case nodes, edges }

  /// A column that is not in the file.
  package enum Made {
    /// The same for all rows.
    case constant([UInt8])
    /// The fields of several columns with the separator between them.
    case joined([Int], separator: UInt8)
  }

  package var delimiter: UInt8
  /// Begins lines that say nothing, as `#` in SNAP's edge lists; 0 for none.
  package var comment: UInt8
  package var columns: [Column]
  /// The last of the columns.
  package var made: [Made] = []
  /// The mark and the header.
  package var skipByteCount: Int
  package var hasHeader: Bool
  /// The place of a node's key; of the source's and the target's.
  package var keyColumns: [Int]
  /// Whether each key column of the first lines holds integers only.
  package var looksInteger: [Bool]
  /// And whether each holds UUIDs only.
  package var looksUUID: [Bool]
  /// Whether the first lines hold any rows.
  package var hasRows: Bool

  /// The columns that the file has.
  package var fileColumnCount: Int { columns.count - made.count }

  /// The columns that become properties.
  package var propertyColumns: [Int] {
    columns.indices.filter { !keyColumns.contains($0) && !columns[$0].isIgnored }
  }
}

/// What a caller may fix of a layout.
package struct TextLayoutHints {
  package var delimiter: UInt8?
  package var header = IngestOptions.Header.automatic
  package var names: [String]?
  package var comment: UInt8?
  package var choice = IngestOptions.ColumnChoice()
  package init(
    delimiter: UInt8? = nil, header: IngestOptions.Header = .automatic, names: [String]? = nil,
    comment: UInt8? = nil, choice: IngestOptions.ColumnChoice = .init()
  ) {
    self.choice = choice
    self.delimiter = delimiter
    self.header = header
    self.names = names
    self.comment = comment
  }
}

extension TextLayout {
  private static let sampleByteCount = 256 << 10
  private static let sampleRowCount = 20

  /// Reads the start of the file at `path`, which is called `name` in messages.
  package init(
    detecting path: String, called name: String, role: Role, hints: TextLayoutHints
  ) throws {
    let sample = try FileStart(
      path: path, called: name, byteCount: Self.sampleByteCount, comment: hints.comment,
      mayHaveHeader: hints.header == .present)
    comment = sample.comment
    let choice = Self.chooseDelimiter(sample, name: name, role: role, hints: hints)
    let rows = sample.rows(delimiter: choice, limit: Self.sampleRowCount + 1)
    delimiter = choice

    switch hints.header {
    case .present: hasHeader = true
    case .absent: hasHeader = false
    case .automatic:
      hasHeader = hints.names == nil && !rows.isEmpty && Self.looksLikeHeader(rows, role: role)
    }
    // Names given by the caller make an empty file a table without rows; else it says nothing.
    guard !rows.isEmpty || (!hasHeader && hints.names != nil) else {
      throw HedgerowError(
        .badData, "is empty: a table without rows has at least a header line", at: name)
    }
    let header = hasHeader ? rows[0].map { String(decoding: $0, as: UTF8.self) } : nil
    let width = rows.first?.count ?? hints.names?.count ?? (role == .edges ? 2 : 1)
    skipByteCount = sample.markByteCount + (hasHeader ? sample.firstRowByteCount(choice) : 0)

    let place = "\(name):1"
    if let names = hints.names {
      guard names.count == width else {
        throw HedgerowError(
          .badData, "has \(width) columns where \(names.count) are named", at: place)
      }
      columns = try names.map { try Self.column(named: $0, at: place) }
    } else if let header {
      columns = try header.map { try Self.column(named: $0, at: place) }
      for index in columns.indices where columns[index].isIgnored {
        columns[index] = Column(name: "column_\(index + 1)")
      }
    } else {
      columns = (0..<width).map { Column(name: "column_\($0 + 1)") }
    }
    keyColumns = []
    looksInteger = []
    looksUUID = []
    hasRows = rows.count > (hasHeader ? 1 : 0)
    try choose(hints.choice, role: role, place: place)
    if keyColumns.isEmpty {
      keyColumns = try Self.chooseKeys(columns, role: role, width: width, place: place)
    }
    try checkKeyKinds(place)
    looksInteger = keyColumns.map { column in
      rows.dropFirst(hasHeader ? 1 : 0).allSatisfy { row in
        row.count <= column || Self.classify(row[column]) == HR_CLASS_INTEGER
      }
    }
    looksUUID = keyColumns.map { column in
      rows.dropFirst(hasHeader ? 1 : 0).allSatisfy { row in
        row.count <= column || row[column].withUnsafeBufferPointer { UUIDKey($0) } != nil
      }
    }
    try checkNames(place)
  }

  private func checkNames(_ place: String) throws {
    if let index = propertyColumns.first(where: { columns[$0].isUUID }) {
      throw HedgerowError(
        .badData,
        "declares column '\(columns[index].name)' uuid, which only keys are: use string or bytes",
        at: place)
    }
    var seen: Set<String> = []
    for index in propertyColumns where !seen.insert(columns[index].name).inserted {
      throw HedgerowError(
        .badData,
        "names two columns '\(columns[index].name)': name the columns with --columns", at: place)
    }
  }

  // MARK: Delimiter

  private static func chooseDelimiter(
    _ sample: FileStart, name: String, role: Role, hints: TextLayoutHints
  ) -> UInt8 {
    if let delimiter = hints.delimiter { return delimiter }
    let name = name.withoutCompression
    let usual: Character? =
      name.hasSuffix(".csv") ? "," : name.hasSuffix(".tsv") || name.hasSuffix(".txt") ? "\t" : nil
    var candidates: [Character] = ["\t", ",", ";", "|"]
    // A node file with one column of names has spaces that separate nothing.
    if role == .edges { candidates.append(" ") }
    if let usual { candidates = [usual] + candidates.filter { $0 != usual } }
    for candidate in candidates {
      let rows = sample.rows(delimiter: candidate.asciiValue!, limit: sampleRowCount)
      guard let first = rows.first, first.count > 1 else { continue }
      if candidate == usual || rows.allSatisfy({ $0.count == first.count }) {
        return candidate.asciiValue!
      }
    }
    return (usual ?? "\t").asciiValue!
  }

  // MARK: Header

  private static let knownNames: Set<String> = [
    "id", "source", "target", "label", "split", "time", "timestamp", "weight",
  ]
  private static let endNames = [("source", "target"), ("src", "dst"), ("from", "to")]

  private static func classify(_ field: [UInt8]) -> UInt32 {
    // Padded on both sides, as the kernels read whole words.
    let padding = [UInt8](repeating: 0, count: HR_TEXT_PADDING)
    return (padding + field + padding).withUnsafeBufferPointer {
      hr_classify($0.baseAddress! + HR_TEXT_PADDING, field.count)
    }
  }

  private static func isNumber(_ field: [UInt8]) -> Bool {
    let number = HR_CLASS_INTEGER | HR_CLASS_LONG | HR_CLASS_DECIMAL
    return classify(field) & UInt32(number) != 0
  }

  private static func looksLikeHeader(_ rows: [[[UInt8]]], role: Role) -> Bool {
    let names = rows[0].map { String(decoding: $0, as: UTF8.self) }
    let bare = names.map(bareName)
    if bare.contains(where: knownNames.contains) { return true }
    if endNames.contains(where: { bare.contains($0.0) && bare.contains($0.1) }) { return true }
    if names.contains(where: { name in
      typedName(name) != nil || [":text", ":uuid"].contains { name.lowercased().hasSuffix($0) }
    }) {
      return true
    }
    let next = rows.dropFirst().filter { $0.count == names.count }
    return names.indices.contains { column in
      let isText = !rows[0][column].isEmpty && !isNumber(rows[0][column])
      func isUUID(_ row: [[UInt8]]) -> Bool {
        row[column].withUnsafeBufferPointer { UUIDKey($0) } != nil
      }
      return isText && !next.isEmpty
        && (next.allSatisfy { isNumber($0[column]) }
          || (!isUUID(rows[0]) && next.allSatisfy(isUUID)))
    }
  }

  /// Without the `~` that property graph exports put before the names of theirs.
  private static func bareName(_ text: String) -> String {
    String(text.hasPrefix("~") ? text.dropFirst() : text[...])
  }

  private static func typedName(_ text: String) -> (String, PropertyKind)? {
    guard let colon = text.lastIndex(of: ":"), colon != text.startIndex,
      let kind = PropertyKind(text[text.index(after: colon)...])
    else { return nil }
    return (String(text[..<colon]), kind)
  }

  /// Reads `year:int`, `year` or nothing; characters that no name may have become `_`.
  static func column(named text: String, at place: String) throws -> Column {
    let text = bareName(
      String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()))
    if text.isEmpty { return Column(name: "", isIgnored: true) }
    var name = text
    var kind: PropertyKind?
    var isText = false
    if text.lowercased().hasSuffix(":uuid") {
      return Column(name: cleanName(String(text.dropLast(5))), isUUID: true)
    }
    if let typed = typedName(text) {
      name = typed.0
      kind = typed.1
    } else if text.hasSuffix(":text"), text.utf8.count > 5 {
      name = String(text.dropLast(5))
      isText = true
    } else if let colon = text.lastIndex(of: ":") {
      throw HedgerowError(
        .badData,
        "'\(text[text.index(after: colon)...])' in the header is no type of a column: "
          + "use int, float, bool, string, bytes, categorical, text, timestamp or float32[N]",
        at: place)
    }
    return Column(name: cleanName(name), kind: kind, isText: isText)
  }

  /// At most 64 characters; those that no name may have become `_`.
  package static func cleanName(_ text: String) -> String {
    String(
      text.unicodeScalars.prefix(64).map { scalar in
        Identifier.isValid(String(scalar)) ? Character(scalar) : "_"
      })
  }

  // MARK: Keys

  /// The columns that have a key's name, if there are.
  static func namedKeys(_ columns: [Column], _ role: Role) -> [Int]? {
    func index(_ name: String) -> Int? {
      columns.firstIndex { $0.name == name && !$0.isIgnored }
    }
    switch role {
    case .nodes: return index("id").map { [$0] }
    case .edges:
      return endNames.lazy.compactMap { source, target in
        index(source).flatMap { source in index(target).map { [source, $0] } }
      }.first
    }
  }

  private static func chooseKeys(
    _ columns: [Column], role: Role, width: Int, place: String
  ) throws -> [Int] {
    let keys = namedKeys(columns, role) ?? (role == .nodes ? [0] : [0, 1])
    guard width >= role.keyCount else {
      throw HedgerowError(
        .badData,
        "has one column where an edge needs two: is the delimiter right (--delimiter)?", at: place)
    }
    return keys
  }

  private func checkKeyKinds(_ place: String) throws {
    for key in keyColumns {
      switch columns[key].kind {
      case nil, .int64, .int32, .string, .categorical: break
      case .some(let kind):
        throw HedgerowError(
          .badData, "has a key of type \(kind): keys are int or string", at: place)
      }
    }
  }
}

extension TextLayout.Role {
  fileprivate var keyCount: Int { self == .nodes ? 1 : 2 }
}

/// The first bytes of a file, cut into rows as often as there are guesses.
struct FileStart {
  private let bytes: [UInt8]
  private let isWhole: Bool
  /// Of a UTF-8 byte order mark.
  let markByteCount: Int
  /// Begins lines that say nothing; 0 for none.
  let comment: UInt8

  /// - Parameters:
  ///   - comment: what begins comments; told by the first byte when it is nil.
  ///   - mayHaveHeader: a first line that looks like a comment is the header.
  init(
    path: String, called name: String, byteCount: Int, comment: UInt8?, mayHaveHeader: Bool
  ) throws {
    let source = try ByteSource(path: path, called: name)
    var buffer = [UInt8](repeating: 0, count: byteCount)
    var count = try buffer.withUnsafeMutableBytes { try source.read(into: $0) }
    // A row with a long key or text may go on beyond the sample.
    while count == buffer.count, count < TextChunk.longestRow,
      !buffer.contains(UInt8(ascii: "\n"))
    {
      buffer += [UInt8](repeating: 0, count: count)
      count += try buffer.withUnsafeMutableBytes {
        try source.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[count...]))
      }
    }
    isWhole = count < buffer.count
    markByteCount = buffer[..<count].starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    bytes = Array(buffer[markByteCount..<count])
    let first = bytes.first { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
    let isComment = first == UInt8(ascii: "#") || first == UInt8(ascii: "%")
    self.comment = comment ?? (isComment && !mayHaveHeader ? first! : 0)
  }

  private func chunk(_ delimiter: UInt8) -> TextChunk {
    let chunk = TextChunk(capacity: bytes.count + 1)
    bytes.withUnsafeBytes { if $0.count > 0 { memcpy(chunk.bytes, $0.baseAddress!, $0.count) } }
    chunk.count = bytes.count
    let cut = hr_last_row_end(chunk.bytes, 0, chunk.count, delimiter, comment)
    if cut > 0 && !isWhole {
      chunk.count = cut
    } else if chunk.count > 0, chunk.bytes[chunk.count - 1] != UInt8(ascii: "\n") {
      chunk.bytes[chunk.count] = UInt8(ascii: "\n")
      chunk.count += 1
    }
    return chunk
  }

  /// The first rows; rows with another number of fields than the first are left out.
  func rows(delimiter: UInt8, limit: Int) -> [[[UInt8]]] {
    let probe = chunk(delimiter)
    let width = firstRow(probe, delimiter)?.columnCount ?? 1
    let chunk = chunk(delimiter)
    chunk.split(delimiter: delimiter, comment: comment, columnCount: width)
    return (0..<min(limit, chunk.rowCount)).map { row in
      (0..<width).map { Array(chunk.field(row, $0)) }
    }
  }

  /// Bytes up to the end of the first row, blank lines and comments before it included.
  func firstRowByteCount(_ delimiter: UInt8) -> Int {
    firstRow(chunk(delimiter), delimiter)?.byteCount ?? 0
  }

  private func firstRow(
    _ chunk: TextChunk, _ delimiter: UInt8
  ) -> (columnCount: Int, byteCount: Int)? {
    guard chunk.count > 0 else { return nil }
    // No row has no columns, so that the first one stops the splitter.
    var split = hr_split()
    split.delimiter = delimiter
    split.comment = comment
    var field = hr_field()
    var status: Int32 = 0
    _ = hr_split_rows(chunk.bytes, chunk.count, &split, &field, &status)
    guard status != Int32(HR_SPLIT_END) else { return nil }
    return (max(1, Int(split.found)), min(split.position, bytes.count))
  }
}

extension TextChunk {
  /// Cuts the rows as a layout has them.
  func split(_ layout: TextLayout) {
    split(
      delimiter: layout.delimiter, comment: layout.comment, columnCount: layout.fileColumnCount)
    if !layout.made.isEmpty { add(layout.made) }
  }
}
