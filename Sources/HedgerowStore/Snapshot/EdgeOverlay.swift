import HedgerowCore
import HedgerowGraph
import HedgerowLMDB
import HedgerowRoaring

/// What came to an edge type since its segments were written, frozen: which rows changed, where
/// added edges stand, and what they carry.
final class EdgeOverlay: Sendable {
  let out: CSRPatch
  let into: CSRPatch
  /// Places in the segments' out order before which an added edge stands, in out order.
  private let insertions: [UInt64]
  /// Where added edges stand in the merged out order.
  private let places: [UInt64]
  /// Removed places of the segments' out order, rising.
  private let removed: [UInt64]
  /// For each added entry of `into`, the same edge's number in out order.
  private let ordinals: [UInt32]
  /// What each added edge carries, in out order.
  let cells: [CellList]

  var addedCount: Int { places.count }
  var removedCount: UInt64 { UInt64(removed.count) }

  /// Where an edge of the merged out order comes from.
  enum Origin {
    case base(UInt64)
    case added(Int)
  }

  func origin(of place: UInt64) -> Origin {
    let before = places.partitioningIndex { $0 >= place }
    if before < places.count, places[before] == place { return .added(before) }
    let rest = place - UInt64(before)
    // removed[k] - k are the places of the rest before which k are gone.
    var (low, high) = (0, removed.count)
    while low < high {
      let middle = (low + high) / 2
      if removed[middle] - UInt64(middle) <= rest { low = middle + 1 } else { high = middle }
    }
    return .base(rest + UInt64(low))
  }

  /// The place in the merged out order of an edge of the segments that is still there.
  func place(ofBase position: UInt64) -> UInt64 {
    position - UInt64(removed.partitioningIndex { $0 >= position })
      + UInt64(insertions.partitioningIndex { $0 > position })
  }

  /// The places in the merged out order of edges of the segments, as far as they are still there, and
  /// of added ones that pass a test of what they carry.
  func places(ofBase positions: RoaringBitmap, added test: (CellList) throws -> Bool) rethrows
    -> RoaringBitmap
  {
    let kept = positions.subtracting(RoaringBitmap(removed.map { UInt32($0) }))
    var found = RoaringBitmap(kept.lazy.map { UInt32(self.place(ofBase: UInt64($0))) })
    for (ordinal, cells) in cells.enumerated() where try test(cells) {
      found.insert(UInt32(places[ordinal]))
    }
    return found
  }

  func place(ofAdded ordinal: Int) -> UInt64 { places[ordinal] }

  /// The place in the merged out order of an added entry of the in index.
  func place(ofAddedInEntry entry: Int) -> UInt64 { places[Int(ordinals[entry])] }

  /// The merged places that changes of values touch, for whoever rewrites ranges.
  var privateByteCount: Int {
    insertions.count * 24 + removed.count * 8
      + cells.reduce(0) { $0 + $1.cells.reduce(48) { $0 + $1.cell.bytes.count + 48 } }
      + out.byteCount + into.byteCount
  }

