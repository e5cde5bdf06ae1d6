import Glibc
import HedgerowCore
import HedgerowGraph
import HedgerowMapped
import HedgerowSampling

/// How often a node, or a page, is touched: some times for certain, and others as it comes.
struct Touches: Equatable {
  /// Of an epoch, on average.
  var random: Float = 0
  /// In each epoch, at some place of it.
  var eachEpoch: UInt16 = 0
  /// In one of a run's epochs.
  var once: UInt16 = 0

  private static func added(_ a: UInt16, _ b: UInt16) -> UInt16 {
    a > UInt16.max - b ? .max : a + b
  }

  static func += (sum: inout Touches, other: Touches) {
    sum.random += other.random
    sum.eachEpoch = added(sum.eachEpoch, other.eachEpoch)
    sum.once = added(sum.once, other.once)
  }
}

/// Pages of the device that batches touch, by how often: what a page cache in front of it lets through.
///
/// Touches count as independent, but for how often there must be one. In a cache that gives up what was touched
/// longest ago a page is there still when less than a certain number of batches lies behind its last touch: so many
/// that the cache holds the pages which are expected to be touched in them.
///
/// Pages that are touched alike are counted together, in steps of less than a thirtieth.
///
/// Source: Che, Tung, Wang, Hierarchical Web Caching Systems: Modeling, Design and Experimental Results,
/// IEEE Journal on Selected Areas in Communications 20, 2002.
struct PageTraffic {
  private struct Kind: Hashable {
    /// Of touches as they come, in steps.
    let rate: UInt32
    let eachEpoch: UInt16
    let once: UInt16
  }
  private struct Group {
    let kind: Kind
    var pageCount = 0.0
    /// Of all its pages together.
    var random = 0.0
  }
  /// In the order in which they came, so that sums are the same in every run.
  private var groups: [Group] = []
  private var places: [Kind: Int] = [:]
  private let batchesPerEpoch: Double
  private let epochCount: Double

  init(batchesPerEpoch: Double, epochCount: Int) {
    self.batchesPerEpoch = max(1e-3, batchesPerEpoch)
    self.epochCount = Double(max(1, epochCount))
  }

  /// Adds the pages of rows that lie one after the other, by how often each is touched.
  mutating func add(_ touches: [Touches], rowByteCount: Double) {
    Pages.forEach(rowCount: touches.count, rowByteCount: rowByteCount) { rows, count in
      var sum = Touches()
      for row in rows { sum += touches[row] }
      guard sum != Touches() else { return }
      // So many that are certain are nearly as many that come by chance.
      let most: UInt16 = 63
      let (each, once) = (min(most, sum.eachEpoch), min(most, sum.once))
      sum.random += Float(sum.eachEpoch - each) + Float(sum.once - once) / Float(epochCount)
      let kind = Kind(rate: sum.random.bitPattern >> 18, eachEpoch: each, once: once)
      add(count, random: count * Double(sum.random), to: kind)
    }
  }

  private mutating func add(_ pageCount: Double, random: Double, to kind: Kind) {
    let place = places[kind] ?? groups.count
    if place == groups.count {
      places[kind] = place
      groups.append(Group(kind: kind))
    }
    groups[place].pageCount += pageCount
    groups[place].random += random
  }

  /// Adds the pages of another.
  mutating func add(_ other: PageTraffic) {
    for group in other.groups { add(group.pageCount, random: group.random, to: group.kind) }
  }

  private func total(
    _ value: (_ random: Double, _ eachEpoch: Double, _ once: Double) -> Double
  ) -> Double {
    groups.reduce(0) {
      $0 + $1.pageCount
        * value($1.random / $1.pageCount, Double($1.kind.eachEpoch), Double($1.kind.once))
    }
  }

  /// Pages that so many batches are expected to touch from the first on, each counted once.
  func distinct(batches: Double) -> Double {
    let epochs = batches / batchesPerEpoch
    return total { random, eachEpoch, once in
      1 - exp(-random * epochs) * pow(1 - min(1, epochs), eachEpoch)
        * pow(1 - min(1, epochs / epochCount), once)
    }
  }

  /// Of a section of so many bytes, which has these pages, those that are loaded beside the ones that so many batches
  /// need: see ``ReadAhead``.
  func loaded(of byteCount: Double, batches: Double) -> Double {
    guard byteCount <= Double(ReadAhead.residentLimit) else { return 0 }
    let needed = distinct(batches: batches)
    let pages = (byteCount / Pages.size).rounded(.up)
    return max(0, ReadAhead.expectedPages(needing: needed, of: pages) - needed)
  }

  /// Pages that the last so many batches are expected not to have touched, at any time of an epoch.
  private func untouched(recently batches: Double) -> Double {
    let epochs = batches / batchesPerEpoch
    return total { random, eachEpoch, once in
      exp(-random * epochs) * Self.missing(epochs, eachEpoch)
        * pow(1 - min(1, epochs / epochCount), once)
    }
  }

  /// How likely a page that is touched so often in each epoch, at places of their own, was not in the last `epochs`.
  private static func missing(_ epochs: Double, _ touches: Double) -> Double {
    guard touches > 0 else { return 1 }
    guard epochs < 2 else { return 0 }
    let steps = 16
    let sum = (0..<steps).reduce(0.0) { sum, step in
      // What of this epoch is over, and what of the one before was looked at.
      let here = (Double(step) + 0.5) / Double(steps)
      let before = min(1, max(0, epochs - here))
      return sum + pow((1 - min(here, epochs)) * (1 - before), touches)
    }
    return sum / Double(steps)
  }

