/// A UUID as an external key: 16 bytes, in the order in which its text has them.
public struct UUIDKey: Hashable, BitwiseCopyable, Sendable {
  // Both big-endian in memory, so that the value's bytes are the UUID's.
  private var first: UInt64
  private var second: UInt64

  /// The two halves as numbers, the text's first digits highest.
  public init(_ high: UInt64, _ low: UInt64) {
    first = high.bigEndian
    second = low.bigEndian
  }

  /// Characters of a text.
  public static let textByteCount = 36

  /// Reads the canonical text, `8-4-4-4-12` hexadecimal digits of either case; `nil` for any other.
  public init?(_ text: UnsafeBufferPointer<UInt8>) {
    guard text.count == Self.textByteCount else { return nil }
    var halves: (UInt64, UInt64) = (0, 0)
    var digitCount = 0
    for (place, character) in text.enumerated() {
      if place == 8 || place == 13 || place == 18 || place == 23 {
        guard character == UInt8(ascii: "-") else { return nil }
        continue
      }
      guard let digit = HexadecimalText.digit(character) else { return nil }
      if digitCount < 16 {
        halves.0 = halves.0 << 4 | UInt64(digit)
      } else {
        halves.1 = halves.1 << 4 | UInt64(digit)
      }
      digitCount += 1
    }
    self.init(halves.0, halves.1)
  }

  /// Reads the canonical text, in either case; `nil` for any other.
  public init?(_ text: String) {
    var text = text
    let key = text.withUTF8 { UUIDKey($0) }
    guard let key else { return nil }
    self = key
  }
}

extension UUIDKey: Comparable {
  /// By the bytes.
  public static func < (a: UUIDKey, b: UUIDKey) -> Bool {
    (UInt64(bigEndian: a.first), UInt64(bigEndian: a.second))
      < (UInt64(bigEndian: b.first), UInt64(bigEndian: b.second))
  }
}

extension UUIDKey: CustomStringConvertible {
  /// The canonical text, in lower case.
  public var description: String {
    var text = ""
    withUnsafeBytes(of: self) { bytes in
      for (index, byte) in bytes.enumerated() {
        if [4, 6, 8, 10].contains(index) { text += "-" }
        text += String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
      }
    }
    return text
  }
}
