import HedgerowCore
import HedgerowGraph
import HedgerowRoaring

/// How often seeds are drawn by their class.
public enum ClassWeights: Codable, Hashable, Sendable {
  /// All classes alike, however many seeds they have.
  case balanced
  /// Each seed in proportion to the weight of its class, which is 0 for classes without one.
  case given([Double])
}

/// Seeds by their class, to draw from.
struct SeedClasses: Sendable {
  private var members: [RoaringBitmap] = []
  /// Of each class as a whole.
  private var weights: [Double] = []

  /// Seeds of classes that weigh something.
  var count: Int { zip(members, weights).reduce(0) { $0 + ($1.1 > 0 ? $1.0.count : 0) } }

  /// Goes over the seeds in blocks.
  ///
  /// - Throws: `usage` for a column that is not there, and for weights that are no weights.
  init(
    _ seeds: ResolvedSeeds, of type: NodeType, by column: String, _ weights: ClassWeights,
    in graph: some FeatureSource
  ) throws {
    for first in stride(from: 0, to: seeds.count, by: 1 << 14) {
      let nodes = (first..<min(seeds.count, first + 1 << 14)).map(seeds.node(atRank:))
      var found: [[UInt32]] = []
      for (node, label) in zip(nodes, try graph.labels(nodes.span, of: type, column: column))
      where label >= 0 {
        guard label < 1 << 16 else {
          throw HedgerowError(
            .usage,
            "node \(node) has the label \(label) in '\(type).\(column)': seeds are drawn by "
              + "classes from 0 to 65535")
        }
        while found.count <= Int(label) { found.append([]) }
        found[Int(label)].append(node)
      }
      while members.count < found.count { members.append(RoaringBitmap()) }
      for (label, nodes) in found.enumerated() {
        nodes.withUnsafeBufferPointer { members[label].insert(contentsOf: $0) }
      }
    }
    switch weights {
    case .balanced: self.weights = members.map { $0.isEmpty ? 0 : 1 }
    case .given(let given):
      guard given.allSatisfy({ $0 >= 0 && $0.isFinite }) else {
        throw HedgerowError(.usage, "weights of classes are finite and not negative: \(given)")
      }
      self.weights = members.indices.map {
        $0 < given.count ? given[$0] * Double(members[$0].count) : 0
      }
    }
  }

  /// So many distinct seeds, or all that there are, in the order in which they were drawn.
  func draw(_ count: Int, _ stream: RandomStream) -> [UInt32] {
    var stream = stream
    var weights = weights
    var left = members.map(\.count)
    var total = weights.reduce(0, +)
    var known: Set<UInt32> = []
    var drawn: [UInt32] = []
    while drawn.count < count && total > 0 {
      var rest = stream.nextUnit() * total
      // Rounding may leave a rest behind the last class.
      var label = weights.lastIndex { $0 > 0 }!
      for (candidate, weight) in weights.enumerated() {
        if rest < weight {
          label = candidate
          break
        }
        rest -= weight
      }
      let node = members[label].select(Int(stream.next(below: UInt64(members[label].count))))!
      guard known.insert(node).inserted else { continue }
      drawn.append(node)
      left[label] -= 1
      if left[label] == 0 {
        weights[label] = 0
        total = weights.reduce(0, +)
      }
    }
    return drawn
  }
}
