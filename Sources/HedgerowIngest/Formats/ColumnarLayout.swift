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

    /// As in the header of a table, of a key.
    var spelled: String {
      if isUUID || type == .uuid { return "\(name):uuid" }
      return type.storage == .bytes ? "\(name):string" : "\(name):int64"
    }
  }

  private(set) var keys: [Field] = []
  private(set) var fields: [Field] = []

  /// The note in which an export says what its columns are: a typed header, keys first.
  static let note = "hedgerow.columns"

  /// - Parameters:
  ///   - names: as in a header, of all columns; an empty one leaves one out.
  ///   - chosen: the keys, by the caller's word.
  init(
    _ file: any ColumnarFile, _ owner: TableOwner, names: [String]?, keys chosen: [String]?
  ) throws {
    func wrong(_ message: String) -> HedgerowError {
      HedgerowError(.badData, message, at: file.name)
    }
    let keyNames = owner.keys
    var columns: [TextLayout.Column]
    var places: [Int]?
    if let names {
      guard names.count == file.columns.count else {
        throw HedgerowError(
          .badData, "has \(file.columns.count) columns where \(names.count) are named",
          at: file.name)
      }
      columns = try names.map { try TextLayout.column(named: $0, at: file.name) }
    } else if let noted = Self.noted(file) {
      columns = noted
      places = Array(keyNames.indices)
    } else {
      columns = file.columns.map { TextLayout.Column(name: $0.name) }
    }
    let used = columns.indices.filter { !columns[$0].isIgnored }
    guard used.count >= keyNames.count else {
      throw wrong("has \(used.count) columns where \(keyNames.count) are keys")
    }
    if let chosen {
      places = try chosen.map { name in
        guard let place = used.first(where: { columns[$0].name == name }) else {
          let names = used.map { "'\(columns[$0].name)'" }.joined(separator: ", ")
          throw wrong("has no column '\(name)': the columns are \(names)")
        }
        return place
      }
    }
    let found =
      places ?? TextLayout.namedKeys(columns, owner.role) ?? Array(used.prefix(keyNames.count))
    var table = NameTable(reserved: keyNames)
    for place in used {
      let name = file.columns[place].name
      var field: Field
      switch file.columns[place].content {
      case .refused(let message):
        throw wrong("column '\(name)' \(message), or leave it out with --columns")
      case .values(let type): field = Field(column: place, name: columns[place].name, type: type)
      case .lists(let type):
        field = Field(column: place, name: columns[place].name, type: type, isList: true)
      }
      field.declared = columns[place].kind
      field.isText = columns[place].isText
      field.isUUID = columns[place].isUUID
      if let key = found.firstIndex(of: place) {
        try Self.check(key: field, called: name, in: file)
        field.name = keyNames[key]
        keys.append(field)
      } else {
        // Names that somebody chose are good as they are.
        if names == nil, places == nil || chosen != nil { field.name = table.name(for: name) }
        fields.append(field)
      }
    }
    if found.count == 2, found[0] > found[1] { keys.swapAt(0, 1) }
    var seen: Set<String> = []
    for field in fields where !seen.insert(field.name).inserted {
      throw wrong("has two columns '\(field.name)': name the columns with --columns")
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
    case .nodes, .sets: .nodes
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
