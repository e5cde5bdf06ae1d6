import HedgerowGraph
import HedgerowRoaring

/// The members of a set by their rank, in the smaller of two forms: their values, or a bit for each value up
/// to the largest with counts beside.
///
/// A compressed bitmap goes over its containers for each rank, and over the words of one: a thousand
/// seeds of a batch took longer to find than to sample around.
struct RankedMembers: Sendable {
  private enum Form {
    case values([UInt32])
    case bits(BitRanks)
  }
  private let form: Form

  /// Time O(members), or O(the largest).
  init(_ members: RoaringBitmap) {
    let bound = members.max().map { Int($0) + 1 } ?? 0
    guard BitRanks.byteCount(bound: bound) < 4 * members.count else {
      form = .values(members.values(in: 0..<members.count))
      return
    }
    form = .bits(BitRanks(bound: bound, members))
  }

  /// Traps on a rank that nobody has.
  subscript(rank: Int) -> UInt32 {
    switch form {
    case .values(let values): values[rank]
    case .bits(let bits): bits.member(atRank: rank)
    }
  }
}