  /// For how many batches a cache of so many pages keeps one; at most `limit`.
  func window(pages: Double, limit: Double) -> Double {
    if distinct(batches: limit) <= pages { return limit }
    let all = total { _, _, _ in 1 }
    var (low, high) = (0.0, limit)
    for _ in 0..<40 {
      let middle = (low + high) / 2
      if all - untouched(recently: middle) <= pages { low = middle } else { high = middle }
    }
    return low
  }

  /// Pages that are read in so many batches through a cache that keeps one for `window` batches and is
  /// empty before, or in which all are that it holds.
  func read(batches: Double, window: Double, isWarm: Bool = false) -> Double {
    let first = isWarm ? 0 : min(batches, window)
    let known = distinct(batches: first)
    guard batches > first else { return known }
    // Of a batch's pages those that the ones before it, within the window, have not touched.
    let new = untouched(recently: window) - untouched(recently: window + 1)
    return known + (batches - first) * new
  }
}

/// How often an epoch's batches, and those of its evaluation, touch what is stored of nodes.
struct NodeDemand {
  /// Rows of features, by node type.
  private(set) var nodes = PerNode<[Touches]>()
  /// Rows of indices.
  private(set) var expanded = PerNode<[Touches]>()
  /// Batches of an epoch.
  private(set) var batchCount = 0.0

  /// Adds batches that are gone over in each epoch, or once in so many.
  mutating func add(
    _ probabilities: InclusionProbabilities, batches: Int, timesPerEpoch: Double = 1
  ) {
    batchCount += Double(batches) * timesPerEpoch
    for (type, odds) in probabilities.nodes {
      nodes[type] = Self.touches(
        nodes.take(type, count: odds.count), odds, probabilities.certain[optional: type], batches,
        timesPerEpoch)
    }
    for (type, odds) in probabilities.expanded {
      expanded[type] = Self.touches(
        expanded.take(type, count: odds.count), odds, probabilities.certain[optional: type],
        batches, timesPerEpoch)
    }
  }

  /// Of the nodes whose labels are read: those that must be in a batch, or of all where none must.
  func seeds(of type: NodeType) -> [Touches] {
    let touches = nodes[optional: type] ?? []
    func isCertain(_ touches: Touches) -> Bool { touches.eachEpoch > 0 || touches.once > 0 }
    guard touches.contains(where: isCertain) else { return touches }
    return touches.map { isCertain($0) ? $0 : Touches() }
  }

  private static func touches(
    _ before: consuming [Touches], _ odds: [Float], _ certain: BitRanks?, _ batches: Int,
    _ timesPerEpoch: Double
  ) -> [Touches] {
    var touches = before
    let times = Float(batches) * Float(timesPerEpoch)
    /// Of what is certain to be in one batch of these.
    let rateOfOne = -log1pf(-min(1 / Float(max(1, batches)), 1 - 1e-6))
    func add(_ probability: Float, isCertain: Bool, to touches: inout Touches) {
      guard probability > 0 else { return }
      var rate = -log1pf(-min(probability, 1 - 1e-6))
      if isCertain {
        touches += timesPerEpoch == 1 ? Touches(eachEpoch: 1) : Touches(once: 1)
        rate = max(0, rate - rateOfOne)
      }
      touches.random += times * rate
    }
    var next = 0
    certain?.forEachPart(of: 4096) { nodes in
      for node in nodes {
        while next < node {
          add(odds[next], isCertain: false, to: &touches[next])
          next += 1
        }
        add(odds[next], isCertain: true, to: &touches[next])
        next += 1
      }
    }
    for node in next..<odds.count { add(odds[node], isCertain: false, to: &touches[node]) }
    return touches
  }
}

extension PerNode<[Touches]> {
  /// Takes those of a type out, so that they can be written to; none of each node where there are none.
  fileprivate mutating func take(_ type: NodeType, count: Int) -> [Touches] {
    defer { self[type] = [] }
    return self[optional: type] ?? [Touches](repeating: Touches(), count: count)
  }
}

/// Counts pages of the device.
enum Pages {
  static let size = 4096.0
  /// Pages between two that are asked for at once, at most, which are read along.
  static let mostBetween = 3

  static func byteCount(_ pages: Double) -> Int { Int(pages * size) }

  /// Calls `body` with each page's rows, which lie one after the other; and with how many such pages there are, where
  /// a row takes several.
  static func forEach(
    rowCount: Int, rowByteCount: Double, _ body: (_ rows: Range<Int>, _ count: Double) -> Void
  ) {
    let rowsPerPage = size / max(rowByteCount, 1e-3)
    let count = max(1, 1 / rowsPerPage)
    var (page, first) = (0, 0)
    for row in 0..<rowCount {
      let next = Int(Double(row) / max(1, rowsPerPage))
      if next != page {
        body(first..<row, count)
        (page, first) = (next, row)
      }
    }
    if rowCount > 0 { body(first..<rowCount, count) }
  }

  /// Pages that are expected to be read when the rows that so many batches need are asked for in their order,
  /// each once, with the few between that are read along.
  static func distinct(_ odds: [Float], rowByteCount: Double, batchCount: Int) -> Double {
    let rates = odds.map { -Float(batchCount) * log1pf(-min($0, 1 - 1e-6)) }
    var pages = 0.0
    // The probabilities that the last pages are not asked for, the latest first.
    var gap = [Double](repeating: 1, count: mostBetween + 1)
    forEach(rowCount: rates.count, rowByteCount: rowByteCount) { rows, count in
      let missing = exp(-rows.reduce(0) { $0 + Double(rates[$1]) })
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
  static func read(_ nodes: BitRanks, rowByteCount: Int) -> Int {
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
