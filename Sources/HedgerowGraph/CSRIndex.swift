import CHedgerowKernels
import HedgerowCore

/// A compressed adjacency over node ranges: what ``MemoryGraph`` and a store's snapshot read.
///
/// Row r's entries lie between two offsets, each a UInt32 delta to a UInt64 base kept for 64 rows
/// (4.1 bytes a row), or, where few rows have entries, in a list of those rows. An address is the
/// range's number in the upper 20 bits and the entry's place in the range below.
public final class CSRIndex: @unchecked Sendable {
  // The ranges point into memory that `owners` keep alive and nobody writes.
  private let ranges: UnsafeMutableBufferPointer<hr_range>
  private let owners: [any Sendable]
  private let rangeBits: Int
  private let rowCount: Int
  private let neighborCount: Int
  private let place: @Sendable (_ range: Int) -> String
  private let patch: CSRPatch?
  private let kernel: hr_patch?
  /// Rows that the ranges know; those beyond have added entries only.
  private let baseRowCount: Int
  /// Entries before each range.
  private let rangeStarts: [UInt64]
  /// Ranges that hold rows; behind them lies the one of merged rows.
  private let rangeCount: Int
  public let edgeCount: Int

  /// One node range of an index, over memory that the index's owners keep alive.
  public struct Range {
    var raw: hr_range

    /// - Parameters:
    ///   - rows: the range's rows; those without offsets are empty.
    ///   - listed: the rows that have entries, rising, or `nil` when all do.
    ///   - bases: one for 64 rows; `deltas`: one for each row (or listed row) and one more.
    ///   The sizes must fit together; what the offsets say is checked at each use.
    public init(
      rowCount: Int, listed: UnsafeBufferPointer<UInt32>?, bases: UnsafeBufferPointer<UInt64>,
      deltas: UnsafeBufferPointer<UInt32>, neighbors: UnsafeBufferPointer<UInt32>
    ) {
      self.init(
        rowCount: rowCount, listed: listed, bases: bases, deltas: deltas,
        neighbors: UnsafeRawBufferPointer(neighbors), bits: 32, count: neighbors.count)
    }

    /// The same over `count` neighbors of 1 to 31 bits, as ``NumberPacker`` writes them.
    public init(
      rowCount: Int, listed: UnsafeBufferPointer<UInt32>?, bases: UnsafeBufferPointer<UInt64>,
      deltas: UnsafeBufferPointer<UInt32>, packed: UnsafeRawBufferPointer, bits: Int, count: Int
    ) {
      require(
        (1...31).contains(bits) && NumberPacker.byteCount(count, bits: bits) == packed.count,
        "\(packed.count) bytes for \(count) neighbors of \(bits) bits")
      self.init(
        rowCount: rowCount, listed: listed, bases: bases, deltas: deltas, neighbors: packed,
        bits: bits, count: count)
    }

    private init(
      rowCount: Int, listed: UnsafeBufferPointer<UInt32>?, bases: UnsafeBufferPointer<UInt64>,
      deltas: UnsafeBufferPointer<UInt32>, neighbors: UnsafeRawBufferPointer, bits: Int, count: Int
    ) {
      require(
        deltas.count >= 1 && bases.count == (deltas.count - 1) / 64 + 1
          && (listed.map { $0.count == deltas.count - 1 } ?? (deltas.count - 1 <= rowCount)),
        "\(bases.count) bases, \(deltas.count) deltas for \(rowCount) rows")
      raw = hr_range(
        bases: bases.baseAddress, deltas: deltas.baseAddress, neighbors: neighbors.baseAddress,
        rows: listed?.baseAddress, edge_count: UInt64(count),
        row_count: UInt32(clamping: rowCount), entry_count: UInt32(deltas.count - 1),
        neighbor_bits: UInt32(bits))
    }
  }

