import HedgerowCore

/// Property graphs as CSV with typed headers: what Neo4j's import
/// (https://neo4j.com/docs/operations-manual/current/import/), the loaders of Gremlin's databases
/// (https://docs.aws.amazon.com/neptune/latest/userguide/bulk-load-tutorial-format-gremlin.html) and the
/// LDBC Social Network Benchmark read. Several files are one graph.
///
/// Files whose rows are all of one type go on as they are. The others are cut into a table for each
/// type. Where a header does not tell the types of edges' ends, they are those of the nodes with these
/// ids, which an index on disk knows.
final class PropertyCSV {
  struct File {
    var path: String
    var name: String
  }

  /// What nodes of one space of ids are.
  private struct Space {
    var number: Int
    /// Types of files without labels.
    var types: [String] = []
    var hasLabels = false

    /// Whether an id must be looked up to know its type.
    var isMixed: Bool { hasLabels || types.count > 1 }
  }

  private let graph: GraphImport
  private let missing: IngestOptions.MissingNodes
  private var spaces: [String: Space] = [:]
  private let index: NodeTypeIndex
  private var nodeNames = NameTable()
  private var relationNames = NameTable(areRelations: true)
  private var types: [NodeType] = []
  private var typeNumbers: [String: Int] = [:]

  /// - Parameter memory: bytes for the index of ids.
  static func read(
    _ files: [File], delimiter: UInt8?, missing: IngestOptions.MissingNodes, memory: Int,
    into graph: GraphImport
  ) throws {
    let raws = try files.map { file in
      guard
        let raw = try PropertyHeader.raw(file.path, called: file.name, delimiter: delimiter)
      else {
        throw HedgerowError(
          .badData, "is empty: a table without rows has at least a header line", at: file.name)
      }
      return raw
    }
    var spellings: [String: String] = [:]
    for raw in raws where raw.isPlainEdges {
      for text in raw.texts.prefix(2) where text.hasSuffix(".id") {
        let type = String(text.dropLast(3))
        spellings[type.lowercased()] = spellings[type.lowercased()] ?? type
      }
    }
    let headers = try raws.map { try PropertyHeader($0, types: spellings) }
    let reader = PropertyCSV(graph: graph, missing: missing, memory: memory)
    try reader.read(headers)
  }

  private init(graph: GraphImport, missing: IngestOptions.MissingNodes, memory: Int) {
    self.graph = graph
    self.missing = missing
    index = NodeTypeIndex(memory: memory, scratch: graph.scratch)
  }

  private func read(_ headers: [PropertyHeader]) throws {
    for header in headers {
      guard let name = header.keySpace else { continue }
      var space = spaces[name] ?? Space(number: spaces.count)
      if header.labelField != nil {
        space.hasLabels = true
      } else if !space.types.contains(header.defaultLabel) {
        space.types.append(header.defaultLabel)
      }
      spaces[name] = space
    }
    for header in headers {
      guard let name = header.keySpace else { continue }
      if spaces[name]!.isMixed || header.hasLists {
        try readNodes(header, spaces[name]!)
      } else {
        try pass(nodes: header, type(header.defaultLabel))
      }
    }
    try index.finish()
    for header in headers where !header.isNodes {
      let ends = [
        sole(header.fields.first(where: \.isSource)!),
        sole(header.fields.first(where: \.isTarget)!),
      ]
      if header.labelField == nil, !header.hasLists, let source = ends[0], let target = ends[1] {
        try pass(
          edges: header,
          EdgeType(
            types[source], relationNames.name(for: header.defaultLabel), types[target]))
      } else {
        try readEdges(header, ends)
      }
    }
  }

  /// The number of a node type.
  private func typeNumber(_ label: String) -> Int {
    if let known = typeNumbers[label] { return known }
    types.append(NodeType(nodeNames.name(for: label)))
    typeNumbers[label] = types.count - 1
    return types.count - 1
  }

