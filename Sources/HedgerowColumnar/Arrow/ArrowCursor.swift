import HedgerowCore

/// Goes over a column of an Arrow file, record batch by record batch.
final class ArrowCursor: ColumnCursor {
  let stretch = ColumnStretch()
  private let column: ArrowSchema.Column
  private let file: ArrowFile
  private let form: ArrowSchema.Form
  private let room: PageBuffer
  private let budget: MemoryBudget
  private var batch = -1
  private var rowsLeft = 0
  private var values: ArrowValues?
  // Of lists.
  private var lists: ArrowOffsets?
  private var validity: ArrowBuffer?
  private let elements = ColumnStretch()
  // Of a dictionary.
  private var dictionary: ArrowDictionary?
  private static let listLimit = 256
  private static let elementLimit = 1 << 16

  init(_ column: ArrowSchema.Column, in file: ArrowFile, budget: MemoryBudget) {
    self.column = column
    self.file = file
    self.budget = budget
    guard let form = column.form else { fatalError("a column is read or refused") }
    self.form = form
    room = PageBuffer("values of \(file.name)", budget: budget)
  }

  func advance() throws -> Bool {
    do {
      stretch.removeAll()
      while rowsLeft == 0 {
        guard batch + 1 < file.batches.count else { return false }
        batch += 1
        try openBatch()
      }
      if column.list != nil { try appendLists() } else { try appendValues() }
      rowsLeft -= stretch.count
      return true
    } catch let fault as PageFault {
      throw wrong(fault.message)
    } catch is FlatTable.Failure {
      throw wrong("has a record batch that cannot be read")
    }
  }

  private func wrong(_ message: String) -> HedgerowError {
    HedgerowError(
      .badData, "column '\(column.column.name)' \(message), in record batch \(batch)", at: file.name
    )
  }

  private func openBatch() throws {
    let message = file.batches[batch]
    let buffers = try ArrowBuffers(message, in: file.bytes)
    let node = try buffers.node(column.node)
    guard node.count == buffers.rowCount else {
      throw PageFault("has \(node.count) rows of \(buffers.rowCount)")
    }
    rowsLeft = node.count
    // Nobody looks into a batch without rows.
    guard rowsLeft > 0 else { return }
    var next = column.buffer + (try buffers.extraBuffers(column.viewCount))
    guard let list = column.list else {
      values = try ArrowValues(
        column.places ?? form, count: node.count, nullCount: node.nullCount, buffers: buffers,
        from: next, room: room)
      if let number = column.dictionary {
        if dictionary == nil {
          dictionary = ArrowDictionary(number, form, in: file, budget: budget)
        }
        try dictionary?.prepare(for: message)
      }
      return
    }
    validity = try buffers.validity(next, nullCount: node.nullCount)
    next += 1
    var first = 0
    lists = nil
    if case .offsets(let width) = list {
      let offsets = try ArrowOffsets(buffers.buffer(next), width: width, count: node.count)
      first = offsets.first
      lists = offsets
      next += 1
    }
    let child = try buffers.node(column.node + 1)
    values = try ArrowValues(
      form, count: child.count, nullCount: child.nullCount, buffers: buffers, from: next,
      room: room)
    try values?.skip(first)
  }

  // MARK: Rows

  private func appendValues() throws {
    stretch.count = try values?.append(rowsLeft, to: stretch) ?? 0
    guard let dictionary, case .values(let type) = column.column.content else { return }
    let places = stretch.integers
    stretch.integers.removeAll(keepingCapacity: true)
    try dictionary.append(places, to: stretch, type.storage)
  }

  private func appendLists() throws {
    let limit = min(rowsLeft, Self.listLimit)
    var ends: [Int]
    if var lists {
      ends = try lists.next(limit) { $0 <= Self.elementLimit }
      self.lists = lists
    } else {
      guard case .fixed(let width) = column.list else { return }
      ends = (1...max(1, min(limit, Self.elementLimit / width))).map { $0 * width }
    }
    let total = ends.last ?? 0
    guard total <= longestList else {
      throw PageFault("has a list of more than \(longestList) elements")
    }
    var hasList = [Bool](repeating: true, count: validity == nil ? ends.count : 0)
    try validity?.read(bits: ends.count, into: &hasList)
    elements.removeAll()
    var count = 0
    while count < total { count += try values?.append(total - count, to: elements) ?? 0 }
    // What stands where there is no list is nothing.
    var start = 0
    for (row, end) in ends.enumerated() {
      stretch.starts.append(stretch.isThere.count)
      if hasList[row] { stretch.append(elements, start..<end) }
      start = end
    }
    stretch.starts.append(stretch.isThere.count)
    stretch.hasList = hasList
    stretch.count = ends.count
  }
}

extension ColumnStretch {
  /// Appends items of another stretch of numbers.
  fileprivate func append(_ other: ColumnStretch, _ items: Range<Int>) {
    isThere.append(contentsOf: other.isThere[items])
    if !other.integers.isEmpty { integers.append(contentsOf: other.integers[items]) }
    if !other.floats.isEmpty { floats.append(contentsOf: other.floats[items]) }
    if !other.doubles.isEmpty { doubles.append(contentsOf: other.doubles[items]) }
  }
}
