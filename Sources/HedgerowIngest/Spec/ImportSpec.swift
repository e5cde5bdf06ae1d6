import Glibc
import HedgerowCore
import HedgerowMapped

extension IngestOptions {
  /// Reads a specification of an import: a YAML or JSON file that says which file feeds which type.
  ///
  /// ```yaml
  /// nodes:
  ///   paper: {file: nodes.tsv, key: id, split: split, features: {x: features.npy}}
  /// edges:
  ///   paper:cites:paper: {file: edges.tsv, undirected: true}
  /// ```
  /// Paths are relative to the specification's folder; names of files may have `*` and `?`.
  ///
  /// - Throws: `badData` with file and line for what is no specification, `noInput` for a file that is
  ///   missing.
  public init(spec path: String) throws {
    self.init()
    var spec = ImportSpec(folder: FileSystem.parent(of: path))
    try spec.read(YAMLNode(path: path))
    self = spec.options
  }
}

/// Reads a specification into options.
private struct ImportSpec {
  let folder: String
  var options = IngestOptions()

  init(folder: String) { self.folder = folder }

  mutating func read(_ root: YAMLNode) throws {
    try root.checkKeys(
      [
        "nodes", "edges", "files", "delimiter", "header", "comment", "normalize-features",
        "on-missing", "on-duplicate", "on-error", "bad-lines", "parallel", "undirected",
      ], of: "specifications")
    if let value = root["delimiter"] { options.delimiter = try delimiter(value) }
    if let value = root["header"] { options.header = try header(value) }
    if let value = root["comment"] { options.comment = try comment(value) }
    if let value = root["normalize-features"] { options.normalization = try choice(value) }
    if let value = root["on-missing"] { options.missingNodes = try choice(value) }
    if let value = root["on-duplicate"] { options.duplicateNodes = try choice(value) }
    if let value = root["on-error"] { options.badLines = try choice(value) }
    if let value = root["bad-lines"] {
      options.badLinesPath = path(named: try value.text(of: "a file"))
    }
    if let value = root["parallel"] { options.parallelEdges = try choice(value) }
    if let value = root["undirected"] { options.isUndirected = try value.flag(of: "'undirected'") }
    for (name, type) in try root["nodes"]?.entries(of: "types of nodes") ?? [] {
      try located(type) { try readNodes(NodeType(validating: name), type) }
    }
    for (name, type) in try root["edges"]?.entries(of: "types of edges") ?? [] {
      try located(type) { try readEdges(EdgeType(validating: name), type) }
    }
    for file in root["files"]?.list ?? [] {
      try located(file) { try readGraph(file) }
    }
  }

  /// What is said of names and the like does not know where they stand.
  private func located(_ node: YAMLNode, _ body: () throws -> Void) throws {
    do {
      try body()
    } catch let error as HedgerowError where error.place == nil {
      throw HedgerowError(.badData, error.message, at: node.place)
    }
  }

  // MARK: Types

  private static let layoutKeys = [
    "delimiter", "header", "comment", "columns", "kinds", "rename", "only", "without", "constants",
    "separator",
  ]

