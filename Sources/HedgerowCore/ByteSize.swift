/// Bytes as people write them: `256MiB`, `1.5 GiB`, `2GB`, `4096`.
public enum ByteSize {
  static let units: [(String, Double)] = [
    ("kib", 1024), ("mib", 1_048_576), ("gib", 1_073_741_824), ("tib", 1_099_511_627_776),
    ("kb", 1e3), ("mb", 1e6), ("gb", 1e9), ("tb", 1e12),
    ("k", 1024), ("m", 1_048_576), ("g", 1_073_741_824), ("t", 1_099_511_627_776), ("b", 1),
  ]

  /// `nil` when the text is no size or below one byte.
  public static func parse(_ text: String) -> Int? {
    let text = text.lowercased().filter { $0 != " " }
    let unit = units.first { text.hasSuffix($0.0) }
    let digits = unit.map { text.dropLast($0.0.count) } ?? text[...]
    guard let number = Double(digits), number.isFinite, number > 0 else { return nil }
    let bytes = number * (unit?.1 ?? 1)
    guard bytes >= 1, bytes < 0x1p62 else { return nil }
    return Int(bytes)
  }

  /// At most four digits and a binary unit: `1.5 GiB`.
  public static func format(_ byteCount: Int) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
    var value = Double(byteCount)
    var index = 0
    while value >= 1024 && index < units.count - 1 {
      value /= 1024
      index += 1
    }
    if index == 0 { return "\(byteCount) B" }
    let tenths = (value * 10).rounded() / 10
    let whole = tenths >= 100 || tenths == tenths.rounded()
    return "\(whole ? String(Int(tenths.rounded())) : String(tenths)) \(units[index])"
  }

  /// A size and the limit that it is over, as texts that differ.
  public static func format(
    _ byteCount: Int, over limit: Int
  ) -> (byteCount: String, limit: String) {
    let texts = (format(byteCount), format(limit))
    return texts.0 == texts.1 ? ("\(byteCount) B", "\(limit) B") : texts
  }
}
