public import HedgerowCore

/// How many neighbors to take at each hop, for all relations or for one.
///
/// `[15, 10]` takes up to 15 neighbors of each seed along every relation, then up to 10 of each node
/// that was found; -1 takes all. A relation may have numbers of its own, under its name as models
/// know it (`rev_...` for a backward reading):
/// ```swift
/// Fanouts([15, 10], overriding: [("user", "rates", "item"): [5, 0]])
/// ```
public struct Fanouts: Hashable, Sendable, ExpressibleByArrayLiteral {
  public let general: [Int]
  public let overrides: [EdgeType: [Int]]

  public init(_ general: [Int], overriding: PerEdge<[Int]> = PerEdge()) {
    require(general.allSatisfy { $0 >= -1 }, "a fanout is -1, for all, or a count: \(general)")
    for (type, fanouts) in overriding {
      require(
        fanouts.count == general.count && fanouts.allSatisfy { $0 >= -1 },
        "\(type) has fanouts \(fanouts) where \(general.count) hops are asked for")
    }
    self.general = general
    overrides = Dictionary(uniqueKeysWithValues: zip(overriding.keys, overriding.values))
  }

  public init(arrayLiteral elements: Int...) { self.init(elements) }

  public var hopCount: Int { general.count }

  /// The fanout of a relation at a hop, counted from 0 at the seeds.
  public func fanout(of relation: Relation, hop: Int) -> Int {
    overrides[relation.name]?[hop] ?? general[hop]
  }
}
