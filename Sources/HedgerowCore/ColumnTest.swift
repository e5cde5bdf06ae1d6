/// Values from one bound to another; without a bound it goes on for ever.
package struct Interval<Value: Comparable & Sendable>: Sendable {
  package struct Bound: Sendable {
    package var value: Value
    package var isIncluded: Bool
  }
  package var lower: Bound?
  package var upper: Bound?

  package init(from lower: Bound? = nil, to upper: Bound? = nil) {
    self.lower = lower
    self.upper = upper
  }

  package init(_ value: Value) {
    lower = Bound(value: value, isIncluded: true)
    upper = lower
  }

  package func contains(_ value: Value) -> Bool {
    if let lower, lower.isIncluded ? value < lower.value : value <= lower.value { return false }
    if let upper, upper.isIncluded ? value > upper.value : value >= upper.value { return false }
    return true
  }
}

/// Bytes in the order of `memcmp`; a prefix comes first.
package struct ByteText: Hashable, Comparable, Sendable {
  package var bytes: [UInt8]
  package init(_ bytes: [UInt8]) { self.bytes = bytes }
  package static func < (a: ByteText, b: ByteText) -> Bool {
    a.bytes.lexicographicallyPrecedes(b.bytes)
  }
}

/// A filter's condition on a column of a known kind: which of its values match.
///
/// Integers, categories and texts that match lie in intervals of the values' order, so that a scan
/// and an index ask the same.
package enum ColumnTest: Sendable {
  case null
  case notNull
  /// Of integers, timestamps and truth values, which are 0 and 1. Bounds are included.
  case integers([Interval<Int64>])
  /// Of floats. Bounds are included; NaN lies in none.
  case reals([Interval<Double>])
  /// Of texts, categories and bytes.
  case texts([Interval<ByteText>])

  /// - Parameter name: the column's, with its type's, for messages.
  /// - Throws: `usage` when the column's kind has no such comparison.
  package init(_ condition: Filter.Condition, _ kind: PropertyKind, column name: String) throws {
    switch condition {
    case .isNull: self = .null
    case .isNotNull: self = .notNull
    default:
      let reader = OperandReader(kind: kind, column: name)
      switch kind {
      case .bool, .int8, .int16, .int32, .int64, .uint8, .timestamp:
        self = .integers(
          try Self.intervals(
            condition, reader, { try reader.integers($0, from: $1) },
            { try reader.integers($0, to: $1) }))
      case .float16, .bfloat16, .float32, .float64, .scaledInt8:
        self = .reals(
          try Self.intervals(
            condition, reader, { try reader.reals($0, from: $1) },
            { try reader.reals($0, to: $1) }))
      case .string, .categorical, .bytes:
        if case .hasPrefix(let text) = condition {
          try reader.requirePrefix()
          self = .texts([Self.interval(ofPrefix: text)])
          return
        }
        self = .texts(
          try Self.intervals(
            condition, reader,
            { .init(value: try reader.text($0), isIncluded: $1) },
            { .init(value: try reader.text($0), isIncluded: $1) }))
      case .vector:
        throw HedgerowError(
          .usage, "column '\(name)' is \(kind): of vectors a filter can only ask 'is null'")
      }
    }
  }

  /// The intervals of a condition whose operands become bounds; a bound that is nil admits nothing.
  private static func intervals<Value>(
    _ condition: Filter.Condition, _ reader: OperandReader,
    _ lower: (PropertyValue, Bool) throws -> Interval<Value>.Bound?,
    _ upper: (PropertyValue, Bool) throws -> Interval<Value>.Bound?
  ) throws -> [Interval<Value>] {
    func between(_ low: PropertyValue, _ high: PropertyValue) throws -> [Interval<Value>] {
      guard let from = try lower(low, true), let to = try upper(high, true), from.value <= to.value
      else { return [] }
      return [Interval(from: from, to: to)]
    }
    switch condition {
    case .compare(.equal, let value): return try between(value, value)
    case .compare(.notEqual, let value):
      return try [
        upper(value, false).map { Interval(to: $0) },
        lower(value, false).map { Interval(from: $0) },
      ].compactMap { $0 }
    case .compare(let comparison, let value):
      try reader.requireOrder(comparison.rawValue)
      switch comparison {
      case .less: return try upper(value, false).map { [Interval(to: $0)] } ?? []
      case .lessOrEqual: return try upper(value, true).map { [Interval(to: $0)] } ?? []
      case .greater: return try lower(value, false).map { [Interval(from: $0)] } ?? []
      default: return try lower(value, true).map { [Interval(from: $0)] } ?? []
      }
    case .between(let low, let high):
      try reader.requireOrder("between")
      return try between(low, high)
    case .oneOf(let values):
      let points = try values.flatMap { try between($0, $0) }.sorted {
        $0.lower!.value < $1.lower!.value
      }
      var last: Value?
      return points.filter { point in
        defer { last = point.lower!.value }
        return point.lower!.value != last
      }
    case .hasPrefix:
      try reader.requirePrefix()
      return []
    case .isNull, .isNotNull: return []
    }
  }

  /// What begins with a text lies below the text whose last byte is raised; UTF-8 has no byte 255.
  private static func interval(ofPrefix text: String) -> Interval<ByteText> {
    var end = Array(text.utf8)
    let from = Interval<ByteText>.Bound(value: ByteText(end), isIncluded: true)
    guard !end.isEmpty else { return Interval(from: from) }
    end[end.count - 1] += 1
    return Interval(from: from, to: .init(value: ByteText(end), isIncluded: false))
  }

  /// Whether a value, as a column gives it singly, matches.
  package func matches(_ value: PropertyValue?) -> Bool {
    switch (self, value) {
    case (.null, let value): value == nil
    case (.notNull, let value): value != nil
    case (.integers(let intervals), .int(let value)?): Self.contains(intervals, value)
    case (.integers(let intervals), .bool(let value)?): Self.contains(intervals, value ? 1 : 0)
    case (.reals(let intervals), .float(let value)?):
      !value.isNaN && Self.contains(intervals, value)
    case (.texts(let intervals), .text(let value)?):
      Self.contains(intervals, ByteText(Array(value.utf8)))
    case (.texts(let intervals), .bytes(let value)?): Self.contains(intervals, ByteText(value))
    default: false
    }
  }

  /// Whether a value lies in one of the intervals, which rise. Time O(log intervals).
  package static func contains<Value>(_ intervals: [Interval<Value>], _ value: Value) -> Bool {
    var low = 0
    var high = intervals.count
    // The last interval that does not begin behind the value.
    while low < high {
      let middle = (low + high) / 2
      if let lower = intervals[middle].lower, lower.value > value {
        high = middle
      } else {
        low = middle + 1
      }
    }
    if low > 0 && intervals[low - 1].contains(value) { return true }
    // One that begins with the value may leave it out while the one before ends with it.
    return low > 1 && intervals[low - 2].contains(value)
  }
}

