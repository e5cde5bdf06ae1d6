import Glibc

/// Counts up ranks of links among candidates into ``LinkMetrics``.
///
/// A rank is one plus the candidates that score higher plus half of those that score the same. Candidates that are
/// links of the same source are left out (the "filtered" setting of Bordes et al., NIPS 2013).
struct LinkRanking {
  /// What is measured.
  enum Scope {
    /// Ranks alone, as of knowledge graphs.
    case ranks
    /// And scores of links beside those of pairs that are none.
    case pairs
    /// And scores of links beside those of pairs that are none, and the best candidates of each source.
    case all

    var metrics: [LinkMetric] {
      let ranks: [LinkMetric] = [.meanReciprocalRank, .hitsAt1, .hitsAt3, .hitsAt10]
      return switch self {
      case .ranks: ranks
      case .pairs: [.rocAUC, .averagePrecision] + ranks
      case .all: LinkMetric.allCases
      }
    }
  }
  let scope: Scope
  private let candidateCount: Int
  private var count = 0
  private var reciprocalSum = 0.0
  private var hits = [0, 0, 0]
  static let hitLimits = [1.0, 3, 10]

  /// Scores of links, and of one pair that is none for each.
  private var positives: [Float] = []
  private var negatives: [Float] = []

  // Of the source at hand: the score of each of its links, and how many candidates are before it.
  private var source: UInt32?
  private var links: [(score: Float, before: Double)] = []
  private var sourceCount = 0
  private var recallSum = 0.0
  private var gainSum = 0.0
  private static var bestCount: Double { 20 }

  init(_ scope: Scope, candidateCount: Int) {
    self.scope = scope
    self.candidateCount = candidateCount
  }

  /// Counts a link. Links of one source come one after the other.
  ///
  /// - Parameters:
  ///   - candidates: their scores.
  ///   - isLink: for each candidate, whether it is left out.
  ///   - draw: decides which candidate stands for a pair that is none.
  mutating func add(
    source: UInt32, score: Float, candidates: UnsafeBufferPointer<Float>, isLink: [Bool],
    draw: UInt64
  ) {
    var (above, same) = (0, 0)
    for place in candidates.indices where !isLink[place] {
      if candidates[place] > score {
        above += 1
      } else if candidates[place] == score {
        same += 1
      }
    }
    let before = Double(above) + Double(same) / 2
    add(rank: 1 + before)
    guard scope == .all else { return }
    if source != self.source {
      finishSource()
      self.source = source
    }
    links.append((score, before))
    guard !candidates.isEmpty else { return }
    let first = Int(draw % UInt64(candidates.count))
    let drawn = (0..<candidates.count).lazy.map { (first + $0) % candidates.count }
      .first { !isLink[$0] }
    if let drawn { add(score: score, beside: candidates[drawn]) }
  }

  /// Counts the score of a link, and of a pair that is none.
  mutating func add(score: Float, beside other: Float) {
    positives.append(score)
    negatives.append(other)
  }

  /// Counts a rank, from 1.
  mutating func add(rank: Double) {
    count += 1
    reciprocalSum += 1 / rank
    for (place, limit) in Self.hitLimits.enumerated() where rank <= limit { hits[place] += 1 }
  }

  private mutating func finishSource() {
    guard source != nil, !links.isEmpty else { return }
    links.sort { $0.score > $1.score }
    var (found, gain) = (0, 0.0)
    var first = 0
    while first < links.count {
      var end = first + 1
      while end < links.count && links[end].score == links[first].score { end += 1 }
      for link in links[first..<end] {
        // Those of the same score stand before it half of the time.
        let place = link.before + Double(first) + Double(end - first - 1) / 2
        if place < Self.bestCount {
          found += 1
          gain += 1 / log2(place + 2)
        }
      }
      first = end
    }
    let most = (0..<min(links.count, Int(Self.bestCount))).reduce(0.0) {
      $0 + 1 / log2(Double($1) + 2)
    }
    recallSum += Double(found) / Double(links.count)
    gainSum += gain / most
    sourceCount += 1
    links.removeAll(keepingCapacity: true)
  }

  mutating func finish() -> LinkMetrics {
    finishSource()
    let links = Double(max(1, count))
    var values: [(LinkMetric, Double)] = []
    if scope != .ranks {
      let (area, precision) = Self.separation(&positives, &negatives)
      values += [(.rocAUC, area), (.averagePrecision, precision)]
    }
    values += [
      (.meanReciprocalRank, reciprocalSum / links), (.hitsAt1, Double(hits[0]) / links),
      (.hitsAt3, Double(hits[1]) / links), (.hitsAt10, Double(hits[2]) / links),
    ]
    if scope == .all {
      let sources = Double(max(1, sourceCount))
      values += [(.recallAt20, recallSum / sources), (.gainAt20, gainSum / sources)]
    }
    return LinkMetrics(
      values: values.map { (metric: $0.0, value: $0.1) }, count: count,
      candidateCount: candidateCount)
  }

  /// The area under the curve of true over false positive rates, and the average precision (scikit-learn's
  /// `roc_auc_score` and `average_precision_score`). Time O(n log n).
  static func separation(
    _ positives: inout [Float], _ negatives: inout [Float]
  ) -> (area: Double, precision: Double) {
    guard !positives.isEmpty && !negatives.isEmpty else { return (0, 0) }
    positives.sort(by: >)
    negatives.sort(by: >)
    var (area, precision) = (0.0, 0.0)
    var (place, other) = (0, 0)
    while place < positives.count {
      let score = positives[place]
      var end = place + 1
      while end < positives.count && positives[end] == score { end += 1 }
      while other < negatives.count && negatives[other] > score { other += 1 }
      var otherEnd = other
      while otherEnd < negatives.count && negatives[otherEnd] == score { otherEnd += 1 }
      area +=
        Double(end - place)
        * (Double(negatives.count - otherEnd) + Double(otherEnd - other) / 2)
      precision += Double(end - place) * Double(end) / Double(end + otherEnd)
      place = end
    }
    let count = Double(positives.count)
    return (area / (count * Double(negatives.count)), precision / count)
  }
}
