import HedgerowCore
public import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// How the layers of a ``GraphNetwork`` follow each other.
public struct GraphNetworkOptions: Sendable {
  /// Behind each layer but one that gives the result.
  public var activation = Activation.relu
  /// Rate of dropout behind it, in training.
  public var dropout = 0.0
  /// Makes the normalization behind each layer, of rows of a width.
  public var norm: (@Sendable (_ width: Int) -> any GraphNormalization)?
  public var activationPlace = ActivationPlace.afterNormalization
  /// Make the result of the rows of all layers, and a linear map of these.
  public var jumping: JumpingKnowledge.Mode?

  public init() {}
}

/// A stack of convolutions of one kind, each followed by a normalization, an activation and dropout.
///
/// The last layer gives the result as it is; with ``GraphNetworkOptions/jumping`` it is followed by them, too, and a
/// linear map of what all layers gave is the result. ``GCN``, ``GraphSAGE``, ``GIN``, ``GAT``, ``GATv2``, ``PNA``
/// and ``EdgeCNN`` are such stacks.
/// ```swift
/// let model = GCN(1433, 16, layers: 2, outputs: 7).initialized(seed: 1)
/// let y = model(x, graph)                       // a whole graph
/// let z = model(features, blocks)               // sampled blocks, one for each layer, the farthest first
/// ```
/// Edges bring weights or features along where the convolution takes them: `model(x, graph, weights: w)`.
///
/// Shapes: x [sources of the first block, width], result [targets of the last one, outputs]. Names are those of
/// PyTorch Geometric's `BasicGNN`: `convs.0...`, `norms.0...`, `jk...`, `lin`.
public struct GraphNetwork<Layer: Convolution>: NodeEncoder {
  public let layers: [Layer]
  public let norms: [any GraphNormalization]
  public let jumping: JumpingKnowledge?
  /// Behind ``jumping``.
  public let output: Linear?
  public let options: GraphNetworkOptions

  public static var pathNames: [String: String] {
    ["layers": "convs", "jumping": "jk", "output": "lin"]
  }

  /// A stack of layers of your own.
  ///
  /// - Parameters:
  ///   - hiddenWidth: of what all layers give but one that gives the result.
  ///   - outputs: width of the result; the hidden width where it is `nil`.
  ///   - layer: makes the layer of a place, from one width to another.
  public init(
    _ width: Int, _ hiddenWidth: Int, layers layerCount: Int, outputs: Int? = nil,
    options: GraphNetworkOptions = .init(),
    layer: (_ index: Int, _ inputWidth: Int, _ outputWidth: Int) -> Layer
  ) {
    require(layerCount >= 1, "a network has one layer at least, not \(layerCount)")
    let isJumping = options.jumping != nil
    let resultWidth = outputs ?? hiddenWidth
    layers = (0..<layerCount).map { index in
      layer(
        index, index == 0 ? width : hiddenWidth,
        index == layerCount - 1 && !isJumping ? resultWidth : hiddenWidth)
    }
    let normCount = isJumping ? layerCount : layerCount - 1
    norms = options.norm.map { norm in (0..<normCount).map { _ in norm(hiddenWidth) } } ?? []
    jumping = options.jumping.map { JumpingKnowledge($0, width: hiddenWidth, layers: layerCount) }
    output = jumping.map { Linear($0.outputWidth, resultWidth) }
    self.options = options
  }

  /// New rows of a whole graph, or of the targets of one block of a network of one layer.
  public func callAsFunction(_ x: Tensor, _ block: Block) -> Tensor {
    run(x, repeated(block), in: nil) { $0.terms(source: $1, target: $2, along: $3.block) }
  }

  /// The same of a batch of graphs, which some normalizations treat each by itself.
  public func callAsFunction(_ x: Tensor, _ block: Block, in graphs: RowGroups) -> Tensor {
    run(x, repeated(block), in: graphs) { $0.terms(source: $1, target: $2, along: $3.block) }
  }

  /// New rows of the targets of the last block.
  ///
  /// - Parameter blocks: one for each layer, the first layer's first; the targets of one are the sources of the next.
  public func callAsFunction(_ x: Tensor, _ blocks: [Block]) -> Tensor {
    run(x, blocks, in: nil) { $0.terms(source: $1, target: $2, along: $3.block) }
  }

  /// The block of a whole graph, for each layer.
  fileprivate func repeated(_ block: Block) -> [Block] {
    require(
      layers.count == 1 || block.sourceCount == block.targetCount,
      "\(layers.count) layers need a whole graph or as many blocks, not one block of "
        + "\(block.sourceCount) sources and \(block.targetCount) targets")
    return [Block](repeating: block, count: layers.count)
  }

  /// All layers.
  ///
  /// - Parameter terms: what a layer makes of its sources, its targets and the block of a place.
  fileprivate func run(
    _ x: Tensor, _ blocks: [Block], in graphs: RowGroups?,
    _ terms: (Layer, Tensor, Tensor, (index: Int, block: Block)) -> AffineSum<Float>
  ) -> Tensor {
    require(
      blocks.count == layers.count, "\(blocks.count) blocks for \(layers.count) layers")
    var (x, given): (Tensor, [Tensor]) = (x, [])
    for (index, block) in blocks.enumerated() {
      let sums = terms(layers[index], x, x.prefix(rows: block.targetCount), (index, block))
      if jumping == nil && index == layers.count - 1 { return sums.evaluated() }
      if norms.isEmpty {
        x = sums.evaluated(activation: options.activation, dropout: options.dropout)
      } else {
        x = options.activationPlace.normalized(
          sums, by: { norms[index]($0, in: graphs) }, options.activation, dropout: options.dropout)
      }
      given.append(x)
    }
    return output!(jumping!(given.map { $0.prefix(rows: x.rowCount) }))
  }
}

extension GraphNetwork where Layer: EdgeWeightedConvolution {
  /// New rows of a whole graph whose edges have weights, [edges].
  public func callAsFunction(
    _ x: Tensor, _ block: Block, weights: Tensor, in graphs: RowGroups? = nil
  ) -> Tensor {
    run(x, repeated(block), in: graphs) {
      $0.terms(source: $1, target: $2, along: $3.block, weights: weights)
    }
  }

  /// New rows of the targets of the last block, whose edges have weights in each block.
  public func callAsFunction(_ x: Tensor, _ blocks: [Block], weights: [Tensor]) -> Tensor {
    require(
      weights.count == blocks.count, "weights of \(weights.count) blocks for \(blocks.count)")
    return run(x, blocks, in: nil) {
      $0.terms(source: $1, target: $2, along: $3.block, weights: weights[$3.index])
    }
  }
}

extension GraphNetwork where Layer: EdgeFeaturedConvolution {
  /// New rows of a whole graph whose edges have features, [edges, edge width].
  public func callAsFunction(
    _ x: Tensor, _ block: Block, edges: Tensor, in graphs: RowGroups? = nil
  ) -> Tensor {
    run(x, repeated(block), in: graphs) {
      $0.terms(source: $1, target: $2, along: $3.block, edges: edges)
    }
  }

  /// New rows of the targets of the last block, whose edges have features in each block.
  public func callAsFunction(_ x: Tensor, _ blocks: [Block], edges: [Tensor]) -> Tensor {
    require(edges.count == blocks.count, "edges of \(edges.count) blocks for \(blocks.count)")
    return run(x, blocks, in: nil) {
      $0.terms(source: $1, target: $2, along: $3.block, edges: edges[$3.index])
    }
  }
}
