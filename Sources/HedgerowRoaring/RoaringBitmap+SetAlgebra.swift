import CHedgerowRoaring

extension RoaringBitmap {
  public func union(_ other: RoaringBitmap) -> RoaringBitmap {
    RoaringBitmap(adopting: roaring_bitmap_or(pointer, other.pointer))
  }

  public func intersection(_ other: RoaringBitmap) -> RoaringBitmap {
    RoaringBitmap(adopting: roaring_bitmap_and(pointer, other.pointer))
  }

  public func subtracting(_ other: RoaringBitmap) -> RoaringBitmap {
    RoaringBitmap(adopting: roaring_bitmap_andnot(pointer, other.pointer))
  }

  public func symmetricDifference(_ other: RoaringBitmap) -> RoaringBitmap {
    RoaringBitmap(adopting: roaring_bitmap_xor(pointer, other.pointer))
  }

  // `other` keeps its storage alive and shared, so `ownPointer` never returns its bitmap.

  public mutating func formUnion(_ other: RoaringBitmap) {
    roaring_bitmap_or_inplace(ownPointer(), other.pointer)
  }

  public mutating func formIntersection(_ other: RoaringBitmap) {
    roaring_bitmap_and_inplace(ownPointer(), other.pointer)
  }

  public mutating func subtract(_ other: RoaringBitmap) {
    roaring_bitmap_andnot_inplace(ownPointer(), other.pointer)
  }

  public mutating func formSymmetricDifference(_ other: RoaringBitmap) {
    roaring_bitmap_xor_inplace(ownPointer(), other.pointer)
  }

  public func isSubset(of other: RoaringBitmap) -> Bool {
    roaring_bitmap_is_subset(pointer, other.pointer)
  }

  public func isDisjoint(with other: RoaringBitmap) -> Bool {
    !roaring_bitmap_intersect(pointer, other.pointer)
  }

  /// The size of the intersection, without making it.
  public func intersectionCount(_ other: RoaringBitmap) -> Int {
    Int(roaring_bitmap_and_cardinality(pointer, other.pointer))
  }
}
