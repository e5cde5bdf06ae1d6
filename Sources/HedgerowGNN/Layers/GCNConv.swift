import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// The graph convolution: x_t' = b + sum over the edges (s, t), self-loops included, of
/// w_st W x_s / sqrt(d_s d_t).
///
/// d is the sum of the weights, 1 unless given, of the edges that lead to a node, its self-loop
/// included. In a sampled layer, whose sources have no edges of their own, and between two types, d_s
/// sums the edges of the block that leave s. An edge of a node without weight counts for nothing.
///
/// Shapes: x [sources, width], result [targets, output width]. Parameters as in PyTorch Geometric:
/// `lin.weight`, `bias`.
///
/// Source: Kipf and Welling, Semi-Supervised Classification with Graph Convolutional Networks,
/// ICLR 2017.
public struct GCNConv: EdgeWeightedConvolution {
  public struct Options: Sendable {
    /// Learn b.
    public var bias = true
    /// Give each target an edge from itself where it has none; not for relations between two types.
    public var selfLoops = true
    /// The weight of a self-loop that is added; 2 in the "improved" variant.
    public var selfLoopWeight: Float = 1
    /// Divide by sqrt(d_s d_t).
    public var normalization = true

    public init() {}
  }

  let linear: Linear
  let bias: Parameter?
  let options: Options

  public static let pathNames = ["linear": "lin"]

  public init(_ width: Int, _ outputWidth: Int, options: Options = .init()) {
    linear = Linear(width, outputWidth, bias: .absent, from: .glorot)
    bias = options.bias ? Parameter(shape: [outputWidth], from: .constant(0)) : nil
    self.options = options
  }

  public func terms(
    source: Tensor, target: Tensor, along block: Block, weights: Tensor?
  ) -> AffineSum<Float> {
    require(
      source.shape.count == 2 && source.rowCount == block.sourceCount,
      "features of shape \(source.shape) for a block of \(block.sourceCount) sources")
    let (block, weights) = withSelfLoops(block, weights)
    let coefficients = weights.map { options.normalization ? normalized($0, along: block) : $0 }
    func propagate(_ x: Tensor) -> Tensor {
      if let coefficients { return aggregate(x, scaledBy: coefficients, along: block, by: .sum) }
      guard options.normalization else { return aggregate(x, along: block, by: .sum) }
      // The number of an edge is that of its ends.
      return aggregateSum(
        x, along: block, sourceFactors: inverseRoots(block.degrees(ofSources: Float.self)),
        targetFactors: inverseRoots(block.degrees(ofTargets: Float.self)))
    }
    let weight = linear.weight.value
    var sum: AffineSum<Float>
    if isTransformedFirst(block, width: source.shape[1], outputWidth: weight.shape[0]) {
      sum = AffineSum(propagate(AffineSum(source, weight: weight).evaluated()))
    } else {
      sum = AffineSum(propagate(source), weight: weight)
    }
    if let bias { sum.add(bias: bias.value) }
    return sum
  }

  private func withSelfLoops(_ block: Block, _ weights: Tensor?) -> (Block, Tensor?) {
    if let weights {
      require(
        weights.shape == [block.edgeCount],
        "weights of shape \(weights.shape) for \(block.edgeCount) edges")
    }
    guard options.selfLoops else { return (block, weights) }
    if weights == nil && options.selfLoopWeight == 1 {
      return (block.addingSelfLoops(.whereMissing), nil)
    }
    let looped = block.numberedByEntries.addingSelfLoops(.whereMissing)
    let extended = concatenated(
      weights ?? .ones([block.edgeCount]), Tensor([options.selfLoopWeight]))
    let places = looped.edges.map { $0 == Block.noEdge ? UInt32(block.edgeCount) : $0 }
    return (looped, extended.gathered(rows: places))
  }

  /// w_st / sqrt(d_s d_t) for each entry.
  private func normalized(_ weights: Tensor, along block: Block) -> Tensor {
    let targetDegrees = segmentSum(weights, by: block.usedOffsets)
    let sourceDegrees =
      block.sourceCount == block.targetCount
      ? targetDegrees : weights.summed(bySourcesOf: block)
    let factors =
      inverseRoots(sourceDegrees).gathered(alongSourcesOf: block)
      * inverseRoots(targetDegrees).gathered(alongTargetsOf: block)
    return weights * factors
  }

  /// 1 / sqrt(d), and 0 where d is 0 or less.
  private func inverseRoots(_ degrees: Tensor) -> Tensor {
    let isPositive = Tensor(degrees.scalars.map { $0 > 0 ? 1 : 0 })
    return isPositive * rsqrt(isPositive * degrees + (1 - isPositive))
  }
}

extension NDTensor {
  /// For each source of the block, the sum of its entries' numbers: [edges] gives [sources].
  fileprivate func summed(bySourcesOf block: Block) -> NDTensor {
    let rows = block.transposed(entryNumbers: .present)
    let sums = segmentSum(gathered(rows: rows.entries), by: rows.offsets)
    guard let places = rows.places else { return sums }
    // Sources that send nothing get the zero behind the sums.
    var rowOfSource = [UInt32](repeating: UInt32(places.count), count: block.sourceCount)
    for (row, place) in places.enumerated() { rowOfSource[Int(place)] = UInt32(row) }
    return concatenated(sums, .zeros([1])).gathered(rows: rowOfSource)
  }
}
