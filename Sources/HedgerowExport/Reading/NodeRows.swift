import HedgerowCore

/// Goes over the nodes of a type in id order, some at a time; those that are deleted or not chosen are
/// left out.
final class NodeRows {
  let columns: ColumnBlock
  /// The nodes of the current block.
  private(set) var ids: [UInt32] = []
  /// The number of the block's first node among those that are written.
  private(set) var first = 0
  private let graph: ExportedGraph
  private let nodes: ExportedGraph.Nodes
  private var next = 0
  /// Another reader of the same rows says how far it is.
  var isSilent = false

  init(_ graph: ExportedGraph, _ nodes: ExportedGraph.Nodes, _ columns: ColumnBlock) {
    self.graph = graph
    self.nodes = nodes
    self.columns = columns
  }

  /// Goes to the next block; false at the end.
  func advance() throws -> Bool {
    first += ids.count
    if isSilent {
      try graph.checkCancelled()
    } else {
      try graph.advance("nodes \(nodes.type)", first, of: nodes.count)
    }
    ids = nodes.selection.ids(from: &next, limit: columns.rowLimit)
    guard !ids.isEmpty else { return false }
    try columns.load(ids.map { UInt64($0) })
    return true
  }
}
