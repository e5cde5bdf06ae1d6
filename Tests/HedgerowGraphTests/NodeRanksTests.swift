import HedgerowCore
import HedgerowGraph
import HedgerowTestSupport
import Testing

@Suite struct NodeRanksTests {
  @Test(arguments: [0, 1, 63, 64, 65, 1000])
  func membersAndRanksAreThoseOfASortedArray(bound: Int) {
    var random = RandomStream(seed: printedSeed())
    for share in [0, 0.1, 0.5, 1] {
      let members = (0..<bound).filter { _ in random.nextUnit() < share }
      let known = Set(members)
      let ranks = NodeRanks(bound: bound) { known.contains($0) }
      #expect(ranks.count == members.count && ranks.bound == bound)
      var parts: [UInt32] = []
      ranks.forEachPart(of: 10) { parts += $0 }
      #expect(parts == members.map { UInt32($0) })
      #expect(members.indices.map { ranks.node(atRank: $0) } == parts)
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
      _ = NodeRanks(bound: 10) { _ in true }.split([3, 10])
    }
  }
}
