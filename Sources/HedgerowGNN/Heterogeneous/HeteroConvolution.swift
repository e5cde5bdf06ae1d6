public import HedgerowCore
public import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// A layer over several node types and relations: new features of the targets of those types that its relations
/// lead into.
///
/// ``HeteroConv`` has a convolution of its own for each relation; ``HeteroRGCNConv``, ``HGTConv`` and ``HANConv``
/// see all relations at once.
///
/// Shapes: x[type] [sourceCounts[type], width of the type]; result [targetCounts[type], output width].
public protocol HeteroConvolution: Module {
  var relations: [EdgeType] { get }
  /// The result, not computed yet: to be added to other terms, or followed by an activation.
  ///
  /// Ends the program, naming the relation, when its features or its block are missing.
  func terms(_ x: PerNode<Tensor>, _ block: HeteroBlock) -> PerNode<AffineSum<Float>>
}

extension HeteroConv: HeteroConvolution {}

extension HGTConv: HeteroConvolution {
  public func terms(_ x: PerNode<Tensor>, _ block: HeteroBlock) -> PerNode<AffineSum<Float>> {
    self(x, block).mapValues { AffineSum($0) }
  }
}

extension HANConv: HeteroConvolution {
  public func terms(_ x: PerNode<Tensor>, _ block: HeteroBlock) -> PerNode<AffineSum<Float>> {
    self(x, block).mapValues { AffineSum($0) }
  }
}
