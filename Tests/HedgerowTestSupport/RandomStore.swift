public import HedgerowCore
import HedgerowGraph
import HedgerowRoaring
public import HedgerowStore

/// A store that takes random changes, and a graph in dictionaries that takes the same: nodes that are
/// deleted, columns of all shapes, edge types with columns, without, undirected, and sorted by time.
public struct RandomStore {
  public static let user: NodeType = "user"
  public static let item: NodeType = "item"
  public static let rates = EdgeType("user", "rates", "item")
  public static let follows = EdgeType("user", "follows", "user")
  public static let knows = EdgeType("user", "knows", "user")
  public static let sends = EdgeType("user", "sends", "user")

  public static let schema: GraphSchema = [
    .node(user, properties: ["age": .int32, "name": .string, "group": .categorical]),
    .node(item, features: 3, properties: ["price": .float64, "open": .bool, "raw": .bytes]),
    .edge(rates, properties: ["stars": .int8, "note": .string, "kind": .categorical]),
    .edge(follows),
    .edge(knows, isUndirected: true),
    .edge(sends, properties: ["at": .int64, "size": .float32], time: "at"),
  ]

  public let store: GraphStore
  public private(set) var model = ReferenceStore()
  private var random: RandomStream
  private var keyCount = 0

  /// - Parameter path: where the store is made, of ranges of 64 nodes.
  public init(at path: String, seed: UInt64) throws {
    random = RandomStream(seed: seed)
    _ = try GraphStore.create(at: path, rangeBits: 6)
    store = try GraphStore(at: path, schema: Self.schema)
    for node in Self.schema.nodes { model.nodes[node.type] = .init() }
    for edge in Self.schema.edges { model.edges[edge.type] = [] }
  }

  private mutating func draw(_ bound: Int) -> Int { Int(random.next(below: UInt64(bound))) }

  private mutating func value(_ kind: PropertyKind) -> PropertyValue? {
    if draw(6) == 0 { return nil }
    return switch kind {
    case .string: .text("text \(draw(90))")
    case .categorical: .text("c\(draw(9))")
    case .bool: .bool(draw(2) == 1)
    case .bytes: .bytes((0..<draw(5)).map { _ in UInt8(draw(256)) })
    case .float32, .float64: .float(Double(draw(100)) / 4)
    case .vector(_, let width): .vector((0..<width).map { _ in Float(draw(50)) / 2 })
    case .int8: .int(Int64(draw(200)) - 100)
    default: .int(Int64(draw(1000)))
    }
  }

  private mutating func node(_ type: NodeType, _ model: ReferenceStore) -> UInt32? {
    let nodes = model.nodes[type]!
    for _ in 0..<20 where !nodes.isThere.isEmpty {
      // Some nodes have many edges.
      let id = min(draw(nodes.isThere.count), draw(nodes.isThere.count))
      if nodes.isThere[id] { return UInt32(id) }
    }
    return nil
  }

  /// One commit of so many changes.
  public mutating func change(_ count: Int) throws {
    var copy = self
    try store.write { txn in
      for _ in 0..<count { try copy.step(txn) }
    }
    self = copy
  }

  private mutating func step(_ txn: borrowing GraphWriteTransaction) throws {
    let type = [Self.user, Self.item][draw(2)]
    switch draw(20) {
    case 0...4:
      keyCount += 1
      // Neither the order of ids nor that of numbers is the order of keys.
      let key = "\(draw(10_000))-\(keyCount)"
      var values: [String: PropertyValue] = [:]
      for column in Self.schema.node(type)!.properties { values[column.name] = value(column.kind) }
      let id = model.insert(type, key)
      model.nodes[type]!.values[Int(id)] = values
      try txn.insert(type, key: key, values.mapValues { $0 })
    case 5 where draw(4) == 0:
      guard let id = node(type, model) else { return }
      model.delete(type, id)
      try txn.delete(type, NodeID(id))
    case 6:
      guard let id = node(type, model) else { return }
      let columns = Self.schema.node(type)!.properties
      let column = columns[draw(columns.count)]
      let value = value(column.kind)
      model.nodes[type]!.values[Int(id)][column.name] = value
      try txn.set(column.name, of: type, NodeID(id), to: value)
    case 7:
      guard let id = node(type, model) else { return }
      let name = "set\(draw(3))"
      model.nodes[type]!.sets[name, default: []].insert(id)
      try txn.insert(NodeID(id), of: type, into: name)
    case 8:
      let edge = Self.schema.edges[draw(4)]
      guard let last = model.edges[edge.type]!.last else { return }
      let count = model.parallels(edge.type, last.source, last.target).count
      for _ in 0..<count { remove(edge, last.source, last.target) }
      try txn.disconnect(NodeID(last.source), edge.type, NodeID(last.target))
    default:
      let edge = Self.schema.edges[draw(4)]
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
    }
  }

