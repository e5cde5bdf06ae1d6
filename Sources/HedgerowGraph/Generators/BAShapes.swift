import HedgerowCore

/// BA-shapes: a graph of preferential attachment with houses attached to it, whose nodes are to be told apart by
/// where in a house they are, so that an explanation has something to find.
///
/// The base begins with `edgesPerNode` nodes without edges; each of the others is joined to as many of those before it,
/// drawn by their degrees and each once (Barabasi and Albert, Science 1999). A house has five nodes: 0 and 1 in the
/// middle, 2 and 3 at the bottom, 4 on top. Its first one is joined to a node of the base, drawn uniformly. Then
/// edges between nodes drawn at random are added, where there are none. Edges have both arcs, next to each other; labels are 0 in
/// the base, then 1 for the middle, 2 for the bottom and 3 for the top of a house.
///
/// Source: Ying et al., GNNExplainer: Generating Explanations for Graph Neural Networks, NeurIPS 2019.
public struct BAShapes: Sendable {
  public struct Options: Sendable {
    public var baseCount = 300
    public var edgesPerNode = 5
    public var houseCount = 80
    /// Edges added at random, as a share of the nodes.
    public var randomEdgeShare = 0.1

    public init() {}
  }

  public static let classCount = 4
  public let nodeCount: Int
  /// Arc 2i and arc 2i + 1 are one edge.
  public let edges: EdgeList
  public let labels: [Int32]
  /// The house of each node, or `nil` in the base.
  public let houses: [Int?]
  private let baseCount: Int

  /// The edges of a house, by the places of its nodes.
  static let house: [(UInt32, UInt32)] = [(0, 1), (0, 3), (0, 4), (1, 4), (1, 2), (2, 3)]

  /// - Throws: `usage` when there are fewer nodes in the base than edges of a node, or a number is negative.
  public init(_ options: Options = Options(), seed: UInt64) throws {
    let (base, degree) = (options.baseCount, options.edgesPerNode)
    guard degree >= 1, base > degree, options.houseCount >= 0, options.randomEdgeShare >= 0,
      base + 5 * options.houseCount < 1 << 31
    else {
      throw HedgerowError(
        .usage,
        "a base of \(base) nodes, \(degree) edges a node, \(options.houseCount) houses and a "
          + "share of \(options.randomEdgeShare) random edges make no graph")
    }
    baseCount = base
    nodeCount = base + 5 * options.houseCount
    var list = EdgeList(sources: [], targets: [])
    var joined: Set<UInt64> = []
    func join(_ a: UInt32, _ b: UInt32) {
      guard joined.insert(UInt64(min(a, b)) << 32 | UInt64(max(a, b))).inserted else { return }
      list.sources += [a, b]
      list.targets += [b, a]
    }
    let root = RandomStream(seed: seed).derive("ba shapes")
    // Each node as often as it has edges.
    var ends: [UInt32] = []
    var stream = root.derive("base")
    for node in UInt32(degree)..<UInt32(base) {
      var chosen: [UInt32] = ends.isEmpty ? (0..<UInt32(degree)).map { $0 } : []
      while chosen.count < degree {
        let other = ends[Int(stream.next(below: UInt64(ends.count)))]
        if !chosen.contains(other) { chosen.append(other) }
      }
      for other in chosen { join(node, other) }
      ends += chosen + repeatElement(node, count: degree)
    }
    var labels = [Int32](repeating: 0, count: base)
    var houses = [Int?](repeating: nil, count: base)
    stream = root.derive("houses")
    for house in 0..<options.houseCount {
      let first = UInt32(base + 5 * house)
      for (a, b) in Self.house { join(first + a, first + b) }
      join(first, UInt32(stream.next(below: UInt64(base))))
      labels += [1, 1, 2, 2, 3]
      houses += [Int?](repeating: house, count: 5)
    }
    stream = root.derive("random edges")
    for _ in 0..<Int(options.randomEdgeShare * Double(nodeCount)) {
      let a = UInt32(stream.next(below: UInt64(nodeCount)))
      let b = UInt32(stream.next(below: UInt64(nodeCount)))
      if a != b { join(a, b) }
    }
    edges = list
    self.labels = labels
    self.houses = houses
  }

  /// Whether an arc is of a house, and not one that joins it to others or was added at random beside it.
  public func isOfHouse(_ arc: Int) -> Bool {
    let (a, b) = (Int(edges.sources[arc]), Int(edges.targets[arc]))
    guard let house = houses[a], houses[b] == house else { return false }
    let first = baseCount + 5 * house
    let pair = (UInt32(min(a, b) - first), UInt32(max(a, b) - first))
    return Self.house.contains { $0 == pair }
  }
}
