import CHedgerowKernels
import HedgerowCore
import HedgerowRoaring

/// Which edges of one type are kept, of all that a graph has.
///
/// A bit and a half an edge in each of the two orders, and 8 bytes a row: the edges themselves stay where the graph has
/// them. The address of an entry is its row, in the upper half, and how many of the row's entries that are
/// kept stand before it.
struct KeptEdges: Sendable {
  /// The entries of an index.
  struct Entries: Sendable {
    /// How many entries stand in the rows before each, and in all; and how many that are kept.
    private let starts: [hr_row_start]
    let kept: BitRanks

    init(starts: [UInt32], kept: BitRanks) {
      self.starts = starts.map { hr_row_start(all: $0, kept: UInt32(kept.rank(of: Int($0)))) }
      self.kept = kept
    }

    /// How many entries that are kept stand before the one at an address, in all rows.
    func number(of address: UInt64) -> UInt64 {
      let (row, place) = (Int(address >> 32), UInt32(truncatingIfNeeded: address))
      require(place < extent(ofRow: row).count, "address \(address) is of no entry")
      return UInt64(starts[row].kept + place)
    }

    /// The address of the kept entry with so many before it in all rows. Time O(log rows).
    func address(of number: Int) -> UInt64 {
      require(number >= 0 && number < kept.count, "entry \(number) of \(kept.count)")
      let (row, before) = CSRIndex.row(of: UInt64(number), rowCount: starts.count - 1) {
        UInt64(starts[$0].kept)
      }
      return UInt64(row) << 32 | (UInt64(number) - before)
    }

    func extent(ofRow row: Int) -> Extent {
      Extent(start: UInt64(row) << 32, count: starts[row + 1].kept - starts[row].kept)
    }

    /// Which entries of the graph's are at addresses: as many behind the first of the row as `places` says. `rows` are
    /// the rows, each once of entries that follow each other, and `runs` where they stand there. How many.
    ///
    /// Entries that follow each other in a row are found one after the other, others by search in their row.
    func find(
      _ addresses: Span<UInt64>, places: inout [UInt64], runs: inout [UInt32], rows: inout [UInt32]
    ) -> Int {
      require(
        min(places.count, runs.count, rows.count) >= addresses.count,
        "room for \(places.count) of \(addresses.count) entries")
      let count = addresses.withUnsafeBufferPointer { addresses in
        kept.withUnsafeWords { words, ranksOfWords in
          hr_find_kept(
            starts, starts.count - 1, words, ranksOfWords, addresses.baseAddress, addresses.count,
            &places, &runs, &rows)
        }
      }
      require(count >= 0, "address \(addresses[max(0, -1 - count)]) is of no entry")
      return count
    }
  }

  /// In the order of edges: rows are sources.
  let outgoing: Entries
  /// Rows are targets.
  let incoming: Entries

  /// Time O(edges of the type + nodes), reading once from front to end what says where rows lie, and the neighbors of the
  /// out index; of a type that is sorted by time which edges the entries of the in index are.
  ///
  /// - Throws: `usage` for a type of 2^32 edges or more, and what reading and the check throw.
  init(
    _ members: RoaringBitmap, of type: EdgeType, in graph: some Topology,
    checkInterruption: () throws -> Void
  ) throws {
    let count = graph.count(of: type)
    guard count <= Int(UInt32.max) else {
      throw HedgerowError(
        .usage, "'\(type)' has \(count) edges: of 2^32 and more none can be left out")
    }
    guard let index = graph.schema.edges.firstIndex(where: { $0.type == type }) else {
      throw HedgerowError(.usage, "there is no edge type '\(type)'")
    }
    let outward = Relation(type, .backward, index: index)
    let inward = outward.reversed
    let kept = try BitRanks(bound: count) { insert in
      for (number, member) in members.enumerated() {
        if number.isMultiple(of: 16 * partCount) { try checkInterruption() }
        insert(Int(member))
      }
    }
    var (inStarts, outStarts): ([UInt32], [UInt32]) = ([], [])
    let entries = try BitRanks(bound: count) { insert in
      if graph.timeColumn(sortingRowsAlong: inward) == nil {
        inStarts = try Self.starts(along: inward, in: graph, checkInterruption)
        // Rows are sorted by source, as edges are.
        var next = inStarts
        var edge = 0
        var neighbors = [UInt32](repeating: 0, count: partCount)
        outStarts = try Self.starts(along: outward, in: graph, checkInterruption) {
          (stretches: [Extent], _: [UInt32], entryCount: Int) in
          var span = neighbors.mutableSpan
          var part = span._mutatingExtracting(0..<entryCount)
          try graph.read(stretches.span, along: outward, into: &part)
          for target in neighbors[..<entryCount].lazy.map(Int.init) {
            guard next[target] < inStarts[target + 1] else {
              throw Self.damaged("the two indices of '\(type)' hold different edges")
            }
            if kept.contains(edge) { insert(Int(next[target])) }
            next[target] += 1
            edge += 1
          }
        }
      } else {
        outStarts = try Self.starts(along: outward, in: graph, checkInterruption)
        var entry = 0
        inStarts = try Self.starts(along: inward, in: graph, checkInterruption) {
          (stretches: [Extent], rows: [UInt32], _: Int) in
          let addresses = stretches.span.addresses
          let entryRows = zip(rows, stretches).flatMap { repeatElement($0, count: Int($1.count)) }
          for edge in try graph.edges(at: addresses.span, in: entryRows.span, along: inward) {
            if kept.contains(Int(edge)) { insert(entry) }
            entry += 1
          }
        }
      }
    }
    guard entries.count == kept.count else {
      throw Self.damaged("the two indices of '\(type)' hold different edges")
    }
    outgoing = Entries(starts: outStarts, kept: kept)
    incoming = Entries(starts: inStarts, kept: entries)
  }

