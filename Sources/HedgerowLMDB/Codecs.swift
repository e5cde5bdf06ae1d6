import HedgerowCore

/// A type that can be a key: its bytes, compared as unsigned bytes, are its order.
///
/// A composite key encodes its parts one after the other, all but the last of fixed length.
public protocol KeyCodec: Sendable {
  /// Appends the key's bytes, 1 to 511 of them.
  func encode(into bytes: inout [UInt8])
  /// - Throws: when the bytes are no key of this type; the caller is told where they stand.
  init(decoding bytes: RawSpan) throws
}

/// A type that can be a value.
public protocol ValueCodec: Sendable {
  /// Appends the value's bytes. What is there already is not the value's.
  func encode(into bytes: inout [UInt8])
  /// - Throws: when the bytes are no value of this type; the caller is told where they stand.
  init(decoding bytes: RawSpan) throws
}

extension [UInt8]: KeyCodec, ValueCodec {
  public func encode(into bytes: inout [UInt8]) { bytes += self }
  public init(decoding bytes: RawSpan) {
    self = bytes.withUnsafeBytes { [UInt8]($0) }
  }
}

/// UTF-8, without a terminator.
extension String: KeyCodec, ValueCodec {
  public func encode(into bytes: inout [UInt8]) { bytes += utf8 }
  public init(decoding bytes: RawSpan) throws {
    guard let text = String(validating: [UInt8](decoding: bytes), as: UTF8.self) else {
      throw HedgerowError(.damaged, "a text is not UTF-8")
    }
    self = text
  }
}

/// Big-endian, so that the order of the bytes is the order of the numbers.
extension UInt32: KeyCodec, ValueCodec {
  public func encode(into bytes: inout [UInt8]) { appendBigEndian(self, to: &bytes) }
  public init(decoding bytes: RawSpan) throws { self = try decodeBigEndian(bytes) }
}

/// Big-endian, so that the order of the bytes is the order of the numbers.
extension UInt64: KeyCodec, ValueCodec {
  public func encode(into bytes: inout [UInt8]) { appendBigEndian(self, to: &bytes) }
  public init(decoding bytes: RawSpan) throws { self = try decodeBigEndian(bytes) }
}

private func appendBigEndian<T: FixedWidthInteger>(_ number: T, to bytes: inout [UInt8]) {
  withUnsafeBytes(of: number.bigEndian) { bytes += $0 }
}

private func decodeBigEndian<T: FixedWidthInteger & BitwiseCopyable>(_ bytes: RawSpan) throws -> T {
  guard bytes.byteCount == MemoryLayout<T>.size else {
    throw HedgerowError(
      .damaged, "a number has \(bytes.byteCount) bytes instead of \(MemoryLayout<T>.size)")
  }
  return T(bigEndian: bytes.unsafeLoadUnaligned(as: T.self))
}
