import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// Chebyshev spectral convolution: x' = sum over k < K of Z_k W_k^T, plus b, where Z_0 = x, Z_1 = M x and
/// Z_k = 2 M Z_(k-1) - Z_(k-2).
///
/// M = 2 L / lambda - I is the Laplacian L of the graph without its self-loops, scaled by its largest
/// eigenvalue. L is D - A, I - D^-1/2 A D^-1/2 or I - D^-1 A (``Laplacian``), D being the weights of the edges
/// that leave a node. lambda is twice the largest entry of L unless it is given.
///
/// Shapes: x [sources, width], weights [edges], result [targets, output width]. Parameters as in PyTorch
/// Geometric: `lins.k.weight`, `bias`.
///
/// Source: Defferrard, Bresson, Vandergheynst, Convolutional Neural Networks on Graphs with Fast Localized
/// Spectral Filtering, NIPS 2016.
public struct ChebConv: MultiHopConvolution {
  public enum Laplacian: Sendable {
    case unnormalized
    case symmetric
    case randomWalk
  }

  public struct Options: Sendable {
    /// K, at least 1.
    public var filterCount: Int
    public var laplacian = Laplacian.symmetric
    /// lambda; twice the largest entry of L unless it is given.
    public var largestEigenvalue: Float?
    /// Learn b.
    public var bias = true

    public init(filterCount: Int) { self.filterCount = filterCount }
  }

  let linears: [Linear]
  let bias: Parameter?
  private let options: Options

  public static let pathNames = ["linears": "lins"]

  public init(_ width: Int, _ outputWidth: Int, options: Options) {
    require(options.filterCount > 0, "no filter of \(options.filterCount) terms")
    linears = (0..<options.filterCount).map { _ in
      Linear(width, outputWidth, bias: .absent, from: .glorot)
    }
    bias = .bias(outputWidth, when: options.bias)
    self.options = options
  }

  public var hopCount: Int { options.filterCount - 1 }

  public func propagation(along given: Block, weights: Tensor?) -> Propagation {
    let (block, weights) = given.withoutSelfLoops(weights)
    let degrees = weights.summed(bySourcesOf: block)
    let diagonal: Tensor
    let entries: Tensor
    switch options.laplacian {
    case .unnormalized: (diagonal, entries) = (degrees, weights)
    case .symmetric:
      let roots = inverseRoots(degrees)
      diagonal = .ones([block.targetCount])
      entries =
        roots.gathered(alongSourcesOf: block) * weights
        * roots.prefix(rows: block.targetCount).gathered(alongTargetsOf: block)
    case .randomWalk:
      diagonal = .ones([block.targetCount])
      entries = inverses(degrees).gathered(alongSourcesOf: block) * weights
    }
    let scale = scale(diagonal: diagonal, entries: entries)
    // Each row's own entry comes last.
    let looped = block.addingSelfLoops(.everywhere)
    let numbers = concatenated(
      -1 * (scale * entries), scale * diagonal.prefix(rows: block.targetCount) - 1)
    var places = looped.edges
    for target in 0..<block.targetCount {
      places[Int(looped.offsets[target + 1]) - 1] = UInt32(block.edgeCount + target)
    }
    return Propagation(looped, by: numbers.gathered(rows: places))
  }

  /// 2 / lambda, and 0 for a graph without edges, whose L is zero.
  private func scale(diagonal: Tensor, entries: Tensor) -> Tensor {
    if let largest = options.largestEigenvalue { return Tensor(2 / largest) }
    let all = concatenated(diagonal, -1 * entries)
    return all.count == 0 ? Tensor(0) : inverses(max(all, along: 0))
  }

  public func terms(_ x: Tensor, by hops: [Propagation]) -> AffineSum<Float> {
    var z = [x]
    for (k, hop) in hops.enumerated() {
      let next = hop(z[k])
      z.append(k == 0 ? next : 2 * next - z[k - 1].prefix(rows: next.rowCount))
    }
    let terms = zip(linears, lastTargets(z)).map { $0.terms($1) }
    return terms.dropFirst().reduce(terms[0], +).adding(bias: bias)
  }
}

extension Block {
  /// The edges between two nodes, as a block whose entries are numbered by themselves, and their weights.
  fileprivate func withoutSelfLoops(_ weights: Tensor?) -> (Block, Tensor) {
    var (kept, sources, offsets): ([UInt32], [UInt32], [UInt32]) = ([], [], [0])
    for target in 0..<targetCount {
      for entry in Int(self.offsets[target])..<Int(self.offsets[target + 1])
      where self.sources[entry] != target {
        kept.append(UInt32(entry))
        sources.append(self.sources[entry])
      }
      offsets.append(UInt32(kept.count))
    }
    let block = Block(
      offsets: offsets, sources: sources, sourceCount: sourceCount, targetCount: targetCount)
    return (block, weights?.gathered(rows: kept) ?? .ones([kept.count]))
  }
}