/// Turns the values of a filter into what a column of a kind can be compared with.
private struct OperandReader {
  let kind: PropertyKind
  let column: String

  func wrong(_ value: PropertyValue) -> HedgerowError {
    let what =
      switch value {
      case .bool: "'\(value)'"
      case .int, .float: "the number \(value)"
      case .text(let text): "the text '\(text)'"
      case .bytes: "the bytes \(value)"
      case .vector: "a vector"
      }
    return HedgerowError(
      .usage, "column '\(column)' is \(kind): it cannot be compared with \(what)")
  }

  func requireOrder(_ comparison: String) throws {
    guard kind == .bool else { return }
    throw HedgerowError(
      .usage, "column '\(column)' is \(kind): '\(comparison)' needs numbers or texts")
  }

  func requirePrefix() throws {
    guard kind == .string || kind == .categorical else {
      throw HedgerowError(.usage, "column '\(column)' is \(kind): only texts have a beginning")
    }
  }

  func text(_ value: PropertyValue) throws -> ByteText {
    switch (kind, value) {
    case (.string, .text(let text)), (.categorical, .text(let text)):
      return ByteText(Array(text.utf8))
    case (.bytes, .bytes(let bytes)): return ByteText(bytes)
    default: throw wrong(value)
    }
  }

  // MARK: Integers

