import HedgerowCore
import HedgerowTensor

/// Which nodes of a graph are kept when others are dropped.
public enum KeptShare: Sendable {
  /// This share of each graph's nodes, rounded up.
  case ratio(Double)
  /// So many of each graph, or all where it has fewer.
  case count(Int)
  /// Those that score more than this, of a softmax over each graph, or the best when none does.
  case above(Float)
}

extension KeptShare {
  /// The nodes kept: by ratio or count each graph's in falling order of their scores, graph after graph; above a
  /// score in their own order.
  ///
  /// Shapes: scores [nodes].
  func nodes(by scores: Tensor, in graphs: RowGroups) -> [UInt32] {
    let values = scores.detached.scalars
    switch self {
    case .above(let least):
      var best = [Float](repeating: -.infinity, count: graphs.count)
      for (group, value) in zip(graphs.groups, values) {
        best[Int(group)] = max(best[Int(group)], value)
      }
      return values.indices.filter {
        values[$0] > min(best[Int(graphs.groups[$0])] - 1e-7, least)
      }.map { UInt32($0) }
    case .ratio, .count:
      return (0..<graphs.count).flatMap { graph in
        let rows = graphs.rows(of: graph)
        let sorted = rows.sorted { values[Int($0)] > values[Int($1)] }
        return sorted.prefix(count(of: rows.count))
      }
    }
  }

  private func count(of nodeCount: Int) -> Int {
    switch self {
    case .ratio(let ratio): Int((Float(ratio) * Float(nodeCount)).rounded(.up))
    case .count(let count): count
    case .above: nodeCount
    }
  }
}

extension RowGroups {
  /// The rows of a group, in their order.
  func rows(of group: Int) -> [UInt32] {
    let range = Int(offsets[group])..<Int(offsets[group + 1])
    return order.map { Array($0[range]) } ?? range.map { UInt32($0) }
  }

  /// The groups of some rows.
  func kept(_ rows: [UInt32]) -> RowGroups {
    RowGroups(rows.map { groups[Int($0)] }, count: count)
  }
}
