public import HedgerowCore
import HedgerowGraph
public import HedgerowSampling

/// What a loader is expected to read, and what it would keep in memory.
public struct ReadingEstimate: Sendable {
  /// Feature columns and indices, as they lie on the device.
  public internal(set) var storedByteCount = 0
  /// Rows of features that would be pinned.
  public internal(set) var pinnedByteCount = 0
  /// Memory in which the other rows of these columns arrive.
  public internal(set) var arrivingByteCount = 0
  /// The share of a batch's rows of features that would be found there.
  public internal(set) var pinnedShare = 0.0
  /// Bytes from the device in the first epoch and before it, when nothing is in memory before.
  public internal(set) var firstEpochByteCount = 0
  /// Bytes from the device in an epoch after it, on average.
  public internal(set) var laterEpochByteCount = 0
  /// Epochs whose other rows would be packed at once; 0 where that does not pay.
  public internal(set) var packedEpochCount = 0
  /// Private memory that packing takes beside the pinned rows.
  public internal(set) var packingByteCount = 0
  /// The seconds that the device takes for a later epoch, what is written included.
  public internal(set) var laterEpochSeconds = 0.0

  public init() {}

  /// Adds what is read once, before the first epoch.
  public mutating func add(byteCountReadOnce byteCount: Int) {
    storedByteCount += byteCount
    firstEpochByteCount += byteCount
  }
}

