import HedgerowCore

/// Sparse and dense matrices as text (Boisvert, Pozo, Remington 1996,
/// https://math.nist.gov/MatrixMarket/formats.html): entry (i, j) is an edge from node i to node j.
///
/// A square matrix is one node type `node` with an edge type `node:edge:node`; another one has the
/// node types `row` and `column` and the edge type `row:entry:column`. Keys are the matrix's own, from
/// 1. Values become a column `value`, complex ones `real` and `imaginary`. A symmetric matrix is an
/// undirected type; of a skew-symmetric or Hermitian one both arcs are stored, each with its value.
/// `%%GraphBLAS type` lines are heeded. Files without a header are coordinates, or an array where the
/// line of sizes has two numbers, of reals.
struct MatrixMarket {
  private enum Field: String { case real, double, complex, integer, pattern }
  enum Symmetry: String {
    case general, symmetric, hermitian
    case skew = "skew-symmetric"
  }
  /// How values are stored.
  private enum Value {
    case none
    case number(PropertyKind)
    case complex

    var columns: [GraphImport.Column] {
      switch self {
      case .none: []
      case .number(let kind): [.init("value", kind, isKept: true)]
      case .complex:
        [.init("real", .float64, isKept: true), .init("imaginary", .float64, isKept: true)]
      }
    }
  }

  private let reader: LineReader
  private let graph: GraphImport
  private var isArray = false
  private var field = Field.real
  private var symmetry = Symmetry.general
  private var graphBLASType: String?

  static func read(_ path: String, called name: String, into graph: GraphImport) throws {
    var matrix = try MatrixMarket(
      reader: LineReader(path, called: name, onRead: graph.note), graph: graph)
    try matrix.read()
  }

  private init(reader: LineReader, graph: GraphImport) throws {
    self.reader = reader
    self.graph = graph
  }

  private mutating func read() throws {
    let sizes = try readHeader()
    let (rows, columns) = (sizes[0], sizes[1])
    let isSquare = symmetry != .general || rows == columns
    guard rows == columns || symmetry == .general else {
      throw reader.wrong("is \(symmetry.rawValue) and has \(rows) rows, but \(columns) columns")
    }
    try checkSizes(sizes)
    let source: NodeType = isSquare ? "node" : "row"
    let target: NodeType = isSquare ? "node" : "column"
    let type = EdgeType(source, isSquare ? "edge" : "entry", target)
    if symmetry == .symmetric { graph.undirected.insert(type) }
    graph.distinct.insert(type)
    let value = try value()
    let entries = MatrixEntries(
      table: try graph.makeTable(type, value.columns, from: reader.name), bounds: bounds(of: value),
      symmetry: symmetry, reader: reader)
    let valueCount = field == .pattern ? 0 : field == .complex ? 2 : 1
    if isArray {
      try entries.readArray(rows, columns, valueCount: valueCount)
    } else {
      try entries.readCoordinates(rows, columns, count: sizes[2], valueCount: valueCount)
    }
    while let line = try reader.nextEntry() {
      throw reader.wrong(
        "has an entry more than the line of sizes says: '\(String(decoding: line.prefix(40), as: UTF8.self))'"
      )
    }
    // Only now, when the file is known to be whole: there may be many more of them than entries.
    for (type, count) in isSquare ? [(source, rows)] : [(source, rows), (target, columns)] {
      let table = try graph.makeTable(type, from: reader.name)
      for key in stride(from: 1, through: count, by: 1) {
        table.append(key)
        try table.endRow()
        if key % (1 << 16) == 0 { try graph.note(reader) }
      }
    }
  }

  private func checkSizes(_ sizes: [Int]) throws {
    let (rows, columns) = (sizes[0], sizes[1])
    let elements = rows.multipliedReportingOverflow(by: columns)
    let entryCount = !isArray ? sizes[2] : elements.overflow ? .max : elements.partialValue
    for count in [rows, columns] {
      if let fault = NumberedNodes.fault(count, .entries(entryCount)) { throw reader.wrong(fault) }
    }
  }

  // MARK: Header

  private static func words(_ line: UnsafeRawBufferPointer) -> [Substring] {
    String(decoding: line, as: UTF8.self).split { $0 == " " || $0 == "\t" }
  }

