import HedgerowCore
public import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// x_t' = the aggregate over the sources s of t of f(x_t, x_s - x_t), both side by side.
///
/// Where f begins with a linear layer, that is applied to nodes, not to edges.
///
/// Shapes: source [sources, width], target [targets, width], f [edges, 2 width] to [edges, output], result
/// [targets, output]. Names: `nn...`.
///
/// Source: Wang et al., Dynamic Graph CNN for Learning on Point Clouds, ACM TOG 2019.
public struct EdgeConv: Convolution {
  let network: any Layer
  let aggregator: any Aggregator
  public static let pathNames = ["network": "nn", "aggregator": "aggr_module"]

  public init(_ network: any Layer, aggregation: any Aggregator = Aggregation.max) {
    self.network = network
    aggregator = aggregation
  }

  public func terms(source: Tensor, target: Tensor, along block: Block) -> AffineSum<Float> {
    let width = source.width
    let messages = EdgeNetwork(network)(
      source: .init(source, columns: width),
      target: .init(concatenated(target, -target), columns: 0), width: 2 * width, along: block)
    return AffineSum(aggregator(messages, by: block.usedOffsets))
  }
}
