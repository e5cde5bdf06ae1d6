import HedgerowCore

/// Changes inputs at random, as mistakes and malice do: bits and bytes, numbers that become the ends of
/// their ranges, words of the format, pieces that are cut, doubled, or come from another input, and nesting.
struct Mangler {
  /// Words that mean something in the format.
  var words: [[UInt8]]
  /// What pieces of inputs come from.
  var donors: [[UInt8]]
  var random: RandomStream

  private mutating func below(_ bound: Int) -> Int {
    Int(random.next(below: UInt64(max(1, bound))))
  }

  private mutating func isOne(in count: Int) -> Bool { below(count) == 0 }

  private mutating func pick<T>(_ values: [T]) -> T { values[below(values.count)] }

  private static let numbers = [
    "0", "-1", "1", "2", "127", "128", "255", "256", "32768", "65536", "16777217", "2147483647",
    "2147483648", "4294967295", "4294967296", "4294967297", "1099511627776", "9007199254740993",
    "9223372036854775807", "9223372036854775808", "-9223372036854775808", "18446744073709551615",
    "18446744073709551616", "99999999999999999999999999", "1e999", "-1e-999", "nan", "inf", "0.5",
    "00", "0x10", "1e", "+1",
  ].map { Array($0.utf8) }

  private static let bits: [UInt64] = [
    0, 1, 2, 3, 7, 8, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFF_FFFF,
    0x8000_0000, 0xFFFF_FFFF, 0x1_0000_0000, 0x7FFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000,
    0xFFFF_FFFF_FFFF_FFF8, 0xFFFF_FFFF_FFFF_FFFF,
  ]

  /// Some changes of `bytes`; most often one or two.
  mutating func mangle(_ bytes: inout [UInt8]) {
    var count = 1
    while count < 8, isOne(in: 2) { count += 1 }
    for _ in 0..<count { change(&bytes) }
  }

  private mutating func change(_ bytes: inout [UInt8]) {
    // What matters most of binary formats stands at an end.
    let place =
      switch below(4) {
      case 0: bytes.count - below(min(bytes.count, 64) + 1)
      case 1: below(min(bytes.count, 64) + 1)
      default: below(bytes.count + 1)
      }
    let end = min(bytes.count, place + below(isOne(in: 4) ? 200 : 12))
    switch below(16) {
    case 0, 1:
      if place < bytes.count { bytes[place] ^= 1 << UInt8(below(8)) }
    case 2:
      if place < bytes.count { bytes[place] = UInt8(below(256)) }
    case 3: bytes.removeSubrange(place..<end)
    case 4: bytes.insert(contentsOf: bytes[place..<end], at: below(bytes.count + 1))
    case 5: if isOne(in: 4) { bytes.removeSubrange(place...) }
    case 6: if isOne(in: 8) { nest(&bytes, at: place, bytes[place..<end]) }
    case 7, 8: changeNumber(&bytes, from: place)
    case 9, 10: changeBits(&bytes, at: place)
    case 11: changeLines(&bytes, at: place)
    case 12:
      let donor = pick(donors)
      let start = below(donor.count + 1)
      let piece = donor[start..<min(donor.count, start + 1 + below(100))]
      bytes.replaceSubrange(place..<(isOne(in: 2) ? end : place), with: piece)
    default:
      guard !words.isEmpty else { return }
      bytes.replaceSubrange(place..<(isOne(in: 2) ? end : place), with: pick(words))
    }
  }

  /// A piece, a word or a bracket very often.
  private mutating func nest(_ bytes: inout [UInt8], at place: Int, _ piece: ArraySlice<UInt8>) {
    let unit =
      switch below(3) {
      case 0: Array(piece)
      case 1 where !words.isEmpty: pick(words)
      default: pick([[UInt8(ascii: "[")], [UInt8(ascii: "{")], [UInt8(ascii: "(")], [0x20]])
      }
    let longest = isOne(in: 8) ? 300_000 : 3000
    let count = below(longest) / max(1, unit.count)
    bytes.insert(contentsOf: (0..<count).flatMap { _ in unit }, at: place)
  }

  /// A decimal number becomes another one.
  private mutating func changeNumber(_ bytes: inout [UInt8], from place: Int) {
    func isDigit(_ byte: UInt8) -> Bool { byte >= 48 && byte < 58 }
    guard
      let start = bytes[place...].firstIndex(where: isDigit) ?? bytes.firstIndex(where: isDigit)
    else { return }
    let end = bytes[start...].firstIndex { !isDigit($0) } ?? bytes.count
    bytes.replaceSubrange(start..<end, with: pick(Self.numbers))
  }

  /// A number of one to eight bytes becomes another one, in either order of its bytes.
  private mutating func changeBits(_ bytes: inout [UInt8], at place: Int) {
    let width = 1 << below(4)
    guard bytes.count >= width else { return }
    let start = min(place, bytes.count - width)
    let value = pick(Self.bits)
    let isBig = isOne(in: 4)
    for index in 0..<width {
      bytes[start + (isBig ? width - 1 - index : index)] =
        UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
    }
  }

  /// The line around a place is taken out, doubled, or put elsewhere.
  private mutating func changeLines(_ bytes: inout [UInt8], at place: Int) {
    let start = (bytes[..<place].lastIndex(of: 10) ?? -1) + 1
    let end = bytes[place...].firstIndex(of: 10).map { $0 + 1 } ?? bytes.count
    guard end - start < 10_000 else { return }
    let line = Array(bytes[start..<end])
    let way = below(4)
    if way != 0 { bytes.removeSubrange(start..<end) }
    switch way {
    case 1: break
    case 2: bytes.insert(contentsOf: line, at: below(bytes.count + 1))
    default:
      let count = isOne(in: 8) ? below(3000) : 1 + below(3)
      bytes.insert(contentsOf: (0..<count).flatMap { _ in line }, at: start)
    }
  }
}
