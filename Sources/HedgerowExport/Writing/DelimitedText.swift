import HedgerowCore
import HedgerowStore

// Fields as ingest reads them back: in quotes where they would be cut, trimmed or null otherwise.

extension OutputFile {
  func append(field text: UnsafeRawBufferPointer, delimiter: UInt8) throws {
    let quote = UInt8(ascii: "\"")
    var isPlain = false
    if let first = text.first, let last = text.last {
      isPlain =
        first > 32 && last > 32
        && text.allSatisfy { $0 >= 32 && $0 != delimiter && $0 != quote }
    }
    if isPlain { return try append(text) }
    try append(byte: quote)
    for byte in text {
      if byte == quote { try append(byte: quote) }
      try append(byte: byte)
    }
    try append(byte: quote)
  }

  func append(field value: ExportedValue, delimiter: UInt8) throws {
    if case .text(let text) = value {
      try append(field: text, delimiter: delimiter)
    } else {
      try append(value)
    }
  }

  func append(keyOf id: UInt32, _ keys: NodeKeyReader, delimiter: UInt8) throws {
    switch keys.kind {
    case .identity, .int64: try append(keys.integer(of: id))
    case .uuid: try append(keys.uuid(of: id))
    case .string: try append(field: keys.text(of: id), delimiter: delimiter)
    }
  }
}

extension NodeKeyReader {
  /// What a header says of a column of such keys.
  var headerKind: String {
    switch kind {
    case .identity, .int64: "int64"
    case .string: "string"
    case .uuid: "uuid"
    }
  }

  /// Calls `body` with the key as text.
  func withKey<T>(of id: UInt32, _ body: (UnsafeRawBufferPointer) throws -> T) throws -> T {
    var text: String
    switch kind {
    case .string: return try body(self.text(of: id))
    case .identity, .int64: text = String(integer(of: id))
    case .uuid: text = uuid(of: id).description
    }
    return try text.withUTF8 { try body(UnsafeRawBufferPointer($0)) }
  }
}
