import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// Gated graph sequences: h_0 = [x, 0], then L times h_t = GRU(sum over the edges (s, t) of w_st h_s W_l, h_t).
///
/// Shapes: x [sources, width], at most the output's, weights [edges], result [targets, output width].
/// Parameters as in PyTorch Geometric: `weight` [L, output width, output width], `rnn`.
///
/// Source: Li et al., Gated Graph Sequence Neural Networks, ICLR 2016.
public struct GatedGraphConv: MultiHopConvolution {
  public struct Options: Sendable {
    /// The sum of the equation, or another aggregate of the same width.
    public var aggregation: any Aggregator = Aggregation.sum
    /// Learn biases of the GRU.
    public var bias = true

    public init() {}
  }

  let weight: Parameter
  let cell: GRUCell
  let aggregator: any Aggregator
  public let hopCount: Int

  public static let pathNames = ["cell": "rnn", "aggregator": "aggr_module"]

  public init(_ outputWidth: Int, layers: Int, options: Options = .init()) {
    let bound = 1 / Float(max(1, outputWidth)).squareRoot()
    weight = Parameter(
      shape: [layers, outputWidth, outputWidth], from: .uniform(bound: bound))
    cell = GRUCell(outputWidth, outputWidth, bias: Linear.Bias(options.bias))
    aggregator = options.aggregation
    hopCount = layers
  }

  public func propagation(along block: Block, weights: Tensor?) -> Propagation {
    Propagation(block, weights: weights, normalization: .none, aggregator: aggregator)
  }

  public func terms(_ x: Tensor, by hops: [Propagation]) -> AffineSum<Float> {
    let width = weight.shape[1]
    require(x.shape[1] <= width, "features of width \(x.shape[1]) for a state of \(width)")
    var h =
      x.shape[1] == width ? x : concatenated(x, .zeros([x.rowCount, width - x.shape[1]]))
    for (layer, hop) in hops.enumerated() {
      let messages = matmul(h, weight.value.sliced(layer..<layer + 1, along: 0).squeezed(0))
      h = cell(hop(messages), h.prefix(rows: hop.block.targetCount))
    }
    return AffineSum(h)
  }
}
