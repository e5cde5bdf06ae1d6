import HedgerowCore
import HedgerowGraph

/// All that it takes to build a ``NodeEmbedding`` again and to run it over a store.
public struct EmbeddingSpecification: NodeRowSpecification {
  public static var savedTask: SavedTask { .embedding }

  public private(set) var task = SavedTask.embedding
  /// The node type whose rows were asked for.
  public var target: String
  /// Types of a walk's nodes one after the other, once around; of the target alone but for `metapath2vec`.
  public var path: [String]
  /// Along what walks go, as triples of the direction in which they go.
  public var relations: [String]
  /// Nodes of each type, each once.
  public var nodes: [NodesOfType]
  /// Of `dgi`: what the target's nodes bring in.
  public var input: ModelSpecification.Input?
  public var options: EmbeddingOptions
  public var dataVersion: UInt64

  func count(of type: String) -> Int? { nodes.first { $0.type == type }?.count }

  public var isSound: Bool {
    guard task == Self.savedTask, options.isSound, let first = path.first, first == target,
      relations.count == path.count, path.allSatisfy({ count(of: $0) != nil }),
      Set(nodes.map(\.type)).count == nodes.count,
      nodes.allSatisfy({ (0...1 << 32).contains($0.count) }),
      nodeCount < Int(UInt32.max),
      relations.allSatisfy({ (try? EdgeType(validating: $0)) != nil })
    else { return false }
    switch options.model {
    case .node2vec: return path.count == 1 && input == nil
    case .metapath2vec: return input == nil
    case .dgi:
      guard let input, path.count == 1 else { return false }
      return [input].areSound && !input.isEmbedded && input.type == target && input.width > 0
    }
  }
}

extension GraphSchema {
  /// The relation by whose rows a walk goes along a triple's direction.
  func step(along triple: EdgeType) -> Relation? {
    for (index, edge) in edges.enumerated() {
      // Entries of rows are where messages come from.
      if edge.type == triple { return Relation(edge.type, .backward, index: index) }
      if edge.type.reversed == triple { return Relation(edge.type, .forward, index: index) }
    }
    return nil
  }
}
