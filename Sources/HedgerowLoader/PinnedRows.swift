import Glibc
public import HedgerowCore
public import HedgerowGraph
public import HedgerowSampling

/// The rows of features that batches need most, kept in memory as they are stored.
///
/// Which rows is decided once, by the probability that a batch needs them, so that no row is ever
/// looked for twice, no lock is taken, and how many bytes will be read is known beforehand. On graphs
/// of skewed degrees this reads less than caches that follow the accesses (`docs/results.md`).
/// Holds one bit and a half a node beside the rows.
public final class PinnedRows: Sendable {
  /// The pinned rows of one column.
  final class Column: @unchecked Sendable {
    let type: NodeType
    let name: String
    let layout: RowLayout
    private let nodes: BitRanks
    // Written by `fill` alone, before anybody else sees them.
    private let rows: UnsafeMutableRawBufferPointer

    init(_ type: NodeType, _ name: String, _ layout: RowLayout, _ nodes: BitRanks) {
      self.type = type
      self.name = name
      self.layout = layout
      self.nodes = nodes
      rows = Self.makeRoom(nodes.count * layout.byteCount)
    }

    deinit { rows.deallocate() }

    /// In pages as large as there are: each row is somewhere else, and where a page is must be looked up.
    private static func makeRoom(_ byteCount: Int) -> UnsafeMutableRawBufferPointer {
      let page = 2 << 20
      let isLarge = byteCount >= page
      let room = UnsafeMutableRawBufferPointer.allocate(
        byteCount: max(1, byteCount), alignment: isLarge ? page : 64)
      if isLarge { madvise(room.baseAddress, byteCount, MADV_HUGEPAGE) }
      return room
    }

    var place: FeatureColumn { FeatureColumn(type: type, name: name, layout: layout) }
    var count: Int { nodes.count }

    /// Reads all rows, by rising node.
    func fill(from source: some FeatureSource, checkInterruption: () throws -> Void) throws {
      let width = layout.byteCount
      var first = 0
      try nodes.forEachPart(of: layout.rowsAtOnce) { part in
        try source.read(
          part.span, of: type, column: name,
          into: UnsafeMutableRawBufferPointer(
            rebasing: rows[first * width..<(first + part.count) * width]))
        first += part.count
        try checkInterruption()
      }
    }

    /// Which of these nodes are here.
    func split(_ nodes: [UInt32]) -> BitRanks.Split { self.nodes.split(nodes) }

    /// Writes the rows of a split that are here to their places, as float32.
    func gather(_ split: BitRanks.Split, into out: UnsafeMutablePointer<Float>) {
      split.ranks.withUnsafeBufferPointer { slots in
        layout.widen(UnsafeRawBufferPointer(rows), slots: slots, into: out, at: split.places)
      }
    }
  }

  let columns: [Column]

  /// Chooses and reads rows.
  ///
  /// - Parameters:
  ///   - columns: by type, those whose rows batches take in.
  ///   - batchCount: batches that will be made: rows that these are not expected to need are left out.
  ///   - checkInterruption: called now and then; throws to stop.
  /// - Throws: what reading throws.
  public init(
    _ graph: some Topology & FeatureSource, columns: PerNode<[String]>,
    by probabilities: InclusionProbabilities, byteLimit: Int, batchCount: Int,
    checkInterruption: () throws -> Void = {}
  ) throws {
    let choice = PinnedChoice(
      graph, columns: columns, by: probabilities, byteLimit: byteLimit, batchCount: batchCount)
    self.columns = choice.nodes(by: probabilities).map {
      Column($0.type, $0.name, $0.layout, $0.nodes)
    }
    for column in self.columns {
      try column.fill(from: graph, checkInterruption: checkInterruption)
    }
  }

  func column(_ name: String, of type: NodeType) -> Column? {
    columns.first { $0.type == type && $0.name == name }
  }

  /// Rows that are here.
  public var count: Int { columns.reduce(0) { $0 + $1.count } }
  /// Bytes that they take.
  public var byteCount: Int { columns.reduce(0) { $0 + $1.count * $1.layout.byteCount } }
}

/// A column of features, and how its rows are kept.
struct FeatureColumn: Sendable {
  let type: NodeType
  let name: String
  let layout: RowLayout
}

/// Which rows are worth their bytes: those with the highest probability for each byte.
struct PinnedChoice {
  let columns: [(type: NodeType, name: String, layout: RowLayout)]
  /// Rows from this bin up are pinned, and of the next one as many as these bytes hold.
  private var firstBin = Int.max
  private var nextBin = -1
  private var bytesOfNextBin = 0
  /// Rows that a batch is expected to find pinned, and those that it is not.
  private(set) var expectedHits = 0.0
  private(set) var expectedMisses = 0.0
  /// Bytes of the pinned rows.
  private(set) var byteCount = 0

  private struct Bin {
    var rowCount = 0
    var byteCount = 0
    var probability = 0.0
  }

  /// By the upper half of the number: in steps of less than a hundredth.
  private static func bin(_ probability: Float, _ layout: RowLayout) -> Int {
    Int((probability / Float(layout.byteCount)).bitPattern >> 16)
  }

  init(
    _ graph: some Topology & FeatureSource, columns: PerNode<[String]>,
    by probabilities: InclusionProbabilities, byteLimit: Int, batchCount: Int
  ) {
    self.columns = columns.flatMap { type, names in
      names.compactMap { name in
        guard probabilities.nodes[optional: type] != nil,
          let layout = graph.layout(of: name, of: type)
        else { return nil }
        return (type, name, layout)
      }
    }
    var bins = [Bin](repeating: Bin(), count: 1 << 16)
    var left = byteLimit
    for column in self.columns {
      let odds = probabilities.nodes[column.type]
      left -= BitRanks.byteCount(bound: odds.count)
      for probability in odds where probability > 0 {
        let bin = Self.bin(probability, column.layout)
        bins[bin].rowCount += 1
        bins[bin].byteCount += column.layout.byteCount
        bins[bin].probability += Double(probability)
      }
    }
    for (number, bin) in bins.enumerated().reversed() where bin.rowCount > 0 {
      let isNeeded = bin.probability * Double(batchCount) >= Double(bin.rowCount)
      var taken = 0
      if nextBin < 0, isNeeded, bin.byteCount <= left {
        firstBin = number
        taken = bin.byteCount
      } else if nextBin < 0 {
        // Whole rows, of the size that they have on average.
        taken = isNeeded ? max(0, left) - max(0, left) % (bin.byteCount / bin.rowCount) : 0
        (nextBin, bytesOfNextBin) = (number, taken)
      }
      left -= taken
      byteCount += taken
      let share = Double(taken) / Double(bin.byteCount)
      expectedHits += share * bin.probability
      expectedMisses += (1 - share) * bin.probability
    }
  }

  /// The nodes whose rows are pinned, by column.
  func nodes(
    by probabilities: InclusionProbabilities
  ) -> [(type: NodeType, name: String, layout: RowLayout, nodes: BitRanks)] {
    var left = bytesOfNextBin
    return columns.map { type, name, layout in
      let odds = probabilities.nodes[type]
      let nodes = BitRanks(bound: odds.count) { node in
        guard odds[node] > 0 else { return false }
        let bin = Self.bin(odds[node], layout)
        if bin >= firstBin { return true }
        guard bin == nextBin, left >= layout.byteCount else { return false }
        left -= layout.byteCount
        return true
      }
      return (type, name, layout, nodes)
    }
  }
}
