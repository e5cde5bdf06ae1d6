public import HedgerowCore

extension Topology {
  /// For each pair of nodes, whether an edge of a type leads from the one to the other.
  ///
  /// Time O(log degree) reads a pair, all pairs' side by side.
  public func contains(
    _ type: EdgeType, sources: Span<UInt32>, targets: Span<UInt32>
  ) throws -> [Bool] {
    require(sources.count == targets.count, "\(sources.count) sources, \(targets.count) targets")
    guard let place = schema.edges.firstIndex(where: { $0.type == type }) else {
      throw HedgerowError(.usage, "there is no edge type '\(type)'")
    }
    // Rows of the out index are sorted by neighbor.
    let relation = Relation(type, .backward, index: place)
    let extents = try extents(of: sources, along: relation)
    var found = [Bool](repeating: false, count: sources.count)
    var lows = [UInt32](repeating: 0, count: sources.count)
    var highs = extents.map(\.count)
    var active = Array(extents.indices)
    while true {
      active.removeAll { found[$0] || lows[$0] >= highs[$0] }
      if active.isEmpty { return found }
      let middles = active.map { lows[$0] + (highs[$0] - lows[$0]) / 2 }
      let addresses = zip(active, middles).map { extents[$0].start + UInt64($1) }
      let neighbors = try neighbors(at: addresses.span, along: relation)
      for (place, pair) in active.enumerated() {
        if neighbors[place] == targets[pair] {
          found[pair] = true
        } else if neighbors[place] < targets[pair] {
          lows[pair] = middles[place] + 1
        } else {
          highs[pair] = middles[place]
        }
      }
    }
  }
}

extension CSRIndex {
  /// The row that holds the entry with so many before it, and how many there are before the row.
  ///
  /// - Parameter entryCount: entries before a row.
  public static func row(
    of place: UInt64, rowCount: Int, entryCount: (_ before: Int) -> UInt64
  ) -> (row: Int, before: UInt64) {
    var (low, high) = (0, rowCount)
    // The last row that begins at or before the place: rows without entries begin where the next does.
    while high - low > 1 {
      let middle = low + (high - low) / 2
      if entryCount(middle) <= place { low = middle } else { high = middle }
    }
    return (low, entryCount(low))
  }
}
