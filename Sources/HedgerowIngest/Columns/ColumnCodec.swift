import CHedgerowKernels
import Glibc
package import HedgerowCore

/// Turns the fields of a column into stored values.
package struct ColumnCodec: @unchecked Sendable {
  package let name: String
  package let kind: PropertyKind
  package let requirement: ColumnRequirement
  /// Times are seconds with a fraction.
  private let isDecimalTime: Bool
  /// The texts of a categorical column, by code.
  package let categories: [String]
  // Read only once made: the tag of a text is its code.
  private let codes: TextTable?

  /// - Parameter present: the categories that the column has in the store; further ones get the codes
  ///   behind theirs.
  package init(
    _ profile: ColumnProfile, place: String, present: [String] = []
  ) throws {
    name = profile.name
    requirement = profile.requirement
    kind = try profile.kind(place: place)
    isDecimalTime = profile.isDecimalTime
    guard kind == .categorical, let texts = profile.texts else {
      categories = []
      codes = nil
      return
    }
    var categories = present
    let none = UInt32.max
    for index in 0..<texts.count { texts.setTag(index, none) }
    for (code, text) in present.enumerated() {
      let index = Array(text.utf8).withUnsafeBufferPointer { texts.insert($0).index }
      texts.setTag(index, UInt32(code))
    }
    for index in texts.sortedOrder() where texts.tag(Int(index)) == none {
      texts.setTag(Int(index), UInt32(categories.count))
      categories.append(String(texts.text(Int(index))))
    }
    guard categories.count <= ColumnProfile.declaredCategoryLimit else {
      throw HedgerowError(
        .badData,
        "column '\(name)' would have more than \(ColumnProfile.declaredCategoryLimit) categories",
        at: place)
    }
    self.categories = categories
    codes = texts
  }

  /// For checking the fields of a column of a declared kind before its categories are known.
  package init(checking name: String, _ kind: PropertyKind, _ requirement: ColumnRequirement) {
    self.name = name
    self.kind = kind
    self.requirement = requirement
    isDecimalTime = false
    categories = []
    codes = nil
  }

  /// Bytes of a value as it is encoded; values with lengths of their own have none.
  package var byteWidth: Int { kind.hasVariableLength ? 0 : kind.byteWidth }

  /// Calls `body` with what a good field of a column of strings or bytes becomes in the store.
  package func withStored<T>(
    _ field: UnsafeBufferPointer<UInt8>, _ body: (UnsafeRawBufferPointer) throws -> T
  ) rethrows -> T {
    guard kind == .bytes else { return try body(UnsafeRawBufferPointer(field)) }
    return try (HexadecimalText.decode(field.trimmed) ?? []).withUnsafeBytes(body)
  }

  /// Values of a column's rows, little-endian, and which of them are there.
  package final class Values {
    package let count: Int
    package let bytes: UnsafeMutableRawBufferPointer
    package let isValid: UnsafeMutableBufferPointer<Bool>

    package init(count: Int, byteWidth: Int) {
      self.count = count
      bytes = .allocate(byteCount: count * byteWidth, alignment: 16)
      isValid = .allocate(capacity: count)
    }

    deinit {
      bytes.deallocate()
      isValid.deallocate()
    }
  }

  /// Null for each row of a chunk.
  package func nulls(_ chunk: TextChunk) -> Values {
    let values = Values(count: chunk.rowCount, byteWidth: byteWidth)
    values.bytes.initializeMemory(as: UInt8.self, repeating: 0)
    values.isValid.initialize(repeating: false)
    return values
  }

  /// Encodes a column of a chunk; rows that cannot be are marked in it. Any number of threads at a
  /// time, each with a chunk of its own.
  package func encode(_ chunk: TextChunk, column: Int) -> Values {
    let values = Values(count: chunk.rowCount, byteWidth: byteWidth)
    guard chunk.rowCount > 0 else { return values }
    let valid = UnsafeMutableRawPointer(values.isValid.baseAddress!)
      .assumingMemoryBound(to: UInt8.self)
    let source = Source(chunk: chunk, column: column, name: name, valid: valid)
    let start = values.bytes.baseAddress!
    switch kind {
    case .int64: source.integers(into: start, as: Int64.self, kind)
    case .timestamp:
      if isDecimalTime {
        source.each(start, as: Int64.self, "seconds") { Self.decimalSeconds($0, chunk) }
      } else {
        source.integers(into: start, as: Int64.self, kind)
      }
    case .int32: source.integers(into: start, as: Int32.self, kind)
    case .int16: source.integers(into: start, as: Int16.self, kind)
    case .int8: source.integers(into: start, as: Int8.self, kind)
    case .uint8: source.integers(into: start, as: UInt8.self, kind)
    case .float64:
      source.column(start.assumingMemoryBound(to: Double.self), "a number") {
        hr_parse_double_column($0, $1, $2, $3, $4, $5)
      }
    case .float32:
      source.column(start.assumingMemoryBound(to: Float.self), "a number") {
        hr_parse_float_column($0, $1, $2, $3, $4, $5)
      }
    case .float16:
      source.each(start, as: UInt16.self, "a number") { text in
        var value = 0.0
        guard hr_parse_double(text.baseAddress!, text.count, &value) != 0 else { return nil }
        return Float16(value).bitPattern
      }
    case .bfloat16:
      source.each(start, as: UInt16.self, "a number") { text in
        var value: Float = 0
        guard hr_parse_float(text.baseAddress!, text.count, &value) != 0 else { return nil }
        return BFloat16(value).bitPattern
      }
    case .scaledInt8(let scale):
      source.each(start, as: Int8.self, Self.range(ofScale: scale)) { text in
        var value = 0.0
        guard hr_parse_double(text.baseAddress!, text.count, &value) != 0 else { return nil }
        return Self.code(value, scale: scale)
      }
    case .bool: source.each(start, as: UInt8.self, "true or false", Self.bool)
    case .categorical:
      guard let codes else { return values }
      let out = start.assumingMemoryBound(to: UInt32.self)
      for row in 0..<chunk.rowCount {
        out[row] = 0
        valid[row] = 0
        guard chunk.isText(row, column) else { continue }
        if let index = codes.find(chunk.field(row, column)) {
          out[row] = codes.tag(index)
          valid[row] = 1
        } else {
          source.fault(row, "a category")
        }
      }
    case .string:
      for row in 0..<chunk.rowCount { valid[row] = chunk.isText(row, column) ? 1 : 0 }
    case .bytes:
      for row in 0..<chunk.rowCount {
        let text = chunk.field(row, column).trimmed
        valid[row] = text.isEmpty ? 0 : 1
        if !text.isEmpty && !HexadecimalText.isValid(text) {
          source.fault(row, "0x and pairs of hexadecimal digits")
        }
      }
    case .vector(let element, let width):
      source.vectors(into: start, element: element, width: width)
    }
    return values
  }

  /// The code nearest to a number; `nil` for one that no code stands for.
  static func code(_ value: Double, scale: Float) -> Int8? {
    Int8(exactly: (value / Double(scale)).rounded(.toNearestOrEven))
  }

  static func range(ofScale scale: Float) -> String {
    "\(-128 * scale) to \(127 * scale), as codes of \(scale) hold"
  }

  private static func bool(_ text: UnsafeBufferPointer<UInt8>) -> UInt8? {
    switch String(text).lowercased() {
    case "true", "1": 1
    case "false", "0": 0
    default: nil
    }
  }

  /// Microseconds of seconds with a fraction, exactly; further digits are cut off.
  private static func decimalSeconds(
    _ text: UnsafeBufferPointer<UInt8>, _ chunk: TextChunk
  ) -> Int64? {
    if text.contains(where: { $0 | 0x20 == UInt8(ascii: "e") }) {
      var value = 0.0
      guard hr_parse_double(text.baseAddress!, text.count, &value) != 0 else { return nil }
      return Int64(exactly: (value * 1e6).rounded(.down))
    }
    let point = text.firstIndex(of: UInt8(ascii: ".")) ?? text.count
    var whole: Int64 = 0
    if point > 0, hr_parse_int64(text.baseAddress!, point, &whole) == 0 { return nil }
    var fraction: Int64 = 0
    for digit in 0..<6 {
      fraction *= 10
      let place = point + 1 + digit
      if place < text.count { fraction += Int64(text[place] &- UInt8(ascii: "0")) }
    }
    let (scaled, overflow) = whole.multipliedReportingOverflow(by: 1_000_000)
    guard !overflow else { return nil }
    let isNegative = text.first == UInt8(ascii: "-")
    let (sum, overflows) = scaled.addingReportingOverflow(isNegative ? -fraction : fraction)
    return overflows ? nil : sum
  }

  /// Marks the rows whose field breaks the requirement.
  package func checkRequirement(_ chunk: TextChunk, column: Int) {
    switch requirement {
    case .none: return
    case .time:
      let numbers = UInt32(HR_CLASS_INTEGER | HR_CLASS_DECIMAL)
      for row in 0..<chunk.rowCount {
        let text = chunk.field(row, column).trimmed
        if text.isEmpty {
          chunk.mark(row, "has no time in column '\(name)'")
        } else if hr_classify(text.baseAddress!, text.count) & numbers == 0 {
          chunk.mark(row, "has \(field: column) where time '\(name)' belongs")
        }
      }
    case .weight:
      for row in 0..<chunk.rowCount {
        let text = chunk.field(row, column)
        var value = 0.0
        guard hr_parse_double(text.baseAddress!, text.count, &value) != 0, value.isFinite,
          value >= 0
        else {
          chunk.mark(
            row, "has \(field: column) where weight '\(name)' must be 0 or more")
          continue
        }
      }
    }
  }
}

