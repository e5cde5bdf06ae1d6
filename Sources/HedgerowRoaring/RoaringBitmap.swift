import CHedgerowRoaring
import HedgerowCore

/// A set of 32-bit numbers, compressed.
///
/// ```swift
/// var train = RoaringBitmap(0..<140)
/// train.insert(2_000)
/// let labelled = train.union(valid)
/// ```
/// The numbers are cut into blocks of 65,536, and each block is kept as a sorted array, a bit set or
/// runs, whichever is smallest (Lemire et al.: Roaring Bitmaps: Implementation of an Optimized
/// Software Library, 2018). So a set costs at most two bytes a member, all of a type's nodes cost
/// next to nothing, and unions and intersections go block by block. For a few numbers that change
/// all the time `Set` is faster.
///
/// A value: copies share their storage until one of them changes. Membership is O(log blocks);
/// counting, ranks and selection are O(blocks).
public struct RoaringBitmap: Sendable {
  private(set) var storage: Storage

  /// An empty set.
  public init() { storage = Storage(roaring_bitmap_create()) }

  init(adopting pointer: UnsafeMutablePointer<roaring_bitmap_t>?) { storage = Storage(pointer) }

  public init(_ range: Range<UInt32>) {
    self.init(
      adopting: range.isEmpty
        ? roaring_bitmap_create()
        : roaring_bitmap_from_range(UInt64(range.lowerBound), UInt64(range.upperBound), 1))
  }

  public init(_ range: ClosedRange<UInt32>) {
    self.init(
      adopting: roaring_bitmap_from_range(
        UInt64(range.lowerBound), UInt64(range.upperBound) + 1, 1))
  }

  /// The numbers of a sequence in any order; rising is fastest.
  public init(_ values: some Sequence<UInt32>) {
    self.init()
    insert(contentsOf: values)
  }

  /// Owns a bitmap of the library. Nothing changes it while it is shared.
  final class Storage: @unchecked Sendable {
    let pointer: UnsafeMutablePointer<roaring_bitmap_t>

    init(_ pointer: UnsafeMutablePointer<roaring_bitmap_t>?) {
      guard let pointer else { fatalError("no memory for a bitmap") }
      self.pointer = pointer
    }

    deinit { roaring_bitmap_free(pointer) }
  }

  var pointer: UnsafeMutablePointer<roaring_bitmap_t> { storage.pointer }

  /// The bitmap to change: this value's own.
  mutating func ownPointer() -> UnsafeMutablePointer<roaring_bitmap_t> {
    if !isKnownUniquelyReferenced(&storage) { storage = Storage(roaring_bitmap_copy(pointer)) }
    return storage.pointer
  }
}

// MARK: - Members

extension RoaringBitmap {
  public var count: Int { Int(roaring_bitmap_get_cardinality(pointer)) }

  public var isEmpty: Bool { roaring_bitmap_is_empty(pointer) }

  public func contains(_ value: UInt32) -> Bool { roaring_bitmap_contains(pointer, value) }

  public func min() -> UInt32? { isEmpty ? nil : roaring_bitmap_minimum(pointer) }

  public func max() -> UInt32? { isEmpty ? nil : roaring_bitmap_maximum(pointer) }

  /// Adds a number; says whether it is new.
  @discardableResult
  public mutating func insert(_ value: UInt32) -> Bool {
    roaring_bitmap_add_checked(ownPointer(), value)
  }

  public mutating func insert(contentsOf range: ClosedRange<UInt32>) {
    roaring_bitmap_add_range_closed(ownPointer(), range.lowerBound, range.upperBound)
  }

  public mutating func insert(contentsOf range: Range<UInt32>) {
    guard !range.isEmpty else { return }
    insert(contentsOf: range.lowerBound...(range.upperBound - 1))
  }

  public mutating func insert(contentsOf values: UnsafeBufferPointer<UInt32>) {
    guard let address = values.baseAddress else { return }
    roaring_bitmap_add_many(ownPointer(), values.count, address)
  }

  public mutating func insert(contentsOf values: some Sequence<UInt32>) {
    if values.withContiguousStorageIfAvailable({ insert(contentsOf: $0) }) != nil { return }
    var chunk: [UInt32] = []
    chunk.reserveCapacity(4096)
    for value in values {
      chunk.append(value)
      if chunk.count == 4096 {
        chunk.withUnsafeBufferPointer { insert(contentsOf: $0) }
        chunk.removeAll(keepingCapacity: true)
      }
    }
    chunk.withUnsafeBufferPointer { insert(contentsOf: $0) }
  }

  /// Takes a number out; says whether it was there.
  @discardableResult
  public mutating func remove(_ value: UInt32) -> Bool {
    roaring_bitmap_remove_checked(ownPointer(), value)
  }
}

extension RoaringBitmap: Hashable {
  public static func == (a: RoaringBitmap, b: RoaringBitmap) -> Bool {
    a.storage === b.storage || roaring_bitmap_equals(a.pointer, b.pointer)
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(count)
    hasher.combine(min())
    hasher.combine(max())
  }
}

extension RoaringBitmap: ExpressibleByArrayLiteral {
  public init(arrayLiteral elements: UInt32...) { self.init(elements) }
}

extension RoaringBitmap: CustomStringConvertible {
  /// The first members and the number of the others.
  public var description: String {
    let shown = values(in: 0..<Swift.min(count, 16)).map(String.init)
    let others = count - shown.count
    return "{\((shown + (others > 0 ? ["and \(others) more"] : [])).joined(separator: ", "))}"
  }
}
