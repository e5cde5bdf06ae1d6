import HedgerowCore
import HedgerowRoaring

/// The nodes of a type that are written, and their numbers among each other.
///
/// Where some are left out: a bit a node, and a count of 32 bits for each 512 nodes. Both questions
/// take O(1).
struct NodeSelection {
  let count: Int
  /// Rows of the type in the store.
  let rowCount: Int
  private var words: [UInt64] = []
  private var ranks: [UInt32] = []
  private let isWhole: Bool
  private let share: MemoryBudget.Reservation?

  /// - Parameter members: ids of the nodes; `nil` for all.
  init(_ members: RoaringBitmap?, of rowCount: Int, budget: MemoryBudget) throws {
    self.rowCount = rowCount
    guard let members, members.count < rowCount else {
      count = rowCount
      isWhole = true
      share = nil
      return
    }
    isWhole = false
    count = members.count
    let wordCount = (rowCount + 63) / 64
    share = try budget.reserve(9 * wordCount, for: "which nodes are written")
    words = [UInt64](repeating: 0, count: wordCount)
    for start in stride(from: 0, to: count, by: 1 << 16) {
      for id in members.values(in: start..<min(count, start + 1 << 16)) {
        words[Int(id >> 6)] |= 1 << UInt64(id & 63)
      }
    }
    var rank: UInt32 = 0
    ranks.reserveCapacity(wordCount / 8 + 1)
    for (index, word) in words.enumerated() {
      if index % 8 == 0 { ranks.append(rank) }
      rank += UInt32(word.nonzeroBitCount)
    }
  }

  func contains(_ id: UInt32) -> Bool {
    isWhole || words[Int(id >> 6)] >> UInt64(id & 63) & 1 == 1
  }

  /// How many of the nodes come before one of them.
  func rank(of id: UInt32) -> Int {
    if isWhole { return Int(id) }
    let word = Int(id >> 6)
    var rank = Int(ranks[word / 8])
    for index in (word / 8 * 8)..<word { rank += words[index].nonzeroBitCount }
    let below = words[word] & ((1 << UInt64(id & 63)) - 1)
    return rank + below.nonzeroBitCount
  }

  /// The next nodes from an id on, `limit` of them at most; moves the id behind the last.
  func ids(from next: inout Int, limit: Int) -> [UInt32] {
    if isWhole {
      let end = min(rowCount, next + limit)
      defer { next = end }
      return (next..<end).map { UInt32($0) }
    }
    var ids: [UInt32] = []
    ids.reserveCapacity(limit)
    while next < rowCount, ids.count < limit {
      let rest = words[next >> 6] >> UInt64(next & 63)
      if rest == 0 {
        next = (next >> 6 + 1) << 6
      } else {
        next += rest.trailingZeroBitCount
        ids.append(UInt32(next))
        next += 1
      }
    }
    return ids
  }
}
