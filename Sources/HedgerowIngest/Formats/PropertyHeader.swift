import HedgerowCore

/// The header of a property graph's CSV file, as Neo4j's import, Gremlin's loaders or the LDBC Social
/// Network Benchmark have it, and what the file's name says.
struct PropertyHeader {
  enum Field: Hashable {
    /// A node's id, in a space of ids.
    case key(String)
    case source(String)
    case target(String)
    /// Labels of a node, or an edge's.
    case label
    case ignored
    case property(GraphImport.Column)
  }

  let name: String
  let path: String
  let delimiter: UInt8
  let skipByteCount: Int
  let fields: [Field]
  /// Ids may be repeated in another space. `nil` for a file of edges.
  let keySpace: String?
  /// The type of nodes without a label, the relation of edges without one.
  let defaultLabel: String

  var isNodes: Bool { keySpace != nil }
  var labelField: Int? { fields.firstIndex(of: .label) }
  var hasLists: Bool {
    fields.contains { if case .property(let column) = $0 { column.isList } else { false } }
  }

  /// The fields as the files have them, before anything is understood of them.
  struct Raw {
    var name: String
    var path: String
    var delimiter: UInt8
    var skipByteCount: Int
    var texts: [String]
    /// The file's name without its endings and numbers, cut at `_`.
    var nameParts: [String]
    /// Whether the name ends in numbers, as parts of LDBC's files do.
    var isNumbered: Bool

    var isPlainEdges: Bool { nameParts.count == 3 && texts[0].hasSuffix(".id") && texts.count > 1 }
    var isPlainNodes: Bool {
      isNumbered && nameParts.count == 1 && delimiter == UInt8(ascii: "|") && texts.contains("id")
    }
  }

  // MARK: Looking

  private static let delimiters: [UInt8] = [",", "|", "\t", ";"].map { UInt8(ascii: $0) }
  private static let startByteCount = 64 << 10

  /// The first row of a file; nil for an empty one.
  static func raw(_ path: String, called name: String, delimiter: UInt8?) throws -> Raw? {
    let start = try FileStart(
      path: path, called: name, byteCount: startByteCount, comment: 0, mayHaveHeader: true)
    var best: (delimiter: UInt8, texts: [String])?
    for candidate in delimiter.map({ [$0] }) ?? delimiters {
      guard let row = start.rows(delimiter: candidate, limit: 1).first else { continue }
      if row.count > best?.texts.count ?? 0 {
        best = (candidate, row.map { trimmed(String(decoding: $0, as: UTF8.self)) })
      }
    }
    guard let best else { return nil }
    var stem = name[...]
    if let slash = stem.lastIndex(of: "/") { stem = stem[stem.index(after: slash)...] }
    for suffix in [".gz", ".zst", ".csv", ".tsv", ".txt", ".psv"] where stem.hasSuffix(suffix) {
      stem = stem.dropLast(suffix.count)
    }
    var parts = stem.split(separator: "_").map { String($0) }
    let count = parts.count
    while parts.count > 1, let last = parts.last, Int(last) != nil { parts.removeLast() }
    return Raw(
      name: name, path: path, delimiter: best.delimiter,
      skipByteCount: start.markByteCount + start.firstRowByteCount(best.delimiter),
      texts: best.texts, nameParts: parts, isNumbered: parts.count < count)
  }

  /// Whether a header is one of a property graph.
  static func isKnown(_ raw: Raw) -> Bool {
    raw.isPlainEdges || raw.isPlainNodes
      || raw.texts.contains { text in
        switch special(text) {
        case .key, .source, .target: true
        default: false
        }
      }
  }

  private static func trimmed(_ text: String) -> String {
    String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
  }

  // MARK: Fields

  /// A field of the header in its parts: `name:type(space){options}`.
  private static func parts(
    _ text: String
  ) -> (name: String, type: String?, space: String?) {
    var head = text[...]
    if let brace = head.firstIndex(of: "{"), head.hasSuffix("}") { head = head[..<brace] }
    var space: String?
    if head.hasSuffix(")"), let open = head.firstIndex(of: "(") {
      space = String(head[head.index(after: open)...].dropLast())
      head = head[..<open]
    }
    guard let colon = head.lastIndex(of: ":") else { return (text, nil, nil) }
    return (String(head[..<colon]), String(head[head.index(after: colon)...]), space)
  }

  /// A field with a meaning of its own.
  private static func special(_ text: String) -> Field? {
    switch text.lowercased() {
    case "~id": return .key("")
    case "~from": return .source("")
    case "~to": return .target("")
    case "~label": return .label
    default: break
    }
    let (_, type, space) = parts(text)
    switch type {
    case "ID": return .key(space ?? "")
    case "START_ID": return .source(space ?? "")
    case "END_ID": return .target(space ?? "")
    case "LABEL", "TYPE": return .label
    case "IGNORE": return .ignored
    default: return nil
    }
  }