  /// - Parameters:
  ///   - ranges: `nil` for a range without entries.
  ///   - place: names a range's file in errors.
  public init(
    ranges: [Range?], rangeBits: Int, rowCount: Int, neighborCount: Int, owners: [any Sendable],
    place: @escaping @Sendable (Int) -> String
  ) {
    self.ranges = .allocate(capacity: ranges.count)
    for (index, range) in ranges.enumerated() {
      let rows = min(1 << rangeBits, rowCount - index << rangeBits)
      self.ranges.initializeElement(
        at: index,
        to: range?.raw
          ?? hr_range(
            bases: nil, deltas: nil, neighbors: nil, rows: nil, edge_count: 0,
            row_count: UInt32(clamping: rows), entry_count: 0, neighbor_bits: 32))
    }
    self.owners = owners
    self.rangeBits = rangeBits
    self.rowCount = rowCount
    self.neighborCount = neighborCount
    self.place = place
    patch = nil
    kernel = nil
    baseRowCount = rowCount
    rangeCount = ranges.count
    var starts: [UInt64] = [0]
    for range in ranges { starts.append(starts[starts.count - 1] + (range?.raw.edge_count ?? 0)) }
    rangeStarts = starts
    edgeCount = ranges.reduce(0) { $0 + Int($1?.raw.edge_count ?? 0) }
  }

  /// An index and changes over it, which is read like one that was built from both.
  ///
  /// - Parameters:
  ///   - rowCount: at least the index's; rows beyond those have added entries only.
  ///   - neighborCount: at least the index's.
  public init(_ base: CSRIndex, patchedBy patch: CSRPatch, rowCount: Int, neighborCount: Int) {
    require(base.patch == nil && rowCount >= base.rowCount, "a patch lies over an index")
    rangeCount = base.rangeCount
    ranges = .allocate(capacity: rangeCount + 1)
    _ = ranges.initialize(from: base.ranges)
    ranges.initializeElement(at: rangeCount, to: patch.mergedRange)
    kernel = patch.kernel(mergedRange: rangeCount)
    owners = [base, patch]
    rangeBits = base.rangeBits
    self.rowCount = rowCount
    self.neighborCount = neighborCount
    place = base.place
    self.patch = patch
    baseRowCount = base.rowCount
    rangeStarts = base.rangeStarts
    edgeCount = base.edgeCount + patch.netCount
  }

  deinit { ranges.deallocate() }

  /// See ``Topology/extents(of:along:into:)``.
  public func extents(of rows: Span<UInt32>, into extents: inout MutableSpan<Extent>) throws {
    require(extents.count == rows.count, "\(extents.count) extents for \(rows.count) rows")
    let bad = rows.withUnsafeBufferPointer { rows in
      extents.withUnsafeMutableBytes { bytes in
        let extents = bytes.assumingMemoryBound(to: hr_extent.self).baseAddress
        guard let kernel else {
          return hr_extents(
            ranges.baseAddress, ranges.count, UInt32(rangeBits), rows.baseAddress, rows.count,
            extents)
        }
        return withUnsafePointer(to: kernel) {
          hr_patched_extents(
            ranges.baseAddress, rangeCount, UInt32(rangeBits), $0, UInt64(baseRowCount),
            UInt64(rowCount), rows.baseAddress, rows.count, extents)
        }
      }
    }
    guard bad < 0 else {
      let row = rows[bad]
      require(Int(row) < rowCount, "row \(row) of \(rowCount)")
      throw HedgerowError(
        .damaged, "the offsets of row \(row) make no sense", at: place(Int(row) >> rangeBits))
    }
  }

  /// See ``Topology/read(_:along:into:)``.
  public func read(_ addresses: Span<UInt64>, into neighbors: inout MutableSpan<UInt32>) throws {
    require(
      neighbors.count == addresses.count, "\(neighbors.count) neighbors, \(addresses.count) wanted")
    if addresses.isEmpty { return }
    let largest = addresses.withUnsafeBufferPointer { addresses in
      neighbors.withUnsafeMutableBufferPointer { neighbors in
        guard let kernel, patch!.hasLongRows else {
          return hr_read_neighbors(
            ranges.baseAddress, ranges.count, addresses.baseAddress, addresses.count,
            neighbors.baseAddress)
        }
        return withUnsafePointer(to: kernel) {
          hr_read_patched(
            ranges.baseAddress, ranges.count, $0, addresses.baseAddress, addresses.count,
            neighbors.baseAddress)
        }
      }
    }
    guard Int(largest) < neighborCount else {
      let at = (0..<addresses.count).first { neighbors[$0] == largest }!
      throw HedgerowError(
        .damaged, "neighbor \(largest) is not below \(neighborCount)",
        at: place(Int(base(of: addresses[at]) >> UInt64(hr_position_bits))))
    }
  }

