public import HedgerowGraph
public import HedgerowTensor

/// What is left of graphs when nodes are dropped, or made into one.
public struct PooledGraph: Sendable {
  /// Features of the new nodes: [new nodes, width].
  public var x: Tensor
  /// The edges between them; ``HedgerowGraph/Block/edges`` says which edge of the given block's each was, so that
  /// what edges have can be taken along.
  public var block: Block
  /// The graph of each new node.
  public var graphs: RowGroups
}

extension Block {
  /// Stands for what a node becomes that is dropped.
  static let dropped = UInt32.max

  /// The edges of which both ends are kept. Time O(edges + nodes).
  ///
  /// - Parameter nodes: those kept; node i of the result is nodes[i].
  func keeping(_ nodes: [UInt32]) -> Block {
    var places = [UInt32](repeating: Self.dropped, count: sourceCount)
    for (place, node) in nodes.enumerated() { places[Int(node)] = UInt32(place) }
    return mapped(to: places, of: nodes.count)
  }

  /// The edges between what nodes become, one for each that there was between them.
  ///
  /// For blocks of whole graphs, whose sources are their targets. Time O(edges + count).
  ///
  /// - Parameters:
  ///   - places: what each node becomes, or ``dropped``.
  ///   - count: new nodes.
  func mapped(to places: [UInt32], of count: Int) -> Block {
    var (sources, targets, edges): ([UInt32], [UInt32], [UInt32]) = ([], [], [])
    for target in 0..<targetCount where places[target] != Self.dropped {
      for entry in Int(offsets[target])..<Int(offsets[target + 1]) {
        let source = places[Int(self.sources[entry])]
        if source == Self.dropped { continue }
        sources.append(source)
        targets.append(places[target])
        edges.append(self.edges.isEmpty ? UInt32(entry) : self.edges[entry])
      }
    }
    let made = Block(
      sources: sources, targets: targets, sourceCount: count, targetCount: count)
    return Block(
      offsets: made.offsets, sources: made.sources, edges: made.edges.map { edges[Int($0)] },
      sourceCount: count, targetCount: count)
  }

  /// Each pair of a source and a target once, sources rising in each row; ``edges`` says the first edge of each.
  func coalesced() -> Block {
    var (offsets, sources, edges): ([UInt32], [UInt32], [UInt32]) = ([0], [], [])
    for target in 0..<targetCount {
      let row = Int(self.offsets[target])..<Int(self.offsets[target + 1])
      for entry in row.sorted(by: { self.sources[$0] < self.sources[$1] }) {
        let isKnown =
          sources.count > Int(offsets[target]) && sources.last == self.sources[entry]
        if isKnown { continue }
        sources.append(self.sources[entry])
        edges.append(self.edges.isEmpty ? UInt32(entry) : self.edges[entry])
      }
      offsets.append(UInt32(sources.count))
    }
    return Block(
      offsets: offsets, sources: sources, edges: edges, sourceCount: sourceCount,
      targetCount: targetCount)
  }

  func withoutSelfLoops() -> Block {
    var (offsets, sources, edges): ([UInt32], [UInt32], [UInt32]) = ([0], [], [])
    for target in 0..<targetCount {
      for entry in Int(self.offsets[target])..<Int(self.offsets[target + 1])
      where self.sources[entry] != target {
        sources.append(self.sources[entry])
        edges.append(self.edges.isEmpty ? UInt32(entry) : self.edges[entry])
      }
      offsets.append(UInt32(sources.count))
    }
    return Block(
      offsets: offsets, sources: sources, edges: edges, sourceCount: sourceCount,
      targetCount: targetCount)
  }
}
