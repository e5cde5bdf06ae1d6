import HedgerowCore
import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// ``EdgeConv`` over the k sources that are nearest to a target in the features themselves: a graph that is drawn
/// anew in each layer.
///
/// Shapes: source [sources, width], target [targets, width], result [targets, the network's output]. Names as of
/// ``EdgeConv``.
///
/// Source: Wang et al., Dynamic Graph CNN for Learning on Point Clouds, ACM TOG 2019.
public struct DynamicEdgeConv: Module {
  let convolution: EdgeConv
  private let neighborCount: Int

  public static let pathNames = ["convolution": ""]

  public init(_ network: any Layer, neighbors: Int, aggregation: any Aggregator = Aggregation.max) {
    convolution = EdgeConv(network, aggregation: aggregation)
    neighborCount = neighbors
  }

  /// - Parameter graphs: which graph each node belongs to; `nil` when all are of one.
  public func callAsFunction(
    source: Tensor, target: Tensor, in graphs: PairedGroups? = nil
  ) -> Tensor {
    let block = nearestNeighbors(of: target, among: source, count: neighborCount, in: graphs)
    return convolution(source: source, target: target, block)
  }

  /// The same among nodes of one kind; each is a neighbor of itself.
  public func callAsFunction(_ x: Tensor, in graphs: RowGroups? = nil) -> Tensor {
    self(source: x, target: x, in: graphs.map { PairedGroups($0) })
  }
}
