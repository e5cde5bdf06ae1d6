import HedgerowCore
import HedgerowStore

/// Goes over the edges of a type in out order, some at a time; those with an end that is not chosen are
/// left out.
final class EdgeRows {
  /// Which arcs of an undirected type there are; of a directed type all.
  enum Arcs {
    case both
    /// Each edge once, from the smaller id.
    case fromSmaller
    /// Each edge once, from the greater id.
    case fromGreater
  }

  let columns: ColumnBlock
  /// The ends of the edges of the current block.
  private(set) var sources: [UInt32] = []
  private(set) var targets: [UInt32] = []
  var count: Int { sources.count }

  private let graph: ExportedGraph
  private let edges: ExportedGraph.Edges
  private let arcs: Arcs
  private var cursor: EdgeCursor
  /// The place in out order of the cursor's block, and of what of it comes next.
  private var blockStart: UInt64 = 0
  private var place = 0
  private var positions: [UInt64] = []
  private var writtenCount = 0
  /// Another reader of the same rows says how far it is.
  var isSilent = false

  init(
    _ graph: ExportedGraph, _ edges: ExportedGraph.Edges, _ columns: ColumnBlock, arcs: Arcs
  ) throws {
    self.graph = graph
    self.edges = edges
    self.columns = columns
    self.arcs = edges.schema.isUndirected ? arcs : .both
    cursor = try graph.snapshot.edges(of: edges.type, .out)
  }

  /// Goes to the next block; false at the end.
  func advance() throws -> Bool {
    sources.removeAll(keepingCapacity: true)
    targets.removeAll(keepingCapacity: true)
    positions.removeAll(keepingCapacity: true)
    while sources.isEmpty {
      if place == cursor.rows.count {
        blockStart += UInt64(cursor.rows.count)
        place = 0
        if isSilent {
          try graph.checkCancelled()
        } else {
          try graph.advance("edges \(edges.type)", Int(blockStart), of: cursor.count)
        }
        guard try cursor.advance() else {
          graph.writtenEdges[edges.type] = writtenCount
          return false
        }
      }
      while place < cursor.rows.count, sources.count < columns.rowLimit {
        let (source, target) = (cursor.rows[place], cursor.neighbors[place])
        if takes(source, target) {
          sources.append(source)
          targets.append(target)
          positions.append(blockStart + UInt64(place))
        }
        place += 1
      }
    }
    writtenCount += sources.count
    try columns.load(positions)
    return true
  }

  private func takes(_ source: UInt32, _ target: UInt32) -> Bool {
    switch arcs {
    case .both: break
    case .fromSmaller: if source > target { return false }
    case .fromGreater: if source < target { return false }
    }
    return edges.source.selection.contains(source) && edges.target.selection.contains(target)
  }
}
