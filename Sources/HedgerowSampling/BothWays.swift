import HedgerowCore
import HedgerowGraph

extension SampledSubgraph.Edges {
  /// Each relation's edges with those of its backward reading, turned round, that it does not have; a
  /// row for each target.
  ///
  /// - Parameters:
  ///   - targetCounts: by relation; `nil` where nothing was sampled.
  ///   - undirected: stored types that are their own backward readings.
  static func bothWays(
    _ edges: [Self], _ targetCounts: [Int?], undirected: Set<EdgeType>
  ) -> [Self] {
    zip(edges, targetCounts).map { own, count in
      guard let count else { return own }
      let others =
        undirected.contains(own.relation.stored)
        ? own
        : edges.first {
          $0.relation.stored == own.relation.stored
            && $0.relation.direction != own.relation.direction
        }
      var rows = (0..<count).map { Array(own.row($0)) }
      var known: Set<UInt64> = []
      for (row, sources) in rows.enumerated() {
        for source in sources { known.insert(UInt64(row) << 32 | UInt64(source)) }
      }
      if let others {
        for row in 0..<others.offsets.count - 1 {
          // Edges that are not there yet come once, however many are parallel.
          for target in others.row(row)
          where known.insert(UInt64(target) << 32 | UInt64(row)).inserted {
            rows[Int(target)].append(UInt32(row))
          }
        }
      }
      var result = Self(relation: own.relation)
      for row in rows {
        result.sources += row
        result.offsets.append(UInt32(result.sources.count))
      }
      return result
    }
  }

  private func row(_ number: Int) -> ArraySlice<UInt32> {
    number < offsets.count - 1 ? sources[Int(offsets[number])..<Int(offsets[number + 1])] : []
  }
}
