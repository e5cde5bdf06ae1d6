import HedgerowColumnar
import HedgerowCore

/// Puts values of a column into the fields of a table.
struct ColumnarText {
  private let type: ColumnarType
  private let isList: Bool
  private let isUnsigned: Bool

  init(_ type: ColumnarType, isList: Bool) {
    self.type = type
    self.isList = isList
    isUnsigned = type == .integer(bits: 64, isSigned: false)
  }

  func append(_ stretch: ColumnStretch, _ row: Int, to table: TableSpool.Table) {
    guard !isList else { return appendList(stretch, row, to: table) }
    guard stretch.isThere[row] else { return table.append(nil as UnsafeRawBufferPointer?) }
    switch type {
    case .bool: table.append(stretch.integers[row] != 0 ? "true" : "false")
    case .integer where isUnsigned: table.append("\(UInt64(bitPattern: stretch.integers[row]))")
    case .integer, .timestamp: table.append(integer: stretch.integers[row])
    case .float16, .float32: table.append(Self.text(stretch.floats[row]))
    case .float64: table.append(Self.text(stretch.doubles[row]))
    case .text: table.append(stretch.bytes[row])
    case .uuid:
      table.append(stretch.bytes[row].loadUnaligned(as: UUIDKey.self).description)
    case .bytes: table.append("0x" + Self.hexadecimal(stretch.bytes[row]))
    }
  }

  private func appendList(_ stretch: ColumnStretch, _ row: Int, to table: TableSpool.Table) {
    guard stretch.hasList[row] else { return table.append(nil as UnsafeRawBufferPointer?) }
    var text = ""
    for item in stretch.starts[row]..<stretch.starts[row + 1] {
      if !text.isEmpty || item > stretch.starts[row] { text += ";" }
      guard stretch.isThere[item] else { continue }
      switch type.storage {
      case .floats: text += Self.text(stretch.floats[item])
      case .doubles: text += Self.text(stretch.doubles[item])
      default:
        text +=
          isUnsigned
          ? "\(UInt64(bitPattern: stretch.integers[item]))" : "\(stretch.integers[item])"
      }
    }
    table.append(text)
  }

  /// As ingest reads it back to the last bit.
  private static func text(_ value: some BinaryFloatingPoint & CustomStringConvertible) -> String {
    value.isNaN ? "nan" : value.description
  }

  private static func hexadecimal(_ bytes: UnsafeRawBufferPointer) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(unsafeUninitializedCapacity: 2 * bytes.count) { text in
      for (index, byte) in bytes.enumerated() {
        text[2 * index] = digits[Int(byte >> 4)]
        text[2 * index + 1] = digits[Int(byte & 15)]
      }
      return 2 * bytes.count
    }
  }
}
