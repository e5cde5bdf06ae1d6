public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// The layer of Cluster-GCN: x_t' = W_out (P + lambda diag(P)) x + b + W_root x_t, P being the mean over a
/// target's sources, itself included.
///
/// Shapes: x [sources, width], result [targets, output width]. Parameters as in PyTorch Geometric:
/// `lin_out.weight`, `lin_out.bias`, `lin_root.weight`.
///
/// Source: Chiang et al., Cluster-GCN: An Efficient Algorithm for Training Deep and Large Graph Convolutional
/// Networks, KDD 2019.
public struct ClusterGCNConv: Convolution {
  public struct Options: Sendable {
    /// lambda
    public var diagonal: Float = 0
    /// Give each target an edge from itself where it has none.
    public var selfLoops = true
    /// Learn b.
    public var bias = true

    public init() {}
  }

  let neighbors: Linear
  let root: Linear
  private let options: Options

  public static let pathNames = ["neighbors": "lin_out", "root": "lin_root"]

  public init(_ width: Int, _ outputWidth: Int, options: Options = .init()) {
    neighbors = Linear(width, outputWidth, bias: Linear.Bias(options.bias), from: .glorot)
    root = Linear(width, outputWidth, bias: .absent, from: .glorot)
    self.options = options
  }

  public func terms(source: Tensor, target: Tensor, along given: Block) -> AffineSum<Float> {
    let block = options.selfLoops ? given.addingSelfLoops() : given
    var sum = neighbors.terms(aggregate(source, along: block, by: .mean)) + root.terms(target)
    if options.diagonal != 0 {
      let shares = options.diagonal * block.selfLoopShares.reshaped(to: [block.targetCount, 1])
      sum = sum + AffineSum(shares * target, weight: neighbors.weight.value)
    }
    return sum
  }
}

extension Block {
  /// How much of each target's mean it has itself: [targets].
  fileprivate var selfLoopShares: Tensor {
    Tensor(shape: [targetCount]) { shares in
      for target in 0..<targetCount {
        let row = Int(offsets[target])..<Int(offsets[target + 1])
        let loops = row.count { sources[$0] == target }
        shares[target] = Float(loops) / Float(max(1, row.count))
      }
    }
  }
}
