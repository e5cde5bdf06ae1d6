import CHedgerowRoaring

/// Members in rising order.
extension RoaringBitmap: Sequence {
  public var underestimatedCount: Int { count }

  public func makeIterator() -> Iterator { Iterator(storage) }

  public struct Iterator: IteratorProtocol {
    private let storage: Storage
    private var position = roaring_uint32_iterator_t()
    // Members are fetched in chunks: a call for each would cost more than the member.
    private var chunk: [UInt32] = []
    private var used = 0

    init(_ storage: Storage) {
      self.storage = storage
      roaring_init_iterator(storage.pointer, &position)
    }

    public mutating func next() -> UInt32? {
      if used == chunk.count {
        guard position.has_value else { return nil }
        var iterator = position
        chunk = [UInt32](unsafeUninitializedCapacity: 256) { buffer, count in
          count = Int(roaring_read_uint32_iterator(&iterator, buffer.baseAddress, 256))
        }
        position = iterator
        used = 0
      }
      defer { used += 1 }
      return chunk[used]
    }
  }
}
