/// A counter-based random stream: the i-th number is a pure function of (key, i), and a key is a
/// pure function of the counters that it was derived from.
///
/// No generator is ever shared or carried along: whoever makes a choice derives the stream of that
/// choice, so the outcome does not depend on threads, order or what was drawn before.
/// ```swift
/// var stream = RandomStream(seed: 7).derive(epoch, batch, hop)
/// let pick = stream.next(below: 10)
/// ```
/// The i-th number is Stafford's 13th variant of the murmur3 finalizer over `key + i * gamma`, as in
/// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA'14).
/// The samplers' C kernels draw the same numbers from the same key.
public struct RandomStream: RandomNumberGenerator, Sendable {
  /// Decides every number of the stream.
  public let key: UInt64
  /// Numbers drawn so far.
  public var counter: UInt64 = 0

  @usableFromInline static let gamma: UInt64 = 0x9E37_79B9_7F4A_7C15

  public init(seed: UInt64) { key = Self.mix(seed &+ Self.gamma) }
  @inlinable public init(key: UInt64) { self.key = key }

  @inlinable public static func mix(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// The stream that belongs to these counters under this one. Order matters.
  @inlinable public func derive(_ counters: UInt64...) -> RandomStream {
    var key = self.key
    for counter in counters { key = Self.mix(key ^ Self.mix(counter &+ Self.gamma)) }
    return RandomStream(key: key)
  }

  /// The stream of a name, as a parameter's dotted path.
  public func derive(_ name: String) -> RandomStream {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325  // FNV-1a
    for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return derive(hash, UInt64(name.utf8.count))
  }

  @inlinable public mutating func next() -> UInt64 {
    counter &+= 1
    return Self.mix(key &+ counter &* Self.gamma)
  }

  /// Uniform in `0..<bound` by multiply-shift over 64 bits; no bin is favoured by more than
  /// bound / 2^64.
  @inlinable public mutating func next(below bound: UInt64) -> UInt64 {
    next().multipliedFullWidth(by: bound).high
  }

  /// Uniform in [0, 1), with 53 bits.
  @inlinable public mutating func nextUnit() -> Double {
    Double(next() >> 11) * 0x1p-53
  }
}
