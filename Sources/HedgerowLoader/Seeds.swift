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
    switch choice {
    case .all:
      let deleted = graph.deletedNodes(of: type)
      guard !deleted.isEmpty else {
        return ResolvedSeeds(count: graph.count(of: type), members: nil)
      }
      let members = RoaringBitmap(0..<UInt32(clamping: graph.count(of: type)))
        .subtracting(deleted)
      return ResolvedSeeds(count: members.count, members: members)
    case .members(let members): return ResolvedSeeds(count: members.count, members: members)
    case .named(let name):
      let members = try self.members(of: name, in: graph)
      return ResolvedSeeds(count: members.count, members: members)
    case .filtered(let filter, let set):
      var members = try graph.nodes(of: type, where: filter)
      if let set { members.formIntersection(try self.members(of: set, in: graph)) }
      return ResolvedSeeds(count: members.count, members: members)
    }
  }

  private func members(of name: String, in graph: some Topology) throws -> RoaringBitmap {
    guard let members = try graph.set(named: name, of: type) else {
      throw HedgerowError(.usage, "node type '\(type)' has no set named '\(name)'")
    }
    return members
  }
}

/// The seeds of a loader, once they are known: its graph never changes.
final class SeedMemo: Sendable {
  private let known = Mutex<ResolvedSeeds?>(nil)

  func seeds(_ find: () throws -> ResolvedSeeds) throws -> ResolvedSeeds {
    if let known = known.withLock({ $0 }) { return known }
    let found = try find()
    known.withLock { $0 = found }
    return found
  }
}

/// Seeds by rank, without an array of them.
struct ResolvedSeeds: Sendable {
  let count: Int
  let members: RoaringBitmap?

  /// Calls `body` with each seed, by rising id.
  func forEach(_ body: (UInt32) -> Void) {
    if let members {
      for node in members { body(node) }
    } else {
      for node in 0..<UInt32(count) { body(node) }
    }
  }

  func node(atRank rank: Int) -> UInt32 {
    guard let members else { return UInt32(rank) }
    return members.select(rank)!
  }
}
