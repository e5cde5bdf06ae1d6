public import HedgerowCore
public import HedgerowGraph

/// Draws the nodes of subgraphs as GraphSAINT does (Zeng et al., GraphSAINT: Graph sampling based inductive
/// learning method, ICLR 2020): a batch is the subgraph of what was drawn, and ``SAINTNormalization`` makes up
/// for nodes and edges that come more often than others.
///
/// A draw is a pure function of (seed, epoch, batch).
public struct SAINTSampler<Graph: Topology>: Sendable {
  /// What is drawn for a subgraph, with replacement.
  public enum Draw: Hashable, Sendable {
    /// So many nodes, each in proportion to its edges.
    case nodes(Int)
    /// So many edges, with both of their nodes: in proportion to 1 / degree of the one plus 1 / degree of
    /// the other, edges of the type counted.
    case edges(Int)
    /// Walks of so many steps from so many nodes of a type, all alike, each step to any entry of the
    /// node's rows along all relations.
    case walks(roots: Int, of: NodeType, length: Int)
  }

  public let graph: Graph
  public let draw: Draw
  public let relations: [Relation]
  private let stream: RandomStream

  /// - Parameter relations: what walks go along; every relation of the schema by default.
  public init(
    _ graph: Graph, _ draw: Draw, relations: [Relation]? = nil, seed: UInt64 = 0
  ) {
    let counts =
      switch draw {
      case .nodes(let count), .edges(let count): [count]
      case .walks(let roots, _, let length): [roots, length]
      }
    require(counts.allSatisfy { $0 >= 1 }, "a subgraph of \(counts) draws")
    self.graph = graph
    self.draw = draw
    self.relations = relations ?? graph.schema.relations()
    stream = RandomStream(seed: seed).derive("GraphSAINT")
  }

  /// The distinct nodes of a subgraph by type, rising; all types are there.
  ///
  /// - Throws: `usage` when there is nothing to draw from.
  public func nodes(epoch: Int, batch: Int) throws -> PerNode<[UInt32]> {
    let stream = stream.derive(UInt64(epoch), UInt64(batch))
    var drawn = Drawn(graph.schema.nodes.map(\.type))
    switch draw {
    case .nodes(let count): try drawNodes(count, stream, into: &drawn)
    case .edges(let count): try drawEdges(count, stream, into: &drawn)
    case .walks(let roots, let type, let length):
      try walk(roots, of: type, length, stream, into: &drawn)
    }
    var nodes = PerNode<[UInt32]>()
    for (type, members) in zip(drawn.types, drawn.members) { nodes[type] = members.sorted() }
    return nodes
  }

  private struct Drawn {
    let types: [NodeType]
    var members: [Set<UInt32>]

    init(_ types: [NodeType]) {
      self.types = types
      members = types.map { _ in [] }
    }

    mutating func add(_ nodes: [UInt32], of type: NodeType) {
      members[types.firstIndex(of: type)!].formUnion(nodes)
    }
  }

  /// Edges of any type, all alike: for each type the places of those that were drawn.
  private func edges(
    _ count: Int, _ stream: RandomStream
  ) throws -> [(type: EdgeType, places: [UInt64], chances: [UInt64])] {
    let types = graph.schema.edges.map(\.type)
    let total = types.reduce(0) { $0 + graph.count(of: $1) }
    guard total > 0 else {
      throw HedgerowError(.usage, "a graph without edges has no subgraphs to draw")
    }
    var drawn = types.map { (type: $0, places: [UInt64](), chances: [UInt64]()) }
    var stream = stream
    for _ in 0..<count {
      var place = stream.next(below: UInt64(total))
      var index = 0
      while place >= graph.count(of: types[index]) {
        place -= UInt64(graph.count(of: types[index]))
        index += 1
      }
      drawn[index].places.append(place)
      drawn[index].chances.append(stream.next())
    }
    return drawn.filter { !$0.places.isEmpty }
  }

