public import HedgerowCore
public import HedgerowGraph
public import HedgerowRoaring

/// Divides the nodes of a graph into parts, so that few edges lead from one to another.
public protocol GraphPartitioner: Sendable {
  /// - Parameter checkInterruption: called now and then; throws to stop.
  /// - Throws: what the graph throws.
  func partition(
    _ graph: some Topology, into partCount: Int, relations: [Relation],
    checkInterruption: () throws -> Void
  ) throws -> GraphPartition
}

extension GraphPartitioner {
  public func partition(
    _ graph: some Topology, into partCount: Int, relations: [Relation]
  ) throws -> GraphPartition {
    try partition(graph, into: partCount, relations: relations, checkInterruption: {})
  }
}

/// Parts of a graph, each a set of nodes of each type.
public struct GraphPartition: Sendable {
  public var parts: [PerNode<RoaringBitmap>]

  public init(parts: [PerNode<RoaringBitmap>]) { self.parts = parts }

  /// - Throws: `usage` where more parts are asked for than there are nodes: some would have none.
  public static func check(partCount: Int, of nodeCount: Int) throws {
    guard partCount <= max(1, nodeCount) else {
      throw HedgerowError(
        .usage, "\(nodeCount) nodes cannot be divided into \(partCount) parts: ask for fewer")
    }
  }

  /// The share of the edges along some relations that lead from one part to another.
  ///
  /// - Parameter checkInterruption: called now and then; throws to stop.
  public func cutShare(
    of graph: some Topology, relations: [Relation], checkInterruption: () throws -> Void = {}
  ) throws -> Double {
    var partOf = PerNode<[UInt32]>()
    for node in graph.schema.nodes {
      var numbers = [UInt32](repeating: .max, count: graph.count(of: node.type))
      for (part, members) in parts.enumerated() {
        for member in members[optional: node.type] ?? RoaringBitmap() {
          numbers[Int(member)] = UInt32(part)
        }
      }
      partOf[node.type] = numbers
    }
    var (cut, total) = (0, 0)
    for relation in relations {
      let (sources, targets) = (partOf[relation.source], partOf[relation.target])
      try graph.forEachRow(of: relation, onBlock: checkInterruption) { row, neighbors in
        total += neighbors.count
        for neighbor in neighbors where sources[Int(neighbor)] != targets[row] { cut += 1 }
      }
    }
    return total == 0 ? 0 : Double(cut) / Double(total)
  }
}

/// Puts node after node where most of its neighbors are, and once more when all have a place.
///
/// A node goes to the part with the most of its neighbors, times the share of the part that is still empty:
/// linear deterministic greedy (Stanton and Kliot, Streaming graph partitioning for large distributed
/// graphs, KDD 2012); later passes move each node by where its neighbors are by then (Nishimura and
/// Ugander, Restreaming graph partitioning, KDD 2013). Nodes of all types go by their edges along all
/// relations. Nothing is random.
///
/// Time O(passes x edges), both indices read in their order; memory: 4 bytes a node.
public struct StreamingPartitioner: GraphPartitioner {
  public var passCount = 10
  /// How much more than the mean a part may have.
  public var slack = 0.1

  public init() {}

  public func partition(
    _ graph: some Topology, into partCount: Int, relations: [Relation],
    checkInterruption: () throws -> Void
  ) throws -> GraphPartition {
    require(partCount >= 1 && passCount >= 1, "\(partCount) parts in \(passCount) passes")
    let types = graph.schema.nodes.map(\.type)
    let deleted = types.map { graph.deletedNodes(of: $0) }
    let counts = types.map { graph.count(of: $0) }
    let nodeCount = zip(counts, deleted).reduce(0) { $0 + $1.0 - $1.1.count }
    try GraphPartition.check(partCount: partCount, of: nodeCount)
    let capacity = (Double(nodeCount) / Double(partCount) * (1 + slack)).rounded(.up)
    var partOf = counts.map { [UInt32](repeating: .max, count: $0) }
    var sizes = [Int](repeating: 0, count: partCount)
    var votes = [Int](repeating: 0, count: partCount)
    for _ in 0..<passCount {
      var moved = 0
      for (type, name) in types.enumerated() {
        let along = Self.bothWays(relations, arrivingAt: name)
        let sources = along.map { types.firstIndex(of: $0.source)! }
        try graph.forEachRows(of: name, along: along, onBlock: checkInterruption) { node, rows in
          guard !deleted[type].contains(UInt32(node)) else { return }
          let before = partOf[type][node]
          if before != .max { sizes[Int(before)] -= 1 }
          var touched: [Int] = []
          for (index, neighbors) in rows.enumerated() {
            for neighbor in neighbors {
              let part = partOf[sources[index]][Int(neighbor)]
              guard part != .max else { continue }
              if votes[Int(part)] == 0 { touched.append(Int(part)) }
              votes[Int(part)] += 1
            }
          }
          let part = Self.choose(touched, votes, sizes, capacity)
          for part in touched { votes[part] = 0 }
          if UInt32(part) != before { moved += 1 }
          partOf[type][node] = UInt32(part)
          sizes[part] += 1
        }
      }
      if moved == 0 { break }
    }
    return GraphPartition(parts: Self.members(partOf, types, partCount))
  }

