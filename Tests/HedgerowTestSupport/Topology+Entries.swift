public import HedgerowCore
public import HedgerowGraph

/// An entry of a row: what it leads to, and which edge it is.
public struct RowEntry: Equatable {
  public var neighbor: UInt32
  public var edge: UInt64

  public init(neighbor: UInt32, edge: UInt64) {
    self.neighbor = neighbor
    self.edge = edge
  }
}

extension Topology {
  /// All entries of one row, in their order.
  public func entries(of row: UInt32, along relation: Relation) throws -> [RowEntry] {
    let rows = [row]
    let extent = try extents(of: rows.span, along: relation)[0]
    let addresses = (0..<UInt64(extent.count)).map { extent.start + $0 }
    let own = [UInt32](repeating: row, count: addresses.count)
    return zip(
      try neighbors(at: addresses.span, along: relation),
      try edges(at: addresses.span, in: own.span, along: relation)
    ).map { RowEntry(neighbor: $0, edge: $1) }
  }
}