  private mutating func readNodes(_ type: NodeType, _ node: YAMLNode) throws {
    let own = ["key", "split", "features", "sets", "membership"]
    if node.isMapping {
      try node.checkKeys(["file", "files"] + own + Self.layoutKeys, of: "types of nodes")
    }
    var membership: [(column: String, type: EdgeType)] = []
    for (column, edge) in try node["membership"]?.entries(of: "columns of memberships") ?? [] {
      let edge = try EdgeType(validating: edge.text(of: "an edge type"))
      guard edge.source == type else {
        throw node.wrong("has the membership \(edge), which does not begin at '\(type)'")
      }
      membership.append((column, edge))
    }
    for (path, file) in try files(of: node) {
      var layout = IngestOptions.FileLayout()
      for part in [node, file].compactMap({ $0 }) {
        try read(part, into: &layout)
        if let key = part["key"] { layout.choice.key = try texts(key, of: "a column") }
      }
      if let file { try file.checkKeys(["file", "key"] + Self.layoutKeys, of: "files of nodes") }
      guard membership.isEmpty || !layout.choice.key.isEmpty else {
        throw node.wrong("has a membership: name the column of the nodes' key, as 'key: id'")
      }
      for (column, edge) in membership {
        var member = IngestOptions.EdgeFile(edge, path)
        member.layout = layout
        member.layout.choice.key = []
        member.layout.choice.source = layout.choice.key
        member.layout.choice.target = [column]
        member.layout.choice.only = []
        member.layout.choice.constants = []
        member.layout.skipsRowsWithoutKey = true
        options.edges.append(member)
        layout.choice.without.insert(column)
      }
      var nodes = IngestOptions.NodeFile(type, path)
      nodes.layout = layout
      options.nodes.append(nodes)
    }
    for column in try node["split"].map({ try texts($0, of: "a column") }) ?? [] {
      options.splits.append(.init(type, column))
    }
    for (column, feature) in try node["features"]?.entries(of: "columns of features") ?? [] {
      var kind: PropertyKind?
      if feature.isMapping {
        try feature.checkKeys(["file", "kind"], of: "features")
        kind = try feature["kind"].map { value in
          let text = try value.text(of: "a kind")
          guard let kind = PropertyKind(text[...]), kind.isNumeric else {
            throw value.wrong("has '\(text)', which is no kind of an array's elements")
          }
          return kind
        }
      }
      for (path, _) in try files(of: feature) {
        options.features.append(.init(type, column, path, as: kind))
      }
    }
    let setFiles = try node["sets"].map { try paths($0) }
    for (path, file) in setFiles ?? [] {
      var sets = IngestOptions.SetFile(type, path)
      if let file {
        try file.checkKeys(["file"] + Self.layoutKeys, of: "files of sets")
        try read(file, into: &sets.layout)
      }
      options.sets.append(sets)
    }
  }

  private mutating func readEdges(_ type: EdgeType, _ node: YAMLNode) throws {
    let own = ["source", "target"]
    if node.isMapping {
      try node.checkKeys(
        ["file", "files", "offsets", "undirected", "time", "weight", "combine"] + own
          + Self.layoutKeys,
        of: "types of edges")
    }
    for (path, file) in try files(of: node) {
      var edges = IngestOptions.EdgeFile(type, path)
      for part in [node, file].compactMap({ $0 }) {
        try read(part, into: &edges.layout)
        if let end = part["source"] { edges.layout.choice.source = try texts(end, of: "a column") }
        if let end = part["target"] { edges.layout.choice.target = try texts(end, of: "a column") }
      }
      if let file { try file.checkKeys(["file"] + own + Self.layoutKeys, of: "files of edges") }
      options.edges.append(edges)
    }
    for path in try node["offsets"]?.list.flatMap({ try matches($0) }) ?? [] {
      options.offsets.append(.init(type, path))
    }
    if let value = node["undirected"] {
      if try value.flag(of: "'undirected'") {
        options.undirected.insert(type)
      } else {
        options.directed.insert(type)
      }
    }
    if let value = node["time"] {
      options.times.append(.init(type, try value.text(of: "a column")))
    }
    for (column, value) in try node["combine"]?.entries(of: "columns of one edge") ?? [] {
      options.combinations.append(.init(type, column, try choice(value)))
    }
    if let value = node["weight"] {
      options.weights.append(.init(type, try value.text(of: "a column")))
    }
  }

  private mutating func readGraph(_ node: YAMLNode) throws {
    if node.isMapping { try node.checkKeys(["file", "format"], of: "files") }
    let format: GraphFormat? = try node["format"].map { try choice($0) }
    for (path, _) in try paths(node) { options.graphs.append(.init(path, as: format)) }
  }

  // MARK: Layout

