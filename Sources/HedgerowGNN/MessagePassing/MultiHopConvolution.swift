import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// A ``Convolution`` that reaches further than its targets' neighbors: it takes powers of a
/// ``Propagation``.
///
/// It runs on a whole graph, whose block it uses for each hop, or on one sampled block for each hop, the
/// farthest first, of which each one's targets are the next one's sources. Traps when it is given one block
/// whose sources are not its targets, unless one hop is all that it makes.
public protocol MultiHopConvolution: EdgeWeightedConvolution {
  var hopCount: Int { get }

  /// What each hop does to features.
  func propagation(along block: Block, weights: Tensor?) -> Propagation

  /// New features of the last hop's targets.
  ///
  /// - Parameter hops: one for each of ``hopCount``. Shapes: x [sources of the first, width].
  func terms(_ x: Tensor, by hops: [Propagation]) -> AffineSum<Float>
}

extension MultiHopConvolution {
  public func terms(
    source: Tensor, target: Tensor, along block: Block, weights: Tensor?
  ) -> AffineSum<Float> {
    if hopCount == 0 { return terms(target, by: []) }
    require(
      hopCount == 1 || block.sourceCount == block.targetCount,
      "\(hopCount) hops need a whole graph or as many blocks, not one block of "
        + "\(block.sourceCount) sources and \(block.targetCount) targets")
    let hop = propagation(along: block, weights: weights)
    return terms(source, by: [Propagation](repeating: hop, count: hopCount))
  }

  /// New features of the last block's targets, from the features of the first one's sources.
  ///
  /// - Parameters:
  ///   - blocks: one for each hop.
  ///   - weights: of the edges of each block; ones unless they are given.
  public func callAsFunction(
    _ x: Tensor, _ blocks: [Block], weights: [Tensor]? = nil
  ) -> Tensor {
    require(
      blocks.count == hopCount && (weights?.count ?? hopCount) == hopCount,
      "\(blocks.count) blocks for \(hopCount) hops")
    return terms(
      x,
      by: blocks.indices.map { propagation(along: blocks[$0], weights: weights?[$0]) }
    ).evaluated()
  }
}

/// x, P x, P P x and so on, one more than there are hops.
func powers(of hops: [Propagation], _ x: Tensor) -> [Tensor] {
  hops.reduce(into: [x]) { powers, hop in powers.append(hop(powers[powers.count - 1])) }
}

/// The rows of the last hop's targets, of each power.
func lastTargets(_ powers: [Tensor]) -> [Tensor] {
  powers.map { $0.prefix(rows: powers[powers.count - 1].rowCount) }
}
