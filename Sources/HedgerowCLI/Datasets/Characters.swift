extension UInt8 {
  var isSpace: Bool { self == 32 || (9...13).contains(self) }

  var asciiLowercase: UInt8 { (65...90).contains(self) ? self + 32 : self }

  /// Letters and digits of ASCII.
  var isAlphanumeric: Bool {
    (48...57).contains(self) || (97...122).contains(asciiLowercase)
  }
}
