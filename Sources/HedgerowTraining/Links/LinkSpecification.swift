import HedgerowCore
public import HedgerowGNN

/// All that it takes to build a ``LinkPredictor`` again and to run it over a store.
public struct LinkSpecification: SavedSpecification {
  public static var savedTask: SavedTask { .linkPrediction }

  public private(set) var task = SavedTask.linkPrediction
  /// The triple of the links' edge type.
  public var target: String
  /// What the nodes that are read bring in.
  public var inputs: [ModelSpecification.Input]
  /// Triples as models know them, backward readings as `rev_...`.
  public var relations: [String]
  /// Of each relation, for `pna`.
  public var meanDegrees: [MeanDegrees]?
  /// How it was trained: the architecture is among it.
  public var options: LinkTrainingOptions
  public var dataVersion: UInt64

  /// The links' edge type.
  var type: EdgeType { get throws { try EdgeType(validating: target) } }

  /// The node types at its ends, each once.
  var ends: [NodeType] {
    get throws {
      let type = try type
      return type.source == type.target ? [type.source] : [type.source, type.target]
    }
  }

  /// What the network is made with.
  var network: NodeNetwork.Options {
    get throws {
      var network = options.training.network
      for (relation, degrees) in zip(relations, meanDegrees ?? []) {
        network.meanDegrees[try EdgeType(validating: relation)] = degrees
      }
      return network
    }
  }

  public var isSound: Bool {
    guard task == Self.savedTask, options.isSound, inputs.areSound, let ends = try? ends,
      let relations = try? relations.map({ try EdgeType(validating: $0) }),
      options.training.model != .pna || meanDegrees?.count == relations.count
    else { return false }
    if options.model == .lightgcn {
      return Set(inputs.map(\.type)) == Set(ends.map(\.name)) && inputs.count == ends.count
    }
    let reached = NodeNetwork.reach(
      of: ends, along: relations, options: options.training.network)
    return Set(reached.types.map(\.name)).isSubset(of: inputs.map(\.type))
  }
}
