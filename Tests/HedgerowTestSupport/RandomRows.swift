public import HedgerowCore
public import HedgerowTensor

/// A drawn bipartite graph in both directions, with repeated edges and targets without any.
public struct RandomRows: Sendable {
  /// (source, target), by target.
  public let edges: [(source: Int, target: Int)]
  /// The sources of each target; both arrays are longer than needed.
  public let targets: CompressedRows
  /// The targets of each source.
  public let transposed: CompressedRows

  /// Up to twice `meanDegree` sources for each target.
  public init(
    sources: Int, targets: Int, meanDegree: Int = 3, from stream: inout RandomStream
  ) {
    var edges: [(source: Int, target: Int)] = []
    for target in 0..<targets where sources > 0 {
      for _ in 0..<stream.next(below: UInt64(2 * meanDegree + 1)) {
        edges.append((Int(stream.next(below: UInt64(sources))), target))
      }
    }
    self.edges = edges
    self.targets = Self.compressed(edges.map { ($0.target, $0.source) }, rowCount: targets)
    var transposed = Self.compressed(edges.map { ($0.source, $0.target) }, rowCount: sources)
    // Edges stand by target, so that the number of one is its entry.
    transposed.entries =
      Self.compressed(
        edges.enumerated().map { ($1.source, $0) }, rowCount: sources
      ).indices
    self.transposed = transposed
  }

  private static func compressed(_ pairs: [(Int, Int)], rowCount: Int) -> CompressedRows {
    var lists = [[UInt32]](repeating: [], count: rowCount)
    for (row, index) in pairs { lists[row].append(UInt32(index)) }
    var offsets: [UInt32] = [0]
    for list in lists { offsets.append(offsets.last! + UInt32(list.count)) }
    return CompressedRows(
      offsets: offsets + [.max], indices: lists.flatMap { $0 } + [.max], rowCount: rowCount)
  }
}
