import HedgerowCore
import HedgerowGraph
import HedgerowMapped

/// One index of an edge type: its mapped ranges as a ``CSRIndex``, and the read-ahead for them.
final class StoredAdjacency: Sendable {
  let index: CSRIndex
  let segments: [MappedSegment?]
  /// Rows that segments may know.
  let rowCount: Int
  private let offsetsAhead: ReadAhead
  private let neighborsAhead: ReadAhead
  /// Places of the in index's entries in the out order, by range, where the index keeps them.
  private let positions: [Positions?]
  private let positionsAhead: ReadAhead?

  /// One range's places: a section of words of 4 or 8 bytes.
  private struct Positions: @unchecked Sendable {
    // In the mapping, which stays as long as the segment does.
    let words: UnsafeRawBufferPointer
    let width: Int
  }

  /// - Parameters:
  ///   - rowCount: rows that segments may know; `neighborCount`: bound of their entries.
  init(
    files: StoreFiles, state: StoreState, edge: EdgeTypeRecord, index: AdjacencyIndex,
    rowCount: Int, neighborCount: Int
  ) throws {
    typealias Section = StoreLayout.AdjacencySection
    let rangeBits = state.record.rangeBits
    let rangeCount = (rowCount + 1 << rangeBits - 1) >> rangeBits

    var segments = [MappedSegment?](repeating: nil, count: rangeCount)
    var ranges = [CSRIndex.Range?](repeating: nil, count: rangeCount)
    var neighborBits = [Int](repeating: 32, count: rangeCount)
    for record in state.segments(index == .out ? .adjacencyOut : .adjacencyIn, type: edge.id) {
      let number = Int(record.id.range)
      guard number < rangeCount else {
        throw HedgerowError(
          .damaged, "the manifest names range \(number) of \(rangeCount)", at: record.fileName)
      }
      let segment = try state.openSegment(record, .adjacency, in: files)
      let rows = min(1 << rangeBits, rowCount - number << rangeBits)
      // Nodes that came later have no entries: the file ends before them.
      guard segment.attributes[0] <= UInt64(rows), segment.attributes[1] == record.edgeCount,
        segment.attributes[2] == UInt64(number), let edges = Int(exactly: record.edgeCount),
        edges >> CSRIndex.positionBits == 0
      else {
        throw HedgerowError(
          .damaged, "damaged segment: its counts do not fit the catalog", at: segment.path)
      }
      let listed: UnsafeBufferPointer<UInt32>?
      var entries = Int(segment.attributes[0])
      if segment.attributes[3] == 1 {
        entries = (segment.section(Section.rows)?.count ?? 0) / 4
        guard entries <= rows else {
          throw HedgerowError(.damaged, "damaged segment: \(entries) rows listed", at: segment.path)
        }
        listed = try segment.elements(Section.rows, as: UInt32.self, count: entries)
      } else {
        listed = nil
      }
      let bases = try segment.elements(Section.bases, as: UInt64.self, count: entries / 64 + 1)
      let deltas = try segment.elements(Section.deltas, as: UInt32.self, count: entries + 1)
      let bits = try Self.neighborBits(segment)
      neighborBits[number] = bits
      if bits < 32 {
        guard let byteCount = NumberPacker.byteCount(edges, bits: bits) else {
          throw HedgerowError(.damaged, "damaged segment: \(edges) entries", at: segment.path)
        }
        ranges[number] = CSRIndex.Range(
          rowCount: rows, listed: listed, bases: bases, deltas: deltas,
          packed: UnsafeRawBufferPointer(
            try segment.elements(Section.neighbors, as: UInt8.self, count: byteCount)),
          bits: bits, count: edges)
      } else {
        ranges[number] = CSRIndex.Range(
          rowCount: rows, listed: listed, bases: bases, deltas: deltas,
          neighbors: try segment.elements(Section.neighbors, as: UInt32.self, count: edges))
      }
      segments[number] = segment
    }
    let paths = segments.map { $0?.path ?? "" }
    self.index = CSRIndex(
      ranges: ranges, rangeBits: rangeBits, rowCount: rowCount, neighborCount: neighborCount,
      owners: segments.compactMap { $0 }, place: { paths[$0] })
    self.segments = segments
    self.rowCount = rowCount
    guard self.index.edgeCount == Int(edge.count) else {
      throw HedgerowError(
        .damaged,
        "the \(index) index of '\(edge.type)' holds \(self.index.edgeCount) edges of \(edge.count)",
        at: "data.mdb table manifest")
    }
    // A row's offset and the next one's. Bases are a 32nd of that and soon resident.
    offsetsAhead = ReadAhead(
      segments, section: Section.deltas, positionBits: rangeBits, scale: 4, width: 8)
    neighborsAhead = ReadAhead(
      segments, section: Section.neighbors, positionBits: CSRIndex.positionBits
    ) {
      // Packed ones are read eight bytes at a time.
      (neighborBits[$0], neighborBits[$0] < 32 ? 8 : 4)
    }
    positions = segments.map { segment in
      guard let segment, let words = segment.section(Section.positions) else { return nil }
      return Positions(words: words, width: segment.elementByteCount(of: Section.positions))
    }
    positionsAhead = positions.lazy.compactMap { $0?.width }.first.map {
      ReadAhead(
        segments, section: Section.positions, positionBits: CSRIndex.positionBits, scale: $0,
        width: $0)
    }
  }

