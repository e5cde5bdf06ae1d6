import CHedgerowKernels
import HedgerowCore

/// Changes over a ``CSRIndex`` that are read as if they had been merged into it.
///
/// A row that did not change costs one look into a hash table of those that did. Of a changed row the
/// differences are kept: where in the merged row the added entries stand, and which of the index's
/// entries are gone. A row that is short enough, to whoever makes the patch, is kept merged as well and
/// read like any other; an entry of a longer one is found by two binary searches over the row's
/// changes. So memory is some 90 bytes for a changed row, 8 for an added and 4 for a removed entry, and
/// 4 for each entry of a merged row: it need not grow with the degree of hubs.
public final class CSRPatch: @unchecked Sendable {
  // Filled by init and never written again.
  private let slots: UnsafeMutableBufferPointer<UInt64>
  /// Eight bits for each slot, one of them set for each row.
  private let filter: UnsafeMutableBufferPointer<UInt64>
  private let rows: UnsafeMutableBufferPointer<hr_patch_row>
  private let addedPlaces: UnsafeMutableBufferPointer<UInt32>
  private let addedNeighbors: UnsafeMutableBufferPointer<UInt32>
  private let removedPlaces: UnsafeMutableBufferPointer<UInt32>
  private let merged: UnsafeMutableBufferPointer<UInt32>
  /// The rows that lie merged, by place, and where each begins.
  private let mergedRows: [UInt32]
  private let mergedStarts: [UInt64]
  private let raw: hr_patch
  /// The rows that changed, rising.
  public let changedRows: [UInt32]
  /// Entries added less removed ones in the changed rows before each, and in all.
  private let netCounts: [Int]

  /// One row's changes.
  public struct Row: Sendable {
    public var row: UInt32
    /// The entries that the index has for the row.
    public var base: Extent
    /// Where the added entries stand in the merged row, rising.
    public var addedPlaces: [UInt32] = []
    public var addedNeighbors: [UInt32] = []
    /// Places of removed entries among the row's entries in the index, rising.
    public var removedPlaces: [UInt32] = []
    /// All entries of the merged row, for one that is short.
    public var merged: [UInt32]?

    public init(row: UInt32, base: Extent) {
      self.row = row
      self.base = base
    }
  }

  /// - Parameter changes: rows rising, each once.
  public init(_ changes: [Row]) {
    var capacity = 2
    while capacity < 2 * changes.count { capacity *= 2 }
    slots = .allocate(capacity: capacity)
    slots.initialize(repeating: .max)
    filter = .allocate(capacity: max(1, capacity / 8))
    filter.initialize(repeating: 0)
    let filterMask = UInt64(filter.count * 64 - 1)
    rows = .allocate(capacity: changes.count)
    let addedCount = changes.reduce(0) { $0 + $1.addedPlaces.count }
    let removedCount = changes.reduce(0) { $0 + $1.removedPlaces.count }
    addedPlaces = .allocate(capacity: addedCount)
    addedNeighbors = .allocate(capacity: addedCount)
    removedPlaces = .allocate(capacity: removedCount)
    merged = .allocate(capacity: changes.reduce(0) { $0 + ($1.merged?.count ?? 0) })
    var mergedRows: [UInt32] = []
    var mergedStarts: [UInt64] = []
    var mergedCount = 0
    require(changes.count < 1 << 31, "\(changes.count) changed rows")
    let mask = UInt64(capacity - 1)
    var (added, removed) = (0, 0)
    for (place, change) in changes.enumerated() {
      require(
        change.addedPlaces.count == change.addedNeighbors.count
          && change.removedPlaces.count <= Int(change.base.count),
        "row \(change.row) has \(change.addedPlaces.count) places for "
          + "\(change.addedNeighbors.count) neighbors")
      rows.initializeElement(
        at: place,
        to: hr_patch_row(
          base: change.base.start, added: UInt64(added), removed: UInt64(removed),
          merged: change.merged == nil ? .max : UInt64(mergedCount), base_count: change.base.count,
          added_count: UInt32(change.addedPlaces.count),
          removed_count: UInt32(change.removedPlaces.count)))
      for (place, neighbor) in zip(change.addedPlaces, change.addedNeighbors) {
        addedPlaces.initializeElement(at: added, to: place)
        addedNeighbors.initializeElement(at: added, to: neighbor)
        added += 1
      }
      if let entries = change.merged {
        require(
          entries.count == Int(change.base.count) + change.addedPlaces.count
            - change.removedPlaces.count, "row \(change.row) has \(entries.count) entries")
        mergedRows.append(UInt32(place))
        mergedStarts.append(UInt64(mergedCount))
        for entry in entries {
          merged.initializeElement(at: mergedCount, to: entry)
          mergedCount += 1
        }
      }
      for (before, place) in change.removedPlaces.enumerated() {
        removedPlaces.initializeElement(at: removed, to: place - UInt32(before))
        removed += 1
      }
      // As `first_slot` of the kernel: in Swift a shift binds first.
      let hash = (UInt64(change.row) &* 0x9E37_79B9_7F4A_7C15) >> 20
      filter[Int(hash & filterMask) / 64] |= 1 << (hash & 63)
      var at = Int(hash & mask)
      while slots[at] != .max { at = (at + 1) & Int(mask) }
      slots[at] = UInt64(change.row) << 32 | UInt64(place)
    }
    changedRows = changes.map(\.row)
    var netCounts = [0]
    for change in changes {
      netCounts.append(
        netCounts[netCounts.count - 1] + change.addedPlaces.count - change.removedPlaces.count)
    }
    self.netCounts = netCounts
    raw = hr_patch(
      slots: slots.baseAddress, mask: mask, rows: rows.baseAddress,
      added_places: addedPlaces.baseAddress, added_neighbors: addedNeighbors.baseAddress,
      removed_places: removedPlaces.baseAddress, merged_range: 0,
      filter: UnsafePointer(filter.baseAddress), filter_mask: filterMask)
    self.mergedRows = mergedRows
    self.mergedStarts = mergedStarts
  }

