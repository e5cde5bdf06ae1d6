import HedgerowCore

/// The columns of an Arrow schema, and where each has its buffers in a record batch.
struct ArrowSchema {
  /// How the values of a column, or the elements of its lists, lie in their buffer.
  enum Form: Hashable {
    case bits
    case integer(byteCount: Int, isSigned: Bool)
    case half, float, double
    /// Behind offsets of so many bytes.
    case texts(offsetByteCount: Int)
    case fixed(Int)
    case days
    /// Integers of so many bytes, to be divided by this power of ten.
    case decimal(byteCount: Int, scale: Int)
  }

  enum ListForm: Hashable {
    case offsets(byteCount: Int)
    case fixed(Int)
  }

  struct Column {
    var column: ColumnarColumn
    var form: Form?
    var list: ListForm?
    /// The number of its dictionary, and what the places in it are.
    var dictionary: Int?
    var places: Form?
    /// Among all nodes and buffers of a record batch, without those of views.
    var node: Int
    var buffer: Int
    /// Columns of views before it, which have more buffers in each record batch.
    var viewCount: Int
  }

  private(set) var columns: [Column] = []
  private(set) var nodeCount = 0
  private var bufferCount = 0
  private var viewCount = 0
  private static let deepest = 64
  private static let fieldLimit = 1 << 16

  init(_ schema: FlatTable) throws {
    guard try schema.integer(0, Int16.self) == 0 else {
      throw PageFault("has its numbers with the greatest byte first")
    }
    var nameByteCount = 0
    for field in try schema.tables(1) {
      let name = try field.text(0) ?? ""
      // Several fields may have one text for their name.
      nameByteCount += name.utf8.count
      guard nameByteCount <= schema.byteCount else { throw FlatTable.Failure() }
      var column = Column(
        column: ColumnarColumn(name: name, content: .refused("")),
        node: nodeCount, buffer: bufferCount, viewCount: viewCount)
      try read(field, into: &column)
      columns.append(column)
      try skip(field, depth: 0)
    }
  }

  /// Counts the nodes and buffers of a field.
  private mutating func skip(_ field: FlatTable, depth: Int) throws {
    nodeCount += 1
    guard depth < Self.deepest, nodeCount <= Self.fieldLimit else { throw FlatTable.Failure() }
    if try field.table(4) != nil {
      bufferCount += 2
      return
    }
    switch try field.integer(2, UInt8.self) {
    case 1, 22: break
    case 4, 5, 19, 20: bufferCount += 3
    case 13, 16: bufferCount += 1
    case 14: bufferCount += try field.table(3)?.integer(0, Int16.self) == 1 ? 2 : 1
    case 23, 24:
      bufferCount += 2
      viewCount += 1
    case 25, 26: bufferCount += 3
    default: bufferCount += 2
    }
    for child in try field.tables(5) { try skip(child, depth: depth + 1) }
  }

  // MARK: Types

  private func read(_ field: FlatTable, into column: inout Column) throws {
    func content(_ content: ColumnarColumn.Content) {
      column.column = ColumnarColumn(name: column.column.name, content: content)
    }
    do {
      if let dictionary = try field.table(4) {
        column.dictionary = Int(try dictionary.integer(0, Int64.self))
        column.places =
          try dictionary.table(1).map(Self.integer) ?? .integer(byteCount: 4, isSigned: true)
      }
      let kind = try field.integer(2, UInt8.self)
      guard [12, 16, 21].contains(kind) else {
        let (type, form) = try Self.value(field)
        column.form = form
        return content(.values(type))
      }
      let children = try field.tables(5)
      guard column.dictionary == nil, children.count == 1, try children[0].table(4) == nil else {
        throw Refusal("is a list of a form that is not known")
      }
      if kind == 16 {
        let width = Int(try field.table(3)?.integer(0, Int32.self) ?? 0)
        guard (1...longestList).contains(width) else { throw Refusal("has lists of \(width)") }
        column.list = .fixed(width)
      } else {
        column.list = .offsets(byteCount: kind == 12 ? 4 : 8)
      }
      guard try ![12, 13, 16, 17, 21].contains(children[0].integer(2, UInt8.self)) else {
        throw Refusal("is a list of lists or structures")
      }
      let (type, form) = try Self.value(children[0])
      switch form {
      case .integer, .half, .float, .double: break
      default: throw Refusal("is a list of \(type): lists of numbers are read")
      }
      column.form = form
      content(.lists(type))
    } catch let refusal as Refusal {
      column.form = nil
      content(.refused(refusal.message))
    }
  }