  /// The least integer that is at least a value, or above it.
  func integers(_ value: PropertyValue, from isIncluded: Bool) throws -> Interval<Int64>.Bound? {
    switch (kind, value) {
    case (.bool, .bool(let truth)): return above(truth ? 1 : 0, isIncluded)
    case (.bool, _): throw wrong(value)
    case (_, .int(let integer)): return above(integer, isIncluded)
    case (_, .float(let real)):
      let ceiling = real.rounded(.up)
      guard ceiling < 0x1p63 else { return nil }
      guard ceiling >= -0x1p63 else { return above(.min, true) }
      return above(Int64(ceiling), isIncluded || ceiling != real)
    default: throw wrong(value)
    }
  }

  func integers(_ value: PropertyValue, to isIncluded: Bool) throws -> Interval<Int64>.Bound? {
    switch (kind, value) {
    case (.bool, .bool(let truth)): return below(truth ? 1 : 0, isIncluded)
    case (.bool, _): throw wrong(value)
    case (_, .int(let integer)): return below(integer, isIncluded)
    case (_, .float(let real)):
      let floor = real.rounded(.down)
      guard floor >= -0x1p63 else { return nil }
      guard floor < 0x1p63 else { return below(.max, true) }
      return below(Int64(floor), isIncluded || floor != real)
    default: throw wrong(value)
    }
  }

  private func above(_ value: Int64, _ isIncluded: Bool) -> Interval<Int64>.Bound? {
    if isIncluded { return .init(value: value, isIncluded: true) }
    return value == .max ? nil : .init(value: value + 1, isIncluded: true)
  }

  private func below(_ value: Int64, _ isIncluded: Bool) -> Interval<Int64>.Bound? {
    if isIncluded { return .init(value: value, isIncluded: true) }
    return value == .min ? nil : .init(value: value - 1, isIncluded: true)
  }

  // MARK: Reals

  /// The least real that is at least a value, or above it.
  func reals(_ value: PropertyValue, from isIncluded: Bool) throws -> Interval<Double>.Bound? {
    let (real, offset) = try self.real(value)
    if real.isNaN { return nil }
    // The nearest real lies above an integer that has none of its own, or below it.
    let isIn = offset == 0 ? isIncluded : offset > 0
    if !isIn && real == .infinity { return nil }
    return .init(value: isIn ? real : real.nextUp, isIncluded: true)
  }

  func reals(_ value: PropertyValue, to isIncluded: Bool) throws -> Interval<Double>.Bound? {
    let (real, offset) = try self.real(value)
    if real.isNaN { return nil }
    let isIn = offset == 0 ? isIncluded : offset < 0
    if !isIn && real == -.infinity { return nil }
    return .init(value: isIn ? real : real.nextDown, isIncluded: true)
  }

  /// A number as the column would hold it, and on which side of the number that lies, for an integer
  /// that no Double is.
  private func real(_ value: PropertyValue) throws -> (Double, offset: Int) {
    switch value {
    case .float(let real): return (rounded(real), 0)
    case .int(let integer):
      let real = Double(integer)
      guard kind == .float64 else { return (rounded(real), 0) }
      guard let back = Int64(exactly: real) else { return (real, 1) }
      return (real, back == integer ? 0 : back > integer ? 1 : -1)
    default: throw wrong(value)
    }
  }

  private func rounded(_ real: Double) -> Double {
    let near =
      switch kind {
      case .float16: Double(Float16(real))
      case .bfloat16: Double(Float(BFloat16(Float(real))))
      case .float32, .scaledInt8: Double(Float(real))
      default: real
      }
    // What is beyond the kind's largest is above all of its numbers, not among them.
    return near.isFinite ? near : real
  }
}
