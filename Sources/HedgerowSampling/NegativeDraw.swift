import HedgerowCore
import HedgerowGraph
import HedgerowRoaring

/// Draws targets to which no edge leads, in rounds, so that a topology is asked for many at a time.
struct NegativeDraw<Graph: Topology> {
  let graph: Graph
  /// The edge type, forward.
  let relation: Relation
  let options: NegativeSampling
  let time: TemporalConstraint?
  let stream: RandomStream

  struct Drawn {
    /// The positive of each negative, rising.
    var owners: [UInt32] = []
    var targets: [UInt32] = []
  }

  /// The draw of a negative is a function of its positive's place, its own among those of the positive,
  /// and of the attempt.
  func draw(_ positives: LinkSample.Pairs, _ times: [Int64]?) throws -> Drawn {
    let type = relation.stored
    let deleted = graph.deletedNodes(of: type.target)
    let owners = (0..<UInt32(positives.count)).flatMap {
      Array(repeating: $0, count: options.count)
    }
    var targets = [UInt32?](repeating: nil, count: owners.count)
    for attempt in 0..<options.attempts {
      let pending = targets.indices.filter { targets[$0] == nil }
      if pending.isEmpty { break }
      let candidates = try candidates(pending, owners, positives, attempt)
      if candidates.isEmpty { break }
      let sources = pending.map { positives.sources[Int(owners[$0])] }
      let areEdges = try graph.contains(type, sources: sources.span, targets: candidates.span)
      let areThere = try seen(candidates, pending.map { times?[Int(owners[$0])] })
      for (place, negative) in pending.enumerated() {
        let candidate = candidates[place]
        let positive = Int(owners[negative])
        if areEdges[place] || !areThere[place] || deleted.contains(candidate)
          || candidate == positives.targets[positive]
          || (type.source == type.target && candidate == positives.sources[positive])
        {
          continue
        }
        targets[negative] = candidate
      }
    }
    var drawn = Drawn()
    for (owner, target) in zip(owners, targets) {
      guard let target else { continue }
      drawn.owners.append(owner)
      drawn.targets.append(target)
    }
    return drawn
  }

  private func candidates(
    _ pending: [Int], _ owners: [UInt32], _ positives: LinkSample.Pairs, _ attempt: Int
  ) throws -> [UInt32] {
    func number(_ negative: Int, below bound: Int) -> UInt64 {
      var stream = stream.derive(
        UInt64(owners[negative]), UInt64(negative % max(1, options.count)), UInt64(attempt))
      return stream.next(below: UInt64(bound))
    }
    switch options.distribution {
    case .uniform:
      let count = graph.count(of: relation.target)
      return pending.map { UInt32(number($0, below: count)) }
    case .inBatch:
      // Of all but the positive itself; a batch of one has no other.
      guard positives.count > 1 else { return [] }
      return pending.map { negative in
        let other = Int(number(negative, below: positives.count - 1))
        return positives.targets[other < Int(owners[negative]) ? other : other + 1]
      }
    case .byDegree:
      // The target of an edge is a node in proportion to its edges.
      let count = graph.count(of: relation.stored)
      guard count > 0 else { return [] }
      let edges = pending.map { number($0, below: count) }
      return try graph.endpoints(of: edges.span, relation.stored).targets
    }
  }

  /// Whether each candidate was there at a time, where nodes have times.
  private func seen(_ candidates: [UInt32], _ times: [Int64?]) throws -> [Bool] {
    guard let time, case .column(let column)? = time.nodes?[relation.target] else {
      return [Bool](repeating: true, count: candidates.count)
    }
    let born = try graph.integers(of: column, of: relation.target, at: candidates, null: .max)
    return zip(born, times).map { born, at in
      // A window is about what is sampled, not about what is there.
      at.map { born <= time.bounds(of: $0).last } ?? true
    }
  }
}
