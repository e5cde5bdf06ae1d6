import HedgerowCore
import HedgerowGraph

/// A chain of relations from nodes of a type over others back to it: `paper:has:author:rev_has:paper`.
struct Metapath: Hashable, CustomStringConvertible {
  /// Each begins at the type where the one before leads.
  let relations: [EdgeType]

  init(_ relations: [EdgeType]) { self.relations = relations }

  /// - Throws: `usage` for a text that is no such chain.
  init(validating text: String) throws {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count >= 3, !parts.count.isMultiple(of: 2), parts.first == parts.last else {
      throw HedgerowError(
        .usage,
        "'\(text)' is no metapath: write types and relations in turn, from a type back to it, as "
          + "paper:has:author:rev_has:paper")
    }
    relations = try stride(from: 0, to: parts.count - 2, by: 2).map {
      try EdgeType(validating: parts[$0...$0 + 2].joined(separator: ":"))
    }
  }

  var type: NodeType { relations[0].source }

  var description: String {
    relations.map { "\($0.source):\($0.relation):" }.joined() + type.name
  }

  /// What a model calls the edges along the metapath of this number: as PyTorch Geometric does.
  func edgeType(number: Int) -> EdgeType { EdgeType(type, "metapath_\(number)", type) }

  /// All of two relations from a type over any back to it.
  static func ofLengthTwo(from type: NodeType, along relations: [EdgeType]) -> [Metapath] {
    relations.filter { $0.source == type }.flatMap { first in
      relations.filter { $0.source == first.target && $0.target == type }.map {
        Metapath([first, $0])
      }
    }
  }

  /// The metapath's edges in a graph: of each target the nodes from which a path leads to it, once and rising.
  ///
  /// Time O(paths), relation by relation.
  /// - Throws: `usage` when there are more edges than `limit`.
  func block(in graph: HeteroBlock, limit: Int) throws -> Block {
    try relations.dropFirst().reduce(graph.blocks[relations[0]]) { begun, relation in
      guard let block = begun.followed(by: graph.blocks[relation], limit: limit) else {
        throw HedgerowError(
          .usage,
          "more than \(limit) edges along the metapath \(self) do not fit into --memory: say others "
            + "with --metapaths")
      }
      return block
    }
  }
}

extension Block {
  /// The pairs between which an edge of this and then one of the next leads; `nil` when they are too many.
  fileprivate func followed(by next: Block, limit: Int) -> Block? {
    var offsets: [UInt32] = [0]
    var sources: [UInt32] = []
    offsets.reserveCapacity(next.targetCount + 1)
    // By source, the last target that it was found for, and one.
    var lastTarget = [UInt32](repeating: 0, count: sourceCount)
    for target in 0..<next.targetCount {
      let begin = sources.count
      for entry in Int(next.offsets[target])..<Int(next.offsets[target + 1]) {
        let middle = Int(next.sources[entry])
        for edge in Int(self.offsets[middle])..<Int(self.offsets[middle + 1]) {
          let source = self.sources[edge]
          if lastTarget[Int(source)] == UInt32(target) + 1 { continue }
          lastTarget[Int(source)] = UInt32(target) + 1
          sources.append(source)
        }
      }
      guard sources.count <= min(limit, Int(UInt32.max)) else { return nil }
      sources[begin...].sort()
      offsets.append(UInt32(sources.count))
    }
    return Block(
      offsets: offsets, sources: sources, sourceCount: sourceCount, targetCount: next.targetCount)
  }
}
