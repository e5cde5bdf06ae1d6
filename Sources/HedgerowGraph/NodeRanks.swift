import CHedgerowKernels
import HedgerowCore

/// A fixed set of nodes and the rank of each: how many members are below it.
///
/// A bit a node and the number of bits before each word: a look-up touches two words, where a
/// compressed set would search. Holds one bit and a half a node up to the bound.
public final class NodeRanks: @unchecked Sendable {
  // Written by `init` alone.
  private let words: UnsafeMutableBufferPointer<UInt64>
  private let ranksOfWords: UnsafeMutableBufferPointer<UInt32>
  /// Nodes are below this.
  public let bound: Int
  /// Members.
  public let count: Int

  /// - Parameter isMember: asked once for each node below the bound, by rising node.
  public init(bound: Int, where isMember: (Int) -> Bool) {
    self.bound = bound
    words = .allocate(capacity: (bound + 63) / 64)
    ranksOfWords = .allocate(capacity: words.count)
    words.initialize(repeating: 0)
    for node in 0..<bound where isMember(node) { words[node / 64] |= 1 << UInt64(node % 64) }
    var count = 0
    for (word, bits) in words.enumerated() {
      ranksOfWords[word] = UInt32(count)
      count += bits.nonzeroBitCount
    }
    self.count = count
  }

  deinit {
    words.deallocate()
    ranksOfWords.deallocate()
  }

  /// Bytes that a set of nodes below a bound takes.
  public static func byteCount(bound: Int) -> Int { (bound + 63) / 64 * 12 }

  /// The member with so many below it. Traps when there is none. Time O(log bound).
  public func node(atRank rank: Int) -> UInt32 {
    require(rank >= 0 && rank < count, "rank \(rank) of \(count) members")
    // The last word before which are not more.
    var (low, high) = (0, ranksOfWords.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if Int(ranksOfWords[middle]) <= rank { low = middle } else { high = middle }
    }
    var bits = words[low]
    for _ in 0..<rank - Int(ranksOfWords[low]) { bits &= bits - 1 }
    return UInt32(low * 64 + bits.trailingZeroBitCount)
  }

  /// Calls `body` with the members by rising node, about so many at a time.
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

  /// Some nodes by whether they are members, with their places among those that were asked for.
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