  /// Reads up to the line of sizes and returns its two or three numbers.
  private mutating func readHeader() throws -> [Int] {
    var hasHeader = false
    while let line = try reader.next() {
      let words = Self.words(line)
      guard let first = words.first else { continue }
      if reader.number == 1, first.lowercased() == "%%matrixmarket" {
        try readBanner(words)
        hasHeader = true
      } else if first.lowercased() == "%%graphblas" {
        // Other lines of theirs are comments.
        guard words.count >= 3, words[1].lowercased() == "type" else { continue }
        graphBLASType = words[2...].joined(separator: " ").lowercased()
      } else if !first.hasPrefix("%") {
        if !hasHeader { isArray = words.count == 2 }
        let sizes = words.map { Int($0) ?? -1 }
        guard sizes.count == (isArray ? 2 : 3), sizes.allSatisfy({ $0 >= 0 }) else {
          throw reader.wrong(
            isArray
              ? "is no line of sizes: an array has rows and columns"
              : "is no line of sizes: coordinates have rows, columns and entries")
        }
        return sizes
      }
    }
    throw HedgerowError(.badData, "ends before its line of sizes", at: reader.name)
  }

  private mutating func readBanner(_ words: [Substring]) throws {
    guard words.count == 5 else {
      throw reader.wrong(
        "is no header: write '%%MatrixMarket matrix coordinate real general' or the like")
    }
    let words = words.map { $0.lowercased() }
    guard words[1] == "matrix" else { throw reader.wrong("holds a '\(words[1])': no matrix") }
    guard words[2] == "coordinate" || words[2] == "array" else {
      throw reader.wrong("has the format '\(words[2])': coordinate and array are known")
    }
    isArray = words[2] == "array"
    guard let field = Field(rawValue: words[3]) else {
      throw reader.wrong(
        "has values '\(words[3])': real, double, integer, complex and pattern are known")
    }
    guard let symmetry = Symmetry(rawValue: words[4]) else {
      throw reader.wrong(
        "has the symmetry '\(words[4])': general, symmetric, skew-symmetric and hermitian are known"
      )
    }
    self.field = field
    self.symmetry = symmetry
    if isArray && field == .pattern { throw reader.wrong("is an array without values") }
    if symmetry == .hermitian && field != .complex {
      throw reader.wrong("is hermitian and \(field.rawValue): only complex matrices are")
    }
    if symmetry == .skew && field == .pattern {
      throw reader.wrong("is skew-symmetric and has no values")
    }
  }

  /// What the values are stored as.
  private func value() throws -> Value {
    let kinds: [String: PropertyKind] = [
      "bool": .uint8, "int8_t": .int8, "int16_t": .int16, "int32_t": .int32, "int64_t": .int64,
      "uint8_t": .uint8, "uint16_t": .int32, "uint32_t": .int64, "uint64_t": .float64,
      "float": .float32, "double": .float64,
    ]
    if let type = graphBLASType, kinds[type] == nil, type != "float complex",
      type != "double complex"
    {
      throw reader.wrong("has the GraphBLAS type '\(type)', which is not known")
    }
    if symmetry == .skew, let type = graphBLASType, type.hasPrefix("uint") || type == "bool" {
      throw reader.wrong(
        "is skew-symmetric, but its values are of \(type), which has no negative ones")
    }
    switch field {
    case .pattern: return .none
    case .complex: return .complex
    case .integer: return .number(graphBLASType.flatMap { kinds[$0] } ?? .int64)
    case .real, .double: return .number(graphBLASType.flatMap { kinds[$0] } ?? .float64)
    }
  }

  /// What integers are held to; nil for other numbers.
  private func bounds(of value: Value) -> ClosedRange<Int>? {
    guard case .number = value else { return nil }
    return switch graphBLASType {
    case "bool": 0...1
    case "int8_t": -128...127
    case "uint8_t": 0...255
    case "int16_t": -32768...32767
    case "uint16_t": 0...65535
    case "int32_t": Int(Int32.min)...Int(Int32.max)
    case "uint32_t": 0...Int(UInt32.max)
    case nil: field == .integer ? Int.min...Int.max : nil
    case "int64_t": Int.min...Int.max
    default: nil
    }
  }
}
