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

  /// - Throws: `usage` where no nodes belong to the target's.
  func checkGraphs(along relations: [EdgeType]) throws {
    guard relations.contains(where: { $0.target == target.type && $0.source != target.type }) else {
      throw HedgerowError(
        .usage,
        "no edge type leads to '\(target.type)': its nodes are no graphs to which others belong")
    }
  }

  /// - Throws: `usage` where nodes have no places and the model needs some, or the other way round.
  func checkPositions(of types: [NodeType]) throws {
    let name = options.model.rawValue
    guard options.radius == nil || options.model.hasRadius else {
      throw HedgerowError(.usage, "--radius is of pointnet and schnet, not of \(name)")
    }
    guard options.model.isOfPoints else {
      if options.positions == nil { return }
      throw HedgerowError(.usage, "--positions is of dgcnn, pointnet and schnet, not of \(name)")
    }
    guard let positions = options.positions else {
      throw HedgerowError(
        .usage, "\(name) is of points: say where they are with --positions \(types[0]).COLUMN")
    }
    for (type, column) in positions {
      guard types == [type] else {
        throw HedgerowError(
          .usage, "the graphs' nodes are '\(types[0])', so places of '\(type)' are none of theirs")
      }
      guard let width = graph.width(of: column, of: type), width > 0 else {
        throw HedgerowError(.usage, "'\(type).\(column)' is no column of numbers")
      }
    }
  }

  /// - Throws: `usage` where nodes are not of one type, or no edges are among them.
  func checkOneType(_ reached: (types: [NodeType], relations: [EdgeType])) throws {
    let name = options.model.rawValue
    guard reached.types.count <= 1 else {
      throw HedgerowError(
        .usage,
        "\(name) is of graphs of one type of nodes, and here they are "
          + reached.types.map { "'\($0)'" }.joined(separator: " and ") + ": take another --model")
    }
    guard
      options.model.isOfPoints || reached.relations.contains(where: { $0.source == $0.target })
    else {
      throw HedgerowError(
        .usage,
        "\(name) is of nodes and edges among them, and no edge type leads from "
          + "'\(reached.types.first ?? target.type)' to itself: take another --model")
    }
  }
}