  /// What leads to a type in either direction, each stored type once a direction.
  private static func bothWays(
    _ relations: [Relation], arrivingAt type: NodeType
  ) -> [Relation] {
    var known: Set<Relation> = []
    for relation in relations {
      known.insert(relation)
      known.insert(relation.reversed)
    }
    return known.filter { $0.target == type }.sorted {
      ($0.index, $0.direction.rawValue) < ($1.index, $1.direction.rawValue)
    }
  }

  /// Of equal scores the smaller part wins, then the first.
  private static func choose(
    _ touched: [Int], _ votes: [Int], _ sizes: [Int], _ capacity: Double
  ) -> Int {
    func score(_ part: Int) -> Double { Double(votes[part]) * (1 - Double(sizes[part]) / capacity) }
    let best = touched.filter { score($0) > 0 }.min {
      (-score($0), sizes[$0], $0) < (-score($1), sizes[$1], $1)
    }
    return best ?? sizes.indices.min { (sizes[$0], $0) < (sizes[$1], $1) }!
  }

  private static func members(
    _ partOf: [[UInt32]], _ types: [NodeType], _ partCount: Int
  ) -> [PerNode<RoaringBitmap>] {
    var parts = [PerNode<RoaringBitmap>](repeating: PerNode(), count: partCount)
    for (type, numbers) in zip(types, partOf) {
      var members = [[UInt32]](repeating: [], count: partCount)
      for (node, part) in numbers.enumerated() where part != .max {
        members[Int(part)].append(UInt32(node))
      }
      for part in 0..<partCount { parts[part][type] = RoaringBitmap(members[part]) }
    }
    return parts
  }
}

extension Topology {
  /// Calls `body` with each node of a type, in order, and its neighbors along each of some relations.
  ///
  /// Rows are read some thousand at a time; a hub's row is read whole.
  func forEachRows(
    of type: NodeType, along relations: [Relation], onBlock: () throws -> Void,
    _ body: (_ node: Int, _ rows: [ArraySlice<UInt32>]) throws -> Void
  ) throws {
    let count = count(of: type)
    for first in stride(from: 0, to: count, by: 1 << 11) {
      try onBlock()
      let rows = (UInt32(first)..<UInt32(min(count, first + 1 << 11))).map { $0 }
      let read = try relations.map { relation -> (ends: [Int], neighbors: [UInt32]) in
        let extents = try extents(of: rows.span, along: relation)
        var ends: [Int] = []
        var sum = 0
        for extent in extents {
          sum += Int(extent.count)
          ends.append(sum)
        }
        var neighbors = [UInt32](repeating: 0, count: sum)
        do {
          var span = neighbors.mutableSpan
          let stretches = extents.filter { $0.count > 0 }
          try self.read(stretches.span, along: relation, into: &span)
        }
        return (ends, neighbors)
      }
      for place in rows.indices {
        try body(
          first + place,
          read.map { $0.neighbors[(place == 0 ? 0 : $0.ends[place - 1])..<$0.ends[place]] })
      }
    }
  }

  /// The same along one relation.
  func forEachRow(
    of relation: Relation, onBlock: () throws -> Void,
    _ body: (_ row: Int, _ neighbors: ArraySlice<UInt32>) throws -> Void
  ) throws {
    try forEachRows(of: relation.target, along: [relation], onBlock: onBlock) {
      try body($0, $1[0])
    }
  }
}
