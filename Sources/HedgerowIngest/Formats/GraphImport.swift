import HedgerowCore
import HedgerowMapped

/// What the reader of a format fills: tables of nodes and edges, and options that go with them.
final class GraphImport {
  /// A column of a table, of a kind that the format tells or that is found over its values.
  struct Column: Hashable {
    var name: String
    var kind: PropertyKind?
    /// Values are texts, whatever they look like.
    var isText = false
    /// The column is there even without any value.
    var isKept = false
    /// Fields are lists with `;` between their elements: a vector of the kind where all have one
    /// length, else text.
    var isList = false
    init(
      _ name: String, _ kind: PropertyKind? = nil, isText: Bool = false, isList: Bool = false,
      isKept: Bool = false
    ) {
      self.name = name
      self.isKept = isKept
      self.kind = kind
      self.isText = isText
      self.isList = isList
    }

    /// As in a typed header.
    var spelled: String {
      if isText { return "\(name):text" }
      return kind.map { "\(name):\($0)" } ?? name
    }
  }

  private struct Entry {
    var owner: TableOwner
    /// As in a header.
    var keys: [String]
    var columns: [Column]
    var table: TableSpool.Table
    var name: String
  }
  private struct ListColumn: Hashable {
    var owner: TableOwner
    var name: String
  }

  let scratch: String
  private let spool: TableSpool
  private var entries: [Entry] = []
  private let faults: Faults
  private let progress: (IngestProgress) -> Void
  private let isCancelled: () -> Bool
  /// Files that are tables already.
  var nodes: [IngestOptions.NodeFile] = []
  var edges: [IngestOptions.EdgeFile] = []
  /// Edge types that the format says are undirected, and columns with a meaning.
  var undirected: Set<EdgeType> = []
  /// And edge types that list no edge twice.
  var distinct: Set<EdgeType> = []
  var times: [IngestOptions.EdgeColumn] = []
  var weights: [IngestOptions.EdgeColumn] = []
  var splits: [IngestOptions.NodeColumn] = []
  var features: [IngestOptions.FeatureFile] = []

  init(
    scratch: String, faults: Faults,
    progress: @escaping (IngestProgress) -> Void, isCancelled: @escaping () -> Bool
  ) {
    self.scratch = scratch
    self.faults = faults
    self.progress = progress
    self.isCancelled = isCancelled
    spool = TableSpool(in: scratch)
  }

  /// A column that lists named sets of nodes, `;` between them.
  static let labels = Column("labels", isText: true, isList: true)

  /// A table of nodes: in each row the key, then a field for each column. Columns without any value
  /// are left out in the end, but for those that are kept.
  ///
  /// - Parameters:
  ///   - key: `id`, with what keys are where that is known: `id:string` or `id:uuid`.
  ///   - name: of the file that the rows' lines are of.
  func makeTable(
    _ type: NodeType, key: String = "id", _ columns: [Column] = [], from name: String
  ) throws -> TableSpool.Table {
    try makeTable(.nodes(type), columns, keys: [key], from: name)
  }

  /// A table of edges: in each row the keys of source and target, then a field for each column.
  func makeTable(
    _ type: EdgeType, _ columns: [Column] = [], from name: String
  ) throws -> TableSpool.Table {
    try makeTable(.edges(type), columns, from: name)
  }

  /// - Parameter keys: their names and kinds as in a header, where the format tells the kinds.
  func makeTable(
    _ owner: TableOwner, _ columns: [Column], keys: [String]? = nil, from name: String
  ) throws -> TableSpool.Table {
    switch owner {
    case .nodes(let type), .sets(let type): try Identifier.check(type.name, as: "node type")
    case .edges(let type):
      for name in [type.source.name, type.target.name] {
        try Identifier.check(name, as: "node type")
      }
      try Identifier.check(type.relation, as: "relation")
    }
    try checkCount()
    let keys = keys ?? owner.keys
    let table = spool.makeTable(columnCount: keys.count + columns.count)
    entries.append(Entry(owner: owner, keys: keys, columns: columns, table: table, name: name))
    return table
  }

  /// A table of members of sets: in each row the key of a node and the name of a set.
  func makeSetTable(_ type: NodeType, from name: String) throws -> TableSpool.Table {
    try makeTable(.sets(type), [Column("set", isKept: true)], from: name)
  }

  /// More types than anybody makes by hand, and fewer than a store has numbers for.
  static let tableLimit = 16_384

  private func checkCount() throws {
    guard entries.count < Self.tableLimit else {
      throw HedgerowError(
        .badData,
        "has more than \(Self.tableLimit) types: is a column of texts taken for one of types?",
        at: entries.last?.name)
    }
  }

  /// Says how far a file was read; throws when the caller wants no more.
  func note(_ reader: LineReader) throws {
    try note(reader.name, reader.position, of: reader.total)
  }

