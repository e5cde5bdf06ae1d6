public import HedgerowCore

/// How the edges of a type are parted for the prediction of links.
public struct LinkSplitOptions: Sendable {
  public var valid = SplitSize.share(0.1)
  public var test = SplitSize.share(0.2)
  /// Of the training edges that part which is predicted, and over which no messages go; where it is none, all are
  /// predicted and all carry messages.
  public var predictedOnly = SplitSize.count(0)
  /// Pairs without an edge for each edge that is predicted.
  public var negativesPerPositive = 1.0
  /// Draw such pairs for training, too, rather than anew in each epoch.
  public var trainingNegatives = true

  public init() {}
}

/// The edges of a type, parted for the prediction of links.
public struct LinkSplit: Sendable {
  public struct Part: Sendable {
    /// The graph that messages go over.
    public var graph: MemoryGraph
    /// Edges to predict, of an undirected type one arc of each.
    public var positives: EdgeList
    /// Pairs of nodes between which the whole graph has no edge.
    public var negatives: EdgeList
  }

  public var train: Part
  public var valid: Part
  public var test: Part
}

extension MemoryGraph {
  /// Parts the edges of a type for the prediction of links: messages go over edges of training, when testing also
  /// over those of validation, never over what is predicted there.
  ///
  /// Of an undirected type both arcs of an edge are in the same part. Negative pairs are drawn uniformly, none twice
  /// and, within one type of nodes, none of a node and itself. What is drawn depends on the seed alone. Columns
  /// of edges go along.
  ///
  /// - Throws: `usage` for a type that is not there, when sizes are no parts or leave nothing to train on, and when
  ///   fewer pairs than wanted are without an edge.
  public func splittingLinks(
    of type: EdgeType, _ options: LinkSplitOptions = .init(), seed: UInt64
  ) throws -> LinkSplit {
    guard let held = edges[optional: type] else {
      throw HedgerowError(.usage, "there is no edge type '\(type)'")
    }
    let list = held.edges
    let units = list.sources.indices.filter {
      !held.isUndirected || list.sources[$0] <= list.targets[$0]
    }
    let root = RandomStream(seed: seed).derive("link split")
    let order = ShuffledRange(count: units.count, stream: root.derive("edges")).map { units[$0] }
    let valid = try options.valid.count(of: units.count, "valid")
    let test = try options.test.count(of: units.count, "test")
    let train = units.count - valid - test
    let apart = train > 0 ? try options.predictedOnly.count(of: train, "predicted only") : 0
    guard train - apart > 0 else {
      throw HedgerowError(
        .usage, "of \(units.count) edges of type '\(type)' none is left to train on")
    }
    func graph(_ places: ArraySlice<Int>) -> MemoryGraph {
      var graph = self
      graph[type] = held.taking(arcsOf: places.sorted())
      return graph
    }
    let trained = apart > 0 ? order[..<apart] : order[..<train]
    let counts = [options.trainingNegatives ? trained.count : 0, valid, test].map {
      Int((Double($0) * options.negativesPerPositive).rounded(.down))
    }
    let negatives = try NonEdges(of: type, in: self).drawn(
      counts.reduce(0, +), from: root.derive("pairs"))
    func pairs(_ first: Int, _ count: Int) -> EdgeList {
      negatives.taking(Array(first..<first + count))
    }
    return LinkSplit(
      train: .init(
        graph: graph(order[apart..<train]), positives: list.taking(Array(trained)),
        negatives: pairs(0, counts[0])),
      valid: .init(
        graph: graph(order[..<train]), positives: list.taking(Array(order[train..<train + valid])),
        negatives: pairs(counts[0], counts[1])),
      test: .init(
        graph: graph(order[..<(train + valid)]),
        positives: list.taking(Array(order[(train + valid)...])),
        negatives: pairs(counts[0] + counts[1], counts[2])))
  }
}

