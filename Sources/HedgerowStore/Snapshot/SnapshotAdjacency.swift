import HedgerowCore
import HedgerowGraph

/// One index of an edge type in a snapshot: its segments, and over them the changes since.
final class SnapshotAdjacency: Sendable {
  let base: StoredAdjacency
  let index: CSRIndex
  let overlay: EdgeOverlay?
  private let side: AdjacencyIndex
  private let patch: CSRPatch?
  /// The other index, by which places in the out order are found where segments do not keep them.
  private let out: StoredAdjacency

  init(
    _ base: StoredAdjacency, _ side: AdjacencyIndex, overlay: EdgeOverlay?, rowCount: Int,
    neighborCount: Int, out: StoredAdjacency
  ) {
    self.base = base
    self.overlay = overlay
    self.out = out
    self.side = side
    patch = overlay.map { side == .out ? $0.out : $0.into }
    // Later nodes without edges need rows, too.
    let isLarger = rowCount > base.rowCount
    index =
      patch != nil || isLarger
      ? CSRIndex(
        base.index, patchedBy: patch ?? CSRPatch([]), rowCount: rowCount,
        neighborCount: neighborCount) : base.index
  }

  func prefetch(rows: Span<UInt32>) { base.prefetch(rows: rows) }

  func prefetch(addresses: Span<UInt64>) {
    // What lies in memory is outside of the windows, and left out.
    base.prefetch(addresses: addresses)
    index.visitHidden(addresses) { base.prefetch(addresses: $0) }
  }

  /// How many entries stand in rows before this one.
  func position(ofRow row: Int) -> UInt64 {
    let stored = base.index.entryCount(before: row)
    return UInt64(Int(stored) + (patch?.netCount(before: row) ?? 0))
  }

  /// See ``Topology/edges(at:in:along:into:)``.
  func edges(
    at addresses: Span<UInt64>, in rows: Span<UInt32>, into edges: inout MutableSpan<UInt64>
  ) throws {
    require(
      edges.count == addresses.count && rows.count == addresses.count,
      "\(edges.count) edges and \(rows.count) rows for \(addresses.count) entries")
    if side == .out {
      for entry in 0..<addresses.count {
        switch index.origin(of: addresses[entry]) {
        case .added(let ordinal): edges[entry] = overlay!.place(ofAdded: ordinal)
        case .base(let address):
          let position = base.index.position(of: address)
          edges[entry] = overlay?.place(ofBase: position) ?? position
        }
      }
      return
    }
    base.prefetch(positionsAt: addresses)
    for entry in 0..<addresses.count {
      edges[entry] = try position(at: addresses[entry], row: rows[entry])
    }
    // Where places lie in a file, they may be any.
    let count = UInt64(index.edgeCount)
    for entry in 0..<edges.count where edges[entry] >= count {
      throw HedgerowError(
        .damaged, "an entry of row \(rows[entry]) is edge \(edges[entry]) of \(count)",
        at: "data.mdb table manifest")
    }
  }

  /// The place in the snapshot's out order of an entry of the in index.
  ///
  /// - Parameters:
  ///   - row: the entry's row; `neighbor`: what it holds, if that is known.
  func position(at address: UInt64, row: UInt32, neighbor: UInt32? = nil) throws -> UInt64 {
    var stored = address
    switch index.origin(of: address) {
    case .added(let entry): return overlay!.place(ofAddedInEntry: entry)
    case .base(let base): stored = base
    }
    let position =
      try base.position(at: stored)
      ?? searched(stored, row: row, neighbor: neighbor ?? base.neighbor(at: stored))
    return overlay?.place(ofBase: position) ?? position
  }

  /// Where the in index does not keep places: parallel edges are in the same order in both.
  private func searched(_ address: UInt64, row: UInt32, neighbor: UInt32) throws -> UInt64 {
    let here = try base.extent(of: row)
    let ordinal =
      UInt32(address - here.start) - (try base.places(of: neighbor, in: here).lowerBound)
    let there = try out.extent(of: neighbor)
    let found = try out.places(of: row, in: there)
    guard ordinal < found.count else {
      throw HedgerowError(
        .damaged, "the two indices of a type hold different edges", at: "data.mdb table manifest")
    }
    return out.index.position(of: there.start + UInt64(found.lowerBound + ordinal))
  }
}