  /// Reads the changes of a type; `nil` when there are none.
  ///
  /// - Parameters:
  ///   - changes: of the out side and of the in side.
  ///   - time: the time of an edge of the segments by its place, where the type declares one.
  init?(
    _ edge: EdgeTypeRecord, out outBase: StoredAdjacency, into inBase: StoredAdjacency,
    changes: (out: TableCopy<DeltaKey, [UInt8]>, into: TableCopy<DeltaKey, [UInt8]>),
    sourceCount: Int, targetCount: Int, time: StoredColumn?
  ) throws {
    let counts = (sourceCount, targetCount)
    var numbers: [UInt64] = []
    var cells: [CellList] = []
    var insertions: [UInt64] = []
    var places: [UInt64] = []
    var removed: [UInt64] = []
    func damaged(_ what: String) -> HedgerowError {
      HedgerowError(.damaged, "\(what) of '\(edge.type)'", at: "data.mdb table delta")
    }

    // The out side: rows are sorted by neighbor, as the table is.
    let outRows = RowReader(outBase)
    try changes.out.visit { key, value in
      guard Int(key.row) < counts.0, Int(key.neighbor) < counts.1 else {
        throw damaged("a changed edge names no node")
      }
      try outRows.enter(key.row)
      let found = try outRows.places(of: key.neighbor)
      let start = outRows.start
      switch key.kind {
      case .removed:
        let place = UInt64(found.lowerBound) + key.number
        guard place < found.upperBound else { throw damaged("a removed edge is not there") }
        outRows.current.removedPlaces.append(UInt32(place))
        removed.append(start + place)
      case .added:
        outRows.insert(key.neighbor, before: found.upperBound)
        insertions.append(start + UInt64(found.upperBound))
        places.append(
          start + UInt64(found.upperBound) + UInt64(places.count) - UInt64(removed.count))
        numbers.append(key.number)
        cells.append(try CellList(decoding: value))
      }
    }
    out = CSRPatch(try outRows.finish())

    // The in side, by (time, neighbor) where the type declares a time.
    let ordinals = Dictionary(
      zip(numbers, 0..<UInt32(numbers.count)), uniquingKeysWith: { first, _ in first })
    guard ordinals.count == numbers.count else { throw damaged("two added edges share a number") }
    var inOrdinals: [UInt32] = []
    let inRows = RowReader(inBase)
    var waiting: [(time: Int64, neighbor: UInt32, number: UInt64)] = []
    func flush() throws {
      guard !waiting.isEmpty else { return }
      waiting.sort { ($0.time, $0.neighbor, $0.number) < ($1.time, $1.neighbor, $1.number) }
      for entry in waiting {
        let place = try Self.timed(
          inBase, inRows.current.base, time!, entry.time, entry.neighbor, orEqual: true)
        inRows.insert(entry.neighbor, before: place)
        inOrdinals.append(ordinals[entry.number]!)
      }
      waiting = []
    }
    try changes.into.visit { key, value in
      guard Int(key.row) < counts.1, Int(key.neighbor) < counts.0 else {
        throw damaged("a changed edge names no node")
      }
      if inRows.isOver(key.row) { try flush() }
      try inRows.enter(key.row)
      switch key.kind {
      case .removed:
        if let time {
          let row = try outBase.extent(of: key.neighbor)
          let found = try outBase.places(of: key.row, in: row)
          guard UInt64(found.lowerBound) + key.number < found.upperBound else {
            throw damaged("a removed edge is not there")
          }
          let position = outBase.index.position(
            of: row.start + UInt64(found.lowerBound) + key.number)
          var place = try Self.timed(
            inBase, inRows.current.base, time, Self.time(time, position), key.neighbor,
            orEqual: false)
          let base = inRows.current.base
          while place < base.count,
            try inBase.position(at: base.start + UInt64(place)) != position
          { place += 1 }
          guard place < base.count else { throw damaged("a removed edge is not there") }
          inRows.removeLater(place)
        } else {
          let found = try inRows.places(of: key.neighbor)
          let place = UInt64(found.lowerBound) + key.number
          guard place < found.upperBound else { throw damaged("a removed edge is not there") }
          inRows.current.removedPlaces.append(UInt32(place))
        }
      case .added:
        guard let ordinal = ordinals[key.number] else {
          throw damaged("an added edge has one index only")
        }
        if time != nil {
          guard value.count == 8 else { throw damaged("an added edge has no time") }
          let time = value.withUnsafeBytes { $0.loadUnaligned(as: Int64.self) }
          waiting.append((time, key.neighbor, key.number))
        } else {
          let found = try inRows.places(of: key.neighbor)
          inRows.insert(key.neighbor, before: found.upperBound)
          inOrdinals.append(ordinal)
        }
      }
    }
    try flush()
    into = CSRPatch(try inRows.finish())
    guard into.netCount == out.netCount, inOrdinals.count == numbers.count else {
      throw damaged("the two indices have different changes")
    }
    if numbers.isEmpty && removed.isEmpty { return nil }
    self.insertions = insertions
    self.places = places
    self.removed = removed
    self.ordinals = inOrdinals
    self.cells = cells
  }

  private static func time(_ column: StoredColumn, _ position: UInt64) throws -> Int64 {
    guard position < column.rowCount, case .int(let time)? = try column.value(position) else {
      throw HedgerowError(.damaged, "edge \(position) has no time", at: column.name)
    }
    return time
  }

