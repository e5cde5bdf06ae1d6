import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// A ``Convolution`` whose edges may have a number each, which scales what travels along it.
///
/// Weights are [edges], in the order of the block's entries; see ``HedgerowGraph/Block/edges``.
public protocol EdgeWeightedConvolution: Convolution {
  /// - Parameter weights: [edges]; ones where they are `nil`.
  func terms(
    source: Tensor, target: Tensor, along block: Block, weights: Tensor?
  ) -> AffineSum<Float>
}

extension EdgeWeightedConvolution {
  public func terms(source: Tensor, target: Tensor, along block: Block) -> AffineSum<Float> {
    terms(source: source, target: target, along: block, weights: nil)
  }

  /// Targets' new features, from two types of nodes and the weights of the edges between them.
  public func callAsFunction(
    source: Tensor, target: Tensor, _ block: Block, weights: Tensor
  ) -> Tensor {
    terms(source: source, target: target, along: block, weights: weights).evaluated()
  }

  /// The same within one type of nodes: targets are the first of the sources.
  public func callAsFunction(_ x: Tensor, _ block: Block, weights: Tensor) -> Tensor {
    self(source: x, target: x.prefix(rows: block.targetCount), block, weights: weights)
  }
}

/// A ``Convolution`` whose edges may have features.
///
/// Features are [edges, edge width], in the order of the block's entries.
public protocol EdgeFeaturedConvolution: Convolution {
  /// - Parameter edges: [edges, edge width]; `nil` for a layer that is made without.
  func terms(
    source: Tensor, target: Tensor, along block: Block, edges: Tensor?
  ) -> AffineSum<Float>
}

extension EdgeFeaturedConvolution {
  public func terms(source: Tensor, target: Tensor, along block: Block) -> AffineSum<Float> {
    terms(source: source, target: target, along: block, edges: nil)
  }

  /// Targets' new features, from two types of nodes and the features of the edges between them.
  public func callAsFunction(
    source: Tensor, target: Tensor, _ block: Block, edges: Tensor
  ) -> Tensor {
    terms(source: source, target: target, along: block, edges: edges).evaluated()
  }

  /// The same within one type of nodes: targets are the first of the sources.
  public func callAsFunction(_ x: Tensor, _ block: Block, edges: Tensor) -> Tensor {
    self(source: x, target: x.prefix(rows: block.targetCount), block, edges: edges)
  }
}

/// A ``Convolution`` whose edges are of numbered types.
///
/// Types are [edges], each below the layer's count of types, in the order of the block's entries.
public protocol EdgeTypedConvolution: Convolution {
  /// - Parameter types: [edges]; all 0 where they are `nil`.
  func terms(
    source: Tensor, target: Tensor, along block: Block, types: [UInt32]?
  ) -> AffineSum<Float>
}

extension EdgeTypedConvolution {
  public func terms(source: Tensor, target: Tensor, along block: Block) -> AffineSum<Float> {
    terms(source: source, target: target, along: block, types: nil)
  }

  /// Targets' new features, from two types of nodes and the types of the edges between them.
  public func callAsFunction(
    source: Tensor, target: Tensor, _ block: Block, types: [UInt32]
  ) -> Tensor {
    terms(source: source, target: target, along: block, types: types).evaluated()
  }

  /// The same within one type of nodes: targets are the first of the sources.
  public func callAsFunction(_ x: Tensor, _ block: Block, types: [UInt32]) -> Tensor {
    self(source: x, target: x.prefix(rows: block.targetCount), block, types: types)
  }
}

/// An ``EdgeTypedConvolution`` whose edges may have features, too.
public protocol EdgeTypedFeaturedConvolution: EdgeTypedConvolution {
  /// - Parameters:
  ///   - types: [edges]; all 0 where they are `nil`.
  ///   - edges: [edges, edge width]; `nil` for a layer that is made without.
  func terms(
    source: Tensor, target: Tensor, along block: Block, types: [UInt32]?, edges: Tensor?
  ) -> AffineSum<Float>
}

extension EdgeTypedFeaturedConvolution {
  public func terms(
    source: Tensor, target: Tensor, along block: Block, types: [UInt32]?
  ) -> AffineSum<Float> {
    terms(source: source, target: target, along: block, types: types, edges: nil)
  }

  /// Targets' new features within one type of nodes, whose edges have types and features.
  public func callAsFunction(
    _ x: Tensor, _ block: Block, types: [UInt32], edges: Tensor
  ) -> Tensor {
    terms(
      source: x, target: x.prefix(rows: block.targetCount), along: block, types: types,
      edges: edges
    ).evaluated()
  }
}

/// A ``Convolution`` that adds something of the features that went into the first of its kind.
///
/// Initial features are [targets, width], edges' weights as of ``EdgeWeightedConvolution``.
public protocol InitialResidualConvolution: Convolution {
  func terms(
    source: Tensor, initial: Tensor, along block: Block, weights: Tensor?
  ) -> AffineSum<Float>
}

extension InitialResidualConvolution {
  /// Takes the targets' own features for their initial ones.
  public func terms(source: Tensor, target: Tensor, along block: Block) -> AffineSum<Float> {
    terms(source: source, initial: target, along: block, weights: nil)
  }

  public func callAsFunction(
    _ x: Tensor, initial: Tensor, _ block: Block, weights: Tensor? = nil
  ) -> Tensor {
    terms(source: x, initial: initial, along: block, weights: weights).evaluated()
  }
}

/// Traps unless edges have features of this width when the layer is made for such, and none when it is not.
func checkEdges(_ edges: Tensor?, width: Int?, of block: Block) {
  require(
    edges?.shape == width.map { [block.edgeCount, $0] },
    "edges of \(edges.map { "shape \($0.shape)" } ?? "no features") for \(block.edgeCount) edges "
      + "and a layer that is made for \(width.map { "width \($0)" } ?? "none")")
}