extension MemoryGraph.Edges {
  /// The edges at rising places of the list; of an undirected type both arcs of each, with the same numbers.
  fileprivate func taking(arcsOf places: [Int]) -> Self {
    let one = taking(places)
    guard isUndirected else { return one }
    let others = places.indices.filter { one.edges.sources[$0] != one.edges.targets[$0] }
    let flipped = one.edges.taking(others)
    let columns = columns.mapValues { column in
      let kept = column.taking(places)
      require(kept.count == places.count, "a column of an undirected type lacks numbers")
      switch kept {
      case .integers(let values): return NumberColumn.integers(values + others.map { values[$0] })
      case .numbers(let values): return NumberColumn.numbers(values + others.map { values[$0] })
      }
    }
    return with(
      EdgeList(
        sources: one.edges.sources + flipped.targets, targets: one.edges.targets + flipped.sources),
      columns)
  }
}

/// The pairs of nodes between which there is no edge of a type.
private struct NonEdges {
  private let sourceCount: UInt64
  private let targetCount: UInt64
  /// Of nodes of one type none is paired with itself, and of an undirected type each pair counts once.
  private let isWithin: Bool
  private let isUndirected: Bool
  private let edges: Set<UInt64>
  private let type: EdgeType

  init(of type: EdgeType, in graph: MemoryGraph) {
    self.type = type
    sourceCount = UInt64(graph.count(of: type.source))
    targetCount = UInt64(graph.count(of: type.target))
    isWithin = type.source == type.target
    let held = graph[type]
    isUndirected = held.isUndirected
    var edges: Set<UInt64> = []
    for (source, target) in zip(held.edges.sources, held.edges.targets) {
      if isWithin && source == target { continue }
      edges.insert(
        held.isUndirected
          ? Self.pair(min(source, target), max(source, target)) : Self.pair(source, target))
    }
    self.edges = edges
  }

  private static func pair(_ source: UInt32, _ target: UInt32) -> UInt64 {
    UInt64(source) << 32 | UInt64(target)
  }

  private var pairCount: UInt64 {
    guard isWithin else { return sourceCount * targetCount }
    let all = sourceCount * (max(sourceCount, 1) - 1)
    return isUndirected ? all / 2 : all
  }

  func drawn(_ count: Int, from stream: RandomStream) throws -> EdgeList {
    var list = EdgeList(sources: [], targets: [])
    let free = Int(clamping: pairCount) - edges.count
    guard count <= free else {
      throw HedgerowError(
        .usage, "\(count) pairs without an edge of type '\(type)' are wanted, and \(free) there are"
      )
    }
    var stream = stream
    var taken: Set<UInt64> = []
    if count > free / 2 {
      // Drawing would hit few that are new: a shuffle of all that there are.
      var pairs: [UInt64] = []
      for source in 0..<UInt32(sourceCount) {
        for target in 0..<UInt32(targetCount) where isPair(source, target) {
          pairs.append(Self.pair(source, target))
        }
      }
      for place in 0..<count {
        let other = place + Int(stream.next(below: UInt64(pairs.count - place)))
        pairs.swapAt(place, other)
        list.append(pairs[place])
      }
      return list
    }
    while list.count < count {
      var source = UInt32(stream.next(below: sourceCount))
      var target = UInt32(stream.next(below: targetCount))
      if isUndirected && source > target { swap(&source, &target) }
      let pair = Self.pair(source, target)
      if isPair(source, target), taken.insert(pair).inserted { list.append(pair) }
    }
    return list
  }

  private func isPair(_ source: UInt32, _ target: UInt32) -> Bool {
    if isWithin && source == target || isUndirected && source > target { return false }
    return !edges.contains(Self.pair(source, target))
  }
}

extension EdgeList {
  fileprivate mutating func append(_ pair: UInt64) {
    sources.append(UInt32(pair >> 32))
    targets.append(UInt32(truncatingIfNeeded: pair))
  }
}