  private static let texts: Set<String> = [
    "string", "char", "date", "datetime", "localdatetime", "time", "localtime", "duration", "point",
    "text",
  ]
  private static let kinds: [String: PropertyKind] = [
    "byte": .int8, "short": .int16, "int": .int32, "integer": .int32, "long": .int64,
    "float": .float32, "double": .float64, "bool": .bool, "boolean": .bool,
  ]

  private static func column(
    _ text: String, named names: inout NameTable, at place: String
  ) throws -> GraphImport.Column {
    let (name, spelled, _) = parts(text)
    guard !name.isEmpty else {
      throw HedgerowError(.badData, "has the column '\(text)' without a name", at: place)
    }
    guard var type = spelled?.lowercased() else {
      return .init(names.name(for: name), isText: true)
    }
    let isList = type.hasSuffix("[]")
    if isList { type.removeLast(2) }
    if texts.contains(type) { return .init(names.name(for: name), isText: true) }
    guard let kind = kinds[type] ?? (isList ? nil : PropertyKind(type)) else {
      throw HedgerowError(
        .badData,
        "'\(spelled!)' in the header is no type of a column: "
          + "int, long, short, byte, float, double, boolean, string, date and the like are known, "
          + "and arrays of them as float[]", at: place)
    }
    // There are no vectors of truth values.
    if isList && !kind.isNumeric { return .init(names.name(for: name), isText: true) }
    return .init(names.name(for: name), kind, isList: isList)
  }

  /// - Parameter types: node types as they are spelled, by their names in small letters.
  init(_ raw: Raw, types: [String: String]) throws {
    name = raw.name
    path = raw.path
    delimiter = raw.delimiter
    skipByteCount = raw.skipByteCount
    let place = "\(raw.name):1"
    func spelled(_ type: String) -> String { types[type.lowercased()] ?? type }
    func refuse(_ message: String) -> HedgerowError {
      HedgerowError(.badData, message, at: place)
    }

    let isPlain = raw.isPlainEdges || raw.isPlainNodes
    let isEdges =
      raw.isPlainEdges
      || raw.texts.contains {
        switch Self.special($0) {
        case .source, .target: true
        default: false
        }
      }
    let hasLabels = raw.texts.contains { Self.special($0) == .label }
    var names = NameTable(
      reserved: isEdges ? ["source", "target"] : hasLabels ? ["id", "labels"] : ["id"])
    var fields: [Field] = []
    for (index, text) in raw.texts.enumerated() {
      if isPlain {
        if raw.isPlainNodes, text == "id", !fields.contains(where: \.isKey) {
          fields.append(.key(spelled(raw.nameParts[0])))
        } else if raw.isPlainEdges, index < 2 {
          let type =
            text.hasSuffix(".id") ? String(text.dropLast(3)) : raw.nameParts[2 * index]
          fields.append(index == 0 ? .source(spelled(type)) : .target(spelled(type)))
        } else {
          fields.append(.property(.init(names.name(for: text))))
        }
        continue
      }
      if case .key = Self.special(text), isEdges {
        // The id of an edge.
        fields.append(.property(.init(names.name(for: "id"))))
      } else if let special = Self.special(text) {
        fields.append(special)
      } else if text.hasPrefix("~") {
        throw refuse("has the column '\(text)': ~id, ~label, ~from and ~to are known")
      } else {
        fields.append(.property(try Self.column(text, named: &names, at: place)))
      }
    }
    self.fields = fields
    for (what, count) in [
      ("ids (:ID or ~id)", fields.count(where: \.isKey)),
      ("starts of edges (:START_ID or ~from)", fields.count(where: \.isSource)),
      ("ends of edges (:END_ID or ~to)", fields.count(where: \.isTarget)),
      ("labels (:LABEL, :TYPE or ~label)", fields.count { $0 == .label }),
    ] where count > 1 {
      throw refuse("has \(count) columns of \(what): one is read")
    }
    for field in fields {
      guard case .property(let column) = field,
        fields.count(where: {
          if case .property(let other) = $0 { other.name == column.name } else { false }
        }) > 1
      else { continue }
      throw refuse("names two columns '\(column.name)'")
    }
    if isEdges {
      guard fields.contains(where: \.isSource), fields.contains(where: \.isTarget) else {
        throw refuse("has only one end of its edges: both are needed")
      }
      keySpace = nil
      defaultLabel =
        raw.nameParts.count == 3 ? raw.nameParts[1] : raw.nameParts.joined(separator: "_")
    } else {
      guard let space = fields.lazy.compactMap(\.keySpace).first else {
        throw refuse("has no column of ids: write NAME:ID, :ID or ~id")
      }
      keySpace = space
      defaultLabel = space.isEmpty ? spelled(raw.nameParts.joined(separator: "_")) : space
    }
  }
}

extension PropertyHeader.Field {
  var keySpace: String? { if case .key(let space) = self { space } else { nil } }
  var isKey: Bool { keySpace != nil }
  var isSource: Bool { if case .source = self { true } else { false } }
  var isTarget: Bool { if case .target = self { true } else { false } }
}
