/// The numbers `0..<count` in an order drawn from a key, without an array of them.
///
/// A six-round Feistel network over the smallest even number of bits, at least eight, that holds
/// `count`; outputs beyond `count` are walked on until they fall inside (Black and Rogaway: Ciphers
/// with Arbitrary Finite Domains, CT-RSA'02). Each look-up takes fewer than four walks on average
/// (more for fewer than 64 numbers) and no memory, so that an epoch over a billion seeds can start,
/// or resume, at any batch. Four rounds over four bits favoured some first numbers of ten.
public struct ShuffledRange: RandomAccessCollection, Sendable {
  public let count: Int
  let halfBits: UInt64
  let keys: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64)

  public init(count: Int, stream: RandomStream) {
    require(count >= 0, "count must not be negative, is \(count)")
    self.count = count
    let bits = count <= 1 ? 0 : Int.bitWidth - (count - 1).leadingZeroBitCount
    halfBits = UInt64(Swift.max(4, (bits + 1) / 2))
    var stream = stream
    keys = (
      stream.next(), stream.next(), stream.next(), stream.next(), stream.next(), stream.next()
    )
  }

  public var startIndex: Int { 0 }
  public var endIndex: Int { count }

  public subscript(position: Int) -> Int {
    require(position >= 0 && position < count, "\(position) is not in 0..<\(count)")
    var value = UInt64(position)
    repeat { value = permute(value) } while value >= UInt64(count)
    return Int(value)
  }

  private func permute(_ value: UInt64) -> UInt64 {
    let mask = (UInt64(1) << halfBits) - 1
    var left = value >> halfBits
    var right = value & mask
    func round(_ key: UInt64) {
      (left, right) = (right, left ^ (RandomStream.mix(right ^ key) & mask))
    }
    round(keys.0)
    round(keys.1)
    round(keys.2)
    round(keys.3)
    round(keys.4)
    round(keys.5)
    return left << halfBits | right
  }
}
