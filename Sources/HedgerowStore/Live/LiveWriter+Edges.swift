import HedgerowCore
import HedgerowLMDB

extension LiveWriter {
  func connect(
    _ source: UInt32, _ target: UInt32, _ edge: EdgeTypeRecord,
    _ values: [(column: ColumnRecord, value: PropertyValue?)]
  ) throws {
    // What is done again may be of nodes that were deleted later.
    if isLogging {
      try requireNode(source, of: node(edge.type.source))
      try requireNode(target, of: node(edge.type.target))
    }
    var cells = CellList()
    for (column, value) in values {
      cells[column.id] = try cell(
        value, ColumnKey(.edge, edge.id, column.id), column, place: "\(edge.type).\(column.name)")
    }
    try add(source, target, edge, cells)
    if edge.isUndirected && source != target { try add(target, source, edge, cells) }
    try note(
      .connect(
        type: edge.id, source: source, target: target,
        values.map { (column: $0.column.id, $0.value) }))
  }

  private func add(
    _ source: UInt32, _ target: UInt32, _ edge: EdgeTypeRecord, _ cells: CellList
  ) throws {
    let counts = OwnerKey(.edge, edge.id)
    let number = state.count(counts).other
    let time = try time(in: cells, edge)
    try txn.put(
      cells.encoded, for: DeltaKey(edge.id, .out, row: source, neighbor: target, .added, number),
      in: tables.delta)
    try txn.put(
      time, for: DeltaKey(edge.id, .in, row: target, neighbor: source, .added, number),
      in: tables.delta)
    change(counts) {
      if isLogging { $0.total += 1 }
      $0.other += 1
    }
  }

  /// The time by which an index sorts, as bytes; empty where the type declares none.
  private func time(in cells: CellList, _ edge: EdgeTypeRecord) throws -> [UInt8] {
    guard let name = edge.timeColumn else { return [] }
    let column = try column(name, of: edge)
    guard let cell = cells[column.id] ?? column.defaultCell.map({ Cell(bytes: $0) }), !cell.isNull
    else {
      throw HedgerowError(
        .badData, "an edge of '\(edge.type)' needs its time: give column '\(name)' a value")
    }
    return Array(cell.content)
  }

  /// Takes out the edge between two nodes that stands at a place among its parallels.
  func disconnect(
    _ source: UInt32, _ target: UInt32, parallel: Int, _ edge: EdgeTypeRecord
  ) throws {
    for arc in try arcs(of: source, target, parallel: parallel, edge) {
      try remove(arc.source, arc.target, arc.origin, edge)
    }
    try note(
      .disconnect(type: edge.id, source: source, target: target, parallel: UInt32(parallel)))
  }

  func disconnect(
    _ source: UInt32, _ target: UInt32, _ origin: Origin, _ edge: EdgeTypeRecord
  ) throws {
    let parallel = try parallels(source, target, edge).firstIndex(of: origin)!
    try disconnect(source, target, parallel: parallel, edge)
  }

  /// The arc of an edge that stands at a place among its parallels; of an undirected one also the other
  /// arc, which has the same place among its own.
  private func arcs(
    of source: UInt32, _ target: UInt32, parallel: Int, _ edge: EdgeTypeRecord
  ) throws -> [(source: UInt32, target: UInt32, origin: Origin)] {
    let origins = try parallels(source, target, edge)
    guard origins.indices.contains(parallel) else {
      throw HedgerowError(
        .badData,
        "there are \(origins.count) edges of '\(edge.type)' from node \(source) to node \(target): "
          + "none has the number \(parallel)")
    }
    guard edge.isUndirected && source != target else {
      return [(source, target, origins[parallel])]
    }
    let others = try parallels(target, source, edge)
    guard parallel < others.count else {
      throw HedgerowError(
        .damaged, "an edge of '\(edge.type)' has one arc only", at: "data.mdb table delta")
    }
    return [(source, target, origins[parallel]), (target, source, others[parallel])]
  }

  private func remove(
    _ source: UInt32, _ target: UInt32, _ origin: Origin, _ edge: EdgeTypeRecord
  ) throws {
    switch origin {
    case .base(let ordinal):
      try txn.put(
        [],
        for: DeltaKey(
          edge.id, .out, row: source, neighbor: target, .removed, UInt64(ordinal)),
        in: tables.delta)
      try txn.put(
        [],
        for: DeltaKey(
          edge.id, .in, row: target, neighbor: source, .removed, UInt64(ordinal)),
        in: tables.delta)
    case .added(let number):
      try txn.remove(
        DeltaKey(edge.id, .out, row: source, neighbor: target, .added, number), in: tables.delta)
      try txn.remove(
        DeltaKey(edge.id, .in, row: target, neighbor: source, .added, number), in: tables.delta)
    }
    if isLogging { change(OwnerKey(.edge, edge.id)) { $0.total -= 1 } }
  }

  func set(
    _ column: ColumnRecord, of edge: EdgeTypeRecord, _ source: UInt32, _ target: UInt32,
    parallel: Int, to value: PropertyValue?
  ) throws {
    let place = "\(edge.type).\(column.name)"
    let cell = try cell(value, ColumnKey(.edge, edge.id, column.id), column, place: place)
    for arc in try arcs(of: source, target, parallel: parallel, edge) {
      try put(cell, arc.origin, arc.source, arc.target, column, edge)
    }
    try note(
      .setEdgeCell(
        type: edge.id, source: source, target: target, parallel: UInt32(parallel),
        column: column.id, value))
  }

  private func put(
    _ cell: Cell, _ origin: Origin, _ source: UInt32, _ target: UInt32, _ column: ColumnRecord,
    _ edge: EdgeTypeRecord
  ) throws {
    if edge.timeColumn == column.name {
      // Rows are sorted by it: the edge leaves its place and comes again. So does one that is not in
      // segments yet, for by the time that this is done again it may be.
      var cells = try self.cells(of: origin, source, target, edge)
      cells[column.id] = cell
      _ = try time(in: cells, edge)
      try remove(source, target, origin, edge)
      return try add(source, target, edge, cells)
    }
    switch origin {
    case .added(let number):
      var cells = try cells(ofAdded: number, source, target, edge)
      cells[column.id] = cell
      try txn.put(
        cells.encoded,
        for: DeltaKey(edge.id, .out, row: source, neighbor: target, .added, number),
        in: tables.delta)
    case .base(let ordinal):
      let position = try position(source, target, ordinal: ordinal, edge)
      try txn.put(
        cell.bytes, for: CellKey(ColumnKey(.edge, edge.id, column.id), position),
        in: tables.cells)
    }
  }

  private func cells(
    of origin: Origin, _ source: UInt32, _ target: UInt32, _ edge: EdgeTypeRecord
  ) throws -> CellList {
    if case .added(let number) = origin {
      return try cells(ofAdded: number, source, target, edge)
    }
    var cells = CellList()
    for column in edge.columns {
      cells[column.id] = try cell(
        value(origin, source, target, column, of: edge),
        ColumnKey(.edge, edge.id, column.id), column, place: "\(edge.type).\(column.name)")
    }
    return cells
  }
}
