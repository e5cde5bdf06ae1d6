import HedgerowCore
public import HedgerowGraph
public import HedgerowTensor

/// One step of features along edges, as a matrix: y = P x, nothing of it ever stored but what edges weigh.
///
/// What decoupled layers take powers of: y_t = sum over the edges (s, t) of w_st x_s, each number divided by
/// sqrt(d_s d_t) when it is normalized. d is the sum of the weights of the edges that lead to a node, its
/// self-loop included. In a sampled layer, whose sources have no edges of their own, and between two types, d_s
/// sums the edges of the block that leave s. An edge of a node without weight counts for nothing.
/// ```swift
/// let propagation = Propagation(block, selfLoopWeight: 1)
/// let smooth = propagation(propagation(x))
/// ```
public struct Propagation: Sendable {
  /// What an edge's number is divided by.
  public enum Normalization: Sendable {
    case none
    /// sqrt(d_s d_t)
    case symmetric
  }

  private enum Form {
    case plain
    /// An edge's number is one of its source times one of its target.
    case factors(sources: Tensor, targets: Tensor)
    case weights(Tensor)
  }

  /// With the self-loops that were added.
  public let block: Block
  private let form: Form
  private let aggregator: any Aggregator

  /// - Parameters:
  ///   - weights: [edges], in the order of the block's entries; ones where they are `nil`.
  ///   - selfLoopWeight: give each target an edge of this weight from itself where it has none. Of several
  ///     that it has, the last one's weight counts, and its gradient goes to all of them.
  ///   - aggregator: of edges that are not normalized; the sum of the equation, or another.
  public init(
    _ block: Block, weights: Tensor? = nil, selfLoopWeight: Float? = nil,
    normalization: Normalization = .symmetric, aggregator: any Aggregator = Aggregation.sum
  ) {
    self.aggregator = aggregator
    let (block, weights) = block.withSelfLoops(weight: selfLoopWeight, weights)
    self.block = block
    if let weights {
      form = .weights(
        normalization == .none ? weights : symmetricallyNormalized(weights, along: block))
    } else if normalization == .none {
      form = .plain
    } else {
      form = .factors(
        sources: inverseRoots(block.degrees(ofSources: Float.self)),
        targets: inverseRoots(block.degrees(ofTargets: Float.self)))
    }
  }

  /// By numbers that are there already, [edges].
  init(_ block: Block, by weights: Tensor) {
    aggregator = Aggregation.sum
    self.block = block
    form = .weights(weights)
  }

  /// P x. Shapes: x [sources, width], result [targets, width].
  public func callAsFunction(_ x: Tensor) -> Tensor {
    switch form {
    case .plain: aggregator(x, along: block)
    case .factors(let sources, let targets):
      aggregateSum(x, along: block, sourceFactors: sources, targetFactors: targets)
    case .weights(let weights): aggregator(x, scaledBy: weights, along: block)
    }
  }

  /// P x W^T in the order that costs less. Shapes: W [out, width], result [targets, out].
  public func terms(_ x: Tensor, weight: Tensor) -> AffineSum<Float> {
    if isTransformedFirst(block, width: x.shape[1], outputWidth: weight.shape[0]) {
      return AffineSum(self(AffineSum(x, weight: weight).evaluated()))
    }
    return AffineSum(self(x), weight: weight)
  }

  /// The number of each entry: [edges].
  public var weights: Tensor {
    switch form {
    case .plain: .ones([block.edgeCount])
    case .factors(let sources, let targets):
      sources.gathered(alongSourcesOf: block) * targets.gathered(alongTargetsOf: block)
    case .weights(let weights): weights
    }
  }
}

extension Block {
  /// The block with self-loops where they are missing, and the weights of its entries.
  fileprivate func withSelfLoops(weight: Float?, _ weights: Tensor?) -> (Block, Tensor?) {
    if let weights {
      require(
        weights.shape == [edgeCount], "weights of shape \(weights.shape) for \(edgeCount) edges")
    }
    guard let weight else { return (self, weights) }
    if weights == nil && weight == 1 { return (addingSelfLoops(.whereMissing), nil) }
    let looped = numberedByEntries.addingSelfLoops(.whereMissing)
    let extended = concatenated(weights ?? .ones([edgeCount]), Tensor([weight]))
    let places = looped.edges.map { $0 == Block.noEdge ? UInt32(edgeCount) : $0 }
    let gathered = extended.gathered(rows: places)
    let (others, loops) = repeatedSelfLoops(in: looped)
    guard let weights, !others.isEmpty else { return (looped, gathered) }
    let counted = weights.gathered(rows: others)
    return (looped, gathered.adding(counted - counted.detached, at: NDArray(loops), along: 0))
  }

  /// The self-loops in front of a target's last one, and where the one is that counts for them.
  private func repeatedSelfLoops(in looped: Block) -> (entries: [UInt32], places: [UInt32]) {
    var (entries, places): ([UInt32], [UInt32]) = ([], [])
    for target in 0..<min(targetCount, sourceCount) {
      let place = looped.offsets[target + 1] - 1
      for entry in offsets[target]..<offsets[target + 1]
      where sources[Int(entry)] == target && entry != looped.edges[Int(place)] {
        entries.append(entry)
        places.append(place)
      }
    }
    return (entries, places)
  }
}

/// w_st / sqrt(d_s d_t) for each entry.
private func symmetricallyNormalized(_ weights: Tensor, along block: Block) -> Tensor {
  let targetDegrees = segmentSum(weights, by: block.usedOffsets)
  let sourceDegrees =
    block.sourceCount == block.targetCount ? targetDegrees : weights.summed(bySourcesOf: block)
  let factors =
    inverseRoots(sourceDegrees).gathered(alongSourcesOf: block)
    * inverseRoots(targetDegrees).gathered(alongTargetsOf: block)
  return weights * factors
}

/// 1 / sqrt(d), and 0 where d is 0 or less.
func inverseRoots(_ degrees: Tensor) -> Tensor {
  let isPositive = (degrees .> 0).numbers(Float.self)
  return isPositive * rsqrt(isPositive * degrees + (1 - isPositive))
}

/// 1 / d, and 0 where d is 0.
func inverses(_ degrees: Tensor) -> Tensor {
  let isThere = (degrees .!= 0).numbers(Float.self)
  return isThere / (degrees + (1 - isThere))
}

extension Propagation {
  /// The same with dropout of what edges weigh, in training.
  func droppingEdges(rate: Double) -> Propagation {
    rate == 0 || !Training.isActive
      ? self : Propagation(block, by: dropout(weights, rate: rate))
  }
}