extension NeighborLoader {
  /// What epochs of this loader would read.
  ///
  /// - Parameters:
  ///   - probabilities: those of ``inclusionProbabilities(checkInterruption:)``, or of ``ObservedBatches``.
  ///   - batchesPerEpoch: batches with these probabilities in an epoch; `nil` for the loader's.
  ///   - evaluation: for each set that is gone over behind an epoch, or the last, the probabilities of its batches,
  ///     how many of them there are, and how often they are gone over for each epoch.
  ///   - labels: the column that says what seeds are, where there is one.
  ///   - pinnedByteLimit: of the rows that are kept; `nil` where none are.
  ///   - epochCount: of the training.
  ///   - cacheByteCount: what the page cache and the pinned rows may have together.
  ///   - packing: whether other rows are packed, and in how much memory.
  /// - Throws: what reading throws.
  public func readingEstimate(
    by probabilities: InclusionProbabilities, batchesPerEpoch: Int? = nil,
    evaluation: [(probabilities: InclusionProbabilities, batchCount: Int, timesPerEpoch: Double)] =
      [],
    labels: (type: NodeType, column: String)? = nil, pinnedByteLimit: Int?, epochCount: Int,
    cacheByteCount: Int = .max,
    packing: (when: Packing, byteLimit: Int) = (.never, 0)
  ) throws -> ReadingEstimate {
    var estimate = ReadingEstimate()
    let perEpoch = try batchesPerEpoch ?? batchCount()
    estimate.storedByteCount = try columnByteCount() + indexByteCount
    let choice = PinnedChoice(
      graph, columns: try inputColumns, by: probabilities, byteLimit: pinnedByteLimit ?? 0,
      batchCount: epochCount * perEpoch)
    let pinned = pinnedByteLimit == nil ? [] : choice.nodes(by: probabilities)
    // Requests that are under way, and rows as they are stored.
    estimate.arrivingByteCount = pinned.reduce(0) {
      let rows = min($1.layout.rowsAtOnce, graph.count(of: $1.type))
      return $0 + 2 * rows * $1.layout.byteCount
    }
    /// Of each pinned column, how likely a batch needs its other rows.
    func others(_ probabilities: InclusionProbabilities) -> [OtherRows] {
      pinned.map { column in
        var odds = probabilities.nodes[optional: column.type] ?? []
        if !odds.isEmpty {
          column.nodes.forEachPart(of: 4096) { for node in $0 { odds[Int(node)] = 0 } }
        }
        return OtherRows(
          column: FeatureColumn(type: column.type, name: column.name, layout: column.layout),
          odds: odds)
      }
    }
    var demand = NodeDemand()
    demand.add(probabilities, batches: perEpoch)
    // Rows of one page are read together, in the batch that needs them, and no page of theirs is kept.
    var evaluated = 0.0
    for (probabilities, batches, timesPerEpoch) in evaluation {
      demand.add(probabilities, batches: batches, timesPerEpoch: timesPerEpoch)
      evaluated +=
        Double(batches) * timesPerEpoch
        * others(probabilities).reduce(0) { $0 + $1.pageCount(batches: 1) }
    }
    let none = PageTraffic(batchesPerEpoch: demand.batchCount, epochCount: epochCount)
    var traffic = none
    let allBatches = demand.batchCount * Double(max(1, epochCount))
    /// Pages that are loaded though nobody needs them, in the first epoch and in all.
    var loaded = (first: 0.0, all: 0.0)
    func section(_ touches: [Touches], rowByteCount: Double) -> PageTraffic {
      var section = none
      section.add(touches, rowByteCount: rowByteCount)
      return section
    }
    func addPages(_ touches: [Touches], rowByteCount: Double) {
      let section = section(touches, rowByteCount: rowByteCount)
      traffic.add(section)
      let byteCount = Double(touches.count) * rowByteCount
      let first = section.loaded(of: byteCount, batches: demand.batchCount)
      loaded.first += first
      loaded.all += max(first, section.loaded(of: byteCount, batches: allBatches))
    }
    for relation in options.relations ?? graph.schema.relations() {
      guard let touches = demand.expanded[optional: relation.target] else { continue }
      for bytes in [
        graph.extentByteCount(along: relation), graph.neighborByteCount(along: relation),
      ] {
        addPages(touches, rowByteCount: Double(bytes) / Double(max(1, touches.count)))
      }
    }
    // Labels, where indices are all else that goes through the page cache.
    var labelPages = 0.0
    if let labels {
      let touches = demand.seeds(of: labels.type)
      // Codes of categories take a byte, unless there are many.
      let width = Double(graph.layout(of: labels.column, of: labels.type)?.byteCount ?? 1)
      if pinnedByteLimit == nil {
        addPages(touches, rowByteCount: width)
      } else {
        let section = section(touches, rowByteCount: width)
        labelPages =
          section.distinct(batches: allBatches)
          + section.loaded(of: Double(touches.count) * width, batches: allBatches)
      }
    }
    if pinnedByteLimit == nil {
      // Of types, too, that only an evaluation meets.
      for (type, names) in try inputColumns {
        for name in names {
          guard let touches = demand.nodes[optional: type],
            let layout = graph.layout(of: name, of: type)
          else { continue }
          addPages(touches, rowByteCount: Double(layout.byteCount))
        }
      }
    }
    let cached = Double(max(0, cacheByteCount - choice.byteCount)) / Pages.size
    let window = traffic.window(pages: cached, limit: allBatches)
    func add(_ first: Double, later: Double) {
      estimate.firstEpochByteCount += Pages.byteCount(first)
      estimate.laterEpochByteCount += Pages.byteCount(later)
    }
    guard pinnedByteLimit != nil else {
      let first = traffic.read(batches: demand.batchCount, window: window)
      let all = traffic.read(batches: allBatches, window: window)
      add(
        first + loaded.first,
        later: epochCount > 1
          ? max(0, all + loaded.all - first - loaded.first) / Double(epochCount - 1) : 0)
      // Pages that come again and again; few of them are not worth asking the device how fast it is.
      let pages = Double(estimate.laterEpochByteCount) / Pages.size
      let largest = choice.columns.max {
        graph.count(of: $0.type) * $0.layout.byteCount
          < graph.count(of: $1.type) * $1.layout.byteCount
      }
      if pages > Double(Self.probedRows), let (type, name, layout) = largest {
        // Without those of the evaluation. A row may take several.
        let ofTraining = pages * Double(perEpoch) / demand.batchCount
        estimate.laterEpochSeconds =
          try ofTraining / max(1, Double(layout.byteCount) / Pages.size)
          * secondsOfScatteredRow(FeatureColumn(type: type, name: name, layout: layout))
      }
      return estimate
    }
    let needed = choice.expectedHits + choice.expectedMisses
    estimate.pinnedByteCount = choice.byteCount
    estimate.pinnedShare = needed > 0 ? choice.expectedHits / needed : 0
    // The search for the rows that are worth it has gone through the indices.
    let filling = pinned.reduce(0) {
      $0 + Pages.read($1.nodes, rowByteCount: $1.layout.byteCount)
    }
    add(Double(indexByteCount) / Pages.size + Double(filling) + labelPages, later: 0)
    func indices(_ batches: Double) -> Double {
      traffic.read(batches: batches, window: window, isWarm: true)
    }
    let rest = others(probabilities)
    let (pays, times) = try packingPays(
      rest.map { ($0.column, $0.rowCount(batches: perEpoch)) }, epochCount: epochCount)
    let rows = rest.reduce(0) { $0 + $1.rowCount(batches: perEpoch) }
    let rowBytes = rest.reduce(0) {
      $0 + $1.rowCount(batches: perEpoch) * $1.column.layout.byteCount
    }
    let nodeBytes =
      MemoryLayout<UInt32>.size * perEpoch
      * Int(
        rest.reduce(0) { $0 + (probabilities.knownCounts[optional: $1.column.type]?.last ?? 0) })
    // The last one whose rows are listed in little time, and the next, by which that is seen.
    let listed = (1..<Self.mostPackedEpochs).prefix {
      packing.when == .always
        || PackedBatches.listsCheaply(
          rows: $0 * rows, rowBytes: $0 * rowBytes, nodeBytes: $0 * nodeBytes,
          byteLimit: packing.byteLimit)
    }.count
    let packed = listed == 0 ? 0 : min(epochCount, listed + 1)
    guard packing.when != .never, packed > 0, rows > 0, pays || packing.when == .always else {
      let missed = Double(perEpoch) * rest.reduce(0) { $0 + $1.pageCount(batches: 1) }
      let read = indices(demand.batchCount) + evaluated + missed
      add(read, later: read)
      estimate.laterEpochSeconds = times.perScatteredRow * Double(rows)
      return estimate
    }
    // Batches find their subgraphs beside their rows; others are sampled when they are evaluated.
    let written =
      rest.reduce(0) { $0 + $1.packedPageCount(batches: perEpoch) }
      + Double(perEpoch) * Self.subgraphByteCount(probabilities) / Pages.size
    let read = written + indices(demand.batchCount - Double(perEpoch)) + evaluated
    let onePass =
      indices(Double(packed * perEpoch))
      + rest.reduce(0) { $0 + $1.pageCount(batches: packed * perEpoch) }
    let laterPasses = Double((epochCount + packed - 1) / packed - 1)
    add(onePass + read, later: read + onePass * laterPasses / Double(max(1, epochCount - 1)))
    estimate.packedEpochCount = packed
    estimate.packingByteCount = PackedBatches.byteCount(
      rows: rows * packed, batches: packed * perEpoch, byteLimit: packing.byteLimit)
    estimate.laterEpochSeconds =
      times.perByte * Double(estimate.laterEpochByteCount + Pages.byteCount(written))
    return estimate
  }

