import HedgerowCore
import HedgerowMapped
import HedgerowRoaring

/// A column of a snapshot: its segments, and over them the values that changed since.
///
/// A row's value is what a change gave it, else what the segments hold, else the column's default.
/// Rows of an edge column are places of the snapshot's out order.
final class LayeredColumn: Sendable {
  let base: StoredColumn
  /// The texts of a categorical column, by code.
  let categories: [String]
  let rowCount: UInt64
  private let column: UInt16
  private let cells: [UInt64: Cell]
  private let edges: EdgeOverlay?
  private let defaultCell: Cell
  /// Nothing lies over the segments.
  private let isPlain: Bool

  init(
    _ base: StoredColumn, column: ColumnRecord, rowCount: UInt64, cells: [UInt64: Cell],
    added categories: [String], edges: EdgeOverlay?
  ) {
    self.base = base
    self.column = column.id
    self.categories = base.categories + categories
    self.rowCount = rowCount
    self.cells = cells
    self.edges = edges
    defaultCell = column.defaultCell.map { Cell(bytes: $0) } ?? .null
    isPlain = cells.isEmpty && edges == nil && rowCount == base.rowCount
  }

  var kind: PropertyKind { base.kind }
  var name: String { base.name }

  // MARK: Single values

  enum Source {
    case stored(UInt64)
    case changed(Cell)
  }

  @inline(__always) func source(_ row: UInt64) -> Source {
    require(row < rowCount, "row \(row) of \(rowCount) in column \(name)")
    var place = row
    if let edges {
      switch edges.origin(of: row) {
      case .base(let position): place = position
      case .added(let ordinal): return .changed(edges.cells[ordinal][column] ?? defaultCell)
      }
    }
    if !cells.isEmpty, let cell = cells[place] { return .changed(cell) }
    return place < base.rowCount ? .stored(place) : .changed(defaultCell)
  }

  func isNull(_ row: UInt64) -> Bool {
    switch source(row) {
    case .stored(let place): base.isNull(place)
    case .changed(let cell): cell.isNull
    }
  }

  /// The value of a row, or `nil` for null.
  func value(_ row: UInt64) throws -> PropertyValue? {
    switch source(row) {
    case .stored(let place): try base.value(place)
    case .changed(let cell): try cell.value(kind, categories: categories)
    }
  }

  // MARK: Rows in order

  /// Calls `body` with runs of rows that stand side by side in segments, and with changed ones.
  private func visit(
    _ rows: Range<UInt64>, stored: (_ places: Range<UInt64>, _ first: UInt64) throws -> Void,
    changed: (Cell, _ row: UInt64) throws -> Void
  ) throws {
    if isPlain { return try stored(rows, rows.lowerBound) }
    var run = UInt64(0)..<UInt64(0)
    var first: UInt64 = 0
    for row in rows {
      switch source(row) {
      case .stored(let place):
        if run.isEmpty || place != run.upperBound {
          if !run.isEmpty { try stored(run, first) }
          run = place..<place + 1
          first = row
        } else {
          run = run.lowerBound..<place + 1
        }
      case .changed(let cell):
        if !run.isEmpty { try stored(run, first) }
        run = 0..<0
        try changed(cell, row)
      }
    }
    if !run.isEmpty { try stored(run, first) }
  }

  /// Calls `body` with the text, or the bytes, of each row; `nil` for null.
  func visitTexts(
    _ rows: Range<UInt64>, _ body: (UnsafeRawBufferPointer?) throws -> Void
  ) throws {
    try visit(
      rows, stored: { places, _ in try base.visitTexts(places, body) },
      changed: { cell, _ in
        if cell.isNull { return try body(nil) }
        try Array(cell.content).withUnsafeBytes { try body($0) }
      })
  }

  /// Copies values of a fixed width, without what pads them; a category as its UInt32 code.
  func copy(
    _ rows: Range<UInt64>, into values: UnsafeMutableRawBufferPointer,
    isValid: UnsafeMutableBufferPointer<Bool>
  ) throws {
    let width = kind.byteWidth
    require(
      !kind.hasVariableLength && values.count == rows.count * width && isValid.count == rows.count,
      "\(values.count) bytes for \(rows.count) rows of column \(name)")
    try visit(
      rows,
      stored: { places, first in
        let start = Int(first - rows.lowerBound)
        try base.copy(
          places,
          into: UnsafeMutableRawBufferPointer(
            rebasing: values[start * width..<(start + places.count) * width]),
          isValid: UnsafeMutableBufferPointer(rebasing: isValid[start..<start + places.count]))
      },
      changed: { cell, row in
        let place = Int(row - rows.lowerBound)
        let out = UnsafeMutableRawBufferPointer(
          rebasing: values[place * width..<(place + 1) * width])
        isValid[place] = !cell.isNull
        if cell.isNull {
          out.initializeMemory(as: UInt8.self, repeating: 0)
        } else {
          guard cell.content.count == width else { throw wrong(row) }
          out.copyBytes(from: cell.content)
        }
      })
  }

  private func wrong(_ row: UInt64) -> HedgerowError {
    HedgerowError(
      .damaged, "the changed value of row \(row) of column '\(name)' is no \(kind)",
      at: "data.mdb table cells")
  }

