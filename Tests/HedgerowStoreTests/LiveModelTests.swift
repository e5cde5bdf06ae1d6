import Glibc
import HedgerowCore
import HedgerowGraph
import HedgerowRoaring
import HedgerowStore
import HedgerowTestSupport
import Testing

private let user: NodeType = "user"
private let item: NodeType = "item"
private let rates = EdgeType("user", "rates", "item")
private let follows = EdgeType("user", "follows", "user")
private let knows = EdgeType("user", "knows", "user")
private let sends = EdgeType("user", "sends", "user")

private let schema: GraphSchema = [
  .node(user, properties: ["age": .int32, "name": .string, "group": .categorical]),
  .node(item, features: 3, properties: ["price": .float64]),
  .edge(rates, properties: ["stars": .int8, "note": .string, "kind": .categorical]),
  .edge(follows),
  .edge(knows, isUndirected: true),
  .edge(sends, properties: ["at": .int64], time: "at"),
]

/// Random changes to a store and to a graph in dictionaries at once.
private struct Machine {
  var random: RandomStream
  let path: String
  var store: GraphStore
  var model = ReferenceStore()
  var snapshots: [(Snapshot, ReferenceStore)] = []
  /// What each version held.
  var versions: [UInt64: ReferenceStore] = [:]

  init(seed: UInt64, path: String) throws {
    random = RandomStream(seed: seed)
    self.path = path
    // Small ranges, so that a few nodes lie in several.
    _ = try GraphStore.create(at: path, rangeBits: 6)
    store = try GraphStore(at: path, schema: schema)
    for node in schema.nodes { model.nodes[node.type] = .init() }
    for edge in schema.edges { model.edges[edge.type] = [] }
  }

  mutating func draw(_ bound: Int) -> Int { Int(random.next(below: UInt64(bound))) }

  mutating func text() -> String { "t\(draw(20))" }

  mutating func value(_ kind: PropertyKind) -> PropertyValue? {
    if draw(6) == 0 { return nil }
    switch kind {
    case .string: return .text(text())
    case .categorical: return .text("c\(draw(9))")
    case .float64: return .float(Double(draw(100)) / 4)
    case .vector(_, let width): return .vector((0..<width).map { _ in Float(draw(50)) / 2 })
    case .int8: return .int(Int64(draw(200)) - 100)
    default: return .int(Int64(draw(1000)))
    }
  }

