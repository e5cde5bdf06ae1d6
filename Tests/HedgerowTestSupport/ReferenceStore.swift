public import HedgerowCore
import HedgerowGraph
import HedgerowRoaring
public import HedgerowStore

/// A graph in plain dictionaries and lists that takes the same changes as a store: what live
/// transactions, snapshots and compactions are held against.
public struct ReferenceStore: Equatable {
  public struct Nodes: Equatable {
    public var keys: [String] = []
    public var isThere: [Bool] = []
    public var values: [[String: PropertyValue]] = []
    public var sets: [String: Set<UInt32>] = [:]
    public init() {}
  }
  public struct Edge: Equatable {
    public var source: UInt32
    public var target: UInt32
    public var values: [String: PropertyValue]
    public init(source: UInt32, target: UInt32, values: [String: PropertyValue]) {
      self.source = source
      self.target = target
      self.values = values
    }
  }
  public var nodes: [NodeType: Nodes] = [:]
  /// Parallel edges are in the order in which they came.
  public var edges: [EdgeType: [Edge]] = [:]

  public init() {}

  // MARK: Changes

  public mutating func insert(_ type: NodeType, _ key: String) -> UInt32 {
    if let id = nodes[type]!.keys.firstIndex(of: key) {
      nodes[type]!.isThere[id] = true
      nodes[type]!.values[id] = [:]
      return UInt32(id)
    }
    nodes[type]!.keys.append(key)
    nodes[type]!.isThere.append(true)
    nodes[type]!.values.append([:])
    return UInt32(nodes[type]!.keys.count - 1)
  }

  public mutating func delete(_ type: NodeType, _ id: UInt32) {
    nodes[type]!.isThere[Int(id)] = false
    for name in nodes[type]!.sets.keys { nodes[type]!.sets[name]!.remove(id) }
    for edge in edges.keys {
      edges[edge]!.removeAll {
        (edge.source == type && $0.source == id) || (edge.target == type && $0.target == id)
      }
    }
  }

  /// Places in the list of the edges between two nodes, in their order.
  public func parallels(_ type: EdgeType, _ source: UInt32, _ target: UInt32) -> [Int] {
    edges[type]!.indices.filter {
      edges[type]![$0].source == source && edges[type]![$0].target == target
    }
  }

  // MARK: What a snapshot must say

  /// Edge places by source, target and order of coming.
  public func outOrder(_ type: EdgeType) -> [Int] {
    let list = edges[type]!
    return list.indices.sorted {
      (list[$0].source, list[$0].target, $0) < (list[$1].source, list[$1].target, $1)
    }
  }

  /// The first difference between a snapshot and this graph, or `nil`.
  public func difference(from snapshot: Snapshot) throws -> String? {
    for (type, nodes) in nodes {
      guard snapshot.count(of: type) == nodes.keys.count else {
        return "\(snapshot.count(of: type)) rows of \(type), not \(nodes.keys.count)"
      }
      let deleted = snapshot.deletedNodes(of: type)
      for id in nodes.keys.indices {
        let node = NodeID(UInt32(id))
        guard deleted.contains(UInt32(id)) == !nodes.isThere[id] else {
          return "\(type) \(id) is deleted: \(deleted.contains(UInt32(id)))"
        }
        let found = try snapshot.node(type, key: nodes.keys[id])
        guard found == (nodes.isThere[id] ? node : nil) else {
          return "\(type) '\(nodes.keys[id])' is \(found as Any)"
        }
        guard try snapshot.key(of: node, of: type) == nodes.keys[id] else {
          return "key of \(type) \(id)"
        }
        guard nodes.isThere[id] else { continue }
        for column in snapshot.schema.node(type)!.properties {
          let value = try snapshot.value(of: column.name, of: type, at: node)
          guard value == nodes.values[id][column.name] else {
            return "\(type).\(column.name) of \(id): \(value as Any), not "
              + "\(nodes.values[id][column.name] as Any)"
          }
        }
      }
      guard snapshot.setNames(of: type) == nodes.sets.keys.sorted() else {
        return "sets \(snapshot.setNames(of: type))"
      }
      for (name, members) in nodes.sets {
        guard try snapshot.set(named: name, of: type) == RoaringBitmap(members.sorted()) else {
          return "set \(name) of \(type)"
        }
      }
    }
    for (type, list) in edges {
      guard snapshot.count(of: type) == list.count else {
        return "\(snapshot.count(of: type)) edges of \(type), not \(list.count)"
      }
      let order = outOrder(type)
      let schema = snapshot.schema.edge(type)!
      for (place, edge) in order.enumerated() {
        for column in schema.properties {
          let value = try snapshot.value(of: column.name, of: type, at: UInt64(place))
          guard value == list[edge].values[column.name] else {
            return "\(type).\(column.name) at \(place): \(value as Any), not "
              + "\(list[edge].values[column.name] as Any)"
          }
        }
      }
      for relation in snapshot.schema.relations() where relation.stored == type {
        let isForward = relation.direction == .forward
        var expected = [[UInt32]](repeating: [], count: snapshot.count(of: relation.target))
        let byTime =
          isForward
          ? order.indices.sorted { a, b in key(a, order, schema) < key(b, order, schema) }
          : Array(order.indices)
        for place in byTime {
          let edge = list[order[place]]
          if isForward {
            expected[Int(edge.target)].append(edge.source)
          } else {
            expected[Int(edge.source)].append(edge.target)
          }
        }
        for row in expected.indices {
          let found = try snapshot.neighbors(of: NodeID(UInt32(row)), along: relation)
          guard found == expected[row] else {
            return "\(relation.name) of \(row): \(found), not \(expected[row])"
          }
        }
      }
    }
    return nil
  }

  private struct RowKey: Comparable {
    var time: Int64
    var source: UInt32
    var place: Int
    static func < (a: RowKey, b: RowKey) -> Bool {
      (a.time, a.source, a.place) < (b.time, b.source, b.place)
    }
  }

  private func key(_ place: Int, _ order: [Int], _ schema: EdgeSchema) -> RowKey {
    let edge = edges[schema.type]![order[place]]
    var time: Int64 = 0
    if let column = schema.timeColumn, case .int(let value)? = edge.values[column] { time = value }
    return RowKey(time: time, source: edge.source, place: place)
  }
}
