import CHedgerowRoaring
import HedgerowCore

/// The set as the array of its members in rising order, without that array. A rank is an index
/// into it.
extension RoaringBitmap {
  /// How many members are smaller than `value`: its own rank, if it is one.
  public func rank(of value: UInt32) -> Int {
    value == 0 ? 0 : Int(roaring_bitmap_rank(pointer, value - 1))
  }

  /// The member of a rank; `nil` beyond the last.
  public func select(_ rank: Int) -> UInt32? {
    guard let rank = UInt32(exactly: rank) else { return nil }
    var value: UInt32 = 0
    return roaring_bitmap_select(pointer, rank, &value) ? value : nil
  }

  /// Copies the members of consecutive ranks to the start of `buffer`.
  ///
  /// The ranks must exist and fit the buffer, else it traps. O(blocks + ranks).
  public func copyValues(ranks: Range<Int>, into buffer: UnsafeMutableBufferPointer<UInt32>) {
    guard !ranks.isEmpty else { return }
    require(
      ranks.count <= buffer.count, "\(ranks.count) members do not fit into \(buffer.count)")
    guard let first = select(ranks.lowerBound) else {
      fatalError("there is no rank \(ranks.lowerBound) among \(count) members")
    }
    var position = roaring_uint32_iterator_t()
    roaring_init_iterator(pointer, &position)
    roaring_move_uint32_iterator_equalorlarger(&position, first)
    var copied = 0
    while copied < ranks.count {
      let wanted = UInt32(Swift.min(ranks.count - copied, 1 << 30))
      let got = roaring_read_uint32_iterator(&position, buffer.baseAddress! + copied, wanted)
      require(got > 0, "ranks \(ranks) are not all among \(count) members")
      copied += Int(got)
    }
  }

  /// The members of consecutive ranks, which must exist.
  public func values(in ranks: Range<Int>) -> [UInt32] {
    [UInt32](unsafeUninitializedCapacity: ranks.count) { buffer, count in
      copyValues(ranks: ranks, into: buffer)
      count = ranks.count
    }
  }
}
