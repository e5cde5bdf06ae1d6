public import HedgerowCore
import HedgerowGraph
public import HedgerowRoaring

/// The edges that batches of links are made around.
public struct SeedEdges: Sendable {
  enum Choice: Sendable {
    case all
    case members(RoaringBitmap)
    case filtered(Filter)
  }
  /// As it is stored.
  public let type: EdgeType
  let choice: Choice

  /// All edges of a type.
  public static func edges(_ type: EdgeType) -> SeedEdges { SeedEdges(type: type, choice: .all) }

  /// The edges of which a column says this, as a split writes it: `.edges(type, in: "train")`.
  public static func edges(
    _ type: EdgeType, in part: String, of column: String = "split"
  ) -> SeedEdges {
    .edges(type, where: .column(column) == .text(part))
  }

  /// The edges that a filter takes. A loader looks for them once, at its first epoch.
  public static func edges(_ type: EdgeType, where filter: Filter) -> SeedEdges {
    SeedEdges(type: type, choice: .filtered(filter))
  }

  /// Edges of your choice, by their places in the order of the type's edges.
  public static func edges(_ type: EdgeType, _ places: RoaringBitmap) -> SeedEdges {
    SeedEdges(type: type, choice: .members(places))
  }

  /// - Throws: `usage` when the graph has no such type or column.
  func resolved(in graph: some Topology & FeatureSource) throws -> ResolvedSeeds {
    guard graph.schema.edge(type) != nil else {
      let known = graph.schema.edges.map { "\($0.type)" }.sorted()
      throw HedgerowError(
        .usage, "no edge type '\(type)': there are \(known.joined(separator: ", "))")
    }
    switch choice {
    case .all: return ResolvedSeeds(count: graph.count(of: type), members: nil)
    case .members(let members): return ResolvedSeeds(count: members.count, members: members)
    case .filtered(let filter):
      let members = try graph.edges(of: type, where: filter)
      return ResolvedSeeds(count: members.count, members: members)
    }
  }
}
