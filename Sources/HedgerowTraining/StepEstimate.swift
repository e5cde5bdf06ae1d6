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
        if layer > 0 || options.model.learnsOfSources { floats += 3 * drawn }
      }
      for input in specification.inputs {
        // Results and their gradients, and a mask of dropout.
        floats += 2.25 * targets(NodeType(input.type)) * output
      }
    }
    featureByteCount = Int(4 * features)
    let drawn = probabilities.edgeCounts.values.reduce(0) { $0 + $1.reduce(0, +) }
    subgraphByteCount = Int(4 * (2 * nodes + drawn))
    activationByteCount = Int(4 * floats)
  }

  /// Numbers that a layer keeps along one relation, with their gradients.
  private static func floats(
    of options: TrainingOptions, sources: Double, targets: Double, edges: Double, input: Double,
    output: Double, heads: Int
  ) -> Double {
    let hidden = Double(options.hiddenWidth)
    let shares = 6 * edges * Double(heads)
    return switch options.model {
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
    switch options.model {
    // Metapaths are counted when they are known.
    case .sage, .gcn, .gat, .mlp, .han: return 0
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
    return Int(4 * floats)
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
