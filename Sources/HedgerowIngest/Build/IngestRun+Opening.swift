import HedgerowCore
import HedgerowStore

// What the options name is opened, and held against each other and against the store.

extension IngestRun {
  mutating func openInputs() throws {
    for type in options.nodeTypes {
      var table = InputTable(continuing: try storedColumns(of: type))
      for file in options.nodes where file.type == type {
        try table.add(
          open(file.path, .nodes, file.layout, names: options.nodeColumns[type]),
          requirement: { _ in .none })
      }
      for split in options.splits where split.type == type {
        try Self.check(split.column, of: "\(type)", for: "--split", in: table)
      }
      nodeTables[type] = table
    }
    for type in options.edgeTypes {
      let stored = present.schema.edge(type)
      let time = stored?.timeColumn ?? options.times.first { $0.type == type }?.column
      let weight = stored?.weightColumn ?? options.weights.first { $0.type == type }?.column
      func requirement(_ name: String) -> ColumnRequirement {
        name == time ? .time : name == weight ? .weight : .none
      }
      var table = InputTable(
        continuing: try (stored?.properties ?? []).map { column in
          .init(
            name: column.name, kind: column.kind,
            categories: try present.columnReader(of: type, column.name).categories,
            requirement: requirement(column.name))
        })
      for file in options.edges where file.type == type {
        try table.add(
          open(file.path, .edges, file.layout, names: options.edgeColumns[type]),
          requirement: requirement)
      }
      if let time { try Self.check(time, of: "\(type)", for: "--time", in: table) }
      if let weight { try Self.check(weight, of: "\(type)", for: "--weight", in: table) }
      edgeTables[type] = table
    }
    for file in options.sets {
      setFiles.append((file.type, try open(file.path, .nodes, file.layout, names: nil)))
    }
    for feature in options.features { try open(feature) }
    for (type, rows) in featureRows {
      for (edge, table) in edgeTables {
        var table = table
        if edge.source == type { table.keyLimits[0] = rows }
        if edge.target == type { table.keyLimits[1] = rows }
        edgeTables[edge] = table
      }
      if isPresent(type) {
        keyedRows[type] = try KeyedRows(
          type, in: present, rowCount: rows, path: features[type][0].file.name)
      }
    }
    for type in options.nodeTypes {
      try checkColumns(of: type)
      forms[type] = guessForm(of: type)
    }
  }

  /// The columns of a type that the store has, but for those that come as arrays.
  func storedColumns(of type: NodeType) throws -> [InputTable.StoredColumn] {
    guard options.existingTypes == .append else { return [] }
    let arrays = options.features.filter { $0.type == type }.map(\.column)
    return try (present.schema.node(type)?.properties ?? [])
      .filter { !arrays.contains($0.name) }
      .map { column in
        .init(
          name: column.name, kind: column.kind,
          categories: try present.columnReader(of: type, column.name).categories,
          requirement: .none)
      }
  }

  /// What a type's columns must be beside what each file says of its own.
  func checkColumns(of type: NodeType) throws {
    let inFiles = nodeTables[type].fileColumns
    let arrays = options.features.filter { $0.type == type }.map(\.column)
    if let both = arrays.first(where: inFiles.contains) {
      throw HedgerowError(
        .usage,
        "column '\(both)' of type '\(type)' is in its node file and in --features: "
          + "leave one out")
    }
    for name in inFiles + arrays {
      guard let model = present.provenance(of: name, of: type)?.model else { continue }
      throw HedgerowError(
        .usage,
        "column '\(type).\(name)' is what model '\(model)' wrote: give the new column another name")
    }
    // Lines of nodes that are there are no new ones, as the scan will tell.
    if options.duplicateNodes == .fail { try requireFeatures(of: type) }
  }

  /// A node without features is possible, but nobody wants it by mistake.
  func requireFeatures(of type: NodeType) throws {
    let inFiles = nodeTables[type].fileColumns
    let arrays = options.features.filter { $0.type == type }.map(\.column)
    let missing = (present.schema.node(type)?.properties ?? []).first {
      $0.kind.element != $0.kind && !inFiles.contains($0.name) && !arrays.contains($0.name)
    }
    if let missing, hasFile(type) || keyedRows[optional: type]?.makesNodes == true {
      throw HedgerowError(
        .usage,
        "node type '\(type)' has the column '\(missing.name)' of \(missing.kind): bring the rows of "
          + "the new nodes with --features \(type).\(missing.name)=FILE")
    }
  }

