import HedgerowCore

/// What an array's elements are in the file, and what they are handed out as.
struct NPYElement {
  /// What is done with an element beside turning its bytes around.
  private enum Form {
    case asIs
    /// Any byte but 0 is true.
    case bool
    /// The next wider signed integer.
    case unsigned
  }

  /// As elements are handed out: what columns know, in this machine's byte order.
  let kind: PropertyKind
  /// Bytes in the file.
  let byteCount: Int
  private let form: Form
  private let isBigEndian: Bool

  /// Whether elements are in the file as they are handed out.
  var isNative: Bool { form == .asIs && !isBigEndian }

  private static let kinds: [String: (PropertyKind, Int, Form)] = [
    "b1": (.bool, 1, .bool), "i1": (.int8, 1, .asIs), "u1": (.uint8, 1, .asIs),
    "i2": (.int16, 2, .asIs), "i4": (.int32, 4, .asIs), "i8": (.int64, 8, .asIs),
    "u2": (.int32, 2, .unsigned), "u4": (.int64, 4, .unsigned), "u8": (.int64, 8, .unsigned),
    "f2": (.float16, 2, .asIs), "f4": (.float32, 4, .asIs), "f8": (.float64, 8, .asIs),
  ]

  /// - Parameters:
  ///   - description: as `<f4`.
  ///   - name: what messages call the file.
  init(_ description: String, called name: String) throws {
    let order = description.first
    let code =
      order.map { "<>|=".contains($0) } == true ? description.dropFirst() : description[...]
    guard let (kind, byteCount, form) = Self.kinds[String(code)], order != "=" else {
      let what =
        switch code.first {
        case "O": "Python objects, which are pickled"
        case "S", "U", "a": "texts ('\(description)')"
        case "c": "complex numbers ('\(description)')"
        default: "'\(description.prefix(60))'"
        }
      throw HedgerowError(
        .badData, "holds \(what): arrays of bool, integers and floating-point numbers are read",
        at: name)
    }
    self.kind = kind
    self.byteCount = byteCount
    self.form = form
    isBigEndian = order == ">" && byteCount > 1
  }

  /// Makes elements of the file what they are handed out as.
  ///
  /// - Returns: the first element that cannot be: one beyond int64.
  func convert(_ raw: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer) -> Int? {
    switch form {
    case .bool:
      for (index, byte) in raw.enumerated() { buffer[index] = byte == 0 ? 0 : 1 }
      return nil
    case .asIs:
      switch byteCount {
      case 2: return convert(raw, UInt16.self, UInt16.self, into: buffer)
      case 4: return convert(raw, UInt32.self, UInt32.self, into: buffer)
      default: return convert(raw, UInt64.self, UInt64.self, into: buffer)
      }
    case .unsigned:
      switch byteCount {
      case 2: return convert(raw, UInt16.self, Int32.self, into: buffer)
      case 4: return convert(raw, UInt32.self, Int64.self, into: buffer)
      default: return convert(raw, UInt64.self, Int64.self, into: buffer)
      }
    }
  }

  private func convert<From: FixedWidthInteger, To: FixedWidthInteger>(
    _ raw: UnsafeRawBufferPointer, _: From.Type, _: To.Type,
    into buffer: UnsafeMutableRawBufferPointer
  ) -> Int? where From: BitwiseCopyable, To: BitwiseCopyable {
    let width = MemoryLayout<From>.size
    for index in 0..<raw.count / width {
      let bytes = raw.loadUnaligned(fromByteOffset: index * width, as: From.self)
      let value = isBigEndian ? From(bigEndian: bytes) : From(littleEndian: bytes)
      guard let converted = To(exactly: value) else { return index }
      buffer.storeBytes(of: converted, toByteOffset: index * MemoryLayout<To>.size, as: To.self)
    }
    return nil
  }
}