  private func type(_ label: String) -> NodeType { types[typeNumber(label)] }

  /// The one type that an end of edges can have; nil where its id decides.
  private func sole(_ end: PropertyHeader.Field) -> Int? {
    let name =
      switch end {
      case .source(let name), .target(let name), .key(let name): name
      default: ""
      }
    guard let space = spaces[name] else { return typeNumber(name.isEmpty ? "node" : name) }
    return space.isMixed ? nil : typeNumber(space.types[0])
  }

  // MARK: Files as they are

  private func layout(_ header: PropertyHeader) -> IngestOptions.FileLayout {
    var layout = IngestOptions.FileLayout()
    layout.delimiter = header.delimiter
    layout.header = .present
    layout.comment = 0
    layout.name = header.name
    layout.mayLackColumns = true
    layout.columns = header.fields.map { field in
      switch field {
      case .key: "id"
      case .source: "source"
      case .target: "target"
      case .property(let column): column.spelled
      case .label, .ignored: ""
      }
    }
    return layout
  }

  private func pass(nodes header: PropertyHeader, _ type: NodeType) throws {
    try Identifier.check(type.name, as: "node type")
    var file = IngestOptions.NodeFile(type, header.path)
    file.layout = layout(header)
    graph.nodes.append(file)
  }

  private func pass(edges header: PropertyHeader, _ type: EdgeType) throws {
    var file = IngestOptions.EdgeFile(type, header.path)
    file.layout = layout(header)
    graph.edges.append(file)
  }

  // MARK: Rows

  /// Calls `body` for each row of a file, with its line.
  private func forEachRow(
    of header: PropertyHeader, _ body: (TextChunk, _ row: Int, _ line: Int) throws -> Void
  ) throws {
    let source = try ByteSource(path: header.path, called: header.name)
    let feed = ChunkFeed(
      source: source, delimiter: header.delimiter, skipByteCount: header.skipByteCount,
      batchCount: 2)
    defer { feed.stop() }
    while true {
      let batch = try feed.nextBatch()
      if batch.isEmpty { return }
      for chunk in batch {
        chunk.split(delimiter: header.delimiter, columnCount: header.fields.count)
        chunk.checkText()
        var faultLines = LineCounter(chunk)
        for fault in chunk.faults {
          try graph.leaveOut(
            chunk.message(of: fault), in: header.name, line: faultLines.line(of: fault))
        }
        var lines = LineCounter(chunk)
        for row in 0..<chunk.rowCount { try body(chunk, row, lines.line(of: row)) }
        try graph.note(header.name, chunk.filePosition, of: source.fileByteCount)
      }
      feed.recycle(batch)
    }
  }

  private static func columns(of header: PropertyHeader) -> [GraphImport.Column] {
    header.fields.compactMap { if case .property(let column) = $0 { column } else { nil } }
  }

  private func append(
    _ chunk: TextChunk, _ row: Int, _ header: PropertyHeader, to table: TableSpool.Table
  ) {
    for (place, field) in header.fields.enumerated() {
      guard case .property(let column) = field else { continue }
      let text = UnsafeRawBufferPointer(chunk.field(row, place))
      if column.isList {
        table.append(list: text.isEmpty ? nil : text)
      } else {
        table.append(text.isEmpty ? nil : text)
      }
    }
  }

