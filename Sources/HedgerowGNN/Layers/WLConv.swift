import HedgerowCore
public import HedgerowGraph
public import HedgerowTensor

/// Refinement of colors after Weisfeiler and Lehman: a node's new color stands for its own and the multiset of its
/// sources', and equal ones get equal colors in all graphs that one value has seen.
/// ```swift
/// var refinement = WLConv()
/// let refined = refinement(colors, block)
/// let kernel = refinement.histogram(refined, in: graphs)
/// ```
/// Source: Weisfeiler and Lehman, A reduction of a graph to a canonical form and an algebra arising during this
/// reduction, 1968; Shervashidze et al., Weisfeiler-Lehman Graph Kernels, JMLR 2011.
public struct WLConv: Sendable {
  private var colors: [[UInt32]: UInt32] = [:]

  public init() {}

  /// Colors that have been given out.
  public var colorCount: Int { colors.count }

  /// New colors of the targets, numbered from 0 as they come. Time O(edges log(edges of a target)).
  ///
  /// - Parameter given: of the sources, of which the targets are the first.
  public mutating func callAsFunction(_ given: [UInt32], _ block: Block) -> [UInt32] {
    require(
      given.count == block.sourceCount,
      "\(given.count) colors for a block of \(block.sourceCount) sources")
    return (0..<block.targetCount).map { target in
      let row = Int(block.offsets[target])..<Int(block.offsets[target + 1])
      let key = [given[target]] + row.map { given[Int(block.sources[$0])] }.sorted()
      if let color = colors[key] { return color }
      let color = UInt32(colors.count)
      colors[key] = color
      return color
    }
  }

  /// How often each color occurs in each graph: [graphs, colors].
  public func histogram(_ colors: [UInt32], in graphs: RowGroups) -> Tensor {
    var counts = [Float](repeating: 0, count: graphs.count * colorCount)
    for (color, graph) in zip(colors, graphs.groups) {
      counts[Int(graph) * colorCount + Int(color)] += 1
    }
    return Tensor(counts, shape: [graphs.count, colorCount])
  }
}

/// Refinement of features: x_t' = (x_t + the mean, by weight, of x_s over the edges (s, t)) / 2.
///
/// Shapes: source and target [.., width], weights [edges], result [targets, width]. A target whose edges weigh
/// nothing has a mean of zero.
///
/// Source: Togninalli et al., Wasserstein Weisfeiler-Lehman Graph Kernels, NeurIPS 2019.
public struct WLConvContinuous: EdgeWeightedConvolution {
  public init() {}

  public func terms(
    source: Tensor, target: Tensor, along block: Block, weights: Tensor?
  ) -> AffineSum<Float> {
    let mean: Tensor
    if let weights {
      let shares = inverses(segmentSum(weights, by: block.usedOffsets))
      mean =
        shares.reshaped(to: [block.targetCount, 1])
        * aggregate(source, scaledBy: weights, along: block, by: .sum)
    } else {
      mean = aggregate(source, along: block, by: .mean)
    }
    return AffineSum(0.5 * (target + mean))
  }
}
