import HedgerowCore
public import HedgerowGNN

extension TrainingOptions {
  /// What is trained, by the name that its users give.
  public enum Model: String, Codable, Hashable, Sendable, CaseIterable {
    // Layers of a ``NodeNetwork``, by the names of its architectures.
    case sage, gcn, gat, gatv2, graph, transformer, gin, pna, edge, rgcn, hgt, han, mlp
    // Models of one type's nodes, by the names of those of a ``HomogeneousNetwork``.
    case sign, linkx, gps, unet
    /// Labels of the training set, spread over edges: nothing is learned
    case labelPropagation = "label-propagation"
    /// An `mlp`, whose predictions the training set's labels correct and smooth
    case correctAndSmooth = "correct-and-smooth"
    // Of graphs whose nodes are points, by the same names.
    case dgcnn, pointnet, schnet

    /// What the layers of a ``NodeNetwork`` are made of; `nil` for models that are none.
    public var layers: NodeNetwork.Architecture? {
      self == .correctAndSmooth ? .mlp : NodeNetwork.Architecture(rawValue: rawValue)
    }

    /// What a ``HomogeneousNetwork`` is; `nil` for models that are none.
    public var homogeneous: HomogeneousNetwork.Architecture? {
      HomogeneousNetwork.Architecture(rawValue: rawValue)
    }

    /// What its steps may see.
    public var modes: [Mode] {
      switch self {
      case .sage, .gcn, .gat, .gatv2, .graph, .transformer, .gin, .pna, .edge, .rgcn, .hgt, .mlp:
        [.sampled, .fullBatch, .graphs]
      case .gps, .unet: [.fullBatch, .graphs]
      case .dgcnn, .pointnet, .schnet: [.graphs]
      case .han, .sign, .linkx, .labelPropagation, .correctAndSmooth: [.fullBatch]
      }
    }

    /// Whether there are heads of attention, which divide the hidden width.
    var hasHeads: Bool { layers?.hasHeads ?? (self == .gps) }
    /// Whether it is of the nodes of the target's type, and edges among these, alone.
    var isOfOneType: Bool { homogeneous != nil || spreadsLabels }
    /// Whether labels of the training set are among what it predicts by.
    var spreadsLabels: Bool { self == .labelPropagation || self == .correctAndSmooth }
    /// Whether nodes are points, which have places.
    public var isOfPoints: Bool { homogeneous?.isOfPoints ?? false }
    /// Whether it counts points up to a distance.
    var hasRadius: Bool { self == .pointnet || self == .schnet }
    /// Whether there is something to learn.
    var isTrained: Bool { self != .labelPropagation }
    /// Whether it learns from features that are there, and of no node by itself.
    var needsFeatures: Bool { layers == .mlp || self == .sign }
    /// Whether it has weights for each node of the target's type.
    var hasWeightsOfNodes: Bool { self == .linkx }
  }

  /// The node types whose inputs reach the outputs, and the relations along which they do.
  func reach(
    of target: NodeType, along relations: [EdgeType]
  ) -> (types: [NodeType], relations: [EdgeType]) {
    if let architecture = model.homogeneous {
      return HomogeneousNetwork.reach(
        of: target, along: relations, options: homogeneousNetwork(architecture))
    }
    var reached = NodeNetwork.reach(of: target, along: relations, options: network)
    if model.spreadsLabels {
      reached.relations = relations.filter { $0.source == target && $0.target == target }
      if !model.isTrained { reached.types = [] }
    }
    return reached
  }
}
