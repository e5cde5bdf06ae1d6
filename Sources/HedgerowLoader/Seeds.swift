public import HedgerowCore
import HedgerowGraph
public import HedgerowRoaring
import Synchronization

/// The nodes that batches are made around.
public struct Seeds: Sendable {
  enum Choice: Sendable {
    case all
    case named(String)
    case members(RoaringBitmap)
    case filtered(Filter, set: String?)
  }
  public let type: NodeType
  let choice: Choice
  var weighting: (column: String, weights: ClassWeights)?

  /// The members of a named set, as `train`; all nodes of the type when no name is given.
  public static func nodes(_ type: NodeType, in set: String? = nil) -> Seeds {
    Seeds(type: type, choice: set.map { .named($0) } ?? .all)
  }

  /// Nodes of your choice.
  public static func nodes(_ type: NodeType, _ members: RoaringBitmap) -> Seeds {
    Seeds(type: type, choice: .members(members))
  }

  /// The nodes that a filter takes, of a named set if one is given.
  ///
  /// A loader looks for them once, at its first epoch.
  public static func nodes(
    _ type: NodeType, in set: String? = nil, where filter: Filter
  ) -> Seeds {
    Seeds(type: type, choice: .filtered(filter, set: set))
  }

  /// The same nodes, drawn by their class instead of each once an epoch.
  ///
  /// A batch has a node at most once: a class of which it has all is drawn no more. Nodes without a
  /// label are never drawn. Draws are a function of (seed, epoch, batch). A loader looks at the labels
  /// once, at its first epoch, and keeps the members of each class as a set.
  /// - Parameter column: the classes, as a loader reads labels.
  public func weighted(by column: String, _ weights: ClassWeights = .balanced) -> Seeds {
    var seeds = self
    seeds.weighting = (column, weights)
    return seeds
  }

  /// The seeds as they are in a graph.
  ///
  /// - Throws: `usage` when the graph has no such type, set or column.
  func resolved(in graph: some Topology & FeatureSource) throws -> ResolvedSeeds {
    let known = graph.schema.nodes.map(\.type)
    guard known.contains(type) else {
      throw HedgerowError(
        .usage,
        "no node type '\(type)': there are \(known.map(\.name).sorted().joined(separator: ", "))")
    }
    let members = try members(in: graph)
    let count = members?.count ?? graph.count(of: type)
    guard let (column, weights) = weighting else {
      return ResolvedSeeds(count: count, members: members)
    }
    let classes = try SeedClasses(
      ResolvedSeeds(count: count, members: members), of: type, by: column, weights, in: graph)
    return ResolvedSeeds(count: classes.count, members: members, classes: classes)
  }

  /// `nil` for all.
  private func members(in graph: some Topology & FeatureSource) throws -> RoaringBitmap? {
    switch choice {
    case .all:
      let deleted = graph.deletedNodes(of: type)
      guard !deleted.isEmpty else { return nil }
      return RoaringBitmap(0..<UInt32(clamping: graph.count(of: type))).subtracting(deleted)
    case .members(let members): return members
    case .named(let name): return try self.members(of: name, in: graph)
    case .filtered(let filter, let set):
      var members = try graph.nodes(of: type, where: filter)
      if let set { members.formIntersection(try self.members(of: set, in: graph)) }
      return members
    }
  }

  private func members(of name: String, in graph: some Topology) throws -> RoaringBitmap {
    guard let members = try graph.set(named: name, of: type) else {
      throw HedgerowError(.usage, "node type '\(type)' has no set named '\(name)'")
    }
    return members
  }
}

/// What a loader looks for once: its graph never changes.
final class Memo<Value: Sendable>: Sendable {
  private let known = Mutex<Value?>(nil)

  func value(_ find: () throws -> Value) throws -> Value {
    if let known = known.withLock({ $0 }) { return known }
    let found = try find()
    known.withLock { $0 = found }
    return found
  }
}

/// Seeds by rank, without an array of them.
struct ResolvedSeeds: Sendable {
  let count: Int
  /// `nil` for all.
  private let members: RoaringBitmap?
  private let ranked: RankedMembers?
  /// Where they are drawn by their classes.
  let classes: SeedClasses?

  init(count: Int, members: RoaringBitmap?, classes: SeedClasses? = nil) {
    self.count = count
    self.members = members
    self.classes = classes
    ranked = members.map { RankedMembers($0) }
  }

  /// Calls `body` with each seed, by rising id.
  func forEach(_ body: (UInt32) -> Void) {
    if let members {
      for node in members { body(node) }
    } else {
      for node in 0..<UInt32(count) { body(node) }
    }
  }

  /// A node, or an edge by its place in the order of edges.
  func place(atRank rank: Int) -> UInt64 {
    ranked.map { UInt64($0[rank]) } ?? UInt64(rank)
  }

  func node(atRank rank: Int) -> UInt32 { UInt32(place(atRank: rank)) }

  /// The seeds of a batch.
  func nodes(of batch: Int, _ order: EpochOrder, seed: UInt64, epoch: Int) -> [UInt32] {
    guard let classes else { return order.batch(batch).map(node(atRank:)) }
    let stream = RandomStream(seed: seed).derive("seed classes")
    return classes.draw(
      order.places(of: batch).count, stream.derive(UInt64(epoch), UInt64(batch)))
  }
}
