public import HedgerowCore
import HedgerowGraph
public import HedgerowRoaring

/// The nodes that batches are made around.
public struct Seeds: Sendable {
  enum Choice: Sendable {
    case all
    case named(String)
    case members(RoaringBitmap)
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

  /// The seeds as they are in a graph.
  ///
  /// - Throws: `usage` when the graph has no such type or set.
  func resolved(in graph: some Topology) throws -> ResolvedSeeds {
    let known = graph.schema.nodes.map(\.type)
    guard known.contains(type) else {
      throw HedgerowError(
        .usage,
        "no node type '\(type)': there are \(known.map(\.name).sorted().joined(separator: ", "))")
    }
    switch choice {
    case .all: return ResolvedSeeds(count: graph.count(of: type), members: nil)
    case .members(let members): return ResolvedSeeds(count: members.count, members: members)
    case .named(let name):
      guard let members = try graph.set(named: name, of: type) else {
        throw HedgerowError(.usage, "node type '\(type)' has no set named '\(name)'")
      }
      return ResolvedSeeds(count: members.count, members: members)
    }
  }
}

/// Seeds by rank, without an array of them.
struct ResolvedSeeds: Sendable {
  let count: Int
  let members: RoaringBitmap?

  func node(atRank rank: Int) -> UInt32 {
    guard let members else { return UInt32(rank) }
    return members.select(rank)!
  }
}
