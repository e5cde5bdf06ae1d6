/// A 16-bit float with float32's range and 7 bits of fraction: the upper half of a `Float`.
public struct BFloat16: Hashable, BitwiseCopyable, Sendable {
  public var bitPattern: UInt16

  public init(bitPattern: UInt16) { self.bitPattern = bitPattern }

  /// The nearest value, of two equally near ones the one whose last bit is 0. What lies beyond the
  /// largest is infinite; NaN stays NaN.
  public init(_ value: Float) {
    let bits = value.bitPattern
    if value.isNaN {
      // A NaN whose payload lies in the lower half only must not become an infinity.
      bitPattern = UInt16(bits >> 16) | 0x40
    } else {
      bitPattern = UInt16(truncatingIfNeeded: (bits + 0x7FFF + (bits >> 16 & 1)) >> 16)
    }
  }
}

extension Float {
  /// Exact.
  public init(_ value: BFloat16) { self.init(bitPattern: UInt32(value.bitPattern) << 16) }
}
