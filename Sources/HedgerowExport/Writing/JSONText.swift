extension OutputFile {
  /// A JSON string, its quotes included.
  func append(jsonString text: UnsafeRawBufferPointer) throws {
    try append(byte: UInt8(ascii: "\""))
    for byte in text {
      switch byte {
      case UInt8(ascii: "\""): try append("\\\"")
      case UInt8(ascii: "\\"): try append("\\\\")
      case 10: try append("\\n")
      case 13: try append("\\r")
      case 9: try append("\\t")
      case 0..<32:
        try append("\\u00")
        try appendHexadecimal(byte)
      default: try append(byte: byte)
      }
    }
    try append(byte: UInt8(ascii: "\""))
  }

  func append(jsonString text: String) throws {
    var text = text
    try text.withUTF8 { try append(jsonString: UnsafeRawBufferPointer($0)) }
  }

  /// A value as JSON: bytes as `"0x..."`, NaN and infinities, which JSON has no numbers for, as the
  /// strings `"nan"`, `"inf"` and `"-inf"`.
  func append(json value: ExportedValue) throws {
    switch value {
    case .null: try append("null")
    case .text(let text): try append(jsonString: text)
    case .bytes:
      try append(byte: UInt8(ascii: "\""))
      try append(value)
      try append(byte: UInt8(ascii: "\""))
    case .vector(let vector):
      try append(byte: UInt8(ascii: "["))
      for index in 0..<vector.count {
        if index > 0 { try append(byte: UInt8(ascii: ",")) }
        try append(json: vector[index])
      }
      try append(byte: UInt8(ascii: "]"))
    case .half, .float, .double:
      let isFinite = value.number?.isFinite ?? true
      if !isFinite { try append(byte: UInt8(ascii: "\"")) }
      try append(value)
      if !isFinite { try append(byte: UInt8(ascii: "\"")) }
    case .bool, .integer: try append(value)
    }
  }
}