  private func readNodes(_ header: PropertyHeader, _ space: Space) throws {
    let columns = [GraphImport.labels] + Self.columns(of: header)
    let key = header.fields.firstIndex(where: \.isKey)!
    // By the text of the labels, as it is.
    var known: [[UInt8]: (type: Int, others: [UInt8]?)] = [:]
    var tables: [Int: TableSpool.Table] = [:]
    var last: (text: [UInt8], table: TableSpool.Table, type: Int, others: [UInt8]?)?
    try forEachRow(of: header) { chunk, row, line in
      let id = UnsafeRawBufferPointer(chunk.key(row, key))
      if id.isEmpty {
        return try graph.leaveOut("has no id", in: header.name, line: line)
      }
      let label = header.labelField.map { chunk.key(row, $0) }
      if last == nil
        || !last!.text.elementsEqual(label ?? UnsafeBufferPointer(start: nil, count: 0))
      {
        let text = label.map { [UInt8]($0) } ?? []
        let (type, others) = known[text] ?? labels(text, default: header.defaultLabel)
        if known.count < 1 << 16 { known[text] = (type, others) }
        if tables[type] == nil {
          tables[type] = try graph.makeTable(types[type], columns, from: header.name)
        }
        last = (text, tables[type]!, type, others)
      }
      let table = last!.table
      table.append(id)
      if let others = last!.others {
        others.withUnsafeBytes { table.append($0) }
      } else {
        table.append(nil as UnsafeRawBufferPointer?)
      }
      append(chunk, row, header, to: table)
      try table.endRow(line: line)
      if space.isMixed { try index.add(id, space: space.number, type: last!.type) }
    }
  }

  /// The first label is the type, the others are sets.
  private func labels(
    _ text: [UInt8], default label: String
  ) -> (type: Int, others: [UInt8]?) {
    let labels = text.split(separator: UInt8(ascii: ";"))
      .map { String(decoding: $0, as: UTF8.self) }.filter { !$0.isEmpty }
    let type = typeNumber(labels.first ?? (label.isEmpty ? "node" : label))
    guard labels.count > 1 else { return (type, nil) }
    return (type, Array(labels.dropFirst().joined(separator: ";").utf8))
  }

  private func readEdges(_ header: PropertyHeader, _ soleTypes: [Int?]) throws {
    struct Types: Hashable {
      var relation: Int
      var source: Int
      var target: Int
    }
    let columns = Self.columns(of: header)
    let places = [
      header.fields.firstIndex(where: \.isSource)!, header.fields.firstIndex(where: \.isTarget)!,
    ]
    let endSpaces = places.map { place -> Int in
      switch header.fields[place] {
      case .source(let name), .target(let name): spaces[name]?.number ?? 0
      default: 0
      }
    }
    var relations: [[UInt8]: Int] = [:]
    var names: [String] = []
    var tables: [Types: TableSpool.Table] = [:]
    var last: (text: [UInt8], relation: Int)?
    try forEachRow(of: header) { chunk, row, line in
      let label = header.labelField.map { chunk.key(row, $0) }
      if last == nil
        || !last!.text.elementsEqual(label ?? UnsafeBufferPointer(start: nil, count: 0))
      {
        let text = label.map { [UInt8]($0) } ?? []
        if relations[text] == nil {
          let spoken =
            text.isEmpty ? header.defaultLabel : String(decoding: text, as: UTF8.self)
          names.append(relationNames.name(for: spoken))
          relations[text] = names.count - 1
        }
        last = (text, relations[text]!)
      }
      var ends = [0, 0]
      for end in 0..<2 {
        let id = UnsafeRawBufferPointer(chunk.key(row, places[end]))
        if id.isEmpty {
          return try graph.leaveOut(
            "has no \(end == 0 ? "start" : "end")", in: header.name, line: line)
        }
        if let sole = soleTypes[end] {
          ends[end] = sole
          continue
        }
        let answer = index.type(of: id, space: endSpaces[end])
        guard case .type(let type) = answer else {
          return try graph.leaveOut(
            answer, of: id, among: types, missing: missing, in: header.name, line: line)
        }
        ends[end] = type
      }
      let key = Types(relation: last!.relation, source: ends[0], target: ends[1])
      if tables[key] == nil {
        tables[key] = try graph.makeTable(
          EdgeType(types[key.source], names[key.relation], types[key.target]), columns,
          from: header.name)
      }
      let table = tables[key]!
      for place in places { table.append(UnsafeRawBufferPointer(chunk.key(row, place))) }
      append(chunk, row, header, to: table)
      try table.endRow(line: line)
    }
  }
}
