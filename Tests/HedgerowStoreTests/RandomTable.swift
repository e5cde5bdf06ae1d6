import HedgerowCore
import HedgerowRoaring
import HedgerowStore
import HedgerowTestSupport

/// A node type with a column of many kinds, drawn at random, and filters over it with what they must
/// give by a look at each row.
struct RandomTable {
  static let type: NodeType = "row"
  static let columns: [PropertySchema] = [
    PropertySchema("bool", .bool), PropertySchema("int8", .int8), PropertySchema("int64", .int64),
    PropertySchema("uint8", .uint8), PropertySchema("int16", .int16),
    PropertySchema("time", .timestamp(.seconds)), PropertySchema("f16", .float16),
    PropertySchema("bf16", .bfloat16), PropertySchema("f32", .float32),
    PropertySchema("f64", .float64), PropertySchema("q", .scaledInt8(scale: 0.25)),
    PropertySchema("category", .categorical), PropertySchema("text", .string),
    PropertySchema("bytes", .bytes), PropertySchema("x", .vector(element: .float32, width: 2)),
  ]
  static let categories = ["red", "green", "", "blue", "dark red", "dark blue", "unused"]

  var count: Int
  /// By column, then by row.
  var values: [[PropertyValue?]]

  init(_ count: Int, _ random: inout RandomStream) {
    self.count = count
    values = Self.columns.map { column in
      // Some columns have no null at all.
      let nullRate = [0, 4, 10][Int(random.next(below: 3))]
      return (0..<count).map { _ in
        nullRate > 0 && random.next(below: UInt64(nullRate)) == 0
          ? nil : Self.draw(column.kind, &random)
      }
    }
  }

  static func draw(_ kind: PropertyKind, _ random: inout RandomStream) -> PropertyValue {
    func small() -> Int64 { Int64(random.next(below: 21)) - 10 }
    switch kind {
    case .bool: return .bool(random.next(below: 2) == 0)
    case .uint8: return .int(small() + 10)
    case .int64 where random.next(below: 20) == 0:
      return .int([.min, .max][Int(random.next(below: 2))])
    case .int8, .int16, .int64, .timestamp: return .int(small())
    case .float32, .float64, .float16, .bfloat16:
      let special = [Double.nan, .infinity, -.infinity]
      if random.next(below: 20) == 0 { return .float(special[Int(random.next(below: 3))]) }
      return .float(Double(small()) / 4)
    case .scaledInt8: return .float(Double(small()) / 4)
    case .categorical: return .text(categories[Int(random.next(below: 6))])
    case .string:
      let letters = ["a", "b", "ä", ""]
      return .text(
        (0..<random.next(below: 4)).map { _ in letters[Int(random.next(below: 4))] }.joined())
    case .bytes:
      return .bytes(
        (0..<random.next(below: 3)).map { _ in [0, 1, 255][Int(random.next(below: 3))] })
    default: return .vector([Float(small()), 1])
    }
  }

  // MARK: Filters

  /// A filter of some depth over columns that can be compared.
  static func filter(_ depth: Int, _ random: inout RandomStream) -> Filter {
    if depth > 0 && random.next(below: 3) > 0 {
      let parts = (0..<random.next(below: 3) + 1).map { _ in filter(depth - 1, &random) }
      switch random.next(below: 3) {
      case 0: return .not(parts[0])
      case 1: return .all(parts)
      default: return .any(parts)
      }
    }
    let column = columns[Int(random.next(below: UInt64(columns.count)))]
    let kind = column.kind
    func value() -> PropertyValue {
      switch kind {
      case .categorical where random.next(below: 5) == 0: return "unused"
      // Between the values, and as a number of the other kind.
      case .int8, .uint8, .int16, .int64, .timestamp:
        let drawn = draw(kind, &random)
        guard random.next(below: 3) == 0, case .int(let value) = drawn, value.magnitude < 1000
        else { return drawn }
        return .float(Double(value) + [0, 0.5][Int(random.next(below: 2))])
      case .float32, .float64, .float16, .bfloat16, .scaledInt8:
        return random.next(below: 3) == 0
          ? .int(Int64(random.next(below: 6)) - 3)
          : .float(Double(Int(random.next(below: 41)) - 20) / 8)
      default: return draw(kind, &random)
      }
    }
    let isText = kind == .string || kind == .categorical
    if case .vector = kind {
      return .condition(column.name, random.next(below: 2) == 0 ? .isNull : .isNotNull)
    }
    switch random.next(below: 8) {
    case 0: return .condition(column.name, .isNull)
    case 1: return .condition(column.name, .isNotNull)
    case 2: return .condition(column.name, .oneOf((0..<random.next(below: 5)).map { _ in value() }))
    case 3 where kind != .bool: return .condition(column.name, .between(value(), value()))
    case 4 where isText:
      return .condition(
        column.name, .hasPrefix(["", "a", "ä", "dark", "re"][Int(random.next(below: 5))]))
    default:
      let all = Filter.Comparison.allCases
      let count = kind == .bool ? 2 : all.count
      return .condition(column.name, .compare(all[Int(random.next(below: UInt64(count)))], value()))
    }
  }