  /// A step in one transaction, which may be given up.
  mutating func step(_ txn: borrowing GraphWriteTransaction, _ model: inout ReferenceStore) throws {
    let types = [user, item]
    switch draw(20) {
    case 0...3:
      let type = types[draw(2)]
      // Some keys are long, and some of those share their beginning.
      var key = "k\(draw(400))"
      if draw(10) == 0 { key = String(repeating: "x", count: 450) + key }
      if let known = model.nodes[type]!.keys.firstIndex(of: key), model.nodes[type]!.isThere[known]
      {
        #expect(throws: HedgerowError.self) { try txn.insert(type, key: key) }
        return
      }
      var values: [String: PropertyValue] = [:]
      for column in schema.node(type)!.properties where draw(2) == 0 {
        values[column.name] = value(column.kind)
      }
      let id = model.insert(type, key)
      model.nodes[type]!.values[Int(id)] = values
      #expect(try txn.insert(type, key: key, values.mapValues { $0 }).rawValue == id)
    case 4:
      let type = types[draw(2)]
      guard let id = node(type, model) else { return }
      model.delete(type, id)
      try txn.delete(type, NodeID(id))
    case 5...7:
      let type = types[draw(2)]
      guard let id = node(type, model) else { return }
      let columns = schema.node(type)!.properties
      let column = columns[draw(columns.count)]
      let value = value(column.kind)
      model.nodes[type]!.values[Int(id)][column.name] = value
      try txn.set(column.name, of: type, NodeID(id), to: value)
    case 8...13:
      let edge = schema.edges[draw(schema.edges.count)]
      guard let source = node(edge.type.source, model), let target = node(edge.type.target, model)
      else { return }
      var values: [String: PropertyValue] = [:]
      for column in edge.properties { values[column.name] = value(column.kind) }
      if edge.timeColumn != nil { values["at"] = .int(Int64(draw(10))) }
      model.edges[edge.type]!.append(.init(source: source, target: target, values: values))
      if edge.isUndirected && source != target {
        model.edges[edge.type]!.append(.init(source: target, target: source, values: values))
      }
      try txn.connect(NodeID(source), edge.type, NodeID(target), values.mapValues { $0 })
    case 14...15:
      let edge = schema.edges[draw(schema.edges.count)]
      guard let (source, target, parallel) = pick(edge.type, model) else { return }
      if draw(4) == 0 {
        let count = model.parallels(edge.type, source, target).count
        for place in (0..<count).reversed() { remove(edge, source, target, place, &model) }
        #expect(
          try txn.disconnect(NodeID(source), edge.type, NodeID(target)) == count)
      } else {
        remove(edge, source, target, parallel, &model)
        try txn.disconnect(NodeID(source), edge.type, NodeID(target), parallel: parallel)
      }
    case 16...17:
      let edge = [schema.edge(rates)!, schema.edge(sends)!][draw(2)]
      guard let (source, target, parallel) = pick(edge.type, model) else { return }
      let column = edge.properties[draw(edge.properties.count)]
      let place = model.parallels(edge.type, source, target)[parallel]
      let value = edge.timeColumn == nil ? value(column.kind) : .int(Int64(draw(10)))
      try txn.set(
        column.name, from: NodeID(source), edge.type, to: NodeID(target), parallel: parallel, value)
      model.edges[edge.type]![place].values[column.name] = value
      if edge.timeColumn != nil {
        // It goes behind its parallels.
        model.edges[edge.type]!.append(model.edges[edge.type]!.remove(at: place))
      }
    case 18:
      let type = types[draw(2)]
      let name = "s\(draw(3))"
      guard let id = node(type, model) else { return }
      model.nodes[type]!.sets[name, default: []].insert(id)
      try txn.insert(NodeID(id), of: type, into: name)
    default:
      let type = types[draw(2)]
      guard let name = model.nodes[type]!.sets.keys.sorted().first else { return }
      if draw(5) == 0 {
        model.nodes[type]!.sets[name] = nil
        try txn.dropSet(name, of: type)
      } else if let id = model.nodes[type]!.sets[name]!.sorted().first {
        model.nodes[type]!.sets[name]!.remove(id)
        try txn.remove(NodeID(id), of: type, from: name)
      }
    }
  }

  mutating func node(_ type: NodeType, _ model: ReferenceStore) -> UInt32? {
    let there = model.nodes[type]!.isThere.indices.filter { model.nodes[type]!.isThere[$0] }
    // A third of all that happens is about one node, whose rows become long.
    if draw(3) == 0, let first = there.first { return UInt32(first) }
    return there.isEmpty ? nil : UInt32(there[draw(there.count)])
  }

  mutating func pick(_ type: EdgeType, _ model: ReferenceStore) -> (UInt32, UInt32, Int)? {
    guard !model.edges[type]!.isEmpty else { return nil }
    let edge = model.edges[type]![draw(model.edges[type]!.count)]
    return (
      edge.source, edge.target, draw(model.parallels(type, edge.source, edge.target).count)
    )
  }

  func remove(
    _ edge: EdgeSchema, _ source: UInt32, _ target: UInt32, _ parallel: Int,
    _ model: inout ReferenceStore
  ) {
    model.edges[edge.type]!.remove(at: model.parallels(edge.type, source, target)[parallel])
    if edge.isUndirected && source != target {
      model.edges[edge.type]!.remove(at: model.parallels(edge.type, target, source)[parallel])
    }
  }

  struct GivenUp: Error {}

  mutating func commit() throws {
    var machine = self
    let isGivenUp = draw(8) == 0
    machine.random = random.derive(7)
    do {
      try store.write { txn in
        var model = machine.model
        for _ in 0..<1 + machine.draw(12) { try machine.step(txn, &model) }
        if isGivenUp { throw GivenUp() }
        machine.model = model
      }
      model = machine.model
    } catch is GivenUp {}
    versions[try store.version] = model
  }

  mutating func check(_ comment: String) throws {
    let snapshot = try store.snapshot()
    let difference = try model.difference(from: snapshot)
    #expect(difference == nil, "\(comment)")
    // By the index where there is one, by values where it does not reach.
    let low = Int64(draw(900))
    let found = try snapshot.nodes(
      of: user, where: .column("age") >= .int(low) && .column("age") < .int(low + 100))
    let nodes = model.nodes[user]!
    let expected = nodes.keys.indices.filter { id in
      guard nodes.isThere[id], case .int(let age)? = nodes.values[id]["age"] else { return false }
      return age >= low && age < low + 100
    }
    #expect(Array(found) == expected.map { UInt32($0) }, "\(comment)")
  }

  /// Makes an index, by a build that folds all changes or beside a commit.
  mutating func index() throws {
    let isAlone = draw(2) == 0
    let build = try isAlone ? store.beginBuild() : store.beginAddition(isComplete: true)
    if !isAlone { try commit() }
    try build.buildIndex(of: "age", of: user)
    try build.publish()
    versions[try store.version] = model
  }

  /// Writes a column anew, sometimes beside a commit.
  mutating func column() throws {
    let property = schema.node(user)!.properties[draw(3)]
    let values = model.nodes[user]!.isThere.map { $0 ? value(property.kind) : nil }
    // Tells nodes that are made again meanwhile, which have lost all their values.
    let mark = "a mark"
    for id in values.indices where model.nodes[user]!.isThere[id] {
      model.nodes[user]!.values[id][mark] = true
    }
    var machine = self
    var isFirst = draw(2) == 0
    try store.setColumn(property, of: user, replaces: true) { id in
      if isFirst { try machine.commit() }
      isFirst = false
      return values[Int(id.rawValue)]
    }
    self = machine
    for id in model.nodes[user]!.keys.indices {
      let isMarked = model.nodes[user]!.values[id].removeValue(forKey: mark) != nil
      model.nodes[user]!.values[id][property.name] = isMarked ? values[id] : nil
    }
    versions[try store.version] = model
  }
}

