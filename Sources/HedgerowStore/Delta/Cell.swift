import CHedgerowKernels
import HedgerowCore

/// One value as the tables of changes keep it: a byte that tells null from a value, then the value
/// as the column's segments have it: numbers little-endian, a category by its code, text in UTF-8.
struct Cell: Hashable, Sendable {
  var bytes: [UInt8]

  init(bytes: [UInt8]) { self.bytes = bytes }

  static let null = Cell(bytes: [0])

  var isNull: Bool { bytes.first != 1 }

  /// The value without the mark.
  var content: ArraySlice<UInt8> { bytes.dropFirst() }

  /// - Parameter code: finds or makes the code of a category.
  /// - Throws: `badData` when the value is none of this kind.
  init(
    _ value: PropertyValue?, _ kind: PropertyKind, column: String, code: (String) throws -> UInt32
  ) throws {
    guard let value else {
      self = .null
      return
    }
    var bytes: [UInt8] = [1]
    func wrong() -> HedgerowError {
      HedgerowError(.badData, "\(value) is no value for column '\(column)' of \(kind)")
    }
    func put<T: BitwiseCopyable>(_ number: T) { withUnsafeBytes(of: number) { bytes += $0 } }
    func put<T: FixedWidthInteger & BitwiseCopyable>(_ number: Double, as: T.Type) throws {
      guard let exact = T(exactly: number) else { throw wrong() }
      put(exact.littleEndian)
    }
    func put(_ number: Double, _ kind: PropertyKind) throws {
      switch kind {
      case .int8: try put(number, as: Int8.self)
      case .uint8: try put(number, as: UInt8.self)
      case .int16: try put(number, as: Int16.self)
      case .int32: try put(number, as: Int32.self)
      case .int64: try put(number, as: Int64.self)
      case .float16: put(Float16(number).bitPattern)
      case .bfloat16: put(BFloat16(Float(number)).bitPattern)
      case .scaledInt8(let scale):
        guard let code = Int8(exactly: (Float(number) / scale).rounded()) else { throw wrong() }
        put(code)
      case .float32: put(Float(number))
      default: put(number)
      }
    }
    switch (kind, value) {
    case (.bool, .bool(let flag)): put(UInt8(flag ? 1 : 0))
    case (.int64, .int(let number)), (.timestamp, .int(let number)): put(number)
    case (.float64, .int(let number)), (.float32, .int(let number)), (.float16, .int(let number)),
      (.bfloat16, .int(let number)), (.scaledInt8, .int(let number)):
      try put(Double(number), kind)
    case (.float64, .float(let number)), (.float32, .float(let number)),
      (.float16, .float(let number)), (.bfloat16, .float(let number)),
      (.scaledInt8, .float(let number)):
      try put(number, kind)
    case (.int8, .int(let number)), (.uint8, .int(let number)), (.int16, .int(let number)),
      (.int32, .int(let number)):
      try put(Double(number), kind)
    case (.string, .text(let text)): bytes += text.utf8
    case (.bytes, .bytes(let content)): bytes += content
    case (.categorical, .text(let text)): put(try code(text))
    case (.vector(let element, let width), .vector(let numbers)):
      guard numbers.count == width else {
        throw HedgerowError(
          .badData,
          "a vector of \(numbers.count) is no value for column '\(column)' of \(kind)")
      }
      for number in numbers { try put(Double(number), element) }
    default: throw wrong()
    }
    self.bytes = bytes
  }

  /// - Throws: `damaged` when the bytes are none of this kind.
  func value(_ kind: PropertyKind, categories: [String]) throws -> PropertyValue? {
    if isNull { return nil }
    let content = [UInt8](content)
    let damaged = HedgerowError(
      .damaged, "a changed value is no \(kind)", at: "data.mdb table cells")
    func load<T: BitwiseCopyable>(_ index: Int, _ type: T.Type = T.self) -> T {
      content.withUnsafeBytes {
        $0.loadUnaligned(fromByteOffset: index * MemoryLayout<T>.size, as: T.self)
      }
    }
    func number(_ kind: PropertyKind, _ index: Int) -> Double {
      switch kind {
      case .int8: Double(load(index, Int8.self))
      case .uint8: Double(load(index, UInt8.self))
      case .int16: Double(load(index, Int16.self))
      case .int32: Double(load(index, Int32.self))
      case .int64: Double(load(index, Int64.self))
      case .float16: Double(hr_half_to_float(load(index, UInt16.self)))
      case .bfloat16: Double(Float(BFloat16(bitPattern: load(index, UInt16.self))))
      case .scaledInt8(let scale): Double(Float(load(index, Int8.self)) * scale)
      case .float32: Double(load(index, Float.self))
      default: load(index, Double.self)
      }
    }
    guard kind.hasVariableLength || content.count == kind.byteWidth else { throw damaged }
    switch kind {
    case .bool: return .bool(content[0] != 0)
    case .int8, .uint8, .int16, .int32: return .int(Int64(number(kind, 0)))
    case .int64, .timestamp: return .int(load(0))
    case .float16, .bfloat16, .float32, .float64, .scaledInt8: return .float(number(kind, 0))
    case .bytes: return .bytes(content)
    case .string: return .text(String(decoding: content, as: UTF8.self))
    case .categorical:
      let code = load(0, UInt32.self)
      guard Int(code) < categories.count else { throw damaged }
      return .text(categories[Int(code)])
    case .vector(let element, let width):
      return .vector((0..<width).map { Float(number(element, $0)) })
    }
  }
}

/// The values that an added edge has: columns that are not there have their default.
struct CellList: Sendable {
  var cells: [(column: UInt16, cell: Cell)] = []

  subscript(column: UInt16) -> Cell? {
    get { cells.first { $0.column == column }?.cell }
    set {
      cells.removeAll { $0.column == column }
      if let newValue { cells.append((column, newValue)) }
    }
  }

  var encoded: [UInt8] {
    var bytes: [UInt8] = []
    for (column, cell) in cells {
      appendBigEndian(column, to: &bytes)
      appendBigEndian(UInt32(cell.bytes.count), to: &bytes)
      bytes += cell.bytes
    }
    return bytes
  }

  init() {}

  init(decoding bytes: [UInt8]) throws {
    var place = 0
    while place < bytes.count {
      guard bytes.count - place >= 6 else { throw Self.wrong }
      let column = UInt16(bytes[place]) << 8 | UInt16(bytes[place + 1])
      let count = bytes[place + 2..<place + 6].reduce(0) { $0 << 8 | Int($1) }
      place += 6
      guard bytes.count - place >= count else { throw Self.wrong }
      cells.append((column, Cell(bytes: Array(bytes[place..<place + count]))))
      place += count
    }
  }

  private static var wrong: HedgerowError {
    HedgerowError(.damaged, "the values of an added edge are cut short", at: "data.mdb table delta")
  }
}
