public import HedgerowCore
public import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// A network that gives each node of one type a row of outputs: layers of ``HeteroConv``, with relu
/// and dropout between.
///
/// It holds convolutions only where their results reach the outputs: the last layer those into
/// the target type, the one before those into the types that the last one reads, and so on. A node
/// type that a layer must pass on, and whose own features no convolution into it would use, has a
/// `Linear` of its own beside them.
/// ```swift
/// let model = NodeNetwork(
///   inputs: ["paper": .features(128), "author": .embedding(count: 5000, width: 64)],
///   relations: [cites, writes, cites.reversed], target: "paper", outputs: 40)
/// let logits = model(batch.features, batch.blocks)
/// ```
public struct NodeNetwork: Module {
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

  /// The convolution along each relation.
  public enum Architecture: String, Sendable, Codable, CaseIterable {
    /// ``SAGEConv``
    case sage
    /// ``GCNConv``, with self-loops within a type
    case gcn
    /// ``GATConv``, with self-loops within a type
    case gat
    /// None: each node by its own features, to compare with.
    case mlp
  }

  public struct Options: Sendable {
    public var architecture = Architecture.sage
    /// Width of the layers but the last; of `gat` all heads together.
    public var hiddenWidth = 256
    /// Layers, at least one; each needs a block.
    public var layerCount = 2
    /// Rate of dropout after each layer but the last.
    public var dropout = 0.5
    /// Rate of dropout of what goes into the first layer.
    public var inputDropout = 0.0
    /// How `sage` aggregates.
    public var aggregation = Aggregation.mean
    /// What factors of matrix products are rounded to, on the way there and back.
    public var precision = Precision.float32
    /// Heads of `gat`, in each layer but the last, which has one; they divide the hidden width.
    public var heads = 8

    public init() {}
  }

  /// One convolution a relation, and one linear map for each type that needs one.
  struct Layer: Module {
    let convolution: HeteroConv
    let roots: PerNode<Linear>

    static let pathNames = ["convolution": "conv", "roots": "lin"]
  }

  let embeddings: PerNode<Embedding>
  let layers: [Layer]
  /// The node type whose nodes get outputs.
  public let target: NodeType
  private let options: Options

  /// What one layer of a network holds.
  private struct LayerPlan {
    var relations: [EdgeType]
    var roots: [NodeType]
  }

  /// From the last layer to the first, what must come out of each, and so what must go in.
  private static func plan(
    _ relations: [EdgeType], target: NodeType, _ options: Options
  ) -> (layers: [LayerPlan], inputs: [NodeType]) {
    var layers: [LayerPlan] = []
    var needed = [target]
    let relations = options.architecture == .mlp ? [] : relations
    for _ in 0..<options.layerCount {
      let used = relations.filter { needed.contains($0.target) }
      let roots = needed.filter { type in
        !used.contains {
          $0.target == type && (options.architecture == .sage || $0.source == type)
        }
      }
      layers.append(LayerPlan(relations: used, roots: roots))
      for relation in used where !needed.contains(relation.source) {
        needed.append(relation.source)
      }
    }
    return (layers.reversed(), needed)
  }

  /// The node types whose inputs reach the outputs, and the relations along which they do.
  public static func reach(
    of target: NodeType, along relations: [EdgeType], options: Options = .init()
  ) -> (types: [NodeType], relations: [EdgeType]) {
    let (layers, inputs) = plan(relations, target: target, options)
    return (inputs, relations.filter { layers[0].relations.contains($0) })
  }

