import HedgerowCore
public import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// Convolution over edges of two signs. A node has a balanced and an unbalanced half; over the first layer's x,
/// x_t' = [W_p mean over positive s of x_s + V_p x_t + b_p, W_n mean over negative s of x_s + V_n x_t + b_n].
/// Later layers, of x = [p, n]: the balanced half is W_p [mean over positive of p_s, mean over negative of n_s]
/// + V_p p_t + b_p, the unbalanced one the same with p and n exchanged.
///
/// Shapes: source and target [.., width], or [.., 2 width] in later layers, result [targets, 2 x output width].
/// Parameters as in PyTorch Geometric: `lin_pos_l.weight`, `lin_pos_r`, `lin_neg_l.weight`, `lin_neg_r`.
///
/// Source: Derr, Ma, Tang, Signed Graph Convolutional Network, ICDM 2018.
public struct SignedConv: Module {
  public enum Place: Sendable {
    case first
    case later
  }

  public struct Options: Sendable {
    public var place = Place.first
    public var aggregation: any Aggregator = Aggregation.mean
    /// Learn b.
    public var bias = true

    public init() {}
  }

  let positive: Linear
  let positiveRoot: Linear
  let negative: Linear
  let negativeRoot: Linear
  let aggregator: any Aggregator
  private let place: Place

  public static let pathNames = [
    "positive": "lin_pos_l", "positiveRoot": "lin_pos_r", "negative": "lin_neg_l",
    "negativeRoot": "lin_neg_r", "aggregator": "aggr_module",
  ]

  /// - Parameters:
  ///   - width: of the first layer's input, or of each half of a later one's.
  ///   - outputWidth: of each half of the result.
  public init(_ width: Int, _ outputWidth: Int, options: Options = .init()) {
    let parts = options.place == .first ? 1 : 2
    func linear() -> Linear { Linear(parts * width, outputWidth, bias: .absent) }
    func root() -> Linear { Linear(width, outputWidth, bias: Linear.Bias(options.bias)) }
    (positive, positiveRoot, negative, negativeRoot) = (linear(), root(), linear(), root())
    aggregator = options.aggregation
    place = options.place
  }

  /// Targets' new features along the edges of each sign.
  public func callAsFunction(
    source: Tensor, target: Tensor, positive friends: Block, negative foes: Block
  ) -> Tensor {
    let (ofFriends, ofFoes) = (
      aggregator(source, along: friends), aggregator(source, along: foes)
    )
    if place == .first {
      return concatenated(
        (positive.terms(ofFriends) + positiveRoot.terms(target)).evaluated(),
        (negative.terms(ofFoes) + negativeRoot.terms(target)).evaluated())
    }
    let (own, byFriends, byFoes) = (halves(target), halves(ofFriends), halves(ofFoes))
    return concatenated(
      (positive.terms(concatenated(byFriends[0], byFoes[1])) + positiveRoot.terms(own[0]))
        .evaluated(),
      (negative.terms(concatenated(byFriends[1], byFoes[0])) + negativeRoot.terms(own[1]))
        .evaluated())
  }

  /// The same within one type of nodes: targets are the first of the sources.
  public func callAsFunction(_ x: Tensor, positive: Block, negative: Block) -> Tensor {
    self(
      source: x, target: x.prefix(rows: positive.targetCount), positive: positive,
      negative: negative)
  }

  private func halves(_ x: Tensor) -> [Tensor] { x.split(every: x.width / 2, along: 1) }
}
