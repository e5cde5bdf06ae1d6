public import HedgerowNN
public import HedgerowTensor

/// The class of each cloud of points: two layers of ``DynamicEdgeConv``, whose graphs join what is near in features,
/// the largest numbers of a linear map of both, and a head.
///
/// Shapes: x [points, width] - places, beside features where there are some -, result [clouds, outputs]. Names are
/// those of PyTorch Geometric's example: `conv1.nn...`, `conv2.nn...`, `lin1`, `mlp`.
///
/// Source: Wang et al., Dynamic Graph CNN for Learning on Point Clouds, ACM TOG 2019.
public struct DGCNN: Module {
  public struct Options: Sendable {
    /// Nearest points that each looks at, itself among them.
    public var neighbors = 20
    /// Of what the first layer gives; others are two, four, eight and sixteen times as wide.
    public var width = 64
    public var aggregation = Aggregation.max
    /// Rate of dropout in the head, in training.
    public var dropout = 0.5

    public init() {}
  }

  let conv1: DynamicEdgeConv
  let conv2: DynamicEdgeConv
  let linear: Linear
  let head: MLP
  public let options: Options
  public static let pathNames = ["linear": "lin1", "head": "mlp"]

  public init(_ inputWidth: Int, outputs: Int, options: Options = .init()) {
    let width = options.width
    self.options = options
    func layer(_ widths: [Int]) -> DynamicEdgeConv {
      DynamicEdgeConv(
        normalizedNetwork(widths), neighbors: options.neighbors, aggregation: options.aggregation)
    }
    conv1 = layer([2 * inputWidth, width, width, width])
    conv2 = layer([2 * width, 2 * width])
    linear = Linear(3 * width, 16 * width)
    head = headNetwork(
      [16 * width, 8 * width, 4 * width, outputs], dropout: options.dropout)
  }

  /// - Parameter clouds: that of each point; all are of one when it is `nil`.
  public func callAsFunction(_ x: Tensor, in clouds: RowGroups? = nil) -> Tensor {
    let first = conv1(x, in: clouds)
    // What is no number has no neighbors, and is no number in the result either.
    let isFinite = first.scalars.allSatisfy(\.isFinite)
    let second =
      isFinite ? conv2(first, in: clouds) : .zeros([first.rowCount, 2 * options.width])
    let rows = linear(concatenated(first, second))
    return head(Aggregation.max(rows, in: clouds ?? RowGroups(ofAll: x.rowCount)))
  }
}
