public import HedgerowCore
public import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// A network that gives each node of one type in a batch, or each graph, a row of outputs.
public protocol BatchNetwork: Module {
  /// - Parameters:
  ///   - features: of the first block's sources, [sourceCounts[type], width] for each type.
  ///   - blocks: one for each layer, the first layer's first; the targets of one are the sources of the next.
  ///   - nodes: which node each of the first block's sources is.
  /// - Returns: [targetCounts[target] of the last block, outputs]
  func callAsFunction(
    _ features: PerNode<Tensor>, _ blocks: [HeteroBlock], nodes: PerNode<[UInt32]>
  ) -> Tensor
}

extension NodeNetwork: BatchNetwork {}
