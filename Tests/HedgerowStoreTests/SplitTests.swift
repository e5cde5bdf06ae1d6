import HedgerowCore
import HedgerowGraph
import HedgerowRoaring
import HedgerowStore
import HedgerowTestSupport
import Testing

@Suite struct SplitTests {
  private static let node: NodeType = "node"
  private typealias R = RandomStore

  /// 1,000 nodes with a class, a time and a key each; some have none of the first two, some are deleted.
  private func makeStore(at path: String, keys: [Int]) throws -> GraphStore {
    let store = try GraphStore(
      at: path,
      schema: [.node(Self.node, properties: ["class": .categorical, "at": .int64])])
    try store.write { txn in
      for key in keys {
        var values: [String: PropertyValue] = ["class": .text(key % 10 < 3 ? "a" : "b")]
        if key % 17 == 0 { values["class"] = nil }
        if key % 13 != 0 { values["at"] = .int(Int64(key * 37 % 251) - 100) }
        let id = try txn.insert(Self.node, key: "k\(key)", values)
        if key % 19 == 0 { try txn.delete(Self.node, id) }
      }
    }
    return store
  }

  private func sets(_ store: GraphStore) throws -> [[UInt32]] {
    let graph = try store.snapshot()
    return try ["train", "valid", "test"].map {
      Array(try #require(try graph.set(named: $0, of: Self.node)))
    }
  }

  private func split(
    _ store: GraphStore, _ method: Split.Method, seed: UInt64
  ) throws -> [[UInt32]] {
    let report = try store.split(Self.node, Split(method, seed: seed), replaces: true)
    let sets = try sets(store)
    #expect(report.counts == sets.map(\.count))
    #expect(try report.version == store.version)
    let all = sets.flatMap { $0 }
    #expect(Set(all).count == all.count)
    let deleted = try store.snapshot().deletedNodes(of: Self.node)
    #expect(!all.contains(where: deleted.contains))
    #expect(all.count + report.restCount == 1000 - deleted.count)
    return sets
  }

  @Test func nodesGoByChanceClassAndTime() throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    let store = try makeStore(at: directory("s"), keys: Array(0..<1000))
    let live = (0..<1000).count { $0 % 19 != 0 }
    let random = try split(store, .random, seed: seed)
    #expect(random.map(\.count).reduce(0, +) == live)
    #expect(abs(Double(random[0].count) - 0.8 * Double(live)) <= 1)
    #expect(try split(store, .random, seed: seed) == random)
    #expect(try split(store, .random, seed: seed &+ 1) != random)

    let classes = try split(store, .stratified(by: "class"), seed: seed)
    for isA in [true, false] {
      let members = (0..<1000).filter {
        $0 % 19 != 0 && $0 % 17 != 0 && ($0 % 10 < 3) == isA
      }
      for (part, share) in zip(classes, [0.8, 0.1, 0.1]) {
        let count = part.count { ($0 % 10 < 3) == isA }
        #expect(abs(Double(count) - share * Double(members.count)) <= 1)
      }
    }
    #expect(!classes.joined().contains { $0 % 17 == 0 })

    let times = try split(store, .byTime("at"), seed: seed)
    func time(_ node: UInt32) -> Int64 { Int64(node) * 37 % 251 - 100 }
    #expect(times[0].map(time).max()! < times[1].map(time).min()!)
    #expect(times[1].map(time).max()! < times[2].map(time).min()!)
    let known = (0..<UInt32(1000)).filter { $0 % 19 != 0 && $0 % 13 != 0 }.map(time).sorted()
    // The first part is what lies before the time that stands at its end.
    let cut = known[Int((0.8 * Double(known.count)).rounded())]
    #expect(times[0].count == known.count { $0 < cut })
    #expect(times.joined().count == known.count)
    #expect(try StoreVerifier.verify(store).isClean)
  }

