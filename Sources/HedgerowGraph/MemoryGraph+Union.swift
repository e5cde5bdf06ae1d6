public import HedgerowCore

extension MemoryGraph {
  /// Many graphs as one of as many parts, each of which is a node of the type `type`, to which edges
  /// `in` lead from its nodes.
  ///
  /// Nodes and edges come graph by graph. All graphs have the same types, features of the same width and
  /// columns of the same kind, else it traps. Named sets are left out.
  /// - Parameter labels: a class for each graph, -1 for none.
  public init(unionOf graphs: [MemoryGraph], as type: NodeType, labels: [Int32] = []) {
    require(
      labels.isEmpty || labels.count == graphs.count,
      "\(labels.count) labels for \(graphs.count) graphs")
    self.init()
    self[type].count = graphs.count
    if !labels.isEmpty { self[type].labels["label"] = labels }
    guard let first = graphs.first else { return }
    var firsts = PerNode<[UInt32]>()
    for known in first.nodes.keys {
      require(known != type, "a graph has nodes of type '\(type)' already")
      let parts = graphs.map { $0[known] }
      var starts: [UInt32] = []
      var count = 0
      for part in parts {
        starts.append(UInt32(count))
        count += part.count
      }
      firsts[known] = starts
      self[known] = Nodes(joining: parts, "\(known)")
      self[EdgeType(known, "in", type)].edges = EdgeList(
        sources: (0..<UInt32(count)).map { $0 },
        targets: parts.enumerated().flatMap { place, part in
          repeatElement(UInt32(place), count: part.count)
        })
    }
    for graph in graphs {
      require(
        Set(graph.nodes.keys) == Set(first.nodes.keys)
          && Set(graph.edges.keys) == Set(first.edges.keys), "graphs of several schemas")
    }
    for edge in first.edges.keys {
      self[edge] = Edges(
        joining: graphs.map { $0[edge] }, sources: firsts[edge.source],
        targets: firsts[edge.target],
        "\(edge)")
    }
  }
}

extension MemoryGraph.Nodes {
  /// The nodes of several graphs, one after the other.
  fileprivate init(joining parts: [Self], _ owner: String) {
    declaredCount = parts.reduce(0) { $0 + $1.count }
    for (name, matrix) in parts[0].features {
      var values: [Float] = []
      values.reserveCapacity(declaredCount * matrix.width)
      for part in parts {
        guard let other = part.features[name], other.width == matrix.width else {
          fatalError("features '\(owner).\(name)' of width \(matrix.width) are not in all graphs")
        }
        values += other.values
        values += repeatElement(0, count: (part.count - other.rowCount) * matrix.width)
      }
      features[name] = FeatureMatrix(width: matrix.width, values: values)
    }
    for name in parts[0].labels.keys {
      labels[name] = parts.flatMap { part in
        let known = part.labels[name] ?? []
        return known + repeatElement(-1, count: part.count - known.count)
      }
    }
    for name in parts[0].columns.keys {
      columns[name] = NumberColumn(
        joining: parts.map { ($0.columns[name], $0.count) }, "\(owner).\(name)")
    }
  }
}

extension MemoryGraph.Edges {
  /// - Parameters:
  ///   - sources: the first node of each graph among all of the sources' type; `targets`: of the
  ///     targets'.
  fileprivate init(joining parts: [Self], sources: [UInt32], targets: [UInt32], _ owner: String) {
    var list = EdgeList(sources: [], targets: [])
    for (place, part) in parts.enumerated() {
      list.sources += part.edges.sources.map { sources[place] + $0 }
      list.targets += part.edges.targets.map { targets[place] + $0 }
    }
    let names = parts[0].columns.keys
    let columns = names.map { name in
      (
        name,
        NumberColumn(
          joining: parts.map { ($0.columns[name], $0.edges.count) }, "\(owner).\(name)")
      )
    }
    self.init(
      list, columns: Dictionary(uniqueKeysWithValues: columns), time: parts[0].timeColumn,
      weight: parts[0].weightColumn)
    isUndirected = parts[0].isUndirected
  }
}

extension NumberColumn {
  /// Columns one after the other, each with a value for each of so many rows, else it traps.
  fileprivate init(joining parts: [(column: NumberColumn?, count: Int)], _ name: String) {
    var (integers, numbers): ([Int64], [Double]) = ([], [])
    for (column, count) in parts {
      require(column?.count == count, "column '\(name)' has no value for each row of each graph")
      switch column! {
      case .integers(let values): integers += values
      case .numbers(let values): numbers += values
      }
    }
    require(integers.isEmpty || numbers.isEmpty, "column '\(name)' is of two kinds")
    self = numbers.isEmpty ? .integers(integers) : .numbers(numbers)
  }
}
