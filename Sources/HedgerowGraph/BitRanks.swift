import CHedgerowKernels
import HedgerowCore
public import HedgerowRoaring

/// A fixed set of numbers, of nodes or of edges, and the rank of each: how many members are below it.
///
/// A bit a number and the count of bits before each word: a look-up touches two words, where a
/// compressed set would search. Holds one bit and a half a number up to the bound, which is 2^32 at most.
public final class BitRanks: @unchecked Sendable {
  // Written by `init` alone.
  private let words: UnsafeMutableBufferPointer<UInt64>
  private let ranksOfWords: UnsafeMutableBufferPointer<UInt32>
  /// Members are below this.
  public let bound: Int
  /// Members.
  public private(set) var count = 0

  /// - Parameter isMember: asked once for each number below the bound, by rising number.
  public convenience init(bound: Int, where isMember: (Int) -> Bool) {
    self.init(bound: bound) { insert in
      for number in 0..<bound where isMember(number) { insert(number) }
    }
  }

  /// - Parameter members: below the bound.
  public convenience init(bound: Int, _ members: RoaringBitmap) {
    self.init(bound: bound) { insert in
      for member in members { insert(Int(member)) }
    }
  }

  /// - Parameter fill: hands over the members, which are below the bound, in any order.
  public init(bound: Int, fill: (_ insert: (Int) -> Void) throws -> Void) rethrows {
    require(bound >= 0 && bound <= 1 << 32, "\(bound) numbers and their ranks")
    self.bound = bound
    words = .allocate(capacity: (bound + 63) / 64)
    ranksOfWords = .allocate(capacity: words.count)
    words.initialize(repeating: 0)
    ranksOfWords.initialize(repeating: 0)
    try fill { [words] number in
      require(number >= 0 && number < bound, "member \(number) of numbers below \(bound)")
      words[number / 64] |= 1 << UInt64(number % 64)
    }
    for (word, bits) in words.enumerated() {
      ranksOfWords[word] = UInt32(truncatingIfNeeded: count)
      count += bits.nonzeroBitCount
    }
  }

  deinit {
    words.deallocate()
    ranksOfWords.deallocate()
  }

  /// Bytes that a set of numbers below a bound takes.
  public static func byteCount(bound: Int) -> Int { (bound + 63) / 64 * 12 }

  public func contains(_ number: Int) -> Bool {
    require(number >= 0 && number < bound, "\(number) is not below \(bound)")
    return words[number / 64] >> UInt64(number % 64) & 1 == 1
  }

  /// Members that are below a number, which is one of those below the bound, or the bound.
  public func rank(of number: Int) -> Int {
    require(number >= 0 && number <= bound, "\(number) is not up to \(bound)")
    if number == bound { return count }
    let below = words[number / 64] & (1 << UInt64(number % 64) - 1)
    return Int(ranksOfWords[number / 64]) + below.nonzeroBitCount
  }

  /// The member with so many below it. Traps when there is none. Time O(log bound).
  public func member(atRank rank: Int) -> UInt32 {
    require(rank >= 0 && rank < count, "rank \(rank) of \(count) members")
    // The last word before which are not more.
    var (low, high) = (0, ranksOfWords.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if Int(ranksOfWords[middle]) <= rank { low = middle } else { high = middle }
    }
    var bits = words[low]
    for _ in 0..<rank - Int(ranksOfWords[low]) { bits &= bits - 1 }
    return UInt32(truncatingIfNeeded: low * 64 + bits.trailingZeroBitCount)
  }

  /// The words of bits, and the members before each.
  func withUnsafeWords<R>(
    _ body: (_ words: UnsafePointer<UInt64>?, _ ranksOfWords: UnsafePointer<UInt32>?) -> R
  ) -> R {
    withExtendedLifetime(self) {
      body(UnsafePointer(words.baseAddress), ranksOfWords.baseAddress.map { UnsafePointer($0) })
    }
  }

  /// Calls `body` with the members by rising number, about so many at a time.
  public func forEachPart(of size: Int, _ body: ([UInt32]) throws -> Void) rethrows {
    var nodes: [UInt32] = []
    for (word, bits) in words.enumerated() {
      var left = bits
      while left != 0 {
        nodes.append(UInt32(word * 64 + left.trailingZeroBitCount))
        left &= left - 1
      }
      guard nodes.count >= size || (word == words.count - 1 && !nodes.isEmpty) else { continue }
      try body(nodes)
      nodes.removeAll(keepingCapacity: true)
    }
  }

  /// Some numbers, of nodes, by whether they are members, with their places among those that were asked for.
  public struct Split: Sendable {
    public var ranks: [UInt32] = []
    public var places: [UInt32] = []
    /// By rising node.
    public var otherNodes: [UInt32] = []
    public var otherPlaces: [UInt32] = []
  }

  /// Which of these nodes are members. Traps on nodes beyond the bound.
  public func split(_ nodes: [UInt32]) -> Split {
    var split = Split()
    var others = [UInt64](unsafeUninitializedCapacity: nodes.count) { others, otherCount in
      split.places = [UInt32](unsafeUninitializedCapacity: nodes.count) { places, placeCount in
        split.ranks = [UInt32](unsafeUninitializedCapacity: nodes.count) { ranks, rankCount in
          let count =
            nodes.isEmpty
            ? 0
            : hr_rank_members(
              words.baseAddress, ranksOfWords.baseAddress, bound, nodes, nodes.count,
              ranks.baseAddress, places.baseAddress, others.baseAddress)
          require(count >= 0, "node \(nodes[max(0, -1 - count)]) is not below \(bound)")
          (rankCount, placeCount, otherCount) = (count, count, nodes.count - count)
        }
      }
    }
    // By rising node: in the order in which rows lie.
    others.sort()
    split.otherNodes = others.map { UInt32(truncatingIfNeeded: $0 >> 32) }
    split.otherPlaces = others.map { UInt32(truncatingIfNeeded: $0) }
    return split
  }
}
