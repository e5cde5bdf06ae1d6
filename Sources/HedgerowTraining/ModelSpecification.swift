import HedgerowCore
public import HedgerowGNN

/// All that it takes to build a trained model again and to run it over a store.
public struct ModelSpecification: Codable, Hashable, Sendable {
  /// One node type's input.
  public struct Input: Codable, Hashable, Sendable {
    public var type: String
    /// Feature columns, side by side; without any and without ``encoders`` for a learned embedding.
    public var columns: [String]
    public var width: Int
    /// Nodes of the type when the model was made; an embedding knows no others.
    public var count: Int
    /// Whether rows of ``columns`` are divided by their length.
    public var isScaled: Bool
    /// Whether it is the sum of their magnitudes that scaled rows are divided by.
    public var isScaledBySum: Bool?
    /// Of columns that are encoded, behind the others; `nil` for none.
    public var encoders: [ColumnEncoder]?

    /// How many of the first ones of ``columns`` are a node's place, which is never scaled.
    public var dimensions: Int?

    /// Whether nodes have a learned vector each.
    var isEmbedded: Bool { columns.isEmpty && encoders == nil }
    var encodedWidth: Int { (encoders ?? []).reduce(0) { $0 + $1.width } }
  }

  public var targetType: String
  public var targetColumn: String
  /// The text of each class, or its integer.
  public var classes: [String]
  /// Whether the target column holds integers rather than categories.
  public var hasIntegerClasses: Bool
  public var inputs: [Input]
  /// Triples as models know them, backward readings as `rev_...`.
  public var relations: [String]
  /// Chains of these, along which `han` learns.
  public var metapaths: [String]?
  /// Of each relation, for `pna`.
  public var meanDegrees: [MeanDegrees]?
  /// How it was trained: the architecture is among it.
  public var options: TrainingOptions
  /// The store's version that it was trained on.
  public var dataVersion: UInt64
}

extension ModelSpecification: SavedSpecification {
  public static var savedTask: SavedTask { .classification }

  /// The relations that the network has weights for: metapaths, or those of the graph.
  var networkRelations: [EdgeType] {
    get throws {
      try metapaths?.enumerated().map { try Metapath(validating: $1).edgeType(number: $0) }
        ?? relations.map { try EdgeType(validating: $0) }
    }
  }

  /// Whether the network sums the rows of a type as they are kept before it does anything else with them: then
  /// they need not be copied first. Rows that are wider than the first layer's results are multiplied first.
  var sumsInputsInPlace: Bool {
    options.model == .sage && options.inputDropout == 0 && options.positions == nil
      && inputs.allSatisfy {
        !$0.isScaled && $0.encoders == nil && $0.columns.count == 1
          && $0.width <= options.hiddenWidth
      }
  }

  /// What the nodes of a ``HomogeneousNetwork`` bring in.
  var nodesInput: Input? {
    get throws {
      let reached = options.reach(of: NodeType(targetType), along: try networkRelations).types
      return inputs.first { $0.type == reached.first?.name }
    }
  }

  /// What the network is made with.
  var network: NodeNetwork.Options {
    get throws {
      var network = options.network
      for (relation, degrees) in zip(relations, meanDegrees ?? []) {
        network.meanDegrees[try EdgeType(validating: relation)] = degrees
      }
      return network
    }
  }

  /// Whether a network can be built: whoever wrote the bytes, they must not end the program.
  public var isSound: Bool {
    guard options.isSound, options.model.modes.contains(options.mode), !classes.isEmpty,
      let networkRelations = try? networkRelations,
      (metapaths == nil) != (options.model == .han), hasSoundMetapaths,
      options.model != .pna || meanDegrees?.count == relations.count,
      inputs.areSound,
      options.mode != .sampled || options.hasHopsOfLayers
    else { return false }
    let reached = options.reach(of: NodeType(targetType), along: networkRelations)
    return Set(reached.types.map(\.name)).isSubset(of: inputs.map(\.type))
      && (!options.model.isOfOneType || options.model.isOfPoints
        || reached.relations.contains { $0.source == $0.target })
      && (options.model.homogeneous == nil || reached.types.count == 1)
      && inputs.allSatisfy { input in
        let isOfPoints = options.model.isOfPoints && input.type == reached.types.first?.name
        return isOfPoints
          ? (input.dimensions ?? 0) > 0 && !input.columns.isEmpty
            && input.dimensions! <= input.width - input.encodedWidth
          : input.dimensions == nil
      }
      && (options.mode != .graphs || !reached.types.isEmpty)
  }

  /// Whether each metapath is one of the target's type, along the relations that are read.
  private var hasSoundMetapaths: Bool {
    guard let metapaths else { return true }
    return !metapaths.isEmpty
      && metapaths.allSatisfy { text in
        guard let metapath = try? Metapath(validating: text) else { return false }
        return metapath.type.name == targetType
          && metapath.relations.allSatisfy { relations.contains("\($0)") }
      }
  }
}

extension TrainingOptions {
  func homogeneousNetwork(
    _ architecture: HomogeneousNetwork.Architecture, dimensions: Int = 0
  ) -> HomogeneousNetwork.Options {
    var network = HomogeneousNetwork.Options(architecture)
    network.hiddenWidth = hiddenWidth
    network.layerCount = layerCount
    network.heads = self.network.heads
    network.dimensions = dimensions
    network.radius = radius ?? (model == .schnet ? 10 : 0.2)
    network.readout = readout
    network.dropout = dropout
    network.inputDropout = inputDropout
    network.precision = precision ?? .float32
    if activation == .elu { network.activation = .elu() }
    return network
  }

  var network: NodeNetwork.Options {
    var network = NodeNetwork.Options()
    network.architecture = model.layers ?? .mlp
    network.hiddenWidth = hiddenWidth
    if model == .gps { network.heads = 4 }
    network.layerCount = layerCount
    network.dropout = dropout
    network.inputDropout = inputDropout
    network.precision = precision ?? .float32
    network.bases = bases
    network.jumping = jumping
    network.readout = readout
    network.normalization = mode == .graphs ? .batchOfAnySize : .none
    if activation == .elu { network.activation = .elu() }
    return network
  }
}
