import HedgerowCore
import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// Convolution in a learned space: x_t' = W_1 x_t + W_2 [mean, max over the k nearest s of
/// exp(-10 |p_s - p_t|^2) h_s] + b_2, where places p and messages h are linear in x.
///
/// Shapes: source and target [.., width], result [targets, output width]. Parameters as in PyTorch Geometric:
/// `lin_s`, `lin_h`, `lin_out1.weight`, `lin_out2`.
///
/// Source: Qasim et al., Learning Representations of Irregular Particle-detector Geometry with
/// Distance-weighted Graph Networks, European Physical Journal C 2019.
public struct GravNetConv: Module {
  public struct Options: Sendable {
    /// Dimensions of the space of p.
    public var spaceDimensions: Int
    /// Width of h.
    public var messageWidth: Int
    /// k
    public var neighborCount: Int

    public init(spaceDimensions: Int, messageWidth: Int, neighborCount: Int) {
      self.spaceDimensions = spaceDimensions
      self.messageWidth = messageWidth
      self.neighborCount = neighborCount
    }
  }

  let place: Linear
  let message: Linear
  let root: Linear
  let output: Linear
  private let neighborCount: Int

  public static let pathNames = [
    "place": "lin_s", "message": "lin_h", "root": "lin_out1", "output": "lin_out2",
  ]

  public init(_ width: Int, _ outputWidth: Int, options: Options) {
    place = Linear(width, options.spaceDimensions)
    message = Linear(width, options.messageWidth)
    root = Linear(width, outputWidth, bias: .absent)
    output = Linear(2 * options.messageWidth, outputWidth)
    neighborCount = options.neighborCount
  }

  /// - Parameter graphs: which graph each node belongs to; `nil` when all are of one.
  public func callAsFunction(
    source: Tensor, target: Tensor, in graphs: PairedGroups? = nil
  ) -> Tensor {
    let (p, q) = (place(source), place(target))
    let block = nearestNeighbors(of: q, among: p, count: neighborCount, in: graphs)
    let distances = sum(square(edgeSum(p, -q, along: block)), along: 1)
    let (h, weights) = (message(source), exp(-10 * distances))
    let aggregates = [Aggregation.mean, .max].map {
      aggregate(h, scaledBy: weights, along: block, by: $0)
    }
    return (output.terms(concatenated(aggregates)) + root.terms(target)).evaluated()
  }

  /// The same among nodes of one kind; each is a neighbor of itself.
  public func callAsFunction(_ x: Tensor, in graphs: RowGroups? = nil) -> Tensor {
    self(source: x, target: x, in: graphs.map { PairedGroups($0) })
  }
}