  /// Bits of a neighbor: 32 where they are not packed.
  private static func neighborBits(_ segment: MappedSegment) throws -> Int {
    guard segment.features.contains(.packedNeighbors) else { return 32 }
    let bits = segment.attributes[StoreLayout.neighborBitsAttribute]
    guard (1...31).contains(bits) else {
      throw HedgerowError(
        .damaged, "damaged segment: neighbors of \(bits) bits", at: segment.path)
    }
    return Int(bits)
  }

  /// Bytes of the neighbors.
  var neighborByteCount: Int {
    segments.reduce(0) {
      $0 + ($1?.section(StoreLayout.AdjacencySection.neighbors)?.count ?? 0)
    }
  }

  /// Bytes of what is read to find rows.
  var extentByteCount: Int {
    typealias Section = StoreLayout.AdjacencySection
    return segments.reduce(0) { sum, segment in
      [Section.bases, Section.deltas, Section.rows].reduce(sum) {
        $0 + (segment?.section($1)?.count ?? 0)
      }
    }
  }

  func prefetch(rows: Span<UInt32>) {
    offsetsAhead.willNeed(rows)
  }

  func prefetch(addresses: Span<UInt64>) { neighborsAhead.willNeed(addresses) }

  // MARK: Single rows

  /// The entries of a row; none for rows that came later.
  func extent(of row: UInt32) throws -> Extent {
    guard row < rowCount else { return Extent(start: 0, count: 0) }
    let rows = [row]
    var extents = [Extent(start: 0, count: 0)]
    var span = extents.mutableSpan
    try index.extents(of: rows.span, into: &span)
    return extents[0]
  }

  func neighbor(at address: UInt64) throws -> UInt32 {
    let address: InlineArray<1, UInt64> = [address]
    var found: InlineArray<1, UInt32> = [0]
    var span = found.mutableSpan
    try index.read(address.span, into: &span)
    return found[0]
  }

  func neighbors(at addresses: [UInt64]) throws -> [UInt32] {
    var neighbors = [UInt32](repeating: 0, count: addresses.count)
    var span = neighbors.mutableSpan
    try index.read(addresses.span, into: &span)
    return neighbors
  }

  func neighbors(of extent: Extent) throws -> [UInt32] {
    try neighbors(at: (0..<UInt64(extent.count)).map { extent.start + $0 })
  }

  /// The places in a row, sorted by neighbor, that hold a neighbor. Time O(log degree).
  func places(of neighbor: UInt32, in extent: Extent) throws -> Range<UInt32> {
    func first(where isThere: (UInt32) -> Bool) throws -> UInt32 {
      var low: UInt32 = 0
      var high = extent.count
      while low < high {
        let middle = low + (high - low) / 2
        if isThere(try self.neighbor(at: extent.start + UInt64(middle))) {
          high = middle
        } else {
          low = middle + 1
        }
      }
      return low
    }
    let start = try first { $0 >= neighbor }
    // Most pairs have one edge at the most.
    if start == extent.count { return start..<start }
    if try self.neighbor(at: extent.start + UInt64(start)) != neighbor { return start..<start }
    if start + 1 == extent.count { return start..<start + 1 }
    return start..<(try first { $0 > neighbor })
  }

  /// The place in the out order of an entry of an in index, when the index stores it.
  func position(at address: UInt64) throws -> UInt64? {
    let (range, place) = CSRIndex.split(address)
    guard let positions = positions[range] else { return nil }
    let width = positions.width
    guard width == 4 || width == 8, place < UInt64(positions.words.count / width) else {
      throw HedgerowError(
        .damaged, "damaged segment: too few positions", at: segments[range]?.path)
    }
    let offset = Int(place) * width
    return width == 4
      ? UInt64(positions.words.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
      : positions.words.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
  }

  /// Starts reading what ``position(at:)`` will touch.
  func prefetch(positionsAt addresses: Span<UInt64>) { positionsAhead?.willNeed(addresses) }
}
