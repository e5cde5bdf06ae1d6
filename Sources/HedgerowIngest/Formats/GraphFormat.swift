import Glibc
import HedgerowCore
import HedgerowMapped

/// Formats of files that say by themselves what types a graph has.
public enum GraphFormat: String, Sendable, CaseIterable {
  /// Two keys a line: node type `node`, edge type `node:edge:node`.
  case edgeList = "edge-list"
  case matrixMarket = "matrix-market"
  case nTriples = "n-triples"
  case nQuads = "n-quads"
  /// Tables with headers as Neo4j's import, Gremlin's loaders and LDBC have them.
  case propertyCSV = "property-csv"
  /// What `apoc.export.json` of Neo4j writes: a node or a relationship as a JSON object on each line.
  case apocJSON = "apoc-json"
  case graphML = "graphml"
  /// Head, relation and tail a line, as knowledge graphs come: node type `entity`, edge type
  /// `entity:triple:entity` with a column `relation`.
  case triples
  /// What `scipy.sparse.save_npz` writes.
  case scipyMatrix = "scipy"
  /// A folder as the Open Graph Benchmark has them.
  case ogb
  /// A folder as TUDataset has them: a collection of graphs.
  case tu
  /// A folder that Kuzu's `EXPORT DATABASE` wrote.
  case kuzu
  /// A folder as DGL's `CSVDataset` has them.
  case dglCSV = "dgl-csv"
  /// A folder as the `OnDiskDataset` of DGL's GraphBolt has them.
  case graphBolt = "graphbolt"

  /// What a file looks like by its name, else by its first bytes.
  static func detect(_ path: String, called name: String, delimiter: UInt8?) throws -> GraphFormat {
    let name = name.withoutCompression
    if name.hasSuffix(".mtx") { return .matrixMarket }
    if name.hasSuffix(".nt") { return .nTriples }
    if name.hasSuffix(".nq") { return .nQuads }
    if name.hasSuffix(".graphml") { return .graphML }
    if name.hasSuffix(".npz") { return .scipyMatrix }
    if name.hasSuffix(".npy") {
      throw HedgerowError(
        .usage,
        "is an array: say what it holds, with --edges SOURCE:RELATION:TARGET=FILE or --features "
          + "TYPE.COLUMN=FILE", at: String(name))
    }
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return .edgeList }
    if ColumnarTable.isKnown(path) {
      throw HedgerowError(
        .badData,
        "is a table that does not say of what: name its rows with --nodes TYPE=FILE or "
          + "--edges SOURCE:RELATION:TARGET=FILE", at: String(name))
    }
    let source = try ByteSource(path: path, called: String(name))
    var start = [UInt8](repeating: 0, count: 64 << 10)
    let count = try start.withUnsafeMutableBytes { try source.read(into: $0) }
    let text = String(decoding: start[..<count], as: UTF8.self).lowercased()
    if text.hasPrefix("%%matrixmarket") { return .matrixMarket }
    if text.first == "<" || text.first == "\u{FEFF}", text.contains("<graphml") { return .graphML }
    if text.drop(while: { $0.isWhitespace || $0 == "\u{FEFF}" }).first == "{" {
      let reader = try LineReader(path, called: String(name))
      while let line = try reader.next() {
        if JSONText.isBlank(line) { continue }
        if APOCGraph.isKnown(line) { return .apocJSON }
        break
      }
      throw HedgerowError(
        .badData,
        "holds JSON that is no export of Neo4j: name what objects of JSON Lines are, with "
          + "--nodes TYPE=FILE or --edges SOURCE:RELATION:TARGET=FILE", at: String(name))
    }
    if let raw = try PropertyHeader.raw(path, called: String(name), delimiter: delimiter),
      PropertyHeader.isKnown(raw)
    {
      return .propertyCSV
    }
    return .edgeList
  }
}