  /// Whether some changed row does not lie merged, so that addresses may be marked.
  var hasLongRows: Bool { mergedRows.count < changedRows.count }

  /// What the kernels read.
  ///
  /// - Parameter mergedRange: the number of the range in which merged rows lie.
  func kernel(mergedRange: Int) -> hr_patch {
    var raw = raw
    raw.merged_range = UInt64(mergedRange)
    return raw
  }

  /// The range of merged rows.
  var mergedRange: hr_range {
    hr_range(
      bases: nil, deltas: nil, neighbors: merged.baseAddress, rows: nil,
      edge_count: UInt64(merged.count), row_count: 0, entry_count: 0,
      neighbor_bits: 32)
  }

  /// The address, by its row and place there, of an entry of a merged row.
  func address(ofMerged place: UInt64) -> UInt64 {
    var (low, high) = (0, mergedStarts.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if mergedStarts[middle] <= place { low = middle } else { high = middle }
    }
    return Self.mark | UInt64(mergedRows[low]) << 32 | (place - mergedStarts[low])
  }

  deinit {
    slots.deallocate()
    filter.deallocate()
    rows.deallocate()
    addedPlaces.deallocate()
    addedNeighbors.deallocate()
    removedPlaces.deallocate()
    merged.deallocate()
  }

  /// Private memory that the patch holds.
  public var byteCount: Int {
    slots.count * 9 + rows.count * (MemoryLayout<hr_patch_row>.stride + 24)
      + addedNeighbors.count * 8 + removedPlaces.count * 4 + merged.count * 4
  }

  /// Entries that the patch adds, less those that it removes.
  public var netCount: Int { addedNeighbors.count - removedPlaces.count }

  /// The same in the rows before one.
  public func netCount(before row: Int) -> Int {
    var (low, high) = (0, changedRows.count)
    while low < high {
      let middle = (low + high) / 2
      if Int(changedRows[middle]) < row { low = middle + 1 } else { high = middle }
    }
    return netCounts[low]
  }

  /// Where an entry comes from.
  public enum Origin: Hashable, Sendable {
    /// An address in the index.
    case base(UInt64)
    /// The place of an added entry, counted over all rows in order.
    case added(Int)
  }

  /// Where the entry at an address of the patched index comes from. Time O(log changes of its row).
  public func origin(of address: UInt64) -> Origin {
    var origin: UInt64 = 0
    withUnsafePointer(to: raw) { patch in
      withUnsafePointer(to: address) { hr_patch_resolve(patch, $0, 1, &origin) }
    }
    return origin & Self.mark == 0 ? .base(origin) : .added(Int(origin & ~Self.mark))
  }

  static let mark: UInt64 = 1 << 63
}
