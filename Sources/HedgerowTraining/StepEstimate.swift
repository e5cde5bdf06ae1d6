import HedgerowCore
import HedgerowGNN
import HedgerowSampling
import HedgerowStore

/// What a step of training on a sampled batch is expected to hold in memory, by how large batches are
/// expected to be.
struct StepEstimate {
  /// Features that a batch takes in, as float32.
  private(set) var featureByteCount = 0
  /// Its nodes and edges.
  private(set) var subgraphByteCount = 0
  /// What training computes from it and keeps until gradients are there, with these.
  private(set) var activationByteCount = 0

  var batchByteCount: Int { featureByteCount + subgraphByteCount }

  init(_ specification: ModelSpecification, _ probabilities: InclusionProbabilities) {
    let options = specification.options
    func known(_ type: NodeType, afterHop hop: Int) -> Double {
      probabilities.knownCounts[optional: type]?[hop] ?? 0
    }
    var inputWidths = PerNode<Int>()
    var (features, nodes, edges) = (0.0, 0.0, 0.0)
    for input in specification.inputs {
      let type = NodeType(input.type)
      inputWidths[type] = input.width
      let count = known(type, afterHop: options.layerCount)
      nodes += count
      features += count * Double(input.width)
      // Rows that are looked up, divided by their length or put together.
      if input.isEmbedded || input.isScaled || input.encoders != nil {
        features += count * Double(input.width)
      }
    }
    let relations = specification.relations.compactMap { try? EdgeType(validating: $0) }
    var floats = 0.0
    for layer in 0..<options.layerCount {
      let isLast = layer == options.layerCount - 1
      let output = Double(isLast ? specification.classes.count : options.hiddenWidth)
      func input(_ type: NodeType) -> Double {
        layer == 0 ? Double(inputWidths[optional: type] ?? 0) : Double(options.hiddenWidth)
      }
      func sources(_ type: NodeType) -> Double { known(type, afterHop: options.layerCount - layer) }
      func targets(_ type: NodeType) -> Double {
        known(type, afterHop: options.layerCount - 1 - layer)
      }
      for relation in relations {
        let (count, width) = (targets(relation.target), input(relation.source))
        let drawn = (probabilities.edgeCounts[optional: relation] ?? [])
          .prefix(options.layerCount - layer).reduce(0, +)
        edges = max(edges, drawn)
        floats += Self.floats(
          of: options, sources: sources(relation.source), targets: count, edges: drawn,
          input: width, output: output, heads: isLast ? 1 : options.network.heads)
        // Edges by source, along which gradients go back.
        if layer > 0 || options.network.architecture.learnsOfSources { floats += 3 * drawn }
      }
      for input in specification.inputs {
        // Results and their gradients, and a mask of dropout.
        floats += 2.25 * targets(NodeType(input.type)) * output
      }
    }
    floats +=
      known(NodeType(specification.targetType), afterHop: 0) * Self.jumpingFloats(of: options)
    featureByteCount = Int(4 * features)
    let drawn = probabilities.edgeCounts.values.reduce(0) { $0 + $1.reduce(0, +) }
    subgraphByteCount = Int(4 * (2 * nodes + drawn))
    activationByteCount = Int(4 * floats)
  }

  /// Numbers that are kept for a node's row of all layers, with their gradients.
  static func jumpingFloats(of options: TrainingOptions) -> Double {
    guard let jumping = options.jumping else { return 0 }
    let (layers, hidden) = (Double(options.layerCount), Double(options.hiddenWidth))
    // Of a memory's state, which is half as wide as all layers, what it was and four gates, both ways.
    return 4 * layers * hidden + (jumping == .lstm ? 12 * layers * layers * hidden : 0)
  }

  /// Numbers that a layer keeps along one relation, with their gradients.
  private static func floats(
    of options: TrainingOptions, sources: Double, targets: Double, edges: Double, input: Double,
    output: Double, heads: Int
  ) -> Double {
    let hidden = Double(options.hiddenWidth)
    let shares = 6 * edges * Double(heads)
    return switch options.network.architecture {
    // Aggregates, and on the way back their gradients.
    case .sage, .gcn, .graph, .mlp: 2 * targets * input
    case .gin: 2 * targets * input + 4 * targets * hidden
    // Four aggregates, each scaled in three ways.
    case .pna: 2 * sources * input + 32 * targets * input
    // Transformed sources and their gradients, scores of edges and theirs.
    case .gat: 2 * sources * output + shares
    case .gatv2: 2 * (sources + targets) * output + 6 * edges * output + shares
    case .transformer: 4 * (sources + targets) * output + shares
    case .edge: 4 * (sources + targets) * hidden + 6 * edges * hidden + 2 * edges * output
    // Pairs of a relation and a target are no more than edges.
    case .rgcn: 2 * sources * input + 2 * min(edges, targets) * (input + output)
    case .hgt: 6 * sources * hidden + 4 * targets * hidden + 6 * edges * hidden + shares
    case .han: 4 * (sources + targets) * hidden + shares
    }
  }

