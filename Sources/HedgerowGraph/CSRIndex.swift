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
      require(
        deltas.count >= 1 && bases.count == (deltas.count - 1) / 64 + 1
          && (listed.map { $0.count == deltas.count - 1 } ?? (deltas.count - 1 <= rowCount)),
        "\(bases.count) bases, \(deltas.count) deltas for \(rowCount) rows")
      raw = hr_range(
        bases: bases.baseAddress, deltas: deltas.baseAddress, neighbors: neighbors.baseAddress,
        rows: listed?.baseAddress, edge_count: UInt64(neighbors.count),
        row_count: UInt32(clamping: rowCount), entry_count: UInt32(deltas.count - 1))
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
            row_count: UInt32(clamping: rows), entry_count: 0))
    }
    self.owners = owners
    self.rangeBits = rangeBits
    self.rowCount = rowCount
    self.neighborCount = neighborCount
    self.place = place
    edgeCount = ranges.reduce(0) { $0 + Int($1?.raw.edge_count ?? 0) }
  }

  deinit { ranges.deallocate() }

  /// See ``Topology/extents(of:along:into:)``.
  public func extents(of rows: Span<UInt32>, into extents: inout MutableSpan<Extent>) throws {
    require(extents.count == rows.count, "\(extents.count) extents for \(rows.count) rows")
    let bad = rows.withUnsafeBufferPointer { rows in
      extents.withUnsafeMutableBytes { bytes in
        hr_extents(
          ranges.baseAddress, ranges.count, UInt32(rangeBits), rows.baseAddress, rows.count,
          bytes.assumingMemoryBound(to: hr_extent.self).baseAddress)
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
        hr_read_neighbors(
          ranges.baseAddress, ranges.count, addresses.baseAddress, addresses.count,
          neighbors.baseAddress)
      }
    }
    guard Int(largest) < neighborCount else {
      let at = (0..<addresses.count).first { neighbors[$0] == largest }!
      throw HedgerowError(
        .damaged, "neighbor \(largest) is not below \(neighborCount)",
        at: place(Int(addresses[at] >> UInt64(hr_position_bits))))
    }
  }

  /// Bits of an address below the range's number.
  public static let positionBits = Int(hr_position_bits)

  /// Splits an address into its range and the entry's place there.
  public static func split(_ address: UInt64) -> (range: Int, position: UInt64) {
    (Int(address >> UInt64(positionBits)), address & (1 << UInt64(positionBits) - 1))
  }
}