  /// One end of each of so many edges.
  private func drawNodes(
    _ count: Int, _ stream: RandomStream, into drawn: inout Drawn
  ) throws {
    for (type, places, chances) in try edges(count, stream) {
      let (sources, targets) = try graph.endpoints(of: places.span, type)
      let isSource = chances.map { $0 >> 63 == 0 }
      drawn.add(zip(sources, isSource).filter(\.1).map(\.0), of: type.source)
      drawn.add(zip(targets, isSource).filter { !$1 }.map(\.0), of: type.target)
    }
  }

  /// By rejection: half of the sum is at most 1.
  private func drawEdges(
    _ count: Int, _ stream: RandomStream, into drawn: inout Drawn
  ) throws {
    let relations = graph.schema.relations()
    var (left, round) = (count, UInt64(0))
    while left > 0 {
      for (type, places, chances) in try edges(left, stream.derive(round)) {
        let (sources, targets) = try graph.endpoints(of: places.span, type)
        let forward = relations.first { $0.stored == type && $0.direction == .forward }!
        let backward = Relation(type, .backward, index: forward.index)
        let (outgoing, incoming) = (
          try graph.extents(of: sources.span, along: backward),
          try graph.extents(of: targets.span, along: forward)
        )
        let taken = places.indices.filter { place in
          let weight = (1 / Double(outgoing[place].count) + 1 / Double(incoming[place].count)) / 2
          return Double(chances[place] >> 11) * 0x1p-53 < weight
        }
        left -= taken.count
        drawn.add(taken.map { sources[$0] }, of: type.source)
        drawn.add(taken.map { targets[$0] }, of: type.target)
      }
      round += 1
    }
  }

  private func walk(
    _ roots: Int, of type: NodeType, _ length: Int, _ stream: RandomStream,
    into drawn: inout Drawn
  ) throws {
    let count = graph.count(of: type)
    let deleted = graph.deletedNodes(of: type)
    guard count > deleted.count else {
      throw HedgerowError(.usage, "there are no nodes of type '\(type)' to walk from")
    }
    var walkers = (0..<roots).map { root -> (type: NodeType, node: UInt32, key: UInt64) in
      var stream = stream.derive(UInt64(root))
      var node: UInt32
      repeat { node = UInt32(stream.next(below: UInt64(count))) } while deleted.contains(node)
      return (type, node, stream.next())
    }
    drawn.add(walkers.map(\.node), of: type)
    for step in 0..<length {
      walkers = try advance(walkers, step)
      for here in drawn.types {
        drawn.add(walkers.filter { $0.type == here }.map(\.node), of: here)
      }
    }
  }

  /// One step of all walkers; those without a way on are dropped.
  private func advance(
    _ walkers: [(type: NodeType, node: UInt32, key: UInt64)], _ step: Int
  ) throws -> [(type: NodeType, node: UInt32, key: UInt64)] {
    var next = walkers.map { _ in (type: NodeType, node: UInt32, key: UInt64)?.none }
    for type in Set(walkers.map(\.type)) {
      let places = walkers.indices.filter { walkers[$0].type == type }
      let rows = places.map { walkers[$0].node }
      let along = relations.filter { $0.target == type }
      let extents = try along.map { try graph.extents(of: rows.span, along: $0) }
      var addresses = along.map { _ in [UInt64]() }
      var owners = along.map { _ in [Int]() }
      for (row, place) in places.enumerated() {
        let degree = extents.reduce(0) { $0 + UInt64($1[row].count) }
        guard degree > 0 else { continue }
        var stream = RandomStream(key: walkers[place].key).derive(UInt64(step))
        var pick = stream.next(below: degree)
        var index = 0
        while pick >= extents[index][row].count {
          pick -= UInt64(extents[index][row].count)
          index += 1
        }
        addresses[index].append(extents[index][row].start + pick)
        owners[index].append(place)
      }
      for (index, relation) in along.enumerated() {
        let asked = addresses[index]
        let found = try graph.neighbors(at: asked.span, along: relation)
        for (place, node) in zip(owners[index], found) {
          next[place] = (relation.source, node, walkers[place].key)
        }
      }
    }
    return next.compactMap { $0 }
  }
}
