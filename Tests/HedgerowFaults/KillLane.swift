import HedgerowCore
import HedgerowStore
import HedgerowTestSupport

/// What one thread of a writer does that is killed: steps that are functions of the seed, of their
/// number and of what the ones before made, all of them to types that no other thread changes, and to
/// nodes of a common type whose keys are its own. So a store says how far each thread came, however
/// their commits mixed.
struct KillLane {
  /// What a store's threads do beside transactions.
  enum Mix: String, CaseIterable {
    /// Builds, write-back and compactions that are asked for.
    case builds
    /// Compactions come by themselves only.
    case automatic
  }

  enum Step: Sendable {
    case write([LaneChange])
    case compact
    case schema(dropping: String?, adding: String, default: Int64)
    case append(nodes: [LaneNode], edges: [LaneEdge])
    /// A column as a model's prediction.
    case column([Int32])

    var kind: String {
      switch self {
      case .write: "write"
      case .compact: "compact"
      case .schema: "schema"
      case .append: "append"
      case .column: "column"
      }
    }
  }

  struct LaneNode: Sendable {
    var key: String
    var values: [String: PropertyValue]
  }
  struct LaneEdge: Sendable {
    var source: String
    var target: String
    var values: [String: PropertyValue]
  }
  enum LaneChange: Sendable {
    case insert(LaneNode, id: UInt32)
    case delete(UInt32)
    case set(UInt32, String, PropertyValue?)
    case connect(UInt32, UInt32, [String: PropertyValue])
    case disconnect(UInt32, UInt32, parallel: Int)
    case setEdge(UInt32, UInt32, parallel: Int, PropertyValue?)
    case insertMember(UInt32, String)
    case removeMember(UInt32, String)
    case setShared(String, Int64)
    case deleteShared(String)
  }

  static let shared: NodeType = "shared"
  static let properties: [PropertySchema] = [
    PropertySchema("value", .int64), PropertySchema("name", .string),
    PropertySchema("kind", .categorical),
    PropertySchema("x", .vector(element: .float32, width: 3)),
  ]
  static let edgeProperties: [PropertySchema] = [
    PropertySchema("weight", .float64), PropertySchema("note", .string),
  ]

  let number: Int
  let mix: Mix
  let node: NodeType
  let link: EdgeType
  /// Steps that were made.
  private(set) var done = 0
  private let random: RandomStream
  private var model = ReferenceStore()
  private var sharedValues: [String: Int64] = [:]
  /// The column that the last change of the schema added.
  private var extra: (name: String, value: Int64)?

  init(_ number: Int, seed: UInt64, _ mix: Mix) {
    self.number = number
    self.mix = mix
    node = NodeType("lane\(number)")
    link = EdgeType(node, "links", node)
    random = RandomStream(seed: seed).derive(UInt64(number))
    model.nodes[node] = .init()
    model.edges[link] = []
  }

  static func addTypes(to change: inout SchemaChange, laneCount: Int) throws {
    try change.add(NodeSchema(shared, properties: [PropertySchema("value", .int64)]))
    for number in 0..<laneCount {
      let lane = KillLane(number, seed: 0, .builds)
      try change.add(NodeSchema(lane.node, properties: properties))
      try change.add(EdgeSchema(lane.link, properties: edgeProperties))
    }
  }

  // MARK: Steps

  /// The next step, done to the model.
  mutating func next() -> Step {
    var random = random.derive(UInt64(done))
    defer { done += 1 }
    let draw = Self.draw(100, &random)
    switch mix {
    case .builds:
      switch draw {
      case ..<84: break
      case ..<87: return .compact
      case ..<92: return changeSchema()
      case ..<96: return append(&random)
      default: return writeColumn(&random)
      }
    case .automatic:
      if draw >= 92 { return changeSchema() }
    }
    var changes: [LaneChange] = []
    for _ in 0..<1 + Self.draw(12, &random) { change(&random, &changes) }
    return .write(changes)
  }

  private static func draw(_ bound: Int, _ random: inout RandomStream) -> Int {
    Int(random.next(below: UInt64(bound)))
  }

  private var nodes: ReferenceStore.Nodes { model.nodes[node]! }

  private func live(_ random: inout RandomStream) -> UInt32? {
    let there = nodes.isThere.indices.filter { nodes.isThere[$0] }
    return there.isEmpty ? nil : UInt32(there[Self.draw(there.count, &random)])
  }

