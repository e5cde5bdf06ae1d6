import Glibc
import HedgerowCore
import HedgerowGraph
public import HedgerowSampling

/// What a loader is expected to read, and what it would keep in memory.
public struct ReadingEstimate: Sendable {
  /// Feature columns and indices, as they lie on the device.
  public internal(set) var storedByteCount = 0
  /// Rows of features that would be pinned.
  public internal(set) var pinnedByteCount = 0
  /// The share of a batch's rows of features that would be found there.
  public internal(set) var pinnedShare = 0.0
  /// Bytes from the device in the first epoch, when nothing is in memory before.
  public internal(set) var firstEpochByteCount = 0
  /// Bytes from the device in an epoch after it, on average.
  public internal(set) var laterEpochByteCount = 0
  /// Epochs whose other rows would be packed at once; 0 where that does not pay.
  public internal(set) var packedEpochCount = 0
  /// Where they are packed, the seconds that the device takes for a later epoch, what is written included.
  public internal(set) var packedEpochSeconds = 0.0

  public init() {}
}

extension NeighborLoader {
  /// What epochs of this loader would read.
  ///
  /// - Parameters:
  ///   - probabilities: those of ``inclusionProbabilities(checkInterruption:)``.
  ///   - pinnedByteLimit: of the rows that are kept; `nil` where all that is read stays in memory.
  ///   - batchCount: batches of all epochs.
  ///   - packing: whether other rows are packed, and in how much memory.
  public func readingEstimate(
    by probabilities: InclusionProbabilities, pinnedByteLimit: Int?, batchCount: Int,
    packing: (when: Packing, byteLimit: Int) = (.never, 0)
  ) throws -> ReadingEstimate {
    var estimate = ReadingEstimate()
    let perEpoch = try plan(epoch: 0).batchCount
    estimate.storedByteCount = try columnByteCount() + indexByteCount
    var indices = 0.0
    for relation in options.relations ?? graph.schema.relations() {
      guard let odds = probabilities.expanded[optional: relation.target] else { continue }
      let entries = 4 * Double(graph.count(of: relation.stored)) / Double(max(1, odds.count))
      for rowByteCount in [8, entries] {
        indices += Pages.distinct(odds, rowByteCount: rowByteCount, batchCount: perEpoch)
      }
    }
    let columns = try inputColumns
    let choice = PinnedChoice(
      graph, columns: columns, by: probabilities, byteLimit: pinnedByteLimit ?? 0,
      batchCount: batchCount)
    guard pinnedByteLimit != nil else {
      let pages = choice.columns.reduce(0) {
        $0
          + Pages.distinct(
            probabilities.nodes[$1.type], rowByteCount: Double($1.layout.byteCount),
            batchCount: perEpoch)
      }
      estimate.firstEpochByteCount = Pages.byteCount(indices + pages)
      return estimate
    }
    let needed = choice.expectedHits + choice.expectedMisses
    estimate.pinnedByteCount = choice.byteCount
    estimate.pinnedShare = needed > 0 ? choice.expectedHits / needed : 0
    var (filling, missed) = (0, 0.0)
    var others: [(column: FeatureColumn, rowCount: Int, odds: [Float])] = []
    for column in choice.nodes(by: probabilities) {
      filling += Pages.read(column.nodes, rowByteCount: column.layout.byteCount)
      // Rows of one page are read together, in the batch that needs them.
      var odds = probabilities.nodes[column.type]
      column.nodes.forEachPart(of: 4096) { for node in $0 { odds[Int(node)] = 0 } }
      missed += Pages.distinct(
        odds, rowByteCount: Double(column.layout.byteCount), batchCount: 1)
      let rows = odds.reduce(0) { $0 + Double($1) } * Double(perEpoch)
      others.append(
        (
          FeatureColumn(type: column.type, name: column.name, layout: column.layout), Int(rows),
          odds
        ))
    }
    let epochs = max(1, batchCount / max(1, perEpoch))
    let rows = others.reduce(0) { $0 + $1.rowCount }
    let packed = min(
      epochs, Self.mostPackedEpochs,
      PackedRows.mostRows(byteLimit: packing.byteLimit) / max(1, rows + rows / 16))
    if packing.when != .never, packed > 0, rows > 0 {
      let (pays, secondsPerByte) = try packingPays(
        others.map { ($0.column, $0.rowCount) }, epochCount: epochs)
      if pays || packing.when == .always {
        var (pass, needed) = (0.0, 0.0)
        for (column, rowCount, odds) in others {
          pass += Pages.distinct(
            odds, rowByteCount: Double(column.layout.byteCount), batchCount: packed * perEpoch)
          needed += Double(rowCount * column.layout.byteCount) / Pages.size + Double(perEpoch) / 2
        }
        let laterPasses = Double((epochs + packed - 1) / packed - 1)
        let later = needed + pass * laterPasses / Double(max(1, epochs - 1))
        estimate.packedEpochCount = packed
        estimate.laterEpochByteCount = Pages.byteCount(later)
        estimate.firstEpochByteCount = Pages.byteCount(indices + Double(filling) + pass + needed)
        estimate.packedEpochSeconds =
          secondsPerByte * Double(estimate.laterEpochByteCount + Pages.byteCount(needed))
        return estimate
      }
    }
    estimate.laterEpochByteCount = Pages.byteCount(missed * Double(perEpoch))
    estimate.firstEpochByteCount =
      Pages.byteCount(indices + Double(filling)) + estimate.laterEpochByteCount
    return estimate
  }
}

/// Counts pages of the device.
enum Pages {
  static let size = 4096.0

  static func byteCount(_ pages: Double) -> Int { Int(pages * size) }

  /// Pages that batches are expected to touch, each counted once, of rows of nodes one after the other.
  static func distinct(_ odds: [Float], rowByteCount: Double, batchCount: Int) -> Double {
    let rowsPerPage = size / max(rowByteCount, 1e-3)
    var pages = 0.0
    // The logarithm of the probability that no batch needs a row of the page.
    var untouched = 0.0
    var page = 0
    for (node, probability) in odds.enumerated() {
      let next = Int(Double(node) / max(1, rowsPerPage))
      if next != page {
        pages += 1 - exp(untouched)
        (page, untouched) = (next, 0)
      }
      untouched += Double(batchCount) * log1p(-min(Double(probability), 1 - 1e-12))
    }
    return (pages + 1 - exp(untouched)) * max(1, 1 / rowsPerPage)
  }

  /// Pages that reading all rows of a set takes, with the few between that are read along.
  static func read(_ nodes: NodeRanks, rowByteCount: Int) -> Int {
    var count = 0
    var last = -1
    nodes.forEachPart(of: 4096) { part in
      for node in part {
        let first = Int(node) * rowByteCount / Int(size)
        let end = (Int(node) * rowByteCount + rowByteCount - 1) / Int(size)
        guard end > last else { continue }
        let isNear = last >= 0 && first - last - 1 <= 3
        count += end - (isNear ? last : max(last, first - 1))
        last = end
      }
    }
    return count
  }
}
