import FoundationEssentials
import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowStore

/// What models need to know of relations beside their names.
extension NodeClassificationTrainer {
  /// The metapaths of `han`: those that are asked for, or all of two relations.
  ///
  /// - Throws: `usage` for one that does not begin at the target's type, or whose relations are not there.
  func metapaths(along relations: [EdgeType]) throws -> [Metapath] {
    guard let given = options.metapaths else {
      let metapaths = Metapath.ofLengthTwo(from: target.type, along: relations)
      guard !metapaths.isEmpty else {
        throw HedgerowError(
          .usage,
          "no two relations lead from '\(target.type)' and back: say longer metapaths with --metapaths"
        )
      }
      return metapaths
    }
    return try given.map { text in
      let metapath = try Metapath(validating: text)
      guard metapath.type == target.type else {
        throw HedgerowError(
          .usage, "the metapath \(metapath) is none of '\(target.type)', whose classes are learned")
      }
      for relation in metapath.relations where !relations.contains(relation) {
        throw HedgerowError(
          .usage,
          "no relation \(relation), of the metapath \(metapath): there are "
            + relations.map { "\($0)" }.joined(separator: ", "))
      }
      return metapath
    }
  }

  /// - Throws: `usage` where no nodes belong to the target's, or the model is none of graphs.
  func checkGraphs(along relations: [EdgeType]) throws {
    guard relations.contains(where: { $0.target == target.type && $0.source != target.type }) else {
      throw HedgerowError(
        .usage,
        "no edge type leads to '\(target.type)': its nodes are no graphs to which others belong")
    }
    guard options.model != .han else {
      throw HedgerowError(.usage, "han classifies nodes of a whole graph: take another --model")
    }
  }
}
