public import HedgerowCore
import HedgerowGraph

/// Goes over one index of an edge type in its order, some entries at a time.
///
/// ```swift
/// var cursor = try graph.edges(of: type, .out)
/// while try cursor.advance() { use(cursor.rows, cursor.neighbors) }
/// ```
/// Memory does not grow with the edges, nor with the degree of a hub.
public struct EdgeCursor {
  private let adjacency: SnapshotAdjacency
  private let rowCount: Int
  /// Entries of the whole index.
  public let count: Int
  /// The row of each entry of the current block.
  public private(set) var rows: [UInt32] = []
  /// The neighbor of each entry of the current block.
  public private(set) var neighbors: [UInt32] = []

  private var nextRow = 0
  private var firstRow = 0
  private var extents: [Extent] = []
  private var place = 0
  private var done: UInt32 = 0
  /// The most entries of a block.
  public static let blockCount = 1 << 14

  /// The address of each entry of the current block.
  private(set) var addresses: [UInt64] = []

  init(_ adjacency: SnapshotAdjacency, rows: Range<Int>) {
    self.adjacency = adjacency
    rowCount = rows.upperBound
    nextRow = rows.lowerBound
    count = adjacency.index.edgeCount
  }

  /// Goes to the next block; false at the end.
  ///
  /// - Throws: `damaged` for offsets or neighbors that are out of range.
  public mutating func advance() throws -> Bool {
    rows.removeAll(keepingCapacity: true)
    addresses.removeAll(keepingCapacity: true)
    addresses.reserveCapacity(Self.blockCount)
    while addresses.count < Self.blockCount {
      if place == extents.count, try !loadExtents() { break }
      let extent = extents[place]
      let part = min(extent.count - done, UInt32(Self.blockCount - addresses.count))
      let start = extent.start + UInt64(done)
      addresses.append(contentsOf: start..<start + UInt64(part))
      rows.append(contentsOf: repeatElement(UInt32(firstRow + place), count: Int(part)))
      done += part
      if done == extent.count {
        place += 1
        done = 0
      }
    }
    guard !addresses.isEmpty else { return false }
    if neighbors.count > addresses.count {
      neighbors.removeLast(neighbors.count - addresses.count)
    } else {
      neighbors.append(contentsOf: repeatElement(0, count: addresses.count - neighbors.count))
    }
    let wanted = addresses
    adjacency.prefetch(addresses: wanted.span)
    let index = adjacency.index
    var found = neighbors.mutableSpan
    try index.read(wanted.span, into: &found)
    return true
  }

  private mutating func loadExtents() throws -> Bool {
    guard nextRow < rowCount else { return false }
    firstRow = nextRow
    nextRow = min(rowCount, firstRow + 4096)
    let wanted = (UInt32(firstRow)...UInt32(nextRow - 1)).map { $0 }
    extents = [Extent](repeating: Extent(start: 0, count: 0), count: wanted.count)
    place = 0
    let rows = wanted.span
    adjacency.prefetch(rows: rows)
    let index = adjacency.index
    var found = extents.mutableSpan
    try index.extents(of: rows, into: &found)
    return true
  }
}

extension Snapshot {
  /// The edges of a type by source and target, or by target. Throws `usage` for an unknown type.
  public func edges(of type: EdgeType, _ index: AdjacencyIndex) throws -> EdgeCursor {
    guard let edge = state.catalog.edge(type) else {
      throw HedgerowError(.usage, "no edge type '\(type)' in \(path)")
    }
    return EdgeCursor(
      try adjacency(edge, index), rows: 0..<count(of: index == .out ? type.source : type.target))
  }
}