/// A column of a chunk while it is encoded.
private struct Source {
  let chunk: TextChunk
  let column: Int
  let name: String
  let valid: UnsafeMutablePointer<UInt8>

  func fault(_ row: Int, _ expected: String) {
    chunk.mark(row, "has \(field: column) where column '\(name)' wants \(expected)")
    valid[row] = 0
  }

  /// Runs a kernel over the column, going on after each row that it stops at.
  func column<T: ExpressibleByIntegerLiteral>(
    _ out: UnsafeMutablePointer<T>, _ expected: String,
    _ parse: (
      UnsafePointer<UInt8>, UnsafePointer<hr_field>, Int, Int, UnsafeMutablePointer<T>,
      UnsafeMutablePointer<UInt8>
    ) -> Int
  ) {
    var row = 0
    let stride = chunk.columnCount
    while row < chunk.rowCount {
      row += parse(
        chunk.bytes, chunk.fields + row * stride + column, stride, chunk.rowCount - row, out + row,
        valid + row)
      guard row < chunk.rowCount else { return }
      fault(row, expected)
      out[row] = 0
      row += 1
    }
  }

  func integers<T: FixedWidthInteger>(
    into start: UnsafeMutableRawPointer, as type: T.Type, _ kind: PropertyKind
  ) {
    let parse = hr_parse_int64_column
    if T.self == Int64.self {
      return column(start.assumingMemoryBound(to: Int64.self), "an integer", parse)
    }
    let wide = UnsafeMutablePointer<Int64>.allocate(capacity: chunk.rowCount)
    defer { wide.deallocate() }
    column(wide, "an integer", parse)
    let out = start.assumingMemoryBound(to: T.self)
    for row in 0..<chunk.rowCount {
      if let value = T(exactly: wide[row]) {
        out[row] = value
      } else {
        fault(row, "\(T.min) to \(T.max), as \(kind) is")
        out[row] = 0
      }
    }
  }