  static func check(
    _ column: String, of type: String, for option: String, in table: InputTable
  ) throws {
    guard !table.fileColumns.contains(column) else { return }
    let names = table.fileColumns.map { "'\($0)'" }.joined(separator: ", ")
    throw HedgerowError(
      .usage,
      "\(option): type '\(type)' has no column '\(column)'; "
        + (names.isEmpty ? "it has none" : "it has \(names)"))
  }

  func open(
    _ path: String, _ role: TextLayout.Role, _ file: IngestOptions.FileLayout, names: [String]?
  ) throws -> InputFile {
    let (local, name) = try localCopy(of: path, in: scratch)
    let layout = try TextLayout(
      detecting: local, called: file.name ?? name, role: role,
      hints: options.hints(for: file, names: names))
    return InputFile(
      name: file.name ?? name, path: local, layout: layout, lines: file.lines,
      stretch: file.stretch,
      skipsRowsWithoutKey: file.skipsRowsWithoutKey, mayLackColumns: file.mayLackColumns)
  }

  mutating func open(_ feature: IngestOptions.FeatureFile) throws {
    let build = try FeatureBuild(
      feature.column, path: feature.path, called: feature.name,
      normalization: options.normalization,
      element: feature.element,
      stored: present.schema.node(feature.type)?.property(feature.column)?.kind)
    features[feature.type] = (features[optional: feature.type] ?? []) + [build]
    guard !hasFile(feature.type) else { return }
    let rows = build.file.rowCount
    if let other = featureRows[optional: feature.type], other != rows {
      throw HedgerowError(
        .badData, "has \(rows) rows where other features of '\(feature.type)' have \(other)",
        at: build.file.name)
    }
    featureRows[feature.type] = rows
  }

  /// Integers, or UUIDs where all of the first lines hold some, unless a header wants strings or the
  /// store has other keys.
  func guessForm(of type: NodeType) -> NodeKeys.Form {
    if featureRows[optional: type] != nil { return .integers }
    let stored = present.count(of: type) > 0 ? present.keyKind(of: type) : nil
    if stored == .string { return .texts }
    var isInteger = stored != .uuid
    var isUUID = stored == .uuid || stored == nil
    var hasRows = stored == .uuid
    func look(_ layout: TextLayout, _ end: Int) {
      let kind = layout.columns[layout.keyColumns[end]].kind
      let isText = kind == .string || kind == .categorical
      if layout.columns[layout.keyColumns[end]].isUUID {
        isInteger = false
        hasRows = true
      }
      isInteger = isInteger && layout.looksInteger[end] && !isText
      isUUID = isUUID && layout.looksUUID[end] && !isText
      hasRows = hasRows || layout.hasRows
    }
    for file in nodeTables[type].files { look(file.layout, 0) }
    for (edge, table) in edgeTables where gathers(type) {
      for file in table.files {
        if edge.source == type { look(file.layout, 0) }
        if edge.target == type { look(file.layout, 1) }
      }
    }
    return isInteger ? .integers : isUUID && hasRows ? .uuids : .texts
  }

  /// Whether an edge type's rows are those of its source's nodes.
  func areMemberships(_ type: EdgeType) -> Bool {
    edgeTables[type].files.allSatisfy(\.skipsRowsWithoutKey)
  }

  /// Whether keys in edge files become nodes of the type.
  func gathers(_ type: NodeType) -> Bool {
    if featureRows[optional: type] != nil { return false }
    if isPresent(type), options.existingTypes == .refuse { return false }
    return (!hasFile(type) && !isPresent(type)) || options.missingNodes == .create
  }
}

extension IngestOptions {
  /// What is known of the layout of a file.
  func hints(for file: FileLayout, names: [String]?) -> TextLayoutHints {
    TextLayoutHints(
      delimiter: file.delimiter ?? delimiter, header: file.header ?? header,
      names: file.columns ?? names, comment: file.comment ?? comment, choice: file.choice)
  }
}
