import HedgerowCore
public import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// Convolution over hyperedges, each of any number of nodes: x' = D^-1 H B^-1 H^T x W^T + b.
///
/// H says which node is in which hyperedge, B how many nodes a hyperedge has, D the sum of the weights of the
/// hyperedges that a node is in. With attention H's entry of node v in hyperedge e is softmax over e's nodes, or
/// over v's hyperedges, of leakyRelu(a . [W x_v, W f_e]), for each head apart, f being the hyperedges' features.
///
/// Shapes: x [nodes, width], weights [hyperedges], features [hyperedges, width], result [nodes, heads x output
/// width], or [nodes, output width] when heads are averaged. The block's sources are the nodes and its targets the
/// hyperedges. Parameters as in PyTorch Geometric: `lin.weight`, `att` [1, heads, 2 x output width], `bias`.
///
/// Source: Bai, Zhang, Torr, Hypergraph Convolution and Hypergraph Attention, Pattern Recognition 2021.
public struct HypergraphConv: Module {
  /// What attention is shared out over.
  public enum Attention: Sendable {
    /// The nodes of a hyperedge.
    case nodes
    /// The hyperedges of a node.
    case hyperedges
  }

  public struct Options: Sendable {
    public var attention: Attention?
    public var heads = 1
    /// What becomes of the heads' results.
    public var heading = HeadCombination.concatenated
    /// Of the leaky relu before the softmax.
    public var negativeSlope: Float = 0.2
    /// Rate of dropout of attention, in training.
    public var dropout = 0.0
    /// Learn b.
    public var bias = true

    public init() {}
  }

  let linear: Linear
  let attention: Parameter?
  let bias: Parameter?
  private let heads: AttentionHeads
  private let options: Options

  public static let pathNames = ["linear": "lin", "attention": "att"]

  public init(_ width: Int, _ outputWidth: Int, options: Options = .init()) {
    let heads = AttentionHeads(
      options.attention == nil ? 1 : options.heads, width: outputWidth,
      combination: options.attention == nil ? .concatenated : options.heading,
      dropout: options.dropout)
    linear = Linear(width, heads.totalWidth, bias: .absent, from: .glorot)
    attention = options.attention.map { _ in
      let bound = (6 / Float(max(1, heads.count + 2 * outputWidth))).squareRoot()
      return Parameter(shape: [1, heads.count, 2 * outputWidth], from: .uniform(bound: bound))
    }
    bias = .bias(heads.outputWidth, when: options.bias)
    self.heads = heads
    self.options = options
  }

  /// - Parameters:
  ///   - block: from nodes to the hyperedges that they are in.
  ///   - weights: of hyperedges; ones where they are `nil`.
  ///   - features: of hyperedges; attention needs them.
  public func callAsFunction(
    _ x: Tensor, _ block: Block, weights: Tensor? = nil, features: Tensor? = nil
  ) -> Tensor {
    require(
      weights?.shape ?? [block.targetCount] == [block.targetCount],
      "weights of shape \(weights?.shape ?? []) for \(block.targetCount) hyperedges")
    let x = linear(x)
    let back = block.reversed()
    let shares = attention.map { attention in
      require(features != nil, "attention over hyperedges needs features of them")
      return self.shares(x, linear(features!), attention, along: block, back: back)
    }
    let weightsOfNodes =
      weights.map { segmentSum($0.gathered(rows: back.usedSources), by: back.usedOffsets) }
      ?? back.degrees(ofTargets: Float.self)
    let ofHyperedges: Tensor
    let ofNodes: Tensor
    if let shares {
      ofHyperedges = aggregate(x, scaledBy: shares, along: block, by: .mean)
      ofNodes = aggregate(
        ofHyperedges, scaledBy: shares.gathered(rows: back.edges), along: back, by: .sum)
    } else {
      ofHyperedges = aggregate(x, along: block, by: .mean)
      ofNodes = aggregate(ofHyperedges, along: back, by: .sum)
    }
    let result = inverses(weightsOfNodes).reshaped(to: [back.targetCount, 1]) * ofNodes
    return AffineSum(heads.combined(result)).adding(bias: bias).evaluated()
  }

  /// H for each entry and head.
  private func shares(
    _ x: Tensor, _ features: Tensor, _ attention: Parameter, along block: Block, back: Block
  ) -> Tensor {
    let vectors = attention.value.split(every: heads.width, along: 2)
    let scores = leakyRelu(
      edgeSum(heads.products(x, vectors[0]), heads.products(features, vectors[1]), along: block),
      slope: options.negativeSlope)
    switch options.attention! {
    case .nodes: return heads.shares(of: scores, along: block)
    case .hyperedges:
      var places = back.edges
      for (place, entry) in back.edges.enumerated() { places[Int(entry)] = UInt32(place) }
      return heads.shares(of: scores.gathered(rows: back.edges), along: back)
        .gathered(rows: places)
    }
  }
}