  func note(_ name: String, _ done: Int, of total: Int) throws {
    if isCancelled() { throw HedgerowError(.interrupted, "interrupted; nothing was changed") }
    progress(IngestProgress(phase: .convert, subject: name, done: done, total: total))
  }

  /// Leaves a line out that cannot be used, where the caller wants it so.
  ///
  /// - Parameter line: nil for a whole file.
  func leaveOut(
    _ message: @autoclosure () -> String, in file: String, line: Int? = nil
  ) throws {
    try faults.add(message(), in: file, line: line)
  }

  /// Leaves out an edge to an id of which no one type is known.
  func leaveOut(
    _ answer: NodeTypeIndex.Answer, of id: UnsafeRawBufferPointer, among types: [NodeType],
    missing: IngestOptions.MissingNodes, in file: String, line: Int
  ) throws {
    if answer == .none, missing == .skip {
      try faults.skip(answer.fault(of: id, among: types), in: file, line: line)
    } else {
      try faults.add(answer.fault(of: id, among: types), in: file, line: line)
    }
  }

  /// The width of each column of lists, -1 where there is none.
  private func listWidths() -> [ListColumn: Int] {
    var widths: [ListColumn: Int] = [:]
    for entry in entries {
      for (index, column) in entry.columns.enumerated() where column.isList {
        let width = entry.table.listWidths[entry.keys.count + index]
        let key = ListColumn(owner: entry.owner, name: column.name)
        let known = widths[key] ?? 0
        widths[key] = known == 0 || known == width ? width : width == 0 ? known : -1
      }
    }
    return widths
  }

  /// Puts the tables among the files of an ingest.
  func finish(into options: inout IngestOptions) throws {
    try spool.finish()
    let widths = listWidths()
    options.nodes += nodes
    options.edges += edges
    for entry in entries {
      var layout = IngestOptions.FileLayout()
      layout.delimiter = UInt8(ascii: ",")
      layout.header = .absent
      layout.comment = 0
      layout.mayLackColumns = true
      let names = entry.columns.enumerated().map { index, column in
        guard entry.table.isUsed[entry.keys.count + index] || column.isKept else { return "" }
        guard column.isList, let kind = column.kind else { return column.spelled }
        let width = widths[ListColumn(owner: entry.owner, name: column.name)] ?? -1
        return width > 0 && width <= Self.widestVector
          ? "\(column.name):\(PropertyKind.vector(element: kind, width: width))"
          : "\(column.name):text"
      }
      layout.name = entry.name
      if entry.table.hasLines { layout.lines = entry.table.linesPath }
      layout.columns = entry.keys + names
      switch entry.owner {
      case .nodes(let type):
        var file = IngestOptions.NodeFile(type, entry.table.path)
        file.layout = layout
        options.nodes.append(file)
        let labels = IngestOptions.NodeColumn(type, Self.labels.name)
        // The reader's own column, not one of the file that is called so.
        if let index = entry.columns.firstIndex(of: Self.labels), !names[index].isEmpty,
          !options.splits.contains(labels)
        {
          options.splits.append(labels)
          options.listSplits.insert(labels)
        }
      case .edges(let type):
        var file = IngestOptions.EdgeFile(type, entry.table.path)
        file.layout = layout
        options.edges.append(file)
      case .sets(let type):
        var file = IngestOptions.SetFile(type, entry.table.path)
        file.layout = layout
        options.sets.append(file)
      }
    }
    options.undirected.formUnion(undirected)
    options.distinctTypes.formUnion(distinct)
    options.times += times
    options.weights += weights
    options.splits += splits
    options.features += features
  }

  private static let widestVector = 1 << 16
}

/// Names that types and columns may have, made of any texts: characters that no name may have become
/// `_`, and texts that would have the same name are told apart by numbers.
struct NameTable {
  private let areRelations: Bool
  private var names: [String: String] = [:]
  private var taken: Set<String> = []
  /// Of names that were taken already, the number to try next.
  private var numbers: [String: Int] = [:]

  /// - Parameter reserved: names that no text gets.
  init(areRelations: Bool = false, reserved: [String] = []) {
    self.areRelations = areRelations
    taken = Set(reserved)
  }

  /// - Parameter spoken: the part of the text that the name is made of; all of it unless given.
  mutating func name(for text: String, spoken: String? = nil) -> String {
    if let known = names[text] { return known }
    var base = TextLayout.cleanName(spoken ?? text)
    if base.isEmpty { base = "_" }
    // That is how backward readings are called.
    if areRelations && base.hasPrefix("rev_") { base = "_" + base }
    var name = base
    while !taken.insert(name.lowercased()).inserted {
      let number = numbers[base, default: 2]
      name = "\(base.prefix(58))_\(number)"
      numbers[base] = number + 1
    }
    names[text] = name
    return name
  }
}
