public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// A layer over one relation: new features of targets, from their own and their sources'.
///
/// It gives a sum of terms that is not computed yet, so that ``HeteroConv`` can add those of
/// several relations, and the activation after them, in one pass. A layer whose result is no such
/// sum computes it and gives `AffineSum(result)`.
///
/// Shapes: source [sources of the block, source width], target [targets of the block, target
/// width], result [targets of the block, output width].
public protocol Convolution: NodeEncoder {
  func terms(source: Tensor, target: Tensor, along block: Block) -> AffineSum<Float>
}

extension Convolution {
  /// Targets' new features, from two types of nodes.
  public func callAsFunction(source: Tensor, target: Tensor, _ block: Block) -> Tensor {
    terms(source: source, target: target, along: block).evaluated()
  }

  /// Targets' new features within one type of nodes: targets are the first of the sources.
  public func callAsFunction(_ x: Tensor, _ block: Block) -> Tensor {
    callAsFunction(source: x, target: x.prefix(rows: block.targetCount), block)
  }
}

/// A ``Convolution`` that can leave out a target's own features, and the self-loops that it adds.
public protocol NeighborConvolution: Convolution {
  /// The terms of what neighbors send, and of nothing else.
  func neighborTerms(source: Tensor, target: Tensor, along block: Block) -> AffineSum<Float>
}

/// Whether W x of all sources, then aggregates of the output's width, cost less than aggregates of
/// the input's width, then W of the targets. Adding a number that has to be fetched costs about as
/// much as four multiplications and additions in a product.
func isTransformedFirst(_ block: Block, width: Int, outputWidth: Int) -> Bool {
  let (edges, product) = (4 * block.edgeCount, width * outputWidth)
  return block.sourceCount * product + edges * outputWidth
    < block.targetCount * product + edges * width
}
