public import HedgerowCore
public import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// A classifier of nodes: layers of ``HeteroConv`` over ``SAGEConv``, with relu and dropout between.
///
/// It holds convolutions only where their results reach the classes: the last layer those into
/// the classified type, the one before those into the types that the last one reads, and so on. A
/// node type that a layer must pass on though no relation leads into it has a `Linear` of its own
/// in place of a convolution.
/// ```swift
/// let model = GraphSAGE(
///   inputs: ["paper": .features(128), "author": .embedding(count: 5000, width: 64)],
///   relations: [cites, writes, cites.reversed], classifying: "paper", classes: 40)
/// let logits = model(batch.features, batch.blocks)
/// ```
public struct GraphSAGE: Module {
  /// What a node type brings into the first layer.
  public enum Input: Sendable {
    /// Features of this width.
    case features(Int)
    /// A learned row for each of `count` nodes.
    case embedding(count: Int, width: Int)

    var width: Int {
      switch self {
      case .features(let width), .embedding(_, let width): width
      }
    }
  }

  public struct Options: Sendable {
    /// Width of the layers but the last.
    public var hiddenWidth = 256
    /// Layers, at least one; each needs a block.
    public var layerCount = 2
    /// Rate of dropout after each layer but the last.
    public var dropout = 0.5

    public init() {}
  }

  /// One convolution a relation, and one linear map for each type that no relation leads into.
  struct Layer: Module {
    let convolution: HeteroConv
    let roots: PerNode<Linear>

    static let pathNames = ["convolution": "conv", "roots": "lin"]
  }

  let embeddings: PerNode<Embedding>
  let layers: [Layer]
  /// The node type that is classified.
  public let target: NodeType
  /// Rate of dropout after each layer but the last.
  public let dropout: Double

  /// - Parameters:
  ///   - inputs: of every node type that the relations name.
  ///   - relations: those to pass messages along, backward readings (`rev_...`) included.
  public init(
    inputs: PerNode<Input>, relations: [EdgeType], classifying target: NodeType, classes: Int,
    options: Options = .init()
  ) {
    require(options.layerCount >= 1, "a model has at least one layer, not \(options.layerCount)")
    // From the last layer to the first: what must come out of each, and so what must go in.
    var plan: [(relations: [EdgeType], roots: [NodeType])] = []
    var needed = [target]
    for _ in 0..<options.layerCount {
      let used = relations.filter { needed.contains($0.target) }
      let roots = needed.filter { type in !used.contains { $0.target == type } }
      plan.append((used, roots))
      for relation in used where !needed.contains(relation.source) {
        needed.append(relation.source)
      }
    }
    var widths = PerNode<Int>()
    var embeddings = PerNode<Embedding>()
    for type in needed {
      guard let input = inputs[optional: type] else {
        fatalError("node type '\(type)' has no input; there are those of \(inputs.keys)")
      }
      widths[type] = input.width
      if case .embedding(let count, let width) = input {
        embeddings[type] = Embedding(count, width)
      }
    }
    layers = plan.reversed().enumerated().map { index, layer in
      let output = index == plan.count - 1 ? classes : options.hiddenWidth
      var convolutions = PerEdge<any Convolution>()
      for relation in layer.relations {
        convolutions[relation] = SAGEConv(
          source: widths[relation.source], target: widths[relation.target], to: output)
      }
      var roots = PerNode<Linear>()
      for type in layer.roots { roots[type] = Linear(widths[type], output) }
      widths = widths.mapValues { _ in output }
      return Layer(convolution: HeteroConv(convolutions), roots: roots)
    }
    self.embeddings = embeddings
    self.target = target
    dropout = options.dropout
  }

  public var layerCount: Int { layers.count }

  /// Logits of the last block's targets of the classified type.
  ///
  /// - Parameters:
  ///   - features: of the first block's sources, [sourceCounts[type], width] for each type.
  ///   - blocks: one for each layer, the first layer's first; the targets of one are the sources of
  ///     the next.
  ///   - nodes: for types with an embedding, which node each of the first block's sources is.
  /// - Returns: [targetCounts[target] of the last block, classes]
  public func callAsFunction(
    _ features: PerNode<Tensor>, _ blocks: [HeteroBlock], nodes: PerNode<[UInt32]> = [:]
  ) -> Tensor {
    require(
      blocks.count == layers.count, "\(blocks.count) blocks for \(layers.count) layers")
    var x = input(features, nodes: nodes)
    for index in layers.indices { x = apply(layer: index, x, blocks[index]) }
    return x[target]
  }

  /// What goes into the first layer: features, and embedded rows of the types that have none.
  public func input(
    _ features: PerNode<Tensor>, nodes: PerNode<[UInt32]> = [:]
  ) -> PerNode<Tensor> {
    var x = features
    for (type, embedding) in embeddings {
      guard let nodes = nodes[optional: type] else {
        fatalError("node type '\(type)' has an embedding: say which nodes the sources are")
      }
      x[type] = embedding(nodes)
    }
    return x
  }

  /// One layer, with relu and dropout unless it is the last: for inference layer by layer.
  public func apply(
    layer index: Int, _ x: PerNode<Tensor>, _ block: HeteroBlock
  ) -> PerNode<Tensor> {
    let isLast = index == layers.count - 1
    let (activation, rate) = isLast ? (Activation.identity, 0) : (.relu, dropout)
    var result = layers[index].convolution(x, block, activation: activation, dropout: rate)
    for (type, linear) in layers[index].roots {
      guard let features = x[optional: type] else {
        fatalError("layer \(index) needs features of '\(type)'; there are those of \(x.keys)")
      }
      let targets = features.prefix(rows: block.targetCounts[optional: type] ?? 0)
      result[type] = linear.terms(targets).evaluated(activation: activation, dropout: rate)
    }
    return result
  }
}