extension IngestOptions {
  /// The options with tables in place of all files of other formats, which are read for that.
  func resolved(
    scratch: String, budget: MemoryBudget, faults: Faults,
    progress: @escaping (IngestProgress) -> Void, isCancelled: @escaping () -> Bool
  ) throws -> IngestOptions {
    var options = self
    options.graphs = []
    func makeImport() -> GraphImport {
      GraphImport(
        scratch: scratch, faults: faults, progress: progress, isCancelled: isCancelled)
    }
    try options.copyReadTwice(to: scratch)
    try options.readTables(makeImport, in: scratch, budget: budget)
    try options.readArrays(makeImport)
    // For what an index of ids needs.
    let memory = budget.available / 8
    let share = try graphs.isEmpty ? nil : budget.reserve(memory, for: "types of nodes")
    defer { share?.release() }
    var lists: [EdgeFile] = []
    var tables: [PropertyCSV.File] = []
    var triples = Triples()
    for (file, isInFolder) in try graphs.flatMap({ try Self.files(of: $0) }) {
      let (path, name) = try localCopy(of: file.path, in: scratch)
      let format = try file.format ?? .detect(path, called: name, delimiter: delimiter)
      let graph = makeImport()
      switch format {
      case .ogb, .tu, .kuzu, .dglCSV, .graphBolt:
        try format.read(DatasetFolder(path), into: graph, budget: budget)
      case .edgeList:
        guard !isInFolder else {
          throw HedgerowError(
            .badData,
            "is of no format that is known in a folder: name the other files one by one", at: name)
        }
        var list = EdgeFile(EdgeType("node", "edge", "node"), path)
        if path != name { list.layout.name = name }
        lists.append(list)
        continue
      case .triples:
        guard try FileSystem.byteCount(of: path) > 0 else {
          throw HedgerowError(.badData, "is empty", at: name)
        }
        triples.add(path, called: name)
        continue
      case .propertyCSV:
        tables.append(PropertyCSV.File(path: path, name: name))
        continue
      case .apocJSON: try APOCGraph.read(path, called: name, memory: memory, into: graph)
      case .graphML:
        try GraphML.read(
          path, called: name, missing: missingNodes, memory: memory, into: graph)
      case .scipyMatrix: try SparseMatrix.read(path, called: name, into: graph)
      case .matrixMarket: try MatrixMarket.read(path, called: name, into: graph)
      case .nTriples, .nQuads:
        try NTriples.read(
          path, called: name, hasGraphs: format == .nQuads, into: graph)
      }
      try graph.finish(into: &options)
    }
    if !tables.isEmpty {
      let graph = makeImport()
      try PropertyCSV.read(
        tables, delimiter: delimiter, missing: missingNodes, memory: memory, into: graph)
      try graph.finish(into: &options)
    }
    for file in offsets {
      let graph = makeImport()
      // Of a type with a node file more nodes than rows may come.
      let rowCount =
        try options.nodes.contains { $0.type == file.type.source }
        ? nil
        : options.features.first { $0.type == file.type.source }.map {
          try NPYFile(path: $0.path).rowCount
        }
      try Offsets.read(file.path, as: file.type, sourceCount: rowCount, into: graph)
      try graph.finish(into: &options)
    }
    options.offsets = []
    options.edges.insert(contentsOf: lists + triples.edgeFiles(comment: comment), at: 0)
    let isEmpty = options.nodes.isEmpty && options.edges.isEmpty && options.features.isEmpty
    guard graphs.isEmpty || !isEmpty else {
      throw HedgerowError(.badData, "has neither nodes nor edges", at: graphs.first?.path)
    }
    if isUndirected {
      let types = options.edgeTypes.filter {
        $0.source == $0.target && !options.directed.contains($0)
      }
      guard !types.isEmpty else {
        throw HedgerowError(
          .usage, "--undirected needs an edge type whose ends are of one node type")
      }
      options.undirected.formUnion(types)
    }
    try options.checkTypes()
    // A count is the sum of ones.
    for rule in options.combinations where rule.combination == .count {
      for index in options.edges.indices where options.edges[index].type == rule.column.type {
        options.edges[index].layout.choice.constants.append(
          .init("\(rule.column.column):int64", "1"))
      }
    }
    return options
  }

  /// Copies what comes through a pipe and is read once more for a membership.
  private mutating func copyReadTwice(to scratch: String) throws {
    for path in Set(edges.filter(\.layout.skipsRowsWithoutKey).map(\.path)) {
      let copy = try localCopy(of: path, in: scratch)
      guard copy.path != path else { continue }
      for index in nodes.indices where nodes[index].path == path {
        nodes[index].path = copy.path
        nodes[index].layout.name = copy.name
      }
      for index in edges.indices where edges[index].path == path {
        edges[index].path = copy.path
        edges[index].layout.name = copy.name
      }
    }
  }

  /// A file, a folder that is a data set, or the files of a folder and of the folders in it, in the order
  /// of their names.
  private static func files(of file: GraphFile) throws -> [(GraphFile, isInFolder: Bool)] {
    let isDataset = file.format?.isFolder == true
    guard FileSystem.isDirectory(file.path), !isDataset else { return [(file, false)] }
    if file.format == nil, let format = try DatasetFolder(file.path).format() {
      return [(GraphFile(file.path, as: format), false)]
    }
    var found: [(GraphFile, isInFolder: Bool)] = []
    try collect(file.path, depth: 0) { found.append((GraphFile($0, as: file.format), true)) }
    guard !found.isEmpty else {
      throw HedgerowError(.badData, "is a folder without files", at: file.path)
    }
    return found
  }

  private static let folderDepth = 16

  private static func collect(
    _ path: String, depth: Int, _ add: (String) -> Void
  ) throws {
    guard depth < folderDepth else {
      throw HedgerowError(.badData, "is deeper than \(folderDepth) folders", at: path)
    }
    for name in try FileSystem.names(in: path) where !name.hasPrefix(".") {
      let inner = path.hasSuffix("/") ? path + name : "\(path)/\(name)"
      if FileSystem.isDirectory(inner) {
        try collect(inner, depth: depth + 1, add)
      } else {
        add(inner)
      }
    }
  }
}