  private struct Refusal: Error {
    var message: String
    init(_ message: String) { self.message = message }
  }

  private static func integer(_ type: FlatTable) throws -> Form {
    let bits = Int(try type.integer(0, Int32.self))
    guard [8, 16, 32, 64].contains(bits) else { throw FlatTable.Failure() }
    return .integer(byteCount: bits / 8, isSigned: try type.integer(1, UInt8.self) != 0)
  }

  private static func value(_ field: FlatTable) throws -> (ColumnarType, Form) {
    guard let type = try field.table(3) else { throw FlatTable.Failure() }
    let names: [UInt8: String] = [
      1: "a column of nothing", 11: "an interval", 12: "a list", 13: "a structure", 14: "a union",
      16: "a list", 17: "a map", 21: "a list", 22: "encoded in runs", 23: "a column of views",
      24: "a column of views", 25: "a list", 26: "a list",
    ]
    let kind = try field.integer(2, UInt8.self)
    switch kind {
    case 2:
      let form = try integer(type)
      guard case .integer(let byteCount, let isSigned) = form else { throw FlatTable.Failure() }
      return (.integer(bits: 8 * byteCount, isSigned: isSigned), form)
    case 3:
      switch try type.integer(0, Int16.self) {
      case 0: return (.float16, .half)
      case 1: return (.float32, .float)
      case 2: return (.float64, .double)
      default: throw FlatTable.Failure()
      }
    case 4: return (.bytes, .texts(offsetByteCount: 4))
    case 5: return (.text, .texts(offsetByteCount: 4))
    case 6: return (.bool, .bits)
    case 7:
      let precision = try type.integer(0, Int32.self)
      let scale = Int(try type.integer(1, Int32.self))
      let bits = Int(try type.integer(2, Int32.self, default: 128))
      guard (1...18).contains(precision), (0...18).contains(scale),
        [32, 64, 128, 256].contains(bits)
      else {
        throw Refusal(
          "is a decimal of \(precision) digits, \(scale) of them behind the point: up to 18 are read; "
            + "write it as float64")
      }
      return (.float64, .decimal(byteCount: bits / 8, scale: scale))
    case 8:
      let isDays = try type.integer(0, Int16.self, default: 1) == 0
      return isDays
        ? (.timestamp(.seconds), .days)
        : (.timestamp(.milliseconds), .integer(byteCount: 8, isSigned: true))
    case 9:
      let bits = Int(try type.integer(1, Int32.self, default: 32))
      guard bits == 32 || bits == 64 else { throw FlatTable.Failure() }
      return (
        .integer(bits: bits, isSigned: true), .integer(byteCount: bits / 8, isSigned: true)
      )
    case 10:
      let units: [PropertyKind.TimeUnit] = [.seconds, .milliseconds, .microseconds, .nanoseconds]
      let unit = Int(try type.integer(0, Int16.self))
      guard units.indices.contains(unit) else { throw FlatTable.Failure() }
      return (.timestamp(units[unit]), .integer(byteCount: 8, isSigned: true))
    case 15:
      let width = Int(try type.integer(0, Int32.self))
      guard (1...1 << 20).contains(width) else { throw Refusal("has values of \(width) bytes") }
      return (.bytes, .fixed(width))
    case 18: return (.integer(bits: 64, isSigned: true), .integer(byteCount: 8, isSigned: true))
    case 19: return (.bytes, .texts(offsetByteCount: 8))
    case 20: return (.text, .texts(offsetByteCount: 8))
    default: throw Refusal("is \(names[kind] ?? "of no known type")")
    }
  }
}
