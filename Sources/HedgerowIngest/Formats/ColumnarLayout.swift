import HedgerowColumnar
import HedgerowCore

/// Which columns of a file are keys, and what the others become.
struct ColumnarLayout {
  struct Field {
    /// In the file.
    var column: Int
    var name: String
    var type: ColumnarType
    var isList = false
    /// By the caller's word, or by the note of the export that wrote the file.
    var declared: PropertyKind?
    var isText = false
    var isUUID = false
    /// It is a key, or a part of one, under its own name.
    var isKey = false

    /// `nil` for UUIDs, which are no kind of column.
    var keyKind: PropertyKind? {
      isUUID || type == .uuid ? nil : type.storage == .bytes ? .string : .int64
    }

    /// As in the header of a table, of a key.
    var spelled: String { "\(name):\(keyKind.map { "\($0)" } ?? "uuid")" }
  }

  private(set) var keys: [Field] = []
  private(set) var fields: [Field] = []

  /// The note in which an export says what its columns are: a typed header, keys first.
  static let note = "hedgerow.columns"

  /// - Parameters:
  ///   - names: as in a header, of all columns; an empty one leaves one out.
  ///   - choice: of columns, by their names. Unless it is of everything, keys are chosen once there is a
  ///     table, in which all columns have their own names.
  init(
    _ file: any ColumnarFile, _ owner: TableOwner, names: [String]?,
    choice: IngestOptions.ColumnChoice
  ) throws {
    func wrong(_ message: String) -> HedgerowError {
      HedgerowError(.badData, message, at: file.name)
    }
    let (columns, areNoted) = try Self.columns(of: file, names)
    let used = columns.indices.filter { !columns[$0].isIgnored }
    let keyNames = owner.keys
    guard used.count >= keyNames.count else {
      throw wrong("has \(used.count) columns where \(keyNames.count) are keys")
    }
    let first = Array(used.prefix(keyNames.count))
    let found = areNoted ? first : TextLayout.namedKeys(columns, owner.role) ?? first
    let isWhole = choice.isEverything
    let chosenKeys = Set((choice.key + choice.source + choice.target).map(TextLayout.cleanName))
    try Self.check(choice.without, columns, at: file.name)
    // Names that somebody chose are good as they are.
    let areChosen = names != nil || areNoted && isWhole
    var table = NameTable(reserved: isWhole ? keyNames : [])
    for place in used {
      let name = columns[place].name
      let isKeyPart = chosenKeys.contains(TextLayout.cleanName(name))
      let isWanted = isKeyPart || choice.only?.contains(name) ?? !choice.without.contains(name)
      guard var field = try Self.field(place, of: file, columns[place], isWanted: isWanted) else {
        continue
      }
      if isWhole, let key = found.firstIndex(of: place) {
        try Self.check(key: field, called: name, in: file)
        field.name = keyNames[key]
        keys.append(field)
        continue
      }
      if !areChosen { field.name = table.name(for: name) }
      field.isKey = !isWhole && (chosenKeys.isEmpty ? found.contains(place) : isKeyPart)
      fields.append(field)
    }
    if keys.count == 2, found[0] > found[1] { keys.swapAt(0, 1) }
    var seen: Set<String> = []
    for field in fields where !seen.insert(field.name).inserted {
      throw wrong("has two columns '\(field.name)': name the columns with --columns")
    }
  }

  /// The columns as in a header, and whether they are those of an export's note.
  private static func columns(
    of file: any ColumnarFile, _ names: [String]?
  ) throws -> (columns: [TextLayout.Column], areNoted: Bool) {
    guard let names else {
      if let noted = noted(file) { return (noted, true) }
      return (file.columns.map { TextLayout.Column(name: $0.name) }, false)
    }
    guard names.count == file.columns.count else {
      throw HedgerowError(
        .usage, "has \(file.columns.count) columns, but \(names.count) are named", at: file.name)
    }
    return (try names.map { try TextLayout.column(named: $0, at: file.name) }, false)
  }

  /// A column as it will be; `nil` for one that is not read and not wanted.
  private static func field(
    _ place: Int, of file: any ColumnarFile, _ column: TextLayout.Column, isWanted: Bool
  ) throws -> Field? {
    var field: Field
    switch file.columns[place].content {
    case .refused(let message):
      guard isWanted else { return nil }
      throw HedgerowError(
        .badData,
        "column '\(file.columns[place].name)' \(message), or leave it out with --columns",
        at: file.name)
    case .values(let type): field = Field(column: place, name: column.name, type: type)
    case .lists(let type):
      field = Field(column: place, name: column.name, type: type, isList: true)
    }
    field.declared = column.kind
    field.isText = column.isText
    field.isUUID = column.isUUID
    return field
  }

  private static func check(
    _ names: Set<String>, _ columns: [TextLayout.Column], at place: String
  ) throws {
    for name in names.sorted()
    where !columns.contains(where: { $0.name == name || $0.name == TextLayout.cleanName(name) }) {
      throw HedgerowError(.badData, "has no column '\(name)'", at: place)
    }
  }

  private static func check(
    key field: Field, called name: String, in file: any ColumnarFile
  ) throws {
    switch field.type {
    case .integer, .text, .bytes, .uuid:
      if !field.isList { return }
    default: break
    }
    throw HedgerowError(
      .badData,
      "column '\(name)' is a \(field.isList ? "list" : "\(field.type)") where a key belongs: keys are "
        + "integers, texts or UUIDs", at: file.name)
  }

  /// What an export noted, if it fits the file.
  private static func noted(_ file: any ColumnarFile) -> [TextLayout.Column]? {
    guard let note = file.notes[note] else { return nil }
    let names = note.split(separator: ",", omittingEmptySubsequences: false)
    guard names.count == file.columns.count else { return nil }
    let columns = names.compactMap { try? TextLayout.column(named: String($0), at: file.name) }
    return columns.count == names.count && !columns.contains(where: \.isIgnored) ? columns : nil
  }
}

extension TableOwner {
  fileprivate var role: TextLayout.Role {
    switch self {
    case .nodes: .nodes
    case .edges: .edges
    }
  }
}

extension ColumnarType {
  /// The kind of a column of such values; `nil` for texts, which are strings or categories.
  var kind: PropertyKind? {
    switch self {
    case .bool: .bool
    case .integer(8, true): .int8
    case .integer(16, true): .int16
    case .integer(32, true): .int32
    case .integer(8, false): .uint8
    case .integer(16, false): .int32
    case .integer: .int64
    case .float16: .float16
    case .float32: .float32
    case .float64: .float64
    case .timestamp(let unit): .timestamp(unit)
    case .bytes: .bytes
    case .text, .uuid: nil
    }
  }
}