@Suite struct LiveModelTests {
  /// Random changes, snapshots, compactions and openings against a graph in dictionaries.
  @Test(arguments: [0, 1, 2])
  func aStoreAgreesWithAGraphInDictionaries(run: UInt64) throws {
    let seed = printedSeed() &+ run
    let directory = TemporaryDirectory()
    var machine = try Machine(seed: seed, path: directory("s"))
    let stepCount = Int(environment("HEDGEROW_MODEL_STEPS") ?? "") ?? 150
    for step in 0..<stepCount {
      try machine.commit()
      switch machine.draw(14) {
      case 12 where step % 5 == 0:
        try machine.index()
        try machine.check("index at step \(step)")
      case 12 where step % 5 == 1:
        try machine.column()
        try machine.check("column at step \(step)")
      case 13:
        // An earlier version, where it is kept.
        let version =
          try machine.store.version - min(machine.store.version, UInt64(machine.draw(6)))
        if let model = machine.versions[version],
          let snapshot = try? machine.store.snapshot(at: version)
        {
          #expect(try model.difference(from: snapshot) == nil, "version \(version) at step \(step)")
        }
      case 0:
        try machine.check("step \(step)")
        machine.snapshots.append((try machine.store.snapshot(), machine.model))
      case 1:
        try machine.store.compact()
        try machine.check("compaction at step \(step)")
      case 2:
        machine.store = try GraphStore.open(at: machine.path)
        try machine.check("opening at step \(step)")
      case 3:
        let report = try StoreVerifier.verify(at: machine.path)
        #expect(report.isClean, "step \(step): \(report.problems)")
      default: break
      }
      if machine.snapshots.count > 3 {
        let (snapshot, model) = machine.snapshots.removeFirst()
        #expect(try model.difference(from: snapshot) == nil, "a snapshot at step \(step)")
      }
    }
    for (snapshot, model) in machine.snapshots {
      #expect(try model.difference(from: snapshot) == nil, "a snapshot at the end")
    }
    machine.snapshots = []
    try machine.store.compact()
    try machine.check("the last compaction")
    #expect(try StoreVerifier.verify(at: machine.path).isClean)
  }
}

private func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