  /// See ``Topology/read(_:along:into:)-swift.method``, of stretches.
  public func read(_ stretches: Span<Extent>, into neighbors: inout MutableSpan<UInt32>) throws {
    var marks: UInt64 = 0
    for place in stretches.indices { marks |= stretches[place].start }
    guard marks & CSRPatch.mark == 0 else {
      // Entries of long rows that changed lie here and there.
      let addresses = stretches.addresses
      return try read(addresses.span, into: &neighbors)
    }
    let largest = stretches.withUnsafeBytes { stretches in
      neighbors.withUnsafeMutableBufferPointer { neighbors in
        hr_read_stretches(
          ranges.baseAddress, stretches.assumingMemoryBound(to: hr_extent.self).baseAddress,
          stretches.count / MemoryLayout<hr_extent>.stride, neighbors.baseAddress)
      }
    }
    guard Int(largest) < neighborCount || neighbors.isEmpty else {
      // The other way says where.
      let addresses = stretches.addresses
      return try read(addresses.span, into: &neighbors)
    }
  }

  /// The address in the ranges of an entry that is not an added one.
  private func base(of address: UInt64) -> UInt64 {
    if case .base(let base) = origin(of: address) { base } else { address }
  }

  /// Where an entry comes from: the address that it has in the index below a patch, or an added one.
  /// Time O(log changes).
  public func origin(of address: UInt64) -> CSRPatch.Origin {
    guard let patch else { return .base(address) }
    let (range, place) = Self.split(address)
    return patch.origin(of: range == rangeCount ? patch.address(ofMerged: place) : address)
  }

  /// Hands over, some at a time, the addresses in the ranges of entries whose own addresses do not say
  /// where they lie: those of long rows that changed. For a read-ahead.
  public func visitHidden(_ addresses: Span<UInt64>, _ body: (Span<UInt64>) -> Void) {
    guard let kernel, patch!.hasLongRows else { return }
    addresses.withUnsafeBufferPointer { addresses in
      var marks: UInt64 = 0
      for address in addresses { marks |= address }
      guard marks & CSRPatch.mark != 0 else { return }
      withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 1024) { block in
        var count = 0
        func flush() {
          withUnsafePointer(to: kernel) {
            hr_patch_resolve($0, block.baseAddress, count, block.baseAddress)
          }
          body(UnsafeBufferPointer(rebasing: block[..<count]).span)
          count = 0
        }
        for address in addresses where address & CSRPatch.mark != 0 {
          block[count] = address
          count += 1
          if count == block.count { flush() }
        }
        if count > 0 { flush() }
      }
    }
  }

  /// How many entries the ranges hold before the one at an address of theirs.
  public func position(of address: UInt64) -> UInt64 {
    let (range, place) = Self.split(address)
    return rangeStarts[range] + place
  }

  /// The range that holds the entry with so many before it.
  public func range(of position: UInt64) -> Int {
    require(
      position < rangeStarts[rangeCount], "entry \(position) of \(rangeStarts[rangeCount])")
    var (low, high) = (0, rangeCount)
    while low < high {
      let middle = (low + high) / 2
      if rangeStarts[middle + 1] <= position { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// How many entries the ranges hold in rows before this one, whether it has entries or not.
  public func entryCount(before row: Int) -> UInt64 {
    let number = row >> rangeBits
    guard number < rangeCount else { return rangeStarts[rangeCount] }
    let range = ranges[number]
    guard let bases = range.bases, let deltas = range.deltas else { return rangeStarts[number] }
    var place = row & (1 << rangeBits - 1)
    let count = Int(range.entry_count)
    if let rows = range.rows {
      var (low, high) = (0, count)
      while low < high {
        let middle = (low + high) / 2
        if Int(rows[middle]) < place { low = middle + 1 } else { high = middle }
      }
      place = low
    }
    place = min(place, count)
    // An offset that makes no sense is found when its row is read.
    return rangeStarts[number]
      + min(range.edge_count, bases[place >> 6] + UInt64(deltas[place]))
  }

  /// Bits of an address below the range's number.
  public static let positionBits = Int(hr_position_bits)

  /// Splits an address into its range and the entry's place there.
  public static func split(_ address: UInt64) -> (range: Int, position: UInt64) {
    (Int(address >> UInt64(positionBits)), address & (1 << UInt64(positionBits) - 1))
  }
}
