/// Bytes as text files hold them: `0x` and two hexadecimal digits a byte, so `0x` alone is no bytes at
/// all, which an empty field, being null, cannot say.
public enum HexadecimalText {
  private static let digits = Array("0123456789abcdef".utf8)

  public static func encode(_ bytes: some Sequence<UInt8>) -> String {
    var text = Array("0x".utf8)
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// Whether ``decode(_:)`` reads the text.
  public static func isValid(_ text: some Collection<UInt8>) -> Bool {
    text.count >= 2 && text.count % 2 == 0 && text.starts(with: "0x".utf8)
      && text.dropFirst(2).allSatisfy { digit($0) != nil }
  }

  /// Reads digits of either case; `nil` for what is no such text.
  public static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
    guard isValid(text) else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count / 2 - 1)
    var high: UInt8?
    for character in text.dropFirst(2) {
      let digit = digit(character)!
      if let first = high {
        bytes.append(first << 4 | digit)
        high = nil
      } else {
        high = digit
      }
    }
    return bytes
  }

  /// The value of one digit.
  public static func digit(_ character: UInt8) -> UInt8? {
    switch character {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
