import HedgerowCore

/// All that it takes to build a ``KnowledgeGraphEmbedding`` again and to run it over a store.
public struct KnowledgeGraphSpecification: NodeRowSpecification {
  public static var savedTask: SavedTask { .knowledgeGraph }

  /// Edges of one type, and the relations that they are.
  public struct Edges: Codable, Hashable, Sendable {
    public var type: String
    /// By code of the relations' column; without such a column the type's own name.
    public var relations: [String]
  }

  public private(set) var task = SavedTask.knowledgeGraph
  public var nodes: [NodesOfType]
  public var edges: [Edges]
  public var options: KnowledgeGraphOptions
  public var dataVersion: UInt64

  public var relationCount: Int { edges.reduce(0) { $0 + $1.relations.count } }

  public var isSound: Bool {
    guard task == Self.savedTask, options.isSound, !edges.isEmpty, nodes.count <= 1 << 16,
      nodes.allSatisfy({ (0...1 << 32).contains($0.count) }), nodeCount <= Int(UInt32.max),
      Set(nodes.map(\.type)).count == nodes.count
    else { return false }
    return edges.allSatisfy { edges in
      guard let type = try? EdgeType(validating: edges.type) else { return false }
      return !edges.relations.isEmpty && rows(of: type.source) != nil
        && rows(of: type.target) != nil
    }
  }
}