  @Test func aSplitByKeyDoesNotDependOnOrderOrCompany() throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    func parts(_ name: String, _ keys: [Int]) throws -> [String: Int] {
      let store = try makeStore(at: directory(name), keys: keys)
      try store.split(Self.node, Split(.byKey, seed: seed))
      let graph = try store.snapshot()
      var parts: [String: Int] = [:]
      for (part, nodes) in try sets(store).enumerated() {
        for node in nodes { parts[try graph.key(of: NodeID(node), of: Self.node)] = part }
      }
      return parts
    }
    let all = try parts("a", Array(0..<1000))
    let some = try parts("b", (0..<1000).reversed().filter { $0 % 3 != 1 })
    #expect(some == all.filter { Int($0.key.dropFirst())! % 3 != 1 })
    let counts = (0..<3).map { part in all.values.count { $0 == part } }
    let expected = [0.8, 0.1, 0.1].map { $0 * Double(all.count) }
    let statistic = zip(counts, expected).reduce(0) {
      $0 + (Double($1.0) - $1.1) * (Double($1.0) - $1.1) / $1.1
    }
    let p = chiSquareProbability(statistic, degreesOfFreedom: 2)
    print("shares: p = \(p)")
    #expect(p > 1e-6)
  }

  /// Edges of stores with changes of all kinds, read anew: pairs stay together, times are in order, and
  /// what comes later is in no part and moves nobody.
  @Test func edgesGoIntoTheColumnOfTheirType() throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    var random = try RandomStore(at: directory("s"), seed: seed)
    for step in 0..<4 {
      try random.change(600)
      if step == 2 { try random.store.compact() }
      for (type, method) in [
        (R.rates, Split.Method.random), (R.follows, .byKey), (R.knows, .random),
        (R.sends, .byTime()),
      ] {
        let split = Split(method, parts: [.init("a", 0.5), .init("b", 0.3)], seed: seed)
        if step == 0 {
          try random.store.split(type, split, column: "part")
        } else {
          #expect(throws: HedgerowError.self) {
            try random.store.split(type, split, column: "part")
          }
          try random.store.split(type, split, column: "part", replaces: true)
        }
        try check(random, type, method)
      }
      #expect(try StoreVerifier.verify(random.store).problems.isEmpty)
    }
  }

  /// The ends of an edge, in either direction within a type.
  private func pair(_ source: UInt32, _ target: UInt32, of type: EdgeType) -> [UInt32] {
    type.source == type.target ? [source, target].sorted() : [source, target]
  }

  private func check(_ random: RandomStore, _ type: EdgeType, _ method: Split.Method) throws {
    let graph = try random.store.snapshot()
    let list = random.model.edges[type]!
    let order = random.model.outOrder(type)
    #expect(graph.count(of: type) == order.count)
    var partOfPair: [[UInt32]: PropertyValue?] = [:]
    var times: [PropertyValue?: [Int64]] = [:]
    var values: [PropertyValue?: Int] = [:]
    for (place, edge) in order.enumerated() {
      let part = try graph.value(of: "part", of: type, at: UInt64(place))
      values[part, default: 0] += 1
      let pair = pair(list[edge].source, list[edge].target, of: type)
      if method == .byTime(), case .int(let time)? = list[edge].values["at"] {
        times[part, default: []].append(time)
      } else if method != .byTime() {
        #expect(partOfPair.updateValue(part, forKey: pair) ?? part == part)
      }
      // The other columns are as they were.
      for (name, value) in list[edge].values {
        #expect(try graph.value(of: name, of: type, at: UInt64(place)) == value)
      }
    }
    #expect(Set(values.keys).isSubset(of: [.text("a"), .text("b"), nil]))
    if method != .byTime() {
      // Edges between the same ends go together, so that parts scatter by their squares.
      var counts: [[UInt32]: Double] = [:]
      for edge in order {
        counts[pair(list[edge].source, list[edge].target, of: type), default: 0] += 1
      }
      let deviation = counts.values.reduce(0) { $0 + $1 * $1 / 4 }.squareRoot()
      for (part, share) in [("a", 0.5), ("b", 0.3)] {
        let count = Double(values[.text(part)] ?? 0)
        #expect(abs(count - share * Double(order.count)) <= 6 * deviation + 1, "\(method)")
      }
    }
    if method == .byTime(), let a = times[.text("a")], let b = times[.text("b")] {
      #expect(a.max()! < b.min()!)
    }
  }

  @Test func edgesThatComeLaterAreInNoPart() throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    var random = try RandomStore(at: directory("s"), seed: seed)
    try random.change(800)
    try random.store.split(R.rates, Split(seed: seed))
    let before = random.model.edges[R.rates]!
    func parts() throws -> [[UInt32]: Set<PropertyValue?>] {
      let graph = try random.store.snapshot()
      var parts: [[UInt32]: Set<PropertyValue?>] = [:]
      for (place, edge) in random.model.outOrder(R.rates).enumerated() {
        let pair = random.model.edges[R.rates]![edge]
        let part = try graph.value(of: "split", of: R.rates, at: UInt64(place))
        parts[[pair.source, pair.target], default: []].insert(part)
      }
      return parts
    }
    let first = try parts()
    #expect(first.values.allSatisfy { $0.count == 1 && $0 != [nil] })
    for isCompacted in [false, true] {
      if isCompacted { try random.store.compact() } else { try random.change(400) }
      let known = Set(before.map { [$0.source, $0.target] })
      for (pair, found) in try parts() {
        if known.contains(pair) {
          // Some may have gone and come again.
          #expect(found.subtracting([nil]).isSubset(of: first[pair]!))
        } else {
          #expect(found == [nil])
        }
      }
    }
    #expect(try StoreVerifier.verify(random.store).problems.isEmpty)
  }

  @Test func edgesOfTwoTypesAreSplitAlike() throws {
    let directory = TemporaryDirectory()
    let (forth, back) = (EdgeType("a", "to", "b"), EdgeType("b", "from", "a"))
    let store = try GraphStore(
      at: directory("s"), schema: [.node("a"), .node("b"), .edge(forth), .edge(back)])
    try store.write { txn in
      for number in 0..<40 {
        _ = try txn.insert("a", key: "\(number)")
        _ = try txn.insert("b", key: "\(number * 3)")
      }
      for number in 0..<UInt32(500) {
        let (a, b) = (NodeID(number % 40), NodeID(number * 7 % 39))
        _ = try txn.connect(a, forth, b)
        _ = try txn.connect(b, back, a)
      }
    }
    for method in [Split.Method.random, .byKey] {
      try store.split(forth, Split(method, seed: 3), reverseTypes: [back], replaces: true)
      let graph = try store.snapshot()
      var parts: [EdgeType: [[UInt32]: PropertyValue]] = [:]
      for type in [forth, back] {
        for place in 0..<UInt64(graph.count(of: type)) {
          let (sources, targets) = try graph.endpoints(of: [place].span, type)
          let pair = type == forth ? [sources[0], targets[0]] : [targets[0], sources[0]]
          parts[type, default: [:]][pair] = try graph.value(of: "split", of: type, at: place)
        }
      }
      #expect(parts[forth] == parts[back])
      #expect(Set(parts[forth]!.values).count == 3)
    }
    #expect(throws: HedgerowError.self) {
      try store.split(forth, reverseTypes: [forth], replaces: true)
    }
  }

  @Test func whatIsNoSplitIsRefused() throws {
    let directory = TemporaryDirectory()
    let store = try makeStore(at: directory("s"), keys: Array(0..<50))
    let version = try store.version
    for split in [
      Split(parts: []), Split(parts: [.init("a", 0.6), .init("b", 0.6)]),
      Split(parts: [.init("a", 0.1), .init("a", 0.1)]), Split(parts: [.init("a", -0.1)]),
      Split(.byTime()), Split(.byTime("class")), Split(.stratified(by: "none")),
    ] {
      #expect(throws: HedgerowError.self) { try store.split(Self.node, split) }
    }
    #expect(throws: HedgerowError.self) { try store.split("other", Split()) }
    #expect(throws: HedgerowError.self) { try store.split(EdgeType("a", "b", "c"), Split()) }
    #expect(try store.version == version)
    try store.split(Self.node)
    #expect(throws: HedgerowError.self) { try store.split(Self.node) }
  }
}