  /// - Parameters:
  ///   - inputs: of every node type that is reached.
  ///   - relations: those to pass messages along, backward readings (`rev_...`) included.
  public init(
    inputs: PerNode<Input>, relations: [EdgeType], target: NodeType, outputs: Int,
    options: Options = .init()
  ) {
    require(options.layerCount >= 1, "a model has at least one layer, not \(options.layerCount)")
    let (plan, types) = Self.plan(relations, target: target, options)
    var widths = PerNode<Int>()
    var embeddings = PerNode<Embedding>()
    for type in types {
      guard let input = inputs[optional: type] else {
        fatalError("node type '\(type)' has no input; there are those of \(inputs.keys)")
      }
      widths[type] = input.width
      if case .embedding(let count, let width) = input {
        embeddings[type] = Embedding(count, width)
      }
    }
    layers = plan.enumerated().map { index, layer in
      let isLast = index == plan.count - 1
      let output = isLast ? outputs : options.hiddenWidth
      var convolutions = PerEdge<any Convolution>()
      for relation in layer.relations {
        convolutions[relation] = Self.convolution(
          relation, widths[relation.source], widths[relation.target], to: output, isLast: isLast,
          options)
      }
      var roots = PerNode<Linear>()
      for type in layer.roots { roots[type] = Linear(widths[type], output) }
      widths = widths.mapValues { _ in output }
      return Layer(convolution: HeteroConv(convolutions), roots: roots)
    }
    self.embeddings = embeddings
    self.target = target
    self.options = options
  }

  private static func convolution(
    _ relation: EdgeType, _ source: Int, _ target: Int, to output: Int, isLast: Bool,
    _ options: Options
  ) -> any Convolution {
    let isWithinType = relation.source == relation.target
    switch options.architecture {
    case .sage, .mlp:
      var sage = SAGEConv.Options()
      sage.aggregation = options.aggregation
      return SAGEConv(source: source, target: target, to: output, options: sage)
    case .gcn:
      var gcn = GCNConv.Options()
      gcn.selfLoops = isWithinType
      return GCNConv(source, output, options: gcn)
    case .gat:
      var gat = GATConv.Options()
      gat.heads = isLast ? 1 : options.heads
      gat.dropout = options.dropout
      require(
        output.isMultiple(of: gat.heads), "\(gat.heads) heads do not divide a width of \(output)")
      let width = output / gat.heads
      return isWithinType
        ? GATConv(source, width, options: gat)
        : GATConv(source: source, target: target, to: width, options: gat)
    }
  }

  public var layerCount: Int { layers.count }

  /// Outputs of the last block's targets of the target type.
  ///
  /// - Parameters:
  ///   - features: of the first block's sources, [sourceCounts[type], width] for each type.
  ///   - blocks: one for each layer, the first layer's first; the targets of one are the sources of
  ///     the next.
  ///   - nodes: for types with an embedding, which node each of the first block's sources is.
  /// - Returns: [targetCounts[target] of the last block, outputs]
  public func callAsFunction(
    _ features: PerNode<Tensor>, _ blocks: [HeteroBlock], nodes: PerNode<[UInt32]> = [:]
  ) -> Tensor {
    require(
      blocks.count == layers.count, "\(blocks.count) blocks for \(layers.count) layers")
    return withPrecision(options.precision) {
      var x = input(features, nodes: nodes)
      for index in layers.indices { x = apply(layer: index, x, blocks[index]) }
      return x[target]
    }
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
    return options.inputDropout == 0
      ? x : x.mapValues { HedgerowTensor.dropout($0, rate: options.inputDropout) }
  }

  /// One layer, with relu and dropout unless it is the last: for inference layer by layer.
  public func apply(
    layer index: Int, _ x: PerNode<Tensor>, _ block: HeteroBlock
  ) -> PerNode<Tensor> {
    var sums = layers[index].convolution.terms(x, block)
    for (type, linear) in layers[index].roots {
      guard let features = x[optional: type] else {
        fatalError("layer \(index) needs features of '\(type)'; there are those of \(x.keys)")
      }
      let terms = linear.terms(features.prefix(rows: block.targetCounts[optional: type] ?? 0))
      sums[type] = sums[optional: type].map { $0 + terms } ?? terms
    }
    let isLast = index == layers.count - 1
    return sums.mapValues {
      isLast
        ? $0.evaluated() : $0.evaluated(activation: .relu, dropout: options.dropout)
    }
  }
}