  /// What a training on the whole graph keeps beside its nodes' results, of models that keep more of relations
  /// than what ends up in these.
  static func wholeGraphByteCount(
    _ specification: ModelSpecification, _ graph: Snapshot, _ relations: [Relation]
  ) -> Int {
    let options = specification.options
    let jumping =
      4 * graph.count(of: NodeType(specification.targetType)) * Int(jumpingFloats(of: options))
    if options.model.spreadsLabels {
      let nodes = graph.count(of: NodeType(specification.targetType))
      return 4 * nodes * specification.classes.count * 10
    }
    if let architecture = options.model.homogeneous {
      return homogeneousByteCount(architecture, specification, graph, relations)
    }
    switch options.network.architecture {
    // Metapaths are counted when they are known.
    case .sage, .gcn, .gat, .mlp, .han: return jumping
    case .gatv2, .graph, .transformer, .gin, .pna, .edge, .rgcn, .hgt: break
    }
    var floats = 0.0
    for layer in 0..<options.layerCount {
      let isLast = layer == options.layerCount - 1
      for relation in relations {
        let width = specification.inputs.first { $0.type == relation.source.name }?.width ?? 0
        floats += self.floats(
          of: options, sources: Double(graph.count(of: relation.source)),
          targets: Double(graph.count(of: relation.target)),
          edges: Double(graph.count(of: relation.stored)),
          input: Double(layer == 0 ? width : options.hiddenWidth),
          output: Double(isLast ? specification.classes.count : options.hiddenWidth),
          heads: isLast ? 1 : options.network.heads)
      }
    }
    return Int(4 * floats) + jumping
  }

  /// The same of a ``HomogeneousNetwork``, with what it takes in instead of features.
  private static func homogeneousByteCount(
    _ architecture: HomogeneousNetwork.Architecture, _ specification: ModelSpecification,
    _ graph: Snapshot, _ relations: [Relation]
  ) -> Int {
    let options = specification.options
    let nodes = graph.count(of: NodeType(specification.targetType))
    let edges = relations.reduce(0) { $0 + graph.count(of: $1.stored) }
    let (layers, hidden) = (options.layerCount, options.hiddenWidth)
    // Edges of several relations, joined.
    let joined = relations.count > 1 ? 4 * (edges + nodes) : 0
    switch architecture {
    // Each hop's features, and again where they stand side by side; what hops give.
    case .sign:
      return joined + 4 * nodes * (layers + 1)
        * (2 * (specification.inputs.first?.width ?? 0) + 3 * hidden)
    // Keys, queries and values, what the kernel makes of them, and the network, with their gradients.
    case .gps: return joined + 4 * nodes * hidden * layers * 40
    // No models of whole graphs.
    case .dgcnn, .pointnet, .schnet: return 0
    // Pairs are counted when they are known.
    case .unet: return joined + 4 * nodes * hidden * 16
    case .linkx: return joined + 4 * nodes * hidden * (12 + 4 * layers)
    }
  }

  /// Of an edge along a metapath: itself as those of a graph, and what attention keeps of it in each layer.
  static func byteCountPerEdge(_ options: TrainingOptions) -> Int {
    let floats = floats(
      of: options, sources: 0, targets: 0, edges: 1, input: 0, output: 0,
      heads: options.network.heads)
    return 4 * (4 + options.layerCount * Int(floats))
  }
}

extension NodeNetwork.Architecture {
  /// Whether the first layer has gradients of what sources send, beside those of inputs.
  fileprivate var learnsOfSources: Bool {
    switch self {
    case .sage, .gcn, .graph, .gin, .mlp: false
    case .gat, .gatv2, .transformer, .pna, .edge, .rgcn, .hgt, .han: true
    }
  }
}
