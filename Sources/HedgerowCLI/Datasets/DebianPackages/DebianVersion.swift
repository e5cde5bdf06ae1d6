/// A version of a Debian package, `[epoch:]upstream[-revision]`, in the order of deb-version(7).
struct DebianVersion: Comparable {
  private let epoch: ArraySlice<UInt8>
  private let upstream: ArraySlice<UInt8>
  private let revision: ArraySlice<UInt8>

  init(_ text: String) { self.init(Array(text.utf8)[...]) }

  init(_ text: ArraySlice<UInt8>) {
    var rest = text
    if let colon = rest.firstIndex(of: UInt8(ascii: ":")) {
      epoch = rest[..<colon]
      rest = rest[(colon + 1)...]
    } else {
      epoch = []
    }
    if let hyphen = rest.lastIndex(of: UInt8(ascii: "-")) {
      upstream = rest[..<hyphen]
      revision = rest[(hyphen + 1)...]
    } else {
      upstream = rest
      revision = []
    }
  }

  static func < (one: Self, other: Self) -> Bool { one.order(to: other) < 0 }
  static func == (one: Self, other: Self) -> Bool { one.order(to: other) == 0 }

  private func order(to other: Self) -> Int {
    let epochs = Self.order(epoch, other.epoch)
    if epochs != 0 { return epochs }
    let upstreams = Self.order(upstream, other.upstream)
    return upstreams != 0 ? upstreams : Self.order(revision, other.revision)
  }

  /// By turns the characters that are no digits, where `~` comes before the end, the end before
  /// letters and these before all others; and numbers.
  private static func order(_ one: ArraySlice<UInt8>, _ other: ArraySlice<UInt8>) -> Int {
    var (one, other) = (one, other)
    while !one.isEmpty || !other.isEmpty {
      while one.first.map(\.isDigit) == false || other.first.map(\.isDigit) == false {
        let (left, right) = (weight(one.first), weight(other.first))
        if left != right { return left - right }
        one = one.dropFirst()
        other = other.dropFirst()
      }
      one = one.drop { $0 == UInt8(ascii: "0") }
      other = other.drop { $0 == UInt8(ascii: "0") }
      let left = one.prefix(while: \.isDigit)
      let right = other.prefix(while: \.isDigit)
      if left.count != right.count { return left.count - right.count }
      if let (left, right) = zip(left, right).first(where: { $0 != $1 }) {
        return Int(left) - Int(right)
      }
      one = one.dropFirst(left.count)
      other = other.dropFirst(right.count)
    }
    return 0
  }

  private static func weight(_ byte: UInt8?) -> Int {
    switch byte {
    case nil: 0
    case let byte? where byte.isDigit: 0
    case UInt8(ascii: "~"): -1
    case let byte? where byte.isAlphanumeric: Int(byte)
    case let byte?: Int(byte) + 256
    }
  }
}

extension UInt8 {
  fileprivate var isDigit: Bool { (48...57).contains(self) }
}
