import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowStore
import HedgerowTensor

/// Ranks the true tail, and the true head, of triples among all nodes of its type; others that make true triples are
/// left out (Bordes et al., NIPS 2013).
struct TripleEvaluation {
  let network: KnowledgeGraphNetwork
  let sets: TripleSets
  let known: KnownTriples
  /// Rows whose nodes are no more, which are no candidates.
  let deleted: Set<UInt32>
  let resources: TrainingResources

  init(
    _ network: KnowledgeGraphNetwork, _ sets: TripleSets, _ graph: Snapshot,
    _ specification: KnowledgeGraphSpecification, _ resources: TrainingResources
  ) throws {
    self.network = network
    self.sets = sets
    self.resources = resources
    known = try KnownTriples(sets, resources: resources)
    var deleted: Set<UInt32> = []
    for nodes in specification.nodes {
      let type = NodeType(nodes.type)
      let first = specification.rows(of: type)?.lowerBound ?? 0
      for node in graph.deletedNodes(of: type) { deleted.insert(first + node) }
    }
    self.deleted = deleted
  }

  /// Metrics of some triples: both ends of each are ranked.
  func metrics(of triples: Triples) throws -> LinkMetrics {
    let most = sets.ends.map { max($0.heads.count, $0.tails.count) }.max() ?? 0
    let width = network.model.nodeWidth
    let batchSize = Self.batchSize(most)
    let share = try resources.budget.reserve(
      4 * (2 * most * width + 3 * batchSize * most) + (1 << 26),
      for: "ranking triples among \(most) nodes")
    defer { share.release() }
    var ranking = LinkRanking(.ranks, candidateCount: most)
    for end in [TripleEnd.tail, .head] {
      // Relations between the same types have the same candidates.
      var rows: (nodes: Range<UInt32>, tensor: Tensor)?
      for group in groups(of: triples, by: end) {
        if rows?.nodes != group.nodes {
          rows = (group.nodes, network.model.rows(of: group.nodes.map { $0 }))
        }
        for first in stride(from: 0, to: group.places.count, by: batchSize) {
          try resources.checkInterruption()
          let places = Array(
            group.places[first..<min(group.places.count, first + batchSize)])
          try add(triples, places, end, rows!.nodes, rows!.tensor, to: &ranking)
        }
      }
    }
    return ranking.finish()
  }

  /// So many queries that their scores take 32 MiB at most.
  private static func batchSize(_ candidateCount: Int) -> Int {
    min(128, max(1, (32 << 20) / (4 * max(1, candidateCount))))
  }

  /// The places of triples whose asked ends are of the same rows.
  private func groups(
    of triples: Triples, by end: TripleEnd
  ) -> [(nodes: Range<UInt32>, places: [Int])] {
    var groups: [(nodes: Range<UInt32>, places: [Int])] = []
    for place in 0..<triples.count {
      let ends = sets.ends[Int(triples.relations[place])]
      let nodes = end == .tail ? ends.tails : ends.heads
      if let own = groups.firstIndex(where: { $0.nodes == nodes }) {
        groups[own].places.append(place)
      } else {
        groups.append((nodes, [place]))
      }
    }
    return groups
  }

  private func add(
    _ triples: Triples, _ places: [Int], _ end: TripleEnd, _ nodes: Range<UInt32>,
    _ candidates: Tensor, to ranking: inout LinkRanking
  ) throws {
    let (own, asked) =
      end == .tail ? (triples.heads, triples.tails) : (triples.tails, triples.heads)
    let scores = network.model.scores(
      network.model.rows(of: places.map { own[$0] }),
      relations: places.map { triples.relations[$0] }, candidates: candidates, for: end)
    guard sum(scores).scalar.isFinite else {
      throw HedgerowError(
        .badData, "what the model says of some triples is no number: lower --learning-rate")
    }
    var isTrue = [Bool](repeating: false, count: nodes.count)
    for node in deleted where nodes.contains(node) { isTrue[Int(node - nodes.lowerBound)] = true }
    scores.withUnsafeBufferPointer { scores in
      for (query, place) in places.enumerated() {
        let row = UnsafeBufferPointer(
          rebasing: scores[query * nodes.count..<(query + 1) * nodes.count])
        var marked: [Int] = []
        known.forEach(end, of: triples.relations[place], with: own[place]) { node in
          let column = Int(node - nodes.lowerBound)
          if !isTrue[column] {
            isTrue[column] = true
            marked.append(column)
          }
        }
        ranking.add(
          source: own[place], score: row[Int(asked[place] - nodes.lowerBound)], candidates: row,
          isLink: isTrue, draw: 0)
        for column in marked { isTrue[column] = false }
      }
    }
  }
}