  /// Bytes that a batch's subgraph is expected to have.
  private static func subgraphByteCount(_ probabilities: InclusionProbabilities) -> Double {
    let nodes = probabilities.knownCounts.values.reduce(0) { $0 + ($1.last ?? 0) }
    let rows = probabilities.knownCounts.values.reduce(0) { $0 + ($1.dropLast().last ?? 0) }
    let edges = probabilities.edgeCounts.values.reduce(0) { $0 + $1.reduce(0, +) }
    return Double(MemoryLayout<UInt32>.size) * (nodes + rows + edges)
  }
}

/// The rows of a column that are not pinned.
private struct OtherRows {
  let column: FeatureColumn
  /// How likely a batch needs each; 0 for pinned ones.
  let odds: [Float]

  func rowCount(batches: Int) -> Int {
    Int(odds.reduce(0) { $0 + Double($1) } * Double(batches))
  }

  func pageCount(batches: Int) -> Double {
    Pages.distinct(odds, rowByteCount: Double(column.layout.byteCount), batchCount: batches)
  }

  /// Those of so many batches, in their order; each begins with a page.
  func packedPageCount(batches: Int) -> Double {
    Double(rowCount(batches: batches) * column.layout.byteCount) / Pages.size
      + Double(batches) / 2
  }
}
