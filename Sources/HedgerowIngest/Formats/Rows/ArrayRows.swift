import HedgerowCore
import HedgerowMapped

/// The rows of an array as fields, read a block at a time.
final class ArrayRows: FieldRows {
  let name: String
  let columnCount: Int
  private(set) var rowCount = 0
  private let file: NPYFile
  private let graph: GraphImport
  private let buffer: UnsafeMutableRawBufferPointer
  private let blockCount: Int
  /// The rows that are in the buffer.
  private var block = 0..<0
  private var text: [UInt8] = []

  /// Rows that are wider are vectors of no use, or an array that lies on its side.
  private static let widestRow = 1 << 16

  init(_ file: NPYFile, into graph: GraphImport) throws {
    self.file = file
    self.graph = graph
    name = file.name
    columnCount = file.columnCount ?? 1
    guard columnCount <= Self.widestRow else {
      throw HedgerowError(
        .badData, "has rows of \(columnCount) elements; the limit is \(Self.widestRow)",
        at: file.name)
    }
    // Of these there could be any number in no bytes.
    guard columnCount > 0 || file.rowCount == 0 else {
      throw HedgerowError(.badData, "has rows of no elements", at: file.name)
    }
    blockCount = max(1, (1 << 16) / max(1, file.rowByteCount))
    buffer = .allocate(byteCount: blockCount * file.rowByteCount, alignment: 16)
  }

  deinit { buffer.deallocate() }

  /// The rows of an array of pairs: of shape (2, n), or (n, 2) where n is not 2.
  static func pairs(_ file: NPYFile, into graph: GraphImport) throws -> ArrayRows {
    guard let columnCount = file.columnCount, file.rowCount == 2 || columnCount == 2 else {
      let shape = [file.rowCount] + (file.columnCount.map { [$0] } ?? [])
      throw HedgerowError(
        .badData,
        "has the shape \(shape.map(String.init).joined(separator: " x ")): edges have 2 x n or n x 2",
        at: file.name)
    }
    guard file.element.isInteger else {
      throw HedgerowError(.badData, "holds \(file.element): keys are integers", at: file.name)
    }
    return try ArrayRows(file.rowCount == 2 ? file.transposed() : file, into: graph)
  }

  var element: PropertyKind { file.element }
  /// All rows that there are.
  var total: Int { file.rowCount }
  var place: String { "\(name)[\(rowCount - 1)]" }
  var line: Int { rowCount }

  func next() throws -> Bool {
    guard rowCount < file.rowCount else { return false }
    if !block.contains(rowCount) {
      block = rowCount..<min(file.rowCount, rowCount + blockCount)
      try file.read(
        rows: block,
        into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<(block.count * file.rowByteCount)]))
      try graph.note(name, block.upperBound * file.rowByteCount, of: total * file.rowByteCount)
    }
    rowCount += 1
    return true
  }

  private func load<T: BitwiseCopyable>(_ column: Int, as type: T.Type) -> T {
    require((0..<columnCount).contains(column), "column \(column) of \(columnCount)")
    let offset = (rowCount - 1 - block.lowerBound) * file.rowByteCount
    return buffer.load(fromByteOffset: offset + column * MemoryLayout<T>.size, as: type)
  }

  func integer(_ column: Int) -> Int? {
    switch file.element {
    case .bool, .uint8: Int(load(column, as: UInt8.self))
    case .int8: Int(load(column, as: Int8.self))
    case .int16: Int(load(column, as: Int16.self))
    case .int32: Int(load(column, as: Int32.self))
    case .int64: Int(load(column, as: Int64.self))
    case .float16: Int(exactly: load(column, as: Float16.self))
    case .float32: Int(exactly: load(column, as: Float.self))
    case .float64: Int(exactly: load(column, as: Double.self))
    default: nil
    }
  }

  func number(_ column: Int) -> Double? {
    switch file.element {
    case .float16: Double(load(column, as: Float16.self))
    case .float32: Double(load(column, as: Float.self))
    case .float64: load(column, as: Double.self)
    default: integer(column).flatMap { Double(exactly: $0) }
    }
  }

  func withField<Result>(
    _ column: Int, _ body: (UnsafeRawBufferPointer) throws -> Result
  ) throws -> Result {
    text.removeAll(keepingCapacity: true)
    switch file.element {
    case .float16: text.append(contentsOf: load(column, as: Float16.self).description.utf8)
    case .float32: text.append(contentsOf: load(column, as: Float.self).description.utf8)
    case .float64: text.append(contentsOf: load(column, as: Double.self).description.utf8)
    default: text.append(contentsOf: (integer(column) ?? 0).description.utf8)
    }
    return try text.withUnsafeBytes(body)
  }
}

extension PropertyKind {
  /// Whether values are whole numbers.
  var isInteger: Bool {
    switch self {
    case .int8, .int16, .int32, .int64, .uint8: true
    default: false
    }
  }
}
