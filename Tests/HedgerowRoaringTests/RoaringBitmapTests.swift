import Foundation
import HedgerowCore
import HedgerowRoaring
import Testing

func freshSeed(_ test: String = #function) -> UInt64 {
  let fixed = ProcessInfo.processInfo.environment["HEDGEROW_TEST_SEED"].flatMap(UInt64.init)
  let seed = fixed ?? UInt64.random(in: 0..<1 << 32)
  print("\(test): HEDGEROW_TEST_SEED=\(seed)")
  return seed
}

/// Sets that need every kind of block: sparse, dense, runs, and at both ends of the range.
func randomSet(_ random: inout RandomStream) -> Set<UInt32> {
  var set: Set<UInt32> = []
  for _ in 0..<random.next(below: 4) {
    let block = [0, 1, 2, 0xFFFF][Int(random.next(below: 4))] as UInt32
    let base = block << 16
    switch random.next(below: 3) {
    case 0:
      for _ in 0..<random.next(below: 300) {
        set.insert(base + UInt32(random.next(below: 65536)))
      }
    case 1:
      for _ in 0..<random.next(below: 9000) {
        set.insert(base + UInt32(random.next(below: 16000)))
      }
    default:
      for _ in 0..<random.next(below: 4) {
        let start = UInt32(random.next(below: 65536))
        let end = min(65535, start + UInt32(random.next(below: 6000)))
        for value in start...end { set.insert(base + value) }
      }
    }
  }
  return set
}

@Suite struct RoaringBitmapTests {
  @Test func membersAgreeWithASet() {
    var random = RandomStream(seed: freshSeed())
    for _ in 0..<60 {
      let set = randomSet(&random)
      let sorted = set.sorted()
      let bitmap = RoaringBitmap(random.next(below: 2) == 0 ? sorted : Array(set))
      #expect(bitmap.count == set.count)
      #expect(bitmap.isEmpty == set.isEmpty)
      #expect(bitmap.min() == sorted.first)
      #expect(bitmap.max() == sorted.last)
      #expect(Array(bitmap) == sorted)
      #expect(bitmap == RoaringBitmap(AnySequence(set.shuffled(using: &random))))
      for _ in 0..<200 {
        let value =
          random.next(below: 2) == 0
          ? UInt32(truncatingIfNeeded: random.next()) : UInt32(random.next(below: 200_000))
        #expect(bitmap.contains(value) == set.contains(value))
      }
    }
  }

  @Test func changesAgreeWithASetAndLeaveCopiesAlone() {
    var random = RandomStream(seed: freshSeed())
    var set: Set<UInt32> = []
    var bitmap = RoaringBitmap()
    for _ in 0..<400 {
      let kept = bitmap
      let keptCount = bitmap.count
      for _ in 0..<20 {
        let value = UInt32(random.next(below: 100_000))
        switch random.next(below: 8) {
        case 0:
          let end = min(99_999, value + UInt32(random.next(below: 3000)))
          bitmap.insert(contentsOf: value...end)
          set.formUnion(value...end)
        case 1..<4:
          #expect(bitmap.remove(value) == (set.remove(value) != nil))
        default:
          #expect(bitmap.insert(value) == set.insert(value).inserted)
        }
      }
      #expect(bitmap.count == set.count)
      #expect(kept.count == keptCount)
    }
    #expect(Array(bitmap) == set.sorted())
  }

  @Test func algebraAgreesWithASet() {
    var random = RandomStream(seed: freshSeed())
    for _ in 0..<120 {
      let (x, y) = (randomSet(&random), randomSet(&random))
      let (a, b) = (RoaringBitmap(x), RoaringBitmap(y))
      func check(
        _ made: RoaringBitmap, _ form: (inout RoaringBitmap) -> Void, _ expected: Set<UInt32>
      ) {
        var changed = a
        form(&changed)
        #expect(Array(made) == expected.sorted())
        #expect(changed == made)
        #expect(a.count == x.count)
      }
      check(a.union(b), { $0.formUnion(b) }, x.union(y))
      check(a.intersection(b), { $0.formIntersection(b) }, x.intersection(y))
      check(a.subtracting(b), { $0.subtract(b) }, x.subtracting(y))
      check(
        a.symmetricDifference(b), { $0.formSymmetricDifference(b) }, x.symmetricDifference(y))
      #expect(a.isSubset(of: b) == x.isSubset(of: y))
      #expect(a.intersection(b).isSubset(of: b))
      #expect(a.isDisjoint(with: b) == x.isDisjoint(with: y))
      #expect(a.intersectionCount(b) == x.intersection(y).count)
      #expect((a == b) == (x == y))
    }
  }

  @Test func aSetCombinesWithItself() {
    let all = RoaringBitmap(5..<90_000)
    var set = all
    set.formUnion(set)
    set.formIntersection(set)
    #expect(set == all)
    set.formSymmetricDifference(set)
    #expect(set.isEmpty)
    set = all
    set.subtract(set)
    #expect(set.isEmpty)
  }

  @Test func ranksAgreeWithTheSortedArray() {
    var random = RandomStream(seed: freshSeed())
    for _ in 0..<40 {
      let sorted = randomSet(&random).sorted()
      let bitmap = RoaringBitmap(sorted)
      #expect(bitmap.select(sorted.count) == nil)
      #expect(bitmap.select(-1) == nil)
      #expect(bitmap.rank(of: 0) == 0)
      #expect(bitmap.rank(of: .max) == sorted.count - (sorted.last == .max ? 1 : 0))
      guard !sorted.isEmpty else { continue }
      for _ in 0..<50 {
        let rank = Int(random.next(below: UInt64(sorted.count)))
        #expect(bitmap.select(rank) == sorted[rank])
        #expect(bitmap.rank(of: sorted[rank]) == rank)
        let other = UInt32(truncatingIfNeeded: random.next())
        #expect(bitmap.rank(of: other) == sorted.firstIndex { $0 >= other } ?? sorted.count)
        let end = rank + Int(random.next(below: UInt64(sorted.count - rank + 1)))
        #expect(bitmap.values(in: rank..<end) == Array(sorted[rank..<end]))
      }
    }
  }

  @Test func rangesReachBothEnds() {
    #expect(Array(RoaringBitmap(3..<3)).isEmpty)
    #expect(Array(RoaringBitmap(3..<6)) == [3, 4, 5])
    let all = RoaringBitmap(0...UInt32.max)
    #expect(all.count == 1 << 32)
    #expect(all.select(1 << 32 - 1) == .max)
    #expect(all.rank(of: .max) == 1 << 32 - 1)
    #expect(all.values(in: 1 << 32 - 2..<1 << 32) == [.max - 1, .max])
    var most = all
    most.remove(7)
    #expect(most.count == 1 << 32 - 1)
    #expect(most.select(7) == 8)
    #expect(all.contains(7))
  }

  @Test func equalSetsHashEqually() {
    var built = RoaringBitmap()
    for value in 0..<5000 as Range<UInt32> { built.insert(value) }
    let range = RoaringBitmap(0..<5000)
    #expect(built == range)
    #expect(built.hashValue == range.hashValue)
    #expect(Set([built, range]).count == 1)
    #expect("\(RoaringBitmap(1...3))" == "{1, 2, 3}")
    #expect("\(RoaringBitmap(0..<18))".hasSuffix("15, and 2 more}"))
  }
}