  private func value(_ column: String, _ random: inout RandomStream) -> PropertyValue? {
    let number = Self.draw(1000, &random)
    if number < 150 { return nil }
    switch column {
    case "name", "note": return .text("text \(number)")
    case "kind": return .text("kind \(number % 7)")
    case "x": return .vector([Float(number) / 4, 1, Float(number % 10)])
    case "weight": return .float(Double(number) / 8)
    default: return .int(Int64(number))
    }
  }

  private func values(
    _ properties: [PropertySchema], _ random: inout RandomStream
  ) -> [String: PropertyValue] {
    var values: [String: PropertyValue] = [:]
    for property in properties { values[property.name] = value(property.name, &random) }
    return values
  }

  private mutating func insert(_ new: LaneNode) -> UInt32 {
    let id = model.insert(node, new.key)
    var values = new.values
    if let extra { values[extra.name] = .int(extra.value) }
    model.nodes[node]!.values[Int(id)] = values
    return id
  }

  private mutating func change(_ random: inout RandomStream, _ changes: inout [LaneChange]) {
    let isFull = nodes.isThere.count { $0 } > 200 || model.edges[link]!.count > 1500
    switch Self.draw(20, &random) {
    case 0...5 where !isFull:
      let new = LaneNode(
        key: "k\(Self.draw(400, &random))", values: values(Self.properties, &random))
      if let id = nodes.keys.firstIndex(of: new.key), nodes.isThere[id] { return }
      changes.append(.insert(new, id: insert(new)))
    case 0...6:
      guard let id = live(&random) else { return }
      model.delete(node, id)
      changes.append(.delete(id))
    case 7...8:
      guard let id = live(&random) else { return }
      let column = Self.properties[Self.draw(Self.properties.count, &random)].name
      let value = value(column, &random)
      model.nodes[node]!.values[Int(id)][column] = value
      changes.append(.set(id, column, value))
    case 9...13:
      guard let source = live(&random), let target = live(&random) else { return }
      let values = values(Self.edgeProperties, &random)
      model.edges[link]!.append(.init(source: source, target: target, values: values))
      changes.append(.connect(source, target, values))
    case 14...15:
      guard let edge = edge(&random) else { return }
      let parallels = model.parallels(link, edge.source, edge.target)
      let parallel = Self.draw(parallels.count, &random)
      model.edges[link]!.remove(at: parallels[parallel])
      changes.append(.disconnect(edge.source, edge.target, parallel: parallel))
    case 16:
      guard let edge = edge(&random) else { return }
      let parallels = model.parallels(link, edge.source, edge.target)
      let parallel = Self.draw(parallels.count, &random)
      let value = value("weight", &random)
      model.edges[link]![parallels[parallel]].values["weight"] = value
      changes.append(.setEdge(edge.source, edge.target, parallel: parallel, value))
    case 17:
      guard let id = live(&random) else { return }
      let name = "set\(Self.draw(2, &random))"
      if nodes.sets[name, default: []].contains(id) {
        model.nodes[node]!.sets[name]!.remove(id)
        changes.append(.removeMember(id, name))
      } else {
        model.nodes[node]!.sets[name, default: []].insert(id)
        changes.append(.insertMember(id, name))
      }
    default:
      let key = "\(number)-\(Self.draw(60, &random))"
      if sharedValues[key] != nil, Self.draw(3, &random) == 0 {
        sharedValues[key] = nil
        changes.append(.deleteShared(key))
      } else {
        let value = Int64(Self.draw(1_000_000, &random))
        sharedValues[key] = value
        changes.append(.setShared(key, value))
      }
    }
  }

  private func edge(_ random: inout RandomStream) -> ReferenceStore.Edge? {
    let edges = model.edges[link]!
    return edges.isEmpty ? nil : edges[Self.draw(edges.count, &random)]
  }

  private mutating func changeSchema() -> Step {
    let old = extra
    let new = (name: "extra\(done)", value: Int64(done))
    extra = new
    for id in nodes.values.indices {
      if let old { model.nodes[node]!.values[id][old.name] = nil }
      model.nodes[node]!.values[id][new.name] = .int(new.value)
    }
    return .schema(dropping: old?.name, adding: new.name, default: new.value)
  }

