import HedgerowCore
import HedgerowRoaring
import HedgerowStore
import HedgerowTestSupport
import Testing

@Suite struct FilterTests {
  @Test func aFilterGivesWhatALookAtEachRowGives() throws {
    var random = RandomStream(seed: printedSeed())
    let directory = TemporaryDirectory()
    for (round, count) in [0, 1, 64, 700].enumerated() {
      let table = RandomTable(count, &random)
      let store = try GraphStore.create(at: directory("s\(round)"), rangeBits: 7)
      let build = try store.beginBuild()
      try table.write(to: build)
      try build.publish()
      #expect(try StoreVerifier.verify(store).isClean)
      let graph = try store.snapshot()
      var taken = 0
      for _ in 0..<1500 {
        let filter = RandomTable.filter(Int(random.next(below: 3)), &random)
        let expected = table.nodes(where: filter)
        let found = Array(try graph.nodes(of: RandomTable.type, where: filter))
        if found != expected { Issue.record("\(filter): \(found) for \(expected)") }
        if !found.isEmpty && found.count < count { taken += 1 }
      }
      if count > 64 { #expect(taken > 300) }
    }
  }

  @Test func wrongColumnsAndTypesAreNamedBeforeAnythingIsRead() throws {
    var random = RandomStream(seed: printedSeed())
    let directory = TemporaryDirectory()
    let store = try GraphStore.create(at: directory("s"))
    let build = try store.beginBuild()
    try RandomTable(10, &random).write(to: build)
    try build.publish()
    let graph = try store.snapshot()
    func message(_ type: NodeType, _ filter: Filter) -> String {
      let error = #expect(throws: HedgerowError.self) { try graph.nodes(of: type, where: filter) }
      #expect(error?.code == .usage)
      return error?.message ?? ""
    }
    let type = RandomTable.type
    #expect(message("none", .column("int8") == 1).contains("no node type 'none': there are row"))
    #expect(
      message(type, .column("year") == 1).contains(
        "no column 'year' of node type 'row': there are bool, int8"))
    // Also where another part of the filter takes no node already.
    #expect(
      message(type, .column("int8") > 1000 && .column("text") == 5)
        .contains("column 'row.text' is string: it cannot be compared with the number 5"))
    #expect(throws: CancellationError.self) {
      try graph.nodes(of: type, where: .column("int8") == 1) { throw CancellationError() }
    }
  }

  @Test func membersOfASetAreFiltered() throws {
    var random = RandomStream(seed: printedSeed())
    let directory = TemporaryDirectory()
    let table = RandomTable(300, &random)
    let store = try GraphStore.create(at: directory("s"))
    let build = try store.beginBuild()
    try table.write(to: build)
    let set = RoaringBitmap((0..<100).map { $0 * 3 })
    try build.setMembers("third", of: RandomTable.type, set)
    try build.publish()
    let graph = try store.snapshot()
    let filter = Filter.column("int8") >= 0
    let all = RoaringBitmap(table.nodes(where: filter))
    let type = RandomTable.type
    #expect(try graph.members(of: nil, of: type, where: nil) == nil)
    #expect(try graph.members(of: "third", of: type, where: nil) == set)
    #expect(try graph.members(of: nil, of: type, where: filter) == all)
    #expect(try graph.members(of: "third", of: type, where: filter) == set.intersection(all))
    #expect(throws: HedgerowError.self) { try graph.members(of: "no", of: type, where: filter) }
  }
}