  /// Memory that the edges of a type take, and that is taken besides while they are looked for.
  static func byteCount(
    of type: EdgeType, in graph: some Topology
  ) -> (held: Int, whileMade: Int) {
    let (edges, rows) = (
      graph.count(of: type), graph.count(of: type.source) + graph.count(of: type.target) + 2
    )
    return (2 * BitRanks.byteCount(bound: edges) + 8 * rows, edges / 8 + 4 * rows)
  }

  func entries(along relation: Relation) -> Entries {
    relation.direction == .forward ? incoming : outgoing
  }

  /// How many entries stand in the rows before each, and in all.
  private static func starts(
    along relation: Relation, in graph: some Topology, _ checkInterruption: () throws -> Void,
    forEachRow body: (_ row: UInt32, Extent) throws -> Void = { _, _ in }
  ) throws -> [UInt32] {
    let (rowCount, count) = (graph.count(of: relation.target), graph.count(of: relation.stored))
    var starts: [UInt32] = [0]
    starts.reserveCapacity(rowCount + 1)
    for first in stride(from: 0, to: rowCount, by: partCount) {
      try checkInterruption()
      let rows = (first..<min(rowCount, first + partCount)).map { UInt32($0) }
      for (row, extent) in zip(rows, try graph.extents(of: rows.span, along: relation)) {
        let end = Int(starts[Int(row)]) + Int(extent.count)
        guard end <= count else { throw damaged("'\(relation.stored)' has too many entries") }
        starts.append(UInt32(end))
        try body(row, extent)
      }
    }
    guard Int(starts[rowCount]) == count else {
      throw damaged("'\(relation.stored)' has too few entries")
    }
    return starts
  }

  /// The same, calling `body` with stretches of entries, one after the other, and their rows: a long row is in several
  /// calls.
  private static func starts(
    along relation: Relation, in graph: some Topology, _ checkInterruption: () throws -> Void,
    forEachPart body: (_ stretches: [Extent], _ rows: [UInt32], _ entryCount: Int) throws -> Void
  ) throws -> [UInt32] {
    var (stretches, rows, entryCount): ([Extent], [UInt32], Int) = ([], [], 0)
    func handOver() throws {
      try checkInterruption()
      try body(stretches, rows, entryCount)
      stretches.removeAll(keepingCapacity: true)
      rows.removeAll(keepingCapacity: true)
      entryCount = 0
    }
    let starts = try starts(along: relation, in: graph, checkInterruption) { row, extent in
      var rest = extent
      while rest.count > 0 {
        let count = min(rest.count, UInt32(partCount - entryCount))
        stretches.append(Extent(start: rest.start, count: count))
        rows.append(row)
        entryCount += Int(count)
        rest.start += UInt64(count)
        rest.count -= count
        if entryCount == partCount { try handOver() }
      }
    }
    if entryCount > 0 { try handOver() }
    return starts
  }

  private static func damaged(_ what: String) -> HedgerowError {
    HedgerowError(.damaged, what)
  }
}

/// Rows or entries that are read together.
private let partCount = 1 << 16
