import HedgerowColumnar
import HedgerowCore

/// Tables of nodes or edges as files of columns: Parquet and Arrow.
///
/// The kinds of columns are those of the file. A column of lists is read twice: where all lists have one
/// length it is a column of vectors, and of nodes becomes an array without being text on the way.
struct ColumnarTable: TableFormat {
  private let table: TableFiles
  private let graph: GraphImport
  private let budget: MemoryBudget
  private var lists: [String: ListProfile] = [:]
  private var arrays: [String: ArraySpool] = [:]

  static func isKnown(_ path: String) -> Bool { ColumnarFormat.detect(path) != nil }

  static func read(_ files: TableFiles, into graph: GraphImport, budget: MemoryBudget) throws {
    var table = ColumnarTable(table: files, graph: graph, budget: budget)
    try table.read()
  }

  private init(table: TableFiles, graph: GraphImport, budget: MemoryBudget) {
    self.table = table
    self.graph = graph
    self.budget = budget
  }

  private func open(_ file: (path: String, name: String)) throws -> any ColumnarFile {
    guard let format = ColumnarFormat.detect(file.path) else {
      throw HedgerowError(.io, "changed while it was read", at: file.name)
    }
    return try format.open(file.path, called: file.name, budget: budget)
  }

  private func layout(of file: any ColumnarFile) throws -> ColumnarLayout {
    try ColumnarLayout(file, table.owner, names: table.columns, keys: table.keys)
  }

  private mutating func read() throws {
    var rowCount = 0
    for file in table.files {
      let file = try open(file)
      rowCount += file.rowCount
      for field in try layout(of: file).fields where field.isList { try profile(field, of: file) }
    }
    for file in table.files {
      let file = try open(file)
      try write(file, layout(of: file), rowCount: rowCount)
    }
    for array in arrays.values { try array.finish() }
  }

  // MARK: Lists

  private mutating func profile(_ field: ColumnarLayout.Field, of file: any ColumnarFile) throws {
    var profile = lists[field.name] ?? ListProfile()
    let rows = try ColumnarRows(file, columns: [field.column], budget: budget)
    while try rows.advance() {
      try graph.note(file.name, rows.first, of: file.rowCount)
      profile.note(
        rows.columns[0].stretch, rows.starts[0]..<rows.starts[0] + rows.count, field.type.storage)
    }
    lists[field.name] = profile
  }

  /// The array that a column of lists goes to; `nil` for one that stays in the table.
  private mutating func array(
    _ field: ColumnarLayout.Field, rowCount: Int
  ) throws -> ArraySpool? {
    if let array = arrays[field.name] { return array }
    guard case .nodes(let type) = table.owner, table.areAll, !table.arrays.contains(field.name),
      let profile = lists[field.name], let width = profile.width, profile.isWhole,
      profile.rowCount == rowCount,
      let form = ArraySpool.Form(field.type)
    else { return nil }
    var feature = IngestOptions.FeatureFile(type, field.name, "")
    if let declared = field.declared {
      guard declared == .vector(element: declared.element, width: width) else { return nil }
      switch declared.element {
      case form.element: break
      case .bfloat16 where form == .float, .scaledInt8 where form == .float:
        feature.element = declared.element
      default: return nil
      }
    }
    let array = try ArraySpool(form, width: width, rowCount: rowCount, in: graph.scratch)
    feature.path = array.path
    feature.name = table.files[0].name
    graph.features.append(feature)
    arrays[field.name] = array
    return array
  }

  private func column(_ field: ColumnarLayout.Field) -> GraphImport.Column {
    if let declared = field.declared { return .init(field.name, declared, isKept: true) }
    guard field.isList else {
      let kind = field.isText ? nil : field.type.kind
      return .init(field.name, kind, isText: kind == nil, isKept: true)
    }
    guard let width = lists[field.name]?.width, let kind = field.type.kind,
      lists[field.name]?.hasNullElement == false
    else { return .init(field.name, isText: true, isKept: true) }
    return .init(field.name, .vector(element: kind, width: width), isKept: true)
  }

  // MARK: Rows

  private mutating func write(
    _ file: any ColumnarFile, _ layout: ColumnarLayout, rowCount: Int
  ) throws {
    var fields: [ColumnarLayout.Field] = []
    var vectors: [(field: ColumnarLayout.Field, array: ArraySpool)] = []
    for field in layout.fields {
      if field.isList, let array = try array(field, rowCount: rowCount) {
        vectors.append((field, array))
      } else {
        fields.append(field)
      }
    }
    let spool = try graph.makeTable(
      table.owner, fields.map(column), keys: layout.keys.map(\.spelled), from: file.name)
    let all = layout.keys + fields
    let rows = try ColumnarRows(
      file, columns: all.map(\.column) + vectors.map(\.field.column), budget: budget)
    // Only texts have line ends, behind which a row's line is another.
    let hasLines = all.contains { $0.type.storage == .bytes }
    let writers = all.map { ColumnarText($0.type, isList: $0.isList) }
    while try rows.advance() {
      try graph.note(file.name, rows.first, of: file.rowCount)
      for row in 0..<rows.count {
        for (place, writer) in writers.enumerated() {
          writer.append(rows.columns[place].stretch, rows.starts[place] + row, to: spool)
        }
        try spool.endRow(line: hasLines ? rows.first + row + 1 : nil)
      }
      for (place, vector) in vectors.enumerated() {
        let place = all.count + place
        let start = rows.starts[place]
        let stretch = rows.columns[place].stretch
        try vector.array.append(
          stretch, stretch.starts[start]..<stretch.starts[start + rows.count])
      }
    }
  }
}

/// What the lists of a column are like.
private struct ListProfile {
  private var least = Int.max
  private var greatest = 0
  private var hasNull = false
  private(set) var hasNullElement = false
  private(set) var rowCount = 0
  private var isFinite = true

  /// Of all lists, if they have one.
  var width: Int? {
    greatest > 0 && least == greatest && greatest <= 1 << 24 ? greatest : nil
  }

  /// Whether every row has a list of numbers, so that an array can hold them.
  var isWhole: Bool { !hasNull && !hasNullElement && isFinite }

  mutating func note(
    _ stretch: ColumnStretch, _ rows: Range<Int>, _ storage: ColumnarType.Storage
  ) {
    rowCount += rows.count
    for row in rows {
      guard stretch.hasList[row] else {
        hasNull = true
        continue
      }
      let count = stretch.starts[row + 1] - stretch.starts[row]
      least = min(least, count)
      greatest = max(greatest, count)
    }
    let items = stretch.starts[rows.lowerBound]..<stretch.starts[rows.upperBound]
    if !hasNullElement { hasNullElement = !stretch.isThere[items].allSatisfy { $0 } }
    switch storage {
    case .floats: isFinite = isFinite && stretch.floats[items].allSatisfy(\.isFinite)
    case .doubles: isFinite = isFinite && stretch.doubles[items].allSatisfy(\.isFinite)
    default: break
    }
  }
}