  func nodes(where filter: Filter) -> [UInt32] {
    (0..<UInt32(count)).filter { row in Self.isTaken(filter) { value($0, row) } }
  }

  func value(_ name: String, _ row: UInt32) -> PropertyValue? {
    values[Self.columns.firstIndex { $0.name == name }!][Int(row)]
  }

  static func isTaken(_ filter: Filter, _ value: (String) -> PropertyValue?) -> Bool {
    switch filter {
    case .not(let filter): return !isTaken(filter, value)
    case .all(let filters): return filters.allSatisfy { isTaken($0, value) }
    case .any(let filters): return filters.contains { isTaken($0, value) }
    case .condition(let name, .isNull): return value(name) == nil
    case .condition(let name, .isNotNull): return value(name) != nil
    case .condition(let name, let condition):
      guard let value = value(name) else { return false }
      switch condition {
      case .compare(let comparison, let other):
        guard let order = order(value, other) else { return false }
        return switch comparison {
        case .equal: order == 0
        case .notEqual: order != 0
        case .less: order < 0
        case .lessOrEqual: order <= 0
        case .greater: order > 0
        case .greaterOrEqual: order >= 0
        }
      case .between(let low, let high):
        return (order(value, low).map { $0 >= 0 } ?? false)
          && (order(value, high).map { $0 <= 0 } ?? false)
      case .oneOf(let values): return values.contains { order(value, $0) == 0 }
      case .hasPrefix(let text):
        guard case .text(let value) = value else { return false }
        return Array(value.utf8).starts(with: Array(text.utf8))
      case .isNull, .isNotNull: return false
      }
    }
  }

  /// Below zero, zero or above; `nil` for NaN.
  private static func order(_ a: PropertyValue, _ b: PropertyValue) -> Int? {
    func bytes(_ a: some Sequence<UInt8>, _ b: some Sequence<UInt8>) -> Int {
      a.lexicographicallyPrecedes(b) ? -1 : b.lexicographicallyPrecedes(a) ? 1 : 0
    }
    func number(_ value: PropertyValue) -> Double? {
      switch value {
      case .int(let value): Double(value)
      case .float(let value): value
      default: nil
      }
    }
    switch (a, b) {
    case (.bool(let a), .bool(let b)): return a == b ? 0 : a ? 1 : -1
    case (.int(let a), .int(let b)): return a < b ? -1 : a > b ? 1 : 0
    case (.text(let a), .text(let b)): return bytes(a.utf8, b.utf8)
    case (.bytes(let a), .bytes(let b)): return bytes(a, b)
    default:
      guard let a = number(a), let b = number(b), !a.isNaN, !b.isNaN else { return nil }
      return a < b ? -1 : a > b ? 1 : 0
    }
  }

  // MARK: Into a store

  /// Declares the type, or extends one that has the first `present` rows, and writes the rows.
  func write(to build: GenerationBuilder, after present: Int = 0) throws {
    if present == 0 {
      try build.declare(NodeSchema(Self.type, properties: Self.columns), count: count)
    } else {
      try build.extend(Self.type, to: count)
    }
    try build.keyWriter(of: Self.type, .identity).finish()
    for (index, column) in Self.columns.enumerated() {
      let writer = try build.columnWriter(of: Self.type, column.name)
      for value in values[index][present...] { try append(value, column.kind, to: writer) }
      try writer.finish(categories: column.kind == .categorical ? Self.categories : [])
    }
  }

  private func append(
    _ value: PropertyValue?, _ kind: PropertyKind, to writer: ColumnWriter
  ) throws {
    func fixed<T: BitwiseCopyable>(_ element: T) throws {
      try withUnsafeBytes(of: element) { bytes in
        try [value != nil].withUnsafeBufferPointer {
          try writer.append(fixed: bytes, count: 1, isValid: $0)
        }
      }
    }
    var integer: Int64 = 0
    if case .int(let value)? = value { integer = value }
    var real = 0.0
    if case .float(let value)? = value { real = value }
    switch kind {
    case .bool: try fixed(UInt8(value == .bool(true) ? 1 : 0))
    case .int8: try fixed(Int8(integer))
    case .uint8: try fixed(UInt8(integer))
    case .int16: try fixed(Int16(integer))
    case .int64, .timestamp: try fixed(integer)
    case .float16: try fixed(Float16(real).bitPattern)
    case .bfloat16: try fixed(BFloat16(Float(real)).bitPattern)
    case .float32: try fixed(Float(real))
    case .float64: try fixed(real)
    case .scaledInt8(let scale): try fixed(Int8(real / Double(scale)))
    case .categorical:
      var code: UInt32 = 0
      if case .text(let text)? = value { code = UInt32(Self.categories.firstIndex(of: text)!) }
      try fixed(code)
    case .string, .bytes:
      switch value {
      case .text(let text)?: try Array(text.utf8).withUnsafeBytes { try writer.append(text: $0) }
      case .bytes(let bytes)?: try bytes.withUnsafeBytes { try writer.append(text: $0) }
      default: try writer.append(text: nil)
      }
    default:
      if case .vector(let elements)? = value {
        try fixed((elements[0], elements[1]))
      } else {
        try fixed((Float(0), Float(0)))
      }
    }
  }
}
