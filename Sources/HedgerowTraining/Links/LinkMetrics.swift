/// A measure of how well links are told from pairs that are none, or ranked among them.
public enum LinkMetric: String, Codable, Hashable, Sendable, CaseIterable {
  /// The probability that a link scores higher than a pair that is none.
  case rocAUC = "roc_auc"
  /// The mean precision over the links, each counted where its score puts the bar.
  case averagePrecision = "average_precision"
  /// The mean of one divided by a link's rank.
  case meanReciprocalRank = "mrr"
  case hitsAt1 = "hits_at_1"
  case hitsAt3 = "hits_at_3"
  case hitsAt10 = "hits_at_10"
  /// The mean over sources of the share of their links that are among the 20 best.
  case recallAt20 = "recall_at_20"
  /// The mean over sources of the discounted gain of the 20 best, divided by the most that there could be.
  case gainAt20 = "ndcg_at_20"
}

/// How well a model told links of a set, each ranked among candidates.
public struct LinkMetrics: Hashable, Sendable {
  /// In the order of ``LinkMetric``; those that were measured.
  public let values: [(metric: LinkMetric, value: Double)]
  /// Links that were ranked.
  public let count: Int
  /// Nodes among which each was ranked, less those that the graph knows to be linked.
  public let candidateCount: Int

  public subscript(metric: LinkMetric) -> Double? {
    values.first { $0.metric == metric }?.value
  }

  public static func == (a: LinkMetrics, b: LinkMetrics) -> Bool {
    a.count == b.count && a.candidateCount == b.candidateCount
      && a.values.map(\.metric) == b.values.map(\.metric)
      && a.values.map(\.value) == b.values.map(\.value)
  }

  public func hash(into hasher: inout Hasher) {
    for (metric, value) in values {
      hasher.combine(metric)
      hasher.combine(value)
    }
    hasher.combine(count)
  }
}
