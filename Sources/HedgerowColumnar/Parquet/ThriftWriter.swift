/// Writes Thrift's compact protocol.
struct ThriftWriter {
  private(set) var bytes: [UInt8] = []
  /// The number of the last field of each structure that is open.
  private var fields: [Int] = [0]

  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest > 127 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 128)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  private mutating func header(_ field: Int, _ kind: ThriftReader.Kind) {
    // No structure of Parquet leaves out fifteen fields in a row.
    bytes.append(UInt8(field - fields[fields.count - 1]) << 4 | kind.rawValue)
    fields[fields.count - 1] = field
  }

  private mutating func zigzag(_ value: Int) {
    varint(UInt64(bitPattern: Int64(value << 1 ^ value >> 63)))
  }

  mutating func int32(_ field: Int, _ value: Int) {
    header(field, .int32)
    zigzag(value)
  }

  mutating func int64(_ field: Int, _ value: Int) {
    header(field, .int64)
    zigzag(value)
  }

  mutating func byte(_ field: Int, _ value: Int8) {
    header(field, .byte)
    bytes.append(UInt8(bitPattern: value))
  }

  mutating func flag(_ field: Int, _ value: Bool) { header(field, value ? .yes : .no) }

  mutating func text(_ field: Int, _ value: String) {
    header(field, .binary)
    element(value)
  }

  mutating func structure(_ field: Int, _ body: (inout ThriftWriter) -> Void = { _ in }) {
    header(field, .structure)
    element(body)
  }

  mutating func list(
    _ field: Int, of kind: ThriftReader.Kind, count: Int, _ body: (inout ThriftWriter) -> Void
  ) {
    header(field, .list)
    bytes.append(UInt8(min(count, 15)) << 4 | kind.rawValue)
    if count >= 15 { varint(UInt64(count)) }
    body(&self)
  }

  // MARK: Elements of lists

  mutating func element(_ value: String) {
    varint(UInt64(value.utf8.count))
    bytes += Array(value.utf8)
  }

  mutating func element(_ value: Int) { zigzag(value) }

  mutating func element(_ body: (inout ThriftWriter) -> Void) {
    fields.append(0)
    body(&self)
    bytes.append(0)
    fields.removeLast()
  }
}
