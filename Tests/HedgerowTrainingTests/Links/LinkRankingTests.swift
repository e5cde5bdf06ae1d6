import Foundation
import HedgerowCore
import HedgerowTestSupport
import Testing

@testable import HedgerowTraining

/// Measures against what they are by definition.
@Suite struct LinkRankingTests {
  struct Link {
    var source: UInt32
    var score: Float
    var candidates: [Float]
    var isLink: [Bool]
    var draw: UInt64
  }

  /// Scores of few values, so that many are the same.
  private func links(_ random: inout RandomStream) -> [Link] {
    (0..<6).flatMap { source -> [Link] in
      let count = 1 + Int(random.next(below: 30))
      let candidates = (0..<40).map { _ in Float(random.next(below: 12)) / 4 }
      let isLink = (0..<40).map { _ in random.next(below: 4) == 0 }
      return (0..<count).map { _ in
        Link(
          source: UInt32(source), score: Float(random.next(below: 12)) / 4 + 0.5,
          candidates: candidates, isLink: isLink, draw: random.next())
      }
    }
  }

  @Test func everyMeasureIsThatOfItsDefinition() {
    let seed = printedSeed()
    var random = RandomStream(seed: seed).derive("links")
    for _ in 0..<20 {
      let links = links(&random)
      var ranking = LinkRanking(.all, candidateCount: 40)
      for link in links {
        link.candidates.withUnsafeBufferPointer {
          ranking.add(
            source: link.source, score: link.score, candidates: $0, isLink: link.isLink,
            draw: link.draw)
        }
      }
      let metrics = ranking.finish()
      #expect(metrics.count == links.count && metrics.candidateCount == 40)
      let ranks = links.map { link -> Double in
        let others = zip(link.candidates, link.isLink).filter { !$1 }.map(\.0)
        return 1 + others.reduce(0.0) { $0 + ($1 > link.score ? 1 : $1 == link.score ? 0.5 : 0) }
      }
      func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
      expect(metrics, .meanReciprocalRank, mean(ranks.map { 1 / $0 }))
      expect(metrics, .hitsAt1, mean(ranks.map { $0 <= 1 ? 1 : 0 }))
      expect(metrics, .hitsAt3, mean(ranks.map { $0 <= 3 ? 1 : 0 }))
      expect(metrics, .hitsAt10, mean(ranks.map { $0 <= 10 ? 1 : 0 }))

      // Places among all that is ranked for a source, its other links included.
      var (recalls, gains): ([Double], [Double]) = ([], [])
      for source in Set(links.map(\.source)).sorted() {
        let own = links.filter { $0.source == source }
        let others = zip(own[0].candidates, own[0].isLink).filter { !$1 }.map(\.0)
        let places = own.indices.map { index -> Double in
          let rest = own.indices.filter { $0 != index }.map { own[$0].score }
          return (others + rest).reduce(0.0) {
            $0 + ($1 > own[index].score ? 1 : $1 == own[index].score ? 0.5 : 0)
          }
        }
        recalls.append(Double(places.count { $0 < 20 }) / Double(own.count))
        let gain = places.filter { $0 < 20 }.reduce(0) { $0 + 1 / log2($1 + 2) }
        let most = (0..<min(20, own.count)).reduce(0) { $0 + 1 / log2(Double($1) + 2) }
        gains.append(gain / most)
      }
      expect(metrics, .recallAt20, mean(recalls))
      expect(metrics, .gainAt20, mean(gains))

      let drawn = links.compactMap { link -> (Double, Double)? in
        let order = (0..<40).map { (Int(link.draw % 40) + $0) % 40 }
        return order.first { !link.isLink[$0] }.map {
          (Double(link.score), Double(link.candidates[$0]))
        }
      }
      var area = 0.0
      for (score, _) in drawn {
        for (_, other) in drawn { area += score > other ? 1 : score == other ? 0.5 : 0 }
      }
      expect(metrics, .rocAUC, area / Double(drawn.count * drawn.count))
      // Precision where each link's score puts the bar.
      let precisions = drawn.map { bar, _ -> Double in
        let found = drawn.count { $0.0 >= bar }
        return Double(found) / Double(found + drawn.count { $0.1 >= bar })
      }
      expect(metrics, .averagePrecision, mean(precisions))
    }
  }

  private func expect(_ metrics: LinkMetrics, _ metric: LinkMetric, _ value: Double) {
    let found = metrics[metric] ?? .nan
    #expect(abs(found - value) < 1e-12, "\(metric): \(found) instead of \(value)")
  }

  @Test func withoutLinksOrCandidatesNothingIsDivided() {
    var none = LinkRanking(.all, candidateCount: 0)
    #expect(none.finish().values.allSatisfy { $0.value == 0 })
    var alone = LinkRanking(.all, candidateCount: 0)
    [Float]().withUnsafeBufferPointer {
      alone.add(source: 3, score: 1, candidates: $0, isLink: [], draw: 5)
    }
    let metrics = alone.finish()
    #expect(metrics[.meanReciprocalRank] == 1 && metrics[.rocAUC] == 0)
    #expect(metrics[.recallAt20] == 1 && metrics[.gainAt20] == 1)
  }
}