  /// Encodes the fields that are not empty, one at a time.
  func each<T: FixedWidthInteger>(
    _ start: UnsafeMutableRawPointer, as type: T.Type, _ expected: String,
    _ parse: (UnsafeBufferPointer<UInt8>) -> T?
  ) {
    let out = start.assumingMemoryBound(to: T.self)
    for row in 0..<chunk.rowCount {
      let text = chunk.field(row, column).trimmed
      out[row] = 0
      valid[row] = 0
      if text.isEmpty { continue }
      if let value = parse(text) {
        out[row] = value
        valid[row] = 1
      } else {
        fault(row, expected)
      }
    }
  }

  /// Elements between `;`, `,`, `|` or spaces, with or without brackets around.
  func vectors(into start: UnsafeMutableRawPointer, element: PropertyKind, width: Int) {
    let rowByteCount = element.byteWidth * width
    let separators = [UInt8](";,| []".utf8)
    memset(start, 0, rowByteCount * chunk.rowCount)
    for row in 0..<chunk.rowCount {
      let field = chunk.field(row, column)
      valid[row] = 0
      if field.trimmed.isEmpty { continue }
      let parts = field.split(whereSeparator: { separators.contains($0) })
      let out = start + row * rowByteCount
      let isGood =
        parts.count == width
        && parts.enumerated().allSatisfy { index, part in
          Self.encode(
            UnsafeBufferPointer(rebasing: part), element, at: out + index * element.byteWidth)
        }
      if isGood {
        valid[row] = 1
      } else {
        memset(out, 0, rowByteCount)
        let range =
          if case .scaledInt8(let scale) = element {
            " from \(ColumnCodec.range(ofScale: scale))"
          } else {
            " of \(element)"
          }
        fault(row, "\(width) elements\(range)")
      }
    }
  }

  private static func encode(
    _ text: UnsafeBufferPointer<UInt8>, _ kind: PropertyKind, at out: UnsafeMutableRawPointer
  ) -> Bool {
    var integer: Int64 = 0
    var double = 0.0
    var float: Float = 0
    let start = text.baseAddress!
    func store<T: FixedWidthInteger>(_ type: T.Type) -> Bool {
      guard hr_parse_int64(start, text.count, &integer) != 0, let value = T(exactly: integer)
      else { return false }
      out.storeBytes(of: value, as: T.self)
      return true
    }
    switch kind {
    case .int8: return store(Int8.self)
    case .int16: return store(Int16.self)
    case .int32: return store(Int32.self)
    case .int64: return store(Int64.self)
    case .uint8: return store(UInt8.self)
    case .float64:
      guard hr_parse_double(start, text.count, &double) != 0 else { return false }
      out.storeBytes(of: double, as: Double.self)
    case .float16:
      guard hr_parse_double(start, text.count, &double) != 0 else { return false }
      out.storeBytes(of: Float16(double).bitPattern, as: UInt16.self)
    case .bfloat16:
      guard hr_parse_float(start, text.count, &float) != 0 else { return false }
      out.storeBytes(of: BFloat16(float).bitPattern, as: UInt16.self)
    case .scaledInt8(let scale):
      guard hr_parse_double(start, text.count, &double) != 0,
        let code = ColumnCodec.code(double, scale: scale)
      else { return false }
      out.storeBytes(of: code, as: Int8.self)
    default:
      guard hr_parse_float(start, text.count, &float) != 0 else { return false }
      out.storeBytes(of: float, as: Float.self)
    }
    return true
  }
}
