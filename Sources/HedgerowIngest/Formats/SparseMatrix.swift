import HedgerowCore

/// Sparse matrices as `scipy.sparse.save_npz` writes them: entry (i, j) is an edge from node i to node
/// j, as of ``MatrixMarket``, but that keys are from 0.
///
/// Read are compressed rows (csr), compressed columns (csc) and coordinates (coo).
struct SparseMatrix {
  private let archive: NPZFile
  private let graph: GraphImport

  static func read(_ path: String, called name: String, into graph: GraphImport) throws {
    let archive = try NPZFile(path, called: name, into: graph)
    guard archive.has("format"), archive.has("shape"), archive.has("data") else {
      throw HedgerowError(
        .badData,
        "is no matrix of scipy.sparse.save_npz: name what an array of it holds, as "
          + "--features TYPE.COLUMN=FILE.npz:NAME or --edges SOURCE:RELATION:TARGET=FILE.npz:NAME",
        at: name)
    }
    try SparseMatrix(archive: archive, graph: graph).read()
  }

  private func wrong(_ array: String, _ message: String) -> HedgerowError {
    HedgerowError(.badData, message, at: archive.place(array))
  }

  private func read() throws {
    let format = try archive.text("format")
    guard ["csr", "csc", "coo"].contains(format) else {
      throw wrong(
        "format", "is '\(format)': csr, csc and coo are read, save matrix.tocsr()")
    }
    let sizes = try shape()
    let isSquare = sizes[0] == sizes[1]
    let source: NodeType = isSquare ? "node" : "row"
    let target: NodeType = isSquare ? "node" : "column"
    let type = EdgeType(source, isSquare ? "edge" : "entry", target)
    graph.distinct.insert(type)
    let values = try vector("data")
    for count in sizes {
      if let fault = NumberedNodes.fault(count, .entries(values.total)) {
        throw wrong("shape", fault)
      }
    }
    let table = try graph.makeTable(
      type, [.init("value", values.element == .bool ? .uint8 : values.element, isKept: true)],
      from: archive.name)
    func append(_ row: Int, _ column: Int) throws {
      guard try values.next() else {
        throw wrong("data", "has \(values.rowCount) elements, less than there are entries")
      }
      table.append(row)
      table.append(column)
      try values.withField(0) { table.append($0) }
      try table.endRow(line: values.rowCount)
    }
    switch format {
    case "coo": try readCoordinates(sizes, append)
    case "csr": try readCompressed(sizes[0], sizes[1], append)
    default: try readCompressed(sizes[1], sizes[0]) { try append($1, $0) }
    }
    if try values.next() { throw wrong("data", "has more elements than there are entries") }
    // Only now, when the entries are known to fit: there may be many more nodes.
    for (type, count) in isSquare ? [(source, sizes[0])] : [(source, sizes[0]), (target, sizes[1])]
    {
      let nodes = try graph.makeTable(type, from: archive.name)
      for key in 0..<count {
        nodes.append(key)
        try nodes.endRow()
        if key % (1 << 16) == 0 { try graph.note(archive.name, key, of: count) }
      }
    }
  }

  private func shape() throws -> [Int] {
    let shape = try vector("shape")
    var sizes: [Int] = []
    while try shape.next(), sizes.count < 3 { sizes.append(shape.integer(0) ?? -1) }
    guard sizes.count == 2, sizes.allSatisfy({ $0 >= 0 }) else {
      throw wrong("shape", "is \(sizes), which is no shape of a matrix")
    }
    return sizes
  }

  private func vector(_ array: String) throws -> ArrayRows {
    let file = try archive.array(array)
    guard file.columnCount == nil else {
      throw wrong(array, "has two dimensions where one belongs")
    }
    return try ArrayRows(file, into: graph)
  }

  private func readCoordinates(_ sizes: [Int], _ append: (Int, Int) throws -> Void) throws {
    let rows = try vector("row")
    let columns = try vector("col")
    guard rows.total == columns.total else {
      throw wrong("col", "has \(columns.total) elements, but row has \(rows.total)")
    }
    while try rows.next(), try columns.next() {
      try append(
        rows.index(0, of: "a row", count: sizes[0]),
        columns.index(0, of: "a column", count: sizes[1]))
    }
  }

  /// - Parameters:
  ///   - count: the rows or columns that entries are listed for.
  ///   - width: the numbers that `indices` may hold.
  private func readCompressed(
    _ count: Int, _ width: Int, _ append: (_ major: Int, _ minor: Int) throws -> Void
  ) throws {
    let starts = try vector("indptr")
    let indices = try vector("indices")
    guard starts.total == count + 1 else {
      throw wrong("indptr", "has \(starts.total) elements where the shape needs \(count + 1)")
    }
    guard try starts.next(), starts.integer(0) == 0 else {
      throw wrong("indptr", "does not begin with 0")
    }
    for major in 0..<count {
      guard try starts.next(), let end = starts.integer(0), end >= indices.rowCount,
        end <= indices.total
      else { throw starts.wrong("goes down, or beyond the \(indices.total) entries") }
      while indices.rowCount < end, try indices.next() {
        try append(major, indices.index(0, of: "a row or column", count: width))
      }
    }
    guard indices.rowCount == indices.total else {
      throw wrong("indptr", "ends at \(indices.rowCount) of \(indices.total) entries")
    }
  }
}