  /// The rows whose value passes a test, found by going over all of them.
  func rows(passing test: ColumnTest, onBlock: () throws -> Void) throws -> RoaringBitmap {
    let changed = ChangedValues(rows: RoaringBitmap(cells.keys.map { UInt32($0) })) { row in
      try self.cells[UInt64(row)]!.value(self.kind, categories: self.categories)
    }
    var found = try base.rows(
      passing: test, changed: cells.isEmpty ? nil : changed, onBlock: onBlock)
    // Rows of the segments, whether the column has them or not.
    let baseCount = edges.map { rowCount + $0.removedCount - UInt64($0.addedCount) } ?? rowCount
    let rest = UInt32(min(baseCount, base.rowCount))..<UInt32(clamping: baseCount)
    if !rest.isEmpty, test.matches(try defaultCell.value(kind, categories: categories)) {
      for row in rest where cells[UInt64(row)] == nil { found.insert(row) }
    }
    if let edges {
      return try edges.places(ofBase: found) {
        test.matches(try ($0[column] ?? defaultCell).value(kind, categories: categories))
      }
    }
    return found
  }

  // MARK: Many rows

  func prefetch(_ rows: Span<UInt32>) { base.prefetch(rows) }
  func release(_ rows: Span<UInt32>) { base.release(rows) }

  func gather(_ rows: Span<UInt32>, into out: UnsafeMutableBufferPointer<Float>) throws {
    guard !isPlain, let width = base.layout?.width else { return try base.gather(rows, into: out) }
    require(out.count == rows.count * width, "\(out.count) places for \(rows.count) x \(width)")
    let (stored, changed) = split(rows)
    if base.rowCount > 0 { try base.gather(stored.span, into: out) }
    for (place, cell) in changed {
      let row = out[place * width..<(place + 1) * width]
      let values = try numbers(cell)
      for (at, value) in zip(row.indices, values) { out[at] = value }
    }
  }

  /// Where rows of features are, as long as none of the column changed.
  func rowsInPlace(_ rows: Span<UInt32>) throws -> RowsInPlace? {
    isPlain ? try base.rowsInPlace(rows) : nil
  }

  /// Rows of features as they are kept, one after the other; null ones are zeros.
  func copy(_ rows: Span<UInt32>, into out: UnsafeMutableRawBufferPointer) throws {
    guard !isPlain, let width = base.layout?.byteCount else {
      return try base.copy(rows, into: out)
    }
    require(out.count == rows.count * width, "\(out.count) bytes for \(rows.count) x \(width)")
    let (stored, changed) = split(rows)
    if base.rowCount > 0 { try base.copy(stored.span, into: out) }
    try write(changed, of: rows, into: out)
  }

  /// The same, past the page cache; whether that can be done.
  func readDirectly(_ rows: Span<UInt32>, into out: UnsafeMutableRawBufferPointer) throws -> Bool {
    if isPlain { return try base.readDirectly(rows, into: out) }
    let (stored, changed) = split(rows)
    guard base.rowCount > 0, try base.readDirectly(stored.span, into: out) else { return false }
    try write(changed, of: rows, into: out)
    return true
  }

  private func write(
    _ changed: [(place: Int, cell: Cell)], of rows: Span<UInt32>,
    into out: UnsafeMutableRawBufferPointer
  ) throws {
    let width = kind.byteWidth
    for (place, cell) in changed {
      let row = UnsafeMutableRawBufferPointer(rebasing: out[place * width..<(place + 1) * width])
      if cell.isNull {
        row.initializeMemory(as: UInt8.self, repeating: 0)
      } else {
        guard cell.content.count == width else { throw wrong(UInt64(rows[place])) }
        row.copyBytes(from: cell.content)
      }
    }
  }

  /// The row of the segments for each row, and what changed. For a changed row any will do: what it
  /// holds is overwritten.
  private func split(_ rows: Span<UInt32>) -> (
    stored: [UInt32], changed: [(place: Int, cell: Cell)]
  ) {
    var stored: [UInt32] = []
    var changed: [(place: Int, cell: Cell)] = []
    stored.reserveCapacity(rows.count)
    for place in 0..<rows.count {
      switch source(UInt64(rows[place])) {
      case .stored(let row): stored.append(UInt32(row))
      case .changed(let cell):
        changed.append((place, cell))
        // One that is read anyway.
        stored.append(stored.last ?? 0)
      }
    }
    return (stored, changed)
  }

  /// A cell as features; null is zeros.
  private func numbers(_ cell: Cell) throws -> [Float] {
    switch try cell.value(kind, categories: categories) {
    case nil: [Float](repeating: 0, count: kind.width)
    case .int(let number): [Float(number)]
    case .float(let number): [Float(number)]
    case .vector(let numbers): numbers
    default: throw HedgerowError(.usage, "column '\(name)' is of kind \(kind), which is no feature")
    }
  }

  /// Class labels: codes, or the values of an integer column; null, empty and negative ones are -1.
  func labels(_ rows: Span<UInt32>) throws -> [Int32] {
    prefetch(rows)
    if isPlain { return try base.labels(rows) }
    var labels = [Int32](repeating: -1, count: rows.count)
    for place in 0..<rows.count {
      switch source(UInt64(rows[place])) {
      case .stored(let row): labels[place] = try base.labels([UInt32(row)].span)[0]
      case .changed(let cell):
        switch try cell.value(kind, categories: categories) {
        case nil: break
        case .int(let number): labels[place] = number < 0 ? -1 : Int32(clamping: number)
        case .text(let text) where kind == .categorical:
          guard !text.isEmpty else { break }
          let code = cell.content.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
          labels[place] = Int32(clamping: code)
        default:
          throw HedgerowError(
            .usage, "column '\(name)' is of kind \(kind): labels are integers or categories")
        }
      }
    }
    return labels
  }

  /// Checks what hot paths do not: every offset, every code. For `verify`.
  func verifyContents() throws {
    try base.verifyContents()
    for (row, cell) in cells where edges == nil {
      guard row < rowCount else { throw wrong(row) }
      _ = try cell.value(kind, categories: categories)
    }
    for cells in edges?.cells ?? [] {
      if let cell = cells[column] { _ = try cell.value(kind, categories: categories) }
    }
  }
}