  /// The first place of a row by time that holds (time, neighbor) or more; `orEqual`, more.
  private static func timed(
    _ base: StoredAdjacency, _ row: Extent, _ column: StoredColumn, _ time: Int64,
    _ neighbor: UInt32, orEqual: Bool
  ) throws -> UInt32 {
    var low: UInt32 = 0
    var high = row.count
    while low < high {
      let middle = low + (high - low) / 2
      let address = row.start + UInt64(middle)
      guard let position = try base.position(at: address) else {
        throw HedgerowError(.damaged, "an index by time has no places", at: column.name)
      }
      let there = (try Self.time(column, position), try base.neighbors(at: [address])[0])
      if there < (time, neighbor) || (orEqual && there == (time, neighbor)) {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return low
  }
}

/// Gathers the changes of one row after the other.
private final class RowReader {
  /// Rows up to this length are searched in memory.
  private static let shortRow = 256
  /// So many entries of merged rows there may be for each change: memory grows with the changes.
  private static let mergedEntriesPerChange = 32

  private let base: StoredAdjacency
  private var rows: [CSRPatch.Row] = []
  var current: CSRPatch.Row
  /// Entries of the segments before the row.
  private(set) var start: UInt64 = 0
  /// What the segments hold of the row, when that is short.
  private var entries: [UInt32]?
  private var isBegun = false
  private var added: [(before: UInt32, neighbor: UInt32)] = []

  init(_ base: StoredAdjacency) {
    self.base = base
    current = CSRPatch.Row(row: 0, base: Extent(start: 0, count: 0))
  }

  func isOver(_ row: UInt32) -> Bool { isBegun && current.row != row }

  func enter(_ row: UInt32) throws {
    if isBegun && current.row == row { return }
    end()
    let extent = try base.extent(of: row)
    current = CSRPatch.Row(row: row, base: extent)
    start = base.index.entryCount(before: Int(row))
    entries = extent.count <= Self.shortRow ? try base.neighbors(of: extent) : nil
    isBegun = true
  }

  /// The places of the segments' row that hold a neighbor, in a row sorted by neighbor.
  func places(of neighbor: UInt32) throws -> Range<UInt32> {
    guard let entries else { return try base.places(of: neighbor, in: current.base) }
    let first = entries.partitioningIndex { $0 >= neighbor }
    var end = first
    while end < entries.count && entries[end] == neighbor { end += 1 }
    return UInt32(first)..<UInt32(end)
  }

  /// An added entry that stands before a place of the row in segments.
  func insert(_ neighbor: UInt32, before place: UInt32) { added.append((place, neighbor)) }

  /// A removed place that is not found in order.
  func removeLater(_ place: UInt32) { current.removedPlaces.append(place) }

  private func end() {
    guard isBegun else { return }
    current.removedPlaces.sort()
    var gone = 0
    for (index, entry) in added.enumerated() {
      while gone < current.removedPlaces.count, current.removedPlaces[gone] < entry.before {
        gone += 1
      }
      current.addedPlaces.append(entry.before + UInt32(index) - UInt32(gone))
      current.addedNeighbors.append(entry.neighbor)
    }
    added = []
    rows.append(current)
    isBegun = false
  }

  /// The rows, the shortest of them merged as well.
  func finish() throws -> [CSRPatch.Row] {
    end()
    var left = rows.reduce(0) {
      $0 + Self.mergedEntriesPerChange * ($1.addedPlaces.count + $1.removedPlaces.count)
    }
    for place in rows.indices.sorted(by: { rows[$0].mergedCount < rows[$1].mergedCount }) {
      left -= rows[place].mergedCount
      if left < 0 { break }
      rows[place].merged = rows[place].merged(with: try base.neighbors(of: rows[place].base))
    }
    return rows
  }
}

extension CSRPatch.Row {
  fileprivate var mergedCount: Int { Int(base.count) + addedPlaces.count - removedPlaces.count }

  /// All entries of the row, from those that the index has.
  fileprivate func merged(with entries: [UInt32]) -> [UInt32] {
    var merged: [UInt32] = []
    merged.reserveCapacity(mergedCount)
    var (next, gone, place) = (0, 0, 0)
    while merged.count < mergedCount {
      if next < addedPlaces.count && Int(addedPlaces[next]) == merged.count {
        merged.append(addedNeighbors[next])
        next += 1
      } else if gone < removedPlaces.count && Int(removedPlaces[gone]) == place {
        gone += 1
        place += 1
      } else {
        merged.append(entries[place])
        place += 1
      }
    }
    return merged
  }
}

extension Array {
  /// The first index from which on a predicate holds, which it does for all or none after.
  func partitioningIndex(where isIn: (Element) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if isIn(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