  private mutating func remove(_ edge: EdgeSchema, _ source: UInt32, _ target: UInt32) {
    model.edges[edge.type]!.remove(at: model.parallels(edge.type, source, target)[0])
    if edge.isUndirected && source != target {
      model.edges[edge.type]!.remove(at: model.parallels(edge.type, target, source)[0])
    }
  }
}

extension ReferenceStore {
  /// What a snapshot holds, read in its own order.
  public init(of snapshot: Snapshot) throws {
    self.init()
    for node in snapshot.schema.nodes {
      var nodes = Nodes()
      let deleted = snapshot.deletedNodes(of: node.type)
      for id in 0..<UInt32(snapshot.count(of: node.type)) {
        nodes.keys.append(try snapshot.key(of: NodeID(id), of: node.type))
        nodes.isThere.append(!deleted.contains(id))
        var values: [String: PropertyValue] = [:]
        for column in node.properties {
          values[column.name] = try snapshot.value(of: column.name, of: node.type, at: NodeID(id))
        }
        nodes.values.append(values)
      }
      for name in snapshot.setNames(of: node.type) {
        nodes.sets[name] = Set(try snapshot.set(named: name, of: node.type) ?? RoaringBitmap())
      }
      self.nodes[node.type] = nodes
    }
    for edge in snapshot.schema.edges {
      var list: [Edge] = []
      var cursor = try snapshot.edges(of: edge.type, .out)
      while try cursor.advance() {
        for (source, target) in zip(cursor.rows, cursor.neighbors) {
          var values: [String: PropertyValue] = [:]
          for column in edge.properties {
            values[column.name] = try snapshot.value(
              of: column.name, of: edge.type, at: UInt64(list.count))
          }
          list.append(Edge(source: source, target: target, values: values))
        }
      }
      edges[edge.type] = list
    }
  }

  /// The same with nodes that are there under the numbers that another snapshot gives their keys, in
  /// the order of its ids; `nil` when it does not have exactly these nodes.
  public func renumbered(as snapshot: Snapshot) throws -> ReferenceStore? {
    var result = ReferenceStore()
    var new: [NodeType: [UInt32?]] = [:]
    for (type, nodes) in nodes {
      var ids = [UInt32?](repeating: nil, count: nodes.keys.count)
      var places = [Int?](repeating: nil, count: snapshot.count(of: type))
      for id in nodes.keys.indices where nodes.isThere[id] {
        guard let found = try snapshot.node(type, key: nodes.keys[id])?.rawValue,
          places[Int(found)] == nil
        else { return nil }
        ids[id] = found
        places[Int(found)] = id
      }
      guard !places.contains(nil) else { return nil }
      var copy = Nodes()
      for place in places {
        copy.keys.append(nodes.keys[place!])
        copy.isThere.append(true)
        copy.values.append(nodes.values[place!])
      }
      copy.sets = nodes.sets.mapValues { Set($0.map { ids[Int($0)]! }) }
      result.nodes[type] = copy
      new[type] = ids
    }
    for (type, list) in edges {
      result.edges[type] = list.map {
        Edge(
          source: new[type.source]![Int($0.source)]!, target: new[type.target]![Int($0.target)]!,
          values: $0.values)
      }
    }
    return result
  }
}