  private func read(_ node: YAMLNode, into layout: inout IngestOptions.FileLayout) throws {
    guard node.isMapping else { return }
    if let value = node["delimiter"] { layout.delimiter = try delimiter(value) }
    if let value = node["header"] { layout.header = try header(value) }
    if let value = node["comment"] { layout.comment = try comment(value) }
    if let value = node["columns"] {
      // A name that is nothing leaves its column out.
      layout.columns = try value.list.map { $0.isNull ? "" : try columnName($0) }
    }
    for (column, kind) in try node["kinds"]?.entries(of: "columns with kinds") ?? [] {
      let text = try kind.text(of: "a kind")
      _ = try TextLayout.column(named: "column:\(text)", at: kind.place)
      layout.choice.kinds[column] = text
    }
    for (column, name) in try node["rename"]?.entries(of: "columns with new names") ?? [] {
      try located(name) {
        let text = try name.text(of: "a name")
        try Identifier.check(text, as: "column")
        layout.choice.names[column] = text
      }
    }
    if let value = node["only"] { layout.choice.only = Set(try texts(value, of: "a column")) }
    if let value = node["without"] {
      layout.choice.without.formUnion(try texts(value, of: "a column"))
    }
    for (column, value) in try node["constants"]?.entries(of: "columns with values") ?? [] {
      _ = try TextLayout.column(named: column, at: value.place)
      layout.choice.constants.removeAll { $0.column == column }
      layout.choice.constants.append(.init(column, try value.text(of: "a value")))
    }
    if let value = node["separator"] {
      let text = try value.text(of: "a separator")
      guard let byte = text.utf8.first, text.utf8.count == 1, byte > 32, byte < 127 else {
        throw value.wrong("has '\(text)' where one character between the parts of a key belongs")
      }
      layout.choice.separator = byte
    }
  }

  /// A name as in a header, which may tell a kind.
  private func columnName(_ node: YAMLNode) throws -> String {
    let text = try node.text(of: "a column")
    _ = try TextLayout.column(named: text, at: node.place)
    return text
  }

  private func texts(_ node: YAMLNode, of what: String) throws -> [String] {
    try node.list.map { try $0.text(of: what) }
  }

  private func delimiter(_ node: YAMLNode) throws -> UInt8 {
    let text = try node.text(of: "a delimiter")
    guard let delimiter = IngestOptions.delimiter(named: text) else {
      throw node.wrong("has '\(text)' where a delimiter belongs: \(IngestOptions.delimiterNames)")
    }
    return delimiter
  }

  private func comment(_ node: YAMLNode) throws -> UInt8 {
    try node.text(of: "a character") == "none" ? 0 : delimiter(node)
  }

  private func header(_ node: YAMLNode) throws -> IngestOptions.Header {
    try node.flag(of: "'header'") ? .present : .absent
  }

  private func choice<T: RawRepresentable & CaseIterable>(_ node: YAMLNode) throws -> T
  where T.RawValue == String {
    let text = try node.text(of: "a choice")
    guard let value = T(rawValue: text) else {
      let cases = T.allCases.map(\.rawValue).joined(separator: ", ")
      throw node.wrong("has '\(text)', which is none of \(cases)")
    }
    return value
  }

  // MARK: Files

  /// The files under `file` and `files`, each with what is said of it alone.
  private func files(of node: YAMLNode) throws -> [(path: String, own: YAMLNode?)] {
    let found =
      node.isMapping
      ? try (node["file"]?.list ?? []).flatMap { try paths($0) }
        + (node["files"]?.list ?? []).flatMap { try paths($0) } : try paths(node)
    var seen: Set<String> = []
    for (path, _) in found where !seen.insert(path).inserted {
      throw node.wrong("names '\(path)' twice, also by a pattern")
    }
    return found
  }

  /// A path or a pattern, or a mapping that has one under `file`; a list of them.
  private func paths(_ node: YAMLNode) throws -> [(path: String, own: YAMLNode?)] {
    try node.list.flatMap { item -> [(path: String, own: YAMLNode?)] in
      let named = item.isMapping ? item["file"] : item
      guard let named else { throw item.wrong("names no file") }
      return try named.list.flatMap { try matches($0) }
        .map { ($0, item.isMapping ? item : nil) }
    }
  }

  private func path(named name: String) -> String {
    name == "-" || name.hasPrefix("/") || folder == "." ? name : "\(folder)/\(name)"
  }

  private func matches(_ node: YAMLNode) throws -> [String] {
    let name = try node.text(of: "a file")
    let path = path(named: name)
    guard name.contains(where: { "*?[".contains($0) }), !FileSystem.exists(path) else {
      return [path]
    }
    var found = glob_t()
    defer { globfree(&found) }
    // Only the name is a pattern.
    let folder = name.hasPrefix("/") ? "" : String(path.dropLast(name.count))
    let escaped = folder.map { "*?[\\".contains($0) ? "\\\($0)" : "\($0)" }.joined()
    guard glob(escaped + name, 0, nil, &found) == 0, found.gl_pathc > 0 else {
      throw HedgerowError(.noInput, "no file is named like '\(name)'", at: node.place)
    }
    return (0..<Int(found.gl_pathc)).map { String(cString: found.gl_pathv[$0]!) }
  }
}
