import HedgerowCore

extension MemoryGraph.Edges {
  /// Without the edges from a node to itself; columns lose their numbers. Of an edge type within one type of nodes.
  public func removingSelfLoops() -> Self {
    taking(edges.sources.indices.filter { edges.sources[$0] != edges.targets[$0] })
  }

  /// With an edge from each node to itself behind the others. Of an edge type within one type of nodes.
  ///
  /// - Parameters:
  ///   - kind: for every node, or for those only that have none.
  ///   - nodeCount: nodes of the type; traps when an edge is beyond them.
  ///   - numbers: what the new edges have in the columns, which hold a number for each edge; 1 in those that are
  ///     not named. Columns of integers get it rounded towards zero.
  public func addingSelfLoops(
    _ kind: Block.SelfLoops = .whereMissing, nodeCount: Int, numbers: [String: Double] = [:]
  ) -> Self {
    var isMissing = [Bool](repeating: true, count: nodeCount)
    for (source, target) in zip(edges.sources, edges.targets) {
      require(
        source < nodeCount && target < nodeCount,
        "an edge from \(source) to \(target) is beyond \(nodeCount) nodes")
      if kind == .whereMissing && source == target { isMissing[Int(source)] = false }
    }
    let added = isMissing.indices.filter { isMissing[$0] }.map { UInt32($0) }
    let columns = self.columns.map { name, column in
      require(
        column.count == edges.count,
        "column '\(name)' has \(column.count) numbers for \(edges.count) edges")
      return (name, column.appending(numbers[name] ?? 1, count: added.count))
    }
    return with(
      EdgeList(sources: edges.sources + added, targets: edges.targets + added),
      Dictionary(uniqueKeysWithValues: columns))
  }

  /// The edges at these places of the list, rising, with their numbers.
  func taking(_ places: [Int]) -> Self {
    with(edges.taking(places), columns.mapValues { $0.taking(places) })
  }

  /// Other edges of the same kind.
  func with(_ edges: EdgeList, _ columns: [String: NumberColumn]) -> Self {
    var result = Self(edges, columns: columns, time: timeColumn, weight: weightColumn)
    result.isUndirected = isUndirected
    return result
  }
}

extension EdgeList {
  func taking(_ places: [Int]) -> EdgeList {
    EdgeList(sources: places.map { sources[$0] }, targets: places.map { targets[$0] })
  }
}

extension NumberColumn {
  /// The numbers at rising places; those beyond the end have none here, either.
  func taking(_ places: [Int]) -> NumberColumn {
    switch self {
    case .integers(let values): .integers(places.prefix { $0 < values.count }.map { values[$0] })
    case .numbers(let values): .numbers(places.prefix { $0 < values.count }.map { values[$0] })
    }
  }

  fileprivate func appending(_ number: Double, count: Int) -> NumberColumn {
    switch self {
    case .integers(let values):
      let integer = Int64(exactly: number.rounded(.towardZero))
      require(integer != nil, "\(number) is no 64-bit integer")
      return .integers(values + repeatElement(integer!, count: count))
    case .numbers(let values): return .numbers(values + repeatElement(number, count: count))
    }
  }
}
