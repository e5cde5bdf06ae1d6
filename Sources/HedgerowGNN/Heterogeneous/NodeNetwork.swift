public import HedgerowCore
public import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// A network that gives each node of one type a row of outputs: layers over all relations, with relu
/// and dropout between.
///
/// It holds weights only where their results reach the outputs: the last layer those into
/// the target type, the one before those into the types that the last one reads, and so on. A node
/// type that a layer must pass on, and whose own features no convolution into it would use, has a
/// `Linear` of its own beside them.
/// ```swift
/// let model = NodeNetwork(
///   inputs: ["paper": .features(128), "author": .embedding(count: 5000, width: 64)],
///   relations: [cites, writes, cites.reversed], target: "paper", outputs: 40)
/// let logits = model(batch.features, batch.blocks)
/// ```
/// With a ``Readout`` the target's nodes are graphs, to which edges lead from the nodes that belong to them: layers
/// are of these nodes, and a graph's outputs are a linear map of what is read out of each layer, all side by side
/// (as in GIN).
///
/// With ``Options/jumping`` no layer gives the outputs: those are a linear map of one row of each node, or of what is
/// read out of these, which ``JumpingKnowledge`` makes of the node's rows in all layers.
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

  /// What a layer is made of: a convolution along each relation, or one that sees all relations at once.
  public enum Architecture: String, Sendable, Codable, CaseIterable {
    /// ``SAGEConv``
    case sage
    /// ``GCNConv``, with self-loops within a type
    case gcn
    /// ``GATConv``, with self-loops within a type
    case gat
    /// ``GATv2Conv``, with self-loops within a type
    case gatv2
    /// ``GraphConv``
    case graph
    /// ``TransformerConv``
    case transformer
    /// ``GINConv`` with a network of two layers
    case gin
    /// ``PNAConv``
    case pna
    /// ``EdgeConv`` with a network of two layers, beside a linear map of the targets
    case edge
    /// ``HeteroRGCNConv``, beside a linear map of each type's targets
    case rgcn
    /// ``HGTConv``, and a linear map of its results
    case hgt
    /// ``HANConv``, and a linear map of its results; its relations are metapaths
    case han
    /// None: each node by its own features, to compare with.
    case mlp
  }

  /// What a graph has of its nodes' features.
  public enum Readout: String, Sendable, Codable, CaseIterable {
    case sum, mean, max

    var aggregation: Aggregation {
      switch self {
      case .sum: .sum
      case .mean: .mean
      case .max: .max
      }
    }
  }

  public struct Options: Sendable {
    public var architecture = Architecture.sage
    /// Width of the layers but the last; where there are heads, of all together.
    public var hiddenWidth = 256
    /// Layers, at least one; each needs a block.
    public var layerCount = 2
    /// Of each layer but the last.
    public var activation = Activation.relu
    /// Rate of dropout after each layer but the last, and of the attention of `gat`, `gatv2` and `transformer`; with
    /// a readout of what is read out instead.
    public var dropout = 0.5
    /// Rate of dropout of what goes into the first layer.
    public var inputDropout = 0.0
    /// How `sage` aggregates.
    public var aggregation = Aggregation.mean
    /// What factors of matrix products are rounded to, on the way there and back.
    public var precision = Precision.float32
    /// Heads of attention, which divide the hidden width. A layer that gives the outputs has one.
    public var heads = 8
    /// Matrices that the relations of `rgcn` share; `nil` gives each relation one of its own.
    public var bases: Int?
    /// Between the two layers of `gin`'s networks.
    public var normalization = MLP.Normalization.none
    /// What a node has of all layers; `nil` for the last layer, or for the readout of each.
    public var jumping: JumpingKnowledge.Mode?
    /// Makes the target's nodes graphs.
    public var readout: Readout?
    /// How many sources targets have along each relation, which `pna` compares degrees with.
    public var meanDegrees = PerEdge<MeanDegrees>()

    public init() {}
  }

  /// A convolution over the relations, and a linear map for each type that needs one.
  struct Layer: Module {
    let convolution: any HeteroConvolution
    let roots: PerNode<Linear>

    static let pathNames = ["convolution": "conv", "roots": "lin"]
  }

  let embeddings: PerNode<Embedding>
  /// To one width, of the types whose inputs have another.
  let projections: PerNode<Linear>
  let layers: [Layer]
  /// By type whose rows of all layers are taken.
  let jumping: PerNode<JumpingKnowledge>
  /// Of what the last layer gives, where that is not the outputs.
  let head: Linear?
  /// The node types whose nodes get outputs.
  public let targets: [NodeType]
  /// The first of ``targets``.
  public var target: NodeType { targets[0] }

  public static let pathNames = ["jumping": "jk"]

  /// With a readout, those that lead from nodes to the graphs that they belong to.
  private let members: [EdgeType]
  private let options: Options

  /// What one layer of a network holds.
  private struct LayerPlan {
    var relations: [EdgeType]
    var roots: [NodeType]
  }

  /// From the last layer to the first, what must come out of each, and so what must go in.
  private static func plan(
    _ relations: [EdgeType], targets: [NodeType], _ options: Options
  ) -> (layers: [LayerPlan], inputs: [NodeType]) {
    var layers: [LayerPlan] = []
    var needed = targets
    let target = targets[0]
    if options.readout != nil {
      needed = []
      for member in members(of: target, relations) where !needed.contains(member.source) {
        needed.append(member.source)
      }
    }
    let relations = relations.filter {
      options.architecture != .mlp
        && (options.readout == nil || ($0.source != target && $0.target != target))
    }
    for _ in 0..<options.layerCount {
      let used = relations.filter { needed.contains($0.target) }
      let roots = needed.filter { type in
        !used.contains { $0.target == type && options.architecture.usesTargets(along: $0) }
      }
      layers.append(LayerPlan(relations: used, roots: roots))
      for relation in used where !needed.contains(relation.source) {
        needed.append(relation.source)
      }
    }
    return (layers.reversed(), needed)
  }

  /// The relations from nodes to the graphs that they belong to.
  private static func members(of target: NodeType, _ relations: [EdgeType]) -> [EdgeType] {
    relations.filter { $0.target == target && $0.source != target }
  }

  /// The node types whose inputs reach the outputs, and the relations along which they do.
  public static func reach(
    of target: NodeType, along relations: [EdgeType], options: Options = .init()
  ) -> (types: [NodeType], relations: [EdgeType]) {
    reach(of: [target], along: relations, options: options)
  }

  /// The same of several types.
  public static func reach(
    of targets: [NodeType], along relations: [EdgeType], options: Options = .init()
  ) -> (types: [NodeType], relations: [EdgeType]) {
    let target = targets[0]
    let (layers, inputs) = plan(relations, targets: targets, options)
    let members = options.readout == nil ? [] : members(of: target, relations)
    return (
      inputs, relations.filter { layers[0].relations.contains($0) || members.contains($0) }
    )
  }

  /// - Parameters:
  ///   - inputs: of every node type that is reached.
  ///   - relations: those to pass messages along, backward readings (`rev_...`) included.
  public init(
    inputs: PerNode<Input>, relations: [EdgeType], target: NodeType, outputs: Int,
    options: Options = .init()
  ) {
    self.init(
      inputs: inputs, relations: relations, targets: [target], outputs: outputs, options: options)
  }

  /// A network that gives the nodes of several types rows of outputs, as the ends of links need them: see
  /// ``outputs(_:_:nodes:)``.
  ///
  /// - Parameter targets: one type at least; with a readout, one.
  public init(
    inputs: PerNode<Input>, relations: [EdgeType], targets: [NodeType], outputs: Int,
    options: Options = .init()
  ) {
    let target = targets[0]
    require(
      options.readout == nil || targets.count == 1, "graphs of several types \(targets)")
    require(options.layerCount >= 1, "a model has at least one layer, not \(options.layerCount)")
    let (plan, types) = Self.plan(relations, targets: targets, options)
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
    var projections = PerNode<Linear>()
    for type in options.architecture.projected(widths, hidden: options.hiddenWidth) {
      projections[type] = Linear(widths[type], options.hiddenWidth)
      widths[type] = options.hiddenWidth
    }
    members = options.readout == nil ? [] : Self.members(of: target, relations)
    require(
      options.readout == nil || !members.isEmpty, "no relation leads to '\(target)', of graphs")
    let hasHead =
      options.architecture.hasHead || options.readout != nil || options.jumping != nil
    layers = plan.enumerated().map { index, layer in
      let isOutput = index == plan.count - 1 && !hasHead
      let output = isOutput ? outputs : options.hiddenWidth
      let convolution = options.convolution(
        along: layer.relations, from: widths, to: output, isOutput: isOutput)
      var roots = PerNode<Linear>()
      for type in layer.roots { roots[type] = Linear(widths[type], output) }
      widths = widths.mapValues { _ in output }
      return Layer(convolution: convolution, roots: roots)
    }
    var jumping = PerNode<JumpingKnowledge>()
    if let mode = options.jumping {
      for type in options.readout == nil ? targets : members.map(\.source) {
        jumping[type] = JumpingKnowledge(
          mode, width: options.hiddenWidth, layers: options.layerCount)
      }
    }
    let rowWidth =
      jumping.values.first?.outputWidth
      ?? options.hiddenWidth * (members.isEmpty ? 1 : options.layerCount)
    head = hasHead ? Linear(rowWidth * max(1, members.count), outputs) : nil
    self.jumping = jumping
    self.embeddings = embeddings
    self.projections = projections
    self.targets = targets
    self.options = options
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
    outputs(features, blocks, nodes: nodes)[target]
  }

  /// Outputs of the last block's targets, of each of ``targets``.
  public func outputs(
    _ features: PerNode<Tensor>, _ blocks: [HeteroBlock], nodes: PerNode<[UInt32]> = [:]
  ) -> PerNode<Tensor> {
    require(
      blocks.count == layers.count, "\(blocks.count) blocks for \(layers.count) layers")
    return withPrecision(options.precision) {
      var x = input(features, nodes: nodes)
      var parts: [Tensor] = []
      var rows = PerNode<[Tensor]>()
      for index in layers.indices {
        let block = blocks[index]
        x = apply(layer: index, x, block)
        for type in jumping.keys { rows[type] = (rows[optional: type] ?? []) + [x[type]] }
        if options.readout != nil && jumping.keys.isEmpty { parts += readOut(x, block) }
      }
      let last = blocks[blocks.count - 1]
      for (type, jumping) in jumping {
        // Targets come first among those of the layers before.
        let count = last.targetCounts[optional: type] ?? 0
        x[type] = jumping(rows[type].map { $0.prefix(rows: count) })
      }
      if options.readout != nil {
        if !jumping.keys.isEmpty { parts = readOut(x, last) }
        return [
          target: head!(HedgerowTensor.dropout(concatenated(parts), rate: options.dropout))
        ]
      }
      var outputs = PerNode<Tensor>()
      for type in targets { outputs[type] = head.map { $0(x[type]) } ?? x[type] }
      return outputs
    }
  }

  /// What graphs have of the rows of their nodes, for each relation that nodes belong to them by.
  private func readOut(_ x: PerNode<Tensor>, _ block: HeteroBlock) -> [Tensor] {
    members.map { member in
      aggregate(
        HeteroConv.input(of: member.source, from: x, for: member),
        along: HeteroConv.edges(of: member, in: block), by: options.readout!.aggregation)
    }
  }

  /// What goes into the first layer: features, and embedded rows of the types that have none, all of one width
  /// where the layer needs that.
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
    if options.inputDropout > 0 {
      x = x.mapValues { HedgerowTensor.dropout($0, rate: options.inputDropout) }
    }
    for (type, projection) in projections {
      guard let features = x[optional: type] else {
        fatalError("the model needs features of '\(type)'; there are those of \(x.keys)")
      }
      x[type] = projection.terms(features).evaluated(activation: .relu)
    }
    return x
  }

  /// One layer, with activation and dropout unless it gives the outputs: for inference layer by layer.
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
    let isOutput = index == layers.count - 1 && head == nil
    return sums.mapValues {
      isOutput
        ? $0.evaluated()
        : $0.evaluated(
          activation: options.activation, dropout: options.readout == nil ? options.dropout : 0)
    }
  }
}
