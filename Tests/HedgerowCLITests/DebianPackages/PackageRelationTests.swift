import HedgerowCore
import HedgerowTestSupport
import Testing

@testable import HedgerowCLI

@Suite struct PackageRelationTests {
  private func parse(_ text: String) -> (relations: [String], wrong: Int) {
    var relations: [String] = []
    let wrong = PackageRelation.parse(Array(text.utf8)[...]) { relation in
      let name = String(decoding: relation.name, as: UTF8.self)
      relations.append("\(relation.clause) \(name) \(relation.constraint)")
    }
    return (relations, wrong)
  }

  @Test func clausesAlternativesAndRestrictionsAreTold() {
    let (relations, wrong) = parse(
      "a1 (>= 1) | b:any [amd64 !i386] <!nocheck>, c\n  , libc++-dev(<<2:1.0~rc1-3+b1)<a b> <c>,"
        + " d (= ${x}), d (> 1), D_ata:native,")
    #expect(
      relations == [
        "0 a1 >= 1", "0 b ", "1 c ", "2 libc++-dev << 2:1.0~rc1-3+b1", "3 d = ${x}", "4 d > 1",
        "5 D_ata ",
      ])
    #expect(wrong == 0)
    #expect(parse("").relations.isEmpty && parse(" , ,").wrong == 0)
  }

  @Test(arguments: [
    "+a", "a b", "a (1)", "a (>= )", "a (>= 1", "a (>= 1) b", "a:", "a [x", "a <x", "a (=> 1)",
    "a|", "|a", "ä", "a (>= 1 2)", "${misc:Depends}", "a ]", "a (!= 1)",
  ])
  func whatIsNoRelationIsCountedAndTheRestIsKept(_ text: String) {
    let (relations, wrong) = parse("x, \(text), y (<= 2)")
    #expect(wrong == 1)
    #expect(relations.filter { !$0.hasPrefix("1 ") } == ["0 x ", "2 y <= 2"])
  }

  @Test func drawnBytesNeverEndTheParserAndKeepItsPromises() {
    var stream = RandomStream(seed: printedSeed())
    let pieces = Array("ab0+-._:,|()[]<>=! \n\t\u{7F}".utf8) + [0, 0xC3, 0xFF]
    for _ in 0..<20_000 {
      let field = (0..<stream.next(below: 20)).map { _ in
        pieces[Int(stream.next(below: UInt64(pieces.count)))]
      }
      var last = 0
      var count = 0
      let wrong = PackageRelation.parse(field[...]) { relation in
        #expect(relation.name.isPackageName && relation.clause >= last)
        last = relation.clause
        count += 1
      }
      let parts = field.split(separator: 44).filter { !$0.trimmed.isEmpty }
      let alternatives = parts.map { $0.count { $0 == 124 } + 1 }.reduce(0, +)
      #expect(count + wrong == alternatives, "\(field)")
    }
  }
}

@Suite struct DebianVersionTests {
  /// Each is older than the next, as dpkg --compare-versions says.
  private let rising = [
    "~~", "~~a", "~", "", "0.9~rc1-1", "0.9-1", "0.9-1+b1", "0.10-1", "1.0~", "1.0",
    "1.0-1~bpo11+1",
    "1.0-1", "1.0a-1", "1.0+dfsg-1", "1.0.1-1", "1.09.1", "1.10", "6.1.170-3", "6.1.176-1", "1:0.1",
    "1:0.1-0.1", "2:0",
  ]

  @Test func versionsAreInTheOrderOfDpkg() {
    for (index, older) in rising.enumerated() {
      for newer in rising[(index + 1)...] {
        #expect(DebianVersion(older) < DebianVersion(newer), "\(older) \(newer)")
        #expect(!(DebianVersion(newer) < DebianVersion(older)))
      }
    }
    for (one, other) in [("1.0", "0:1.0"), ("1.00-1", "1.0-1"), ("1.0-0", "1.0"), ("1.", "1.0")] {
      #expect(DebianVersion(one) == DebianVersion(other), "\(one) \(other)")
    }
  }
}
