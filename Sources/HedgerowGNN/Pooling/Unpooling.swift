public import HedgerowTensor

/// Rows of the nodes that a pooling kept, back where they were among all, and zeros for the others.
///
/// Shapes: x [kept, width], result [count, width].
///
/// - Parameters:
///   - nodes: which node each row is of, each once and below `count`: ``SelectedGraph/nodes``.
///   - count: nodes before the pooling.
///
/// Source: Gao and Ji, Graph U-Nets, ICML 2019.
public func unpooled(_ x: Tensor, to nodes: [UInt32], of count: Int) -> Tensor {
  let order = (0..<UInt32(nodes.count)).sorted { nodes[Int($0)] < nodes[Int($1)] }
  return AffineSum(
    x.gathered(rows: order), addedTo: order.map { nodes[Int($0)] }, of: count
  ).evaluated()
}
