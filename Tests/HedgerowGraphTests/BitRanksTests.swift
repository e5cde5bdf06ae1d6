import HedgerowCore
import HedgerowGraph
import HedgerowRoaring
import HedgerowTestSupport
import Testing

@Suite struct BitRanksTests {
  @Test(arguments: [0, 1, 63, 64, 65, 1000])
  func membersAndRanksAreThoseOfASortedArray(bound: Int) {
    var random = RandomStream(seed: printedSeed())
    for share in [0, 0.1, 0.5, 1] {
      let members = (0..<bound).filter { _ in random.nextUnit() < share }
      let known = Set(members)
      let ranks = BitRanks(bound: bound) { known.contains($0) }
      #expect(ranks.count == members.count && ranks.bound == bound)
      var parts: [UInt32] = []
      ranks.forEachPart(of: 10) { parts += $0 }
      #expect(parts == members.map { UInt32($0) })
      #expect(members.indices.map { ranks.member(atRank: $0) } == parts)
      #expect((0..<bound).allSatisfy { ranks.contains($0) == known.contains($0) })
      #expect(
        (0...bound).allSatisfy { number in
          ranks.rank(of: number) == members.count { $0 < number }
        })
      let same = BitRanks(bound: bound, RoaringBitmap(parts))
      #expect(members.indices.map { same.member(atRank: $0) } == parts && same.count == ranks.count)
      let asked = bound == 0 ? [] : (0..<300).map { _ in UInt32(random.next(below: UInt64(bound))) }
      let split = ranks.split(asked)
      let places = asked.indices.filter { known.contains(Int(asked[$0])) }
      #expect(split.places == places.map { UInt32($0) })
      #expect(split.ranks == places.map { UInt32(members.firstIndex(of: Int(asked[$0]))!) })
      let others = asked.indices.filter { !known.contains(Int(asked[$0])) }
        .sorted { (asked[$0], $0) < (asked[$1], $1) }
      #expect(split.otherPlaces == others.map { UInt32($0) })
      #expect(split.otherNodes == others.map { asked[$0] })
    }
  }

  @Test func aNodeBeyondTheBoundEndsTheProgram() async {
    await #expect(processExitsWith: .failure) {
      _ = BitRanks(bound: 10) { _ in true }.split([3, 10])
    }
  }
}
