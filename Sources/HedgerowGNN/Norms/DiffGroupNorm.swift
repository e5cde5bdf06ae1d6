public import HedgerowNN
public import HedgerowTensor

/// x + l times the sum over groups g of the batch normalization of s_g x, where s = softmax(W x) is how much a
/// node is of each group.
///
/// Names: `lin.weight`, and `norm...` over all groups' columns, side by side.
///
/// Source: Zhou et al., Towards Deeper Graph Neural Networks with Differentiable Group Normalization, NeurIPS
/// 2020.
public struct DiffGroupNorm: GraphNormalization {
  let linear: Linear
  let norm: BatchNorm
  public let groups: Int
  /// l
  public let balance: Float
  public static let pathNames = ["linear": "lin"]

  public init(
    _ width: Int, groups: Int, balance: Float = 0.01, options: BatchNorm.Options = .init()
  ) {
    linear = Linear(width, groups, bias: .absent)
    norm = BatchNorm(groups * width, options: options)
    self.groups = groups
    self.balance = balance
  }

  public func callAsFunction(_ x: Tensor, in graphs: RowGroups?) -> Tensor {
    let (rows, width) = (x.shape[0], x.shape[1])
    let shares = softmax(linear(x))
    let parts = shares.unsqueezed(2) * x.unsqueezed(1)
    let normalized = norm(parts.reshaped(to: [rows, groups * width]))
    return x + balance * sum(normalized.reshaped(to: [rows, groups, width]), along: 1)
  }
}

/// s |x| m / |m|: messages m made as long as the node's own features, up to a factor.
///
/// Name: `scale`, [1], a buffer unless it is learned.
///
/// Source: Li et al., DeeperGCN: All You Need to Train Deeper GCNs, 2020.
public struct MessageNorm: Module {
  let scale: Parameter?
  let fixedScale: Buffer?
  public static let pathNames = ["fixedScale": "scale"]

  /// - Parameter learning: ``LearnedNumber/fixed`` or ``LearnedNumber/learned``.
  public init(learning: LearnedNumber = .fixed) {
    scale = learning.parameter(startingAs: 1)
    fixedScale = scale == nil ? Buffer(shape: [1], startingAs: 1) : nil
  }

  /// Shapes: x and messages [rows, width].
  ///
  /// - Parameter p: lengths are (sum of |x|^p)^(1/p).
  public func callAsFunction(_ x: Tensor, messages: Tensor, p: Float = 2) -> Tensor {
    let lengths = rowNorms(x, p: p, keeping: .one)
    let scale = scale?.value ?? fixedScale!.value
    return normalizedRows(messages, p: p) * lengths * scale
  }
}
