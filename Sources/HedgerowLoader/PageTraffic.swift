import Glibc
import HedgerowCore
import HedgerowGraph
import HedgerowSampling

/// Pages of the device that batches touch, by how often: what a page cache in front of it lets through.
///
/// Touches count as independent. In a cache that gives up what was touched longest ago a page is there still
/// when less than a certain number of batches lies behind its last touch: so many that the cache holds the
/// pages which are expected to be touched in them.
///
/// Memory 512 KiB; pages of one rate are counted together, in steps of less than a hundredth.
///
/// Source: Che, Tung, Wang, Hierarchical Web Caching Systems: Modeling, Design and Experimental Results,
/// IEEE Journal on Selected Areas in Communications 20, 2002.
struct PageTraffic {
  private struct Bin {
    var pageCount = 0.0
    /// Of all its pages together.
    var rate = 0.0
  }
  private var bins = [Bin](repeating: Bin(), count: 1 << 15)

  /// Adds the pages of rows that lie one after the other.
  ///
  /// - Parameters:
  ///   - rates: of each row, -ln(1 - p), where a batch touches it with probability p.
  ///   - scale: what these are multiplied with.
  mutating func add(_ rates: [Float], scale: Double, rowByteCount: Double) {
    Pages.forEach(rates, rowByteCount: rowByteCount) { rate, count in
      let rate = scale * rate
      guard rate > 0 else { return }
      let bin = Int(Float(rate).bitPattern >> 16)
      bins[bin].pageCount += count
      bins[bin].rate += count * rate
    }
  }

  private func total(_ value: (_ rate: Double) -> Double) -> Double {
    bins.reduce(0) {
      $0 + ($1.pageCount > 0 ? $1.pageCount * value($1.rate / $1.pageCount) : 0)
    }
  }

  /// Pages that so many batches are expected to touch, each counted once.
  func distinct(batches: Double) -> Double { total { 1 - exp(-$0 * batches) } }

  /// For how many batches a cache of so many pages keeps one; at most `limit`.
  func window(pages: Double, limit: Double) -> Double {
    if distinct(batches: limit) <= pages { return limit }
    var (low, high) = (0.0, limit)
    for _ in 0..<60 {
      let middle = (low + high) / 2
      if distinct(batches: middle) <= pages { low = middle } else { high = middle }
    }
    return low
  }

  /// Pages that are read in so many batches through a cache that keeps one for `window` batches and is
  /// empty before, or in which all are that it holds.
  func read(batches: Double, window: Double, isWarm: Bool = false) -> Double {
    let first = min(batches, window)
    return (isWarm ? 0 : distinct(batches: first))
      + total { (isWarm ? batches : batches - first) * (1 - exp(-$0)) * exp(-$0 * window) }
  }
}

/// Rates at which an epoch's batches, and those of its evaluation, touch what is stored of nodes.
struct NodeDemand {
  /// Rows of features, by node type: the sum over batches of -ln(1 - p).
  private(set) var nodes = PerNode<[Float]>()
  /// Rows of indices.
  private(set) var expanded = PerNode<[Float]>()
  /// Batches of an epoch.
  private(set) var batchCount = 0.0

  mutating func add(_ probabilities: InclusionProbabilities, batches: Double) {
    batchCount += batches
    Self.add(probabilities.nodes, Float(batches), to: &nodes)
    Self.add(probabilities.expanded, Float(batches), to: &expanded)
  }

  private static func add(
    _ odds: PerNode<[Float]>, _ batches: Float, to sum: inout PerNode<[Float]>
  ) {
    for (type, odds) in odds {
      var rates = sum[optional: type] ?? [Float](repeating: 0, count: odds.count)
      sum[type] = []
      for (node, probability) in odds.enumerated() where probability > 0 {
        rates[node] -= batches * log1pf(-min(probability, 1 - 1e-6))
      }
      sum[type] = rates
    }
  }
}

/// Counts pages of the device.
enum Pages {
  static let size = 4096.0
  /// Pages between two that are asked for at once, at most, which are read along.
  static let mostBetween = 3

  static func byteCount(_ pages: Double) -> Int { Int(pages * size) }

  /// Calls `body` with the sum of the numbers of each page's rows, which lie one after the other; and how
  /// many such pages there are, where a row takes several.
  static func forEach(
    _ numbers: [Float], rowByteCount: Double, _ body: (_ sum: Double, _ count: Double) -> Void
  ) {
    let rowsPerPage = size / max(rowByteCount, 1e-3)
    let count = max(1, 1 / rowsPerPage)
    var (page, sum) = (0, 0.0)
    for (row, number) in numbers.enumerated() {
      let next = Int(Double(row) / max(1, rowsPerPage))
      if next != page {
        body(sum, count)
        (page, sum) = (next, 0)
      }
      sum += Double(number)
    }
    if !numbers.isEmpty { body(sum, count) }
  }

  /// Pages that are expected to be read when the rows that so many batches need are asked for in their order,
  /// each once, with the few between that are read along.
  static func distinct(_ odds: [Float], rowByteCount: Double, batchCount: Int) -> Double {
    let rates = odds.map { -Float(batchCount) * log1pf(-min($0, 1 - 1e-6)) }
    var pages = 0.0
    // The probabilities that the last pages are not asked for, the latest first.
    var gap = [Double](repeating: 1, count: mostBetween + 1)
    forEach(rates, rowByteCount: rowByteCount) { rate, count in
      let missing = exp(-rate)
      var (between, asked) = (1.0, 1 - missing)
      if count == 1 {
        for (length, before) in gap.enumerated() {
          asked += Double(length) * between * (1 - before) * (1 - missing)
          between *= before
        }
      }
      pages += asked * count
      gap.removeLast()
      gap.insert(missing, at: 0)
    }
    return pages
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
        let isNear = last >= 0 && first - last - 1 <= mostBetween
        count += end - (isNear ? last : max(last, first - 1))
        last = end
      }
    }
    return count
  }
}