  private mutating func append(_ random: inout RandomStream) -> Step {
    var added: [LaneNode] = []
    var edges: [LaneEdge] = []
    for place in 0..<1 + Self.draw(6, &random) {
      let new = LaneNode(key: "b\(done)-\(place)", values: values(Self.properties, &random))
      added.append(new)
      let id = insert(new)
      for _ in 0..<3 {
        guard let other = live(&random) else { continue }
        let values = values(Self.edgeProperties, &random)
        model.edges[link]!.append(.init(source: id, target: other, values: values))
        edges.append(LaneEdge(source: new.key, target: nodes.keys[Int(other)], values: values))
      }
    }
    return .append(nodes: added, edges: edges)
  }

  private mutating func writeColumn(_ random: inout RandomStream) -> Step {
    let codes = nodes.keys.indices.map { _ in Int32(Self.draw(1000, &random)) }
    for id in codes.indices where nodes.isThere[id] {
      model.nodes[node]!.values[id]["predicted"] = .int(Int64(codes[id]))
    }
    return .column(codes)
  }

  /// The column that files have to give, beside those that all have.
  var extraColumn: (name: String, value: Int64)? { extra }

  // MARK: What a store must say

  func difference(from graph: Snapshot) throws -> String? {
    if let difference = try model.difference(from: graph) { return "\(node): \(difference)" }
    for place in 0..<60 {
      let key = "\(number)-\(place)"
      var found: PropertyValue?
      if let id = try graph.node(Self.shared, key: key) {
        found = try graph.value(of: "value", of: Self.shared, at: id)
      }
      guard found == sharedValues[key].map({ .int($0) }) else {
        return "shared '\(key)': \(found as Any), not \(sharedValues[key] as Any)"
      }
    }
    return nil
  }
}

/// What another thread does: so many edges a commit that compactions come by themselves.
struct KillFlood {
  static let node: NodeType = "many"
  static let reach = EdgeType("many", "reach", "many")
  static let nodeCount = 256

  private(set) var done = 0
  private(set) var edgeCount = 0
  private var hash: UInt64 = 0
  private let random: RandomStream
  private let stepCount: Int

  enum Step {
    case nodes
    case connect([(UInt32, UInt32)])
    case disconnect([(UInt32, UInt32)])
  }

  init(seed: UInt64, _ mix: KillLane.Mix) {
    random = RandomStream(seed: seed).derive(1000)
    stepCount = mix == .automatic ? 6000 : 500
  }

  private func edges(_ step: Int) -> [(UInt32, UInt32)] {
    var random = random.derive(UInt64(step))
    return (0..<stepCount).map { _ in
      (
        UInt32(random.next(below: UInt64(Self.nodeCount))),
        UInt32(random.next(below: UInt64(Self.nodeCount)))
      )
    }
  }

  static func hash(_ source: UInt32, _ target: UInt32) -> UInt64 {
    RandomStream.mix(UInt64(source) << 32 | UInt64(target))
  }

  mutating func next() -> Step {
    defer { done += 1 }
    if done == 0 { return .nodes }
    // What two steps before brought; a third of what comes goes again.
    let isRemoval = done % 4 == 3
    let edges = edges(isRemoval ? done - 2 : done)
    for (source, target) in edges {
      let value = Self.hash(source, target)
      hash = isRemoval ? hash &- value : hash &+ value
    }
    edgeCount += isRemoval ? -edges.count : edges.count
    return isRemoval ? .disconnect(edges) : .connect(edges)
  }

  func difference(from graph: Snapshot) throws -> String? {
    let expected = done > 0 ? Self.nodeCount : 0
    guard graph.count(of: Self.node) == expected else {
      return "\(graph.count(of: Self.node)) of many, not \(expected)"
    }
    guard graph.count(of: Self.reach) == edgeCount else {
      return "\(graph.count(of: Self.reach)) edges of many, not \(edgeCount)"
    }
    for index in AdjacencyIndex.allCases {
      guard try edgeHash(graph, Self.reach, index) == hash else { return "\(index) edges of many" }
    }
    return nil
  }
}

/// A hash of an index's edges that does not depend on their order.
func edgeHash(_ graph: Snapshot, _ type: EdgeType, _ index: AdjacencyIndex) throws -> UInt64 {
  var hash: UInt64 = 0
  var cursor = try graph.edges(of: type, index)
  while try cursor.advance() {
    for (row, neighbor) in zip(cursor.rows, cursor.neighbors) {
      hash &+= index == .out ? KillFlood.hash(row, neighbor) : KillFlood.hash(neighbor, row)
    }
  }
  return hash
}
