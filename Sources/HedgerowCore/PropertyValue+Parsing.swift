extension PropertyValue {
  /// Reads a value as people write it on a command line: bytes as `0x` and hexadecimal digits, a
  /// vector's elements between commas or semicolons, a time as a number of its unit's ticks. A value
  /// of nothing is null, but for text an empty one.
  ///
  /// - Throws: `badData` when the text is no value of the kind.
  package init?(parsing text: String, as kind: PropertyKind, for column: String) throws {
    func wrong() -> HedgerowError {
      HedgerowError(.badData, "'\(text)' is no value for column '\(column)' of \(kind)")
    }
    if text.isEmpty && kind != .string { return nil }
    switch kind {
    case .bool:
      switch text.lowercased() {
      case "true", "1", "yes": self = .bool(true)
      case "false", "0", "no": self = .bool(false)
      default: throw wrong()
      }
    case .int8, .int16, .int32, .int64, .uint8, .timestamp:
      guard let number = Int64(text) else { throw wrong() }
      self = .int(number)
    case .float16, .bfloat16, .float32, .float64, .scaledInt8:
      guard let number = Double(text) else { throw wrong() }
      self = .float(number)
    case .string, .categorical: self = .text(text)
    case .bytes:
      guard let bytes = HexadecimalText.decode(text.utf8) else { throw wrong() }
      self = .bytes(bytes)
    case .vector:
      let parts = text.split(
        omittingEmptySubsequences: false, whereSeparator: { $0 == "," || $0 == ";" })
      let numbers = parts.compactMap { Float($0) }
      guard numbers.count == parts.count else { throw wrong() }
      self = .vector(numbers)
    }
  }
}
