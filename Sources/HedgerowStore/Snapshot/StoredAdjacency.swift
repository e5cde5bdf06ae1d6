import HedgerowCore
import HedgerowGraph
import HedgerowMapped

/// One index of an edge type: its mapped ranges as a ``CSRIndex``, and the read-ahead for them.
final class StoredAdjacency: Sendable {
  let index: CSRIndex
  let segments: [MappedSegment?]
  private let offsetsAhead: ReadAhead
  private let neighborsAhead: ReadAhead

  init(
    store: GraphStore, state: StoreState, edge: EdgeTypeRecord, index: AdjacencyIndex
  ) throws {
    typealias Section = StoreLayout.AdjacencySection
    let rangeBits = state.record.rangeBits
    func nodeCount(_ type: NodeType) throws -> Int {
      guard let node = state.catalog.node(type) else {
        throw HedgerowError(
          .damaged, "edge type '\(edge.type)' names no node type", at: "data.mdb table catalog")
      }
      return Int(node.count)
    }
    let rowCount = try nodeCount(index == .out ? edge.type.source : edge.type.target)
    let neighborCount = try nodeCount(index == .out ? edge.type.target : edge.type.source)
    let rangeCount = (rowCount + 1 << rangeBits - 1) >> rangeBits

    var segments = [MappedSegment?](repeating: nil, count: rangeCount)
    var ranges = [CSRIndex.Range?](repeating: nil, count: rangeCount)
    for record in state.segments(index == .out ? .adjacencyOut : .adjacencyIn, type: edge.id) {
      let number = Int(record.id.range)
      guard number < rangeCount else {
        throw HedgerowError(
          .damaged, "the manifest names range \(number) of \(rangeCount)", at: record.fileName)
      }
      let segment = try state.openSegment(record, .adjacency, in: store)
      let rows = min(1 << rangeBits, rowCount - number << rangeBits)
      // Nodes that came later have no entries: the file ends before them.
      guard segment.attributes[0] <= UInt64(rows), segment.attributes[1] == record.edgeCount,
        segment.attributes[2] == UInt64(number), let edges = Int(exactly: record.edgeCount)
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
      ranges[number] = CSRIndex.Range(
        rowCount: rows, listed: listed,
        bases: try segment.elements(Section.bases, as: UInt64.self, count: entries / 64 + 1),
        deltas: try segment.elements(Section.deltas, as: UInt32.self, count: entries + 1),
        neighbors: try segment.elements(Section.neighbors, as: UInt32.self, count: edges))
      segments[number] = segment
    }
    let paths = segments.map { $0?.path ?? "" }
    self.index = CSRIndex(
      ranges: ranges, rangeBits: rangeBits, rowCount: rowCount, neighborCount: neighborCount,
      owners: segments.compactMap { $0 }, place: { paths[$0] })
    self.segments = segments
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
      segments, section: Section.neighbors, positionBits: CSRIndex.positionBits, scale: 4, width: 4)
  }

  func prefetch(rows: Span<UInt32>) {
    offsetsAhead.willNeed(rows)
  }

  func prefetch(addresses: Span<UInt64>) { neighborsAhead.willNeed(addresses) }

  /// The place in the out order of an entry of an in index, when the index stores it.
  func position(at address: UInt64) throws -> UInt64? {
    typealias Section = StoreLayout.AdjacencySection
    let (range, place) = CSRIndex.split(address)
    guard let segment = segments[range], let section = segment.section(Section.positions) else {
      return nil
    }
    let width = segment.elementByteCount(of: Section.positions)
    guard width == 4 || width == 8, place < UInt64(section.count / width) else {
      throw HedgerowError(.damaged, "damaged segment: too few positions", at: segment.path)
    }
    let offset = Int(place) * width
    return width == 4
      ? UInt64(section.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
      : section.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
  }
}
