import HedgerowCore
import HedgerowGraph
import HedgerowSampling
import HedgerowStore
import HedgerowTestSupport
import Testing

/// What a topology says of all entries of a relation.
private struct Entries: Equatable {
  var neighbors: [UInt32] = []
  var edges: [UInt64] = []

  init(_ graph: some Topology, _ relation: Relation) throws {
    let rows = (0..<UInt32(graph.count(of: relation.target))).map { $0 }
    var extents = [Extent](repeating: Extent(start: 0, count: 0), count: rows.count)
    do {
      var span = extents.mutableSpan
      try graph.extents(of: rows.span, along: relation, into: &span)
    }
    let addresses = extents.flatMap { e in (0..<UInt64(e.count)).map { e.start + $0 } }
    let entryRows = zip(rows, extents).flatMap { Array(repeating: $0, count: Int($1.count)) }
    neighbors = [UInt32](repeating: 0, count: addresses.count)
    edges = [UInt64](repeating: 0, count: addresses.count)
    do {
      var span = neighbors.mutableSpan
      try graph.read(addresses.span, along: relation, into: &span)
    }
    var span = edges.mutableSpan
    try graph.edges(at: addresses.span, in: entryRows.span, along: relation, into: &span)
  }
}

func numbers(_ graph: some Topology, _ column: String, _ owner: ColumnOwner, _ count: Int) throws
  -> [Double]
{
  let places = (0..<UInt64(count)).map { $0 }
  var values = [Double](repeating: 0, count: count)
  var span = values.mutableSpan
  try graph.numbers(of: column, of: owner, at: places.span, into: &span)
  return values
}

func integers(_ graph: some Topology, _ column: String, _ owner: ColumnOwner, _ count: Int) throws
  -> [Int64]
{
  let places = (0..<UInt64(count)).map { $0 }
  var values = [Int64](repeating: 0, count: count)
  var span = values.mutableSpan
  try graph.integers(of: column, of: owner, at: places.span, null: -77, into: &span)
  return values
}

@Suite struct EdgeColumnTests {
  /// Segments alone, changes over them, and all folded: each time both topologies say the same of
  /// every entry, and of every column by edge.
  @Test func aStoreAndAGraphInMemoryNumberEdgesAlike() throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    var random = try RandomStore(at: directory("s"), seed: seed)
    for step in 0..<6 {
      try random.change(300)
      if step == 2 || step == 5 { try random.store.compact() }
      let snapshot = try random.store.snapshot()
      let memory = random.model.memoryGraph(snapshot.schema)
      for relation in snapshot.schema.relations() {
        let (stored, held) = (try Entries(snapshot, relation), try Entries(memory, relation))
        #expect(stored == held, "\(relation.name) after step \(step)")
        #expect(stored.edges.sorted() == (0..<UInt64(stored.edges.count)).map { $0 })
      }
      for edge in snapshot.schema.edges {
        let count = snapshot.count(of: edge.type)
        let order = random.model.outOrder(edge.type)
        for property in edge.properties where property.kind.isNumeric {
          let owner = ColumnOwner.edges(edge.type)
          let stored = try numbers(snapshot, property.name, owner, count)
          let held = try numbers(memory, property.name, owner, count)
          let expected = order.map {
            switch random.model.edges[edge.type]![$0].values[property.name] {
            case .int(let value)?: Double(value)
            case .float(let value)?: value
            default: Double.nan
            }
          }
          #expect(stored.map(\.bitPattern) == expected.map(\.bitPattern))
          #expect(held.map(\.bitPattern) == expected.map(\.bitPattern))
        }
      }
      let users = snapshot.count(of: RandomStore.user)
      let ages = try integers(snapshot, "age", .nodes(RandomStore.user), users)
      for user in 0..<users {
        let value = try snapshot.value(
          of: "age", of: RandomStore.user, at: NodeID(UInt32(user)))
        #expect(value == (ages[user] == -77 ? nil : .int(ages[user])))
      }
    }
  }

  @Test func columnsOfOtherKindsAreRefused() throws {
    let directory = TemporaryDirectory()
    let store = try GraphStore(at: directory("s"), schema: RandomStore.schema)
    let snapshot = try store.snapshot()
    for (column, owner) in [
      ("note", ColumnOwner.edges(RandomStore.rates)), ("none", .edges(RandomStore.rates)),
      ("size", .edges(RandomStore.sends)), ("name", .nodes(RandomStore.user)),
    ] {
      #expect(throws: HedgerowError.self) { try integers(snapshot, column, owner, 0) }
    }
    #expect(throws: HedgerowError.self) {
      try numbers(snapshot, "kind", .edges(RandomStore.rates), 0)
    }
    #expect(throws: HedgerowError.self) {
      try numbers(MemoryGraph(), "x", .edges(RandomStore.rates), 0)
    }
  }
}
