public import HedgerowCore
public import HedgerowGraph

/// Walks, side by side.
public struct RandomWalks: Hashable, Sendable {
  /// Steps of a walk.
  public let length: Int
  /// Row by row a start and the nodes after it; ``none`` behind the end of a walk that found no way on.
  public var nodes: [UInt32]
  public static let none = UInt32.max

  public var count: Int { nodes.count / (length + 1) }
  /// The nodes of one walk, up to its end.
  public subscript(walk: Int) -> ArraySlice<UInt32> {
    nodes[walk * (length + 1)..<(walk + 1) * (length + 1)].prefix { $0 != Self.none }
  }
}

/// Random walks along a path of relations, first-order or as node2vec takes them.
///
/// A step goes from a node to one of the entries of its row, all alike, so towards where messages come
/// from. The relations of the path follow each other in a circle, and each starts where the one before
/// has led (metapath2vec, Dong et al., KDD 2017); within one type one relation is a path.
///
/// With ``returning`` p and ``leaving`` q a step from t to u goes on to x with a weight of 1 / p where
/// x is t, 1 where x is a neighbor of t, and else 1 / q (Grover and Leskovec, node2vec, KDD 2016), by
/// rejection, without tables of pairs.
///
/// A walk is a pure function of the graph, the walker, (epoch, batch), its start and its number.
public struct RandomWalker<Graph: Topology>: Sendable {
  public let graph: Graph
  public let path: [Relation]
  /// node2vec's p: above 1, walks turn back more seldom.
  public let returning: Double
  /// node2vec's q: below 1, walks go outward.
  public let leaving: Double
  private let stream: RandomStream

  /// - Throws: `usage` for a path that does not fit together, weights that are not above 0, and
  ///   weights other than 1 on a path that does not stay within one relation.
  public init(
    _ graph: Graph, along path: [Relation], returning: Double = 1, leaving: Double = 1,
    seed: UInt64 = 0
  ) throws {
    guard !path.isEmpty else { throw HedgerowError(.usage, "a path has a relation at least") }
    for (place, relation) in path.enumerated() {
      guard graph.schema.edge(relation.stored) != nil else {
        throw HedgerowError(.usage, "there is no edge type '\(relation.stored)'")
      }
      let next = path[(place + 1) % path.count]
      guard place == path.count - 1 || relation.source == next.target else {
        throw HedgerowError(
          .usage, "'\(next.name)' does not start where '\(relation.name)' has led")
      }
    }
    guard returning > 0, leaving > 0, returning.isFinite, leaving.isFinite else {
      throw HedgerowError(.usage, "p is \(returning) and q \(leaving): both are above 0")
    }
    guard path.count == 1 || (returning == 1 && leaving == 1) else {
      throw HedgerowError(.usage, "node2vec walks along one relation, not \(path.count)")
    }
    self.graph = graph
    self.path = path
    self.returning = returning
    self.leaving = leaving
    stream = RandomStream(seed: seed).derive("random walks")
  }

  /// The type of the nodes that walks start from.
  public var startType: NodeType { path[0].target }

  /// Walks of at most `length` steps, `walksPerNode` from each start, one after the other.
  ///
  /// A path that does not close ends the walk with its last relation. Time O(steps), and for node2vec
  /// O(steps log degree) times the largest weight over the mean one.
  public func walks(
    from starts: [UInt32], walksPerNode: Int = 1, length: Int, epoch: Int = 0, batch: Int = 0
  ) throws -> RandomWalks {
    let count = graph.count(of: startType)
    if let wrong = starts.first(where: { $0 >= count }) {
      throw HedgerowError(
        .usage, "start \(wrong) is not among the \(count) nodes of type '\(startType)'")
    }
    guard walksPerNode >= 0, length >= 0 else {
      throw HedgerowError(.usage, "\(walksPerNode) walks of \(length) steps")
    }
    let stream = stream.derive(UInt64(epoch), UInt64(batch))
    var walks = RandomWalks(length: length, nodes: [])
    walks.nodes = [UInt32](
      repeating: RandomWalks.none, count: starts.count * walksPerNode * (length + 1))
    var walkers: [Walker] = []
    for start in starts {
      for number in 0..<walksPerNode {
        walks.nodes[walkers.count * (length + 1)] = start
        walkers.append(
          Walker(
            walk: walkers.count, node: start, before: nil,
            key: stream.derive(UInt64(start), UInt64(number)).key))
      }
    }
    let isClosed = path[path.count - 1].source == startType
    for step in 0..<length where isClosed || step < path.count {
      try advance(&walkers, step)
      for walker in walkers { walks.nodes[walker.walk * (length + 1) + step + 1] = walker.node }
      if walkers.isEmpty { break }
    }
    return walks
  }

  private struct Walker {
    var walk: Int
    var node: UInt32
    /// Where it came from.
    var before: UInt32?
    var key: UInt64
  }

  /// One step of all walkers; those without a way on are dropped.
  private func advance(_ walkers: inout [Walker], _ step: Int) throws {
    let relation = path[step % path.count]
    let rows = walkers.map(\.node)
    let extents = try graph.extents(of: rows.span, along: relation)
    var found = [UInt32?](repeating: nil, count: rows.count)
    var pending = rows.indices.filter { extents[$0].count > 0 }
    let largest = max(1, 1 / returning, 1 / leaving)
    var attempt: UInt64 = 0
    while !pending.isEmpty {
      var chances: [Double] = []
      let addresses = pending.map { place in
        var stream = RandomStream(key: walkers[place].key).derive(UInt64(step), attempt)
        let address = extents[place].start + stream.next(below: UInt64(extents[place].count))
        chances.append(stream.nextUnit() * largest)
        return address
      }
      let proposed = try graph.neighbors(at: addresses.span, along: relation)
      let weights = try weights(proposed, pending.map { walkers[$0].before }, relation)
      var refused: [Int] = []
      for (place, walker) in pending.enumerated() {
        if chances[place] < weights[place] {
          found[walker] = proposed[place]
        } else {
          refused.append(walker)
        }
      }
      pending = refused
      attempt += 1
    }
    var next: [Walker] = []
    next.reserveCapacity(walkers.count)
    for (place, walker) in walkers.enumerated() {
      guard let node = found[place] else { continue }
      next.append(
        Walker(walk: walker.walk, node: node, before: walker.node, key: walker.key))
    }
    walkers = next
  }

  /// node2vec's weights of the next nodes.
  private func weights(
    _ proposed: [UInt32], _ before: [UInt32?], _ relation: Relation
  ) throws -> [Double] {
    if returning == 1 && leaving == 1 { return [Double](repeating: 1, count: proposed.count) }
    // A first step has nothing to turn back to: all are alike, at the largest weight.
    let largest = max(1, 1 / returning, 1 / leaving)
    var areNear = [Bool](repeating: true, count: proposed.count)
    if leaving != 1 {
      let rows = zip(before, proposed).map { $0 ?? $1 }
      areNear =
        relation.direction == .forward
        ? try graph.contains(relation.stored, sources: proposed.span, targets: rows.span)
        : try graph.contains(relation.stored, sources: rows.span, targets: proposed.span)
    }
    return proposed.indices.map { place in
      guard let before = before[place] else { return largest }
      if proposed[place] == before { return 1 / returning }
      return areNear[place] ? 1 : 1 / leaving
    }
  }
}
