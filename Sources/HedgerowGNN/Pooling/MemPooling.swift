import HedgerowCore
public import HedgerowNN
public import HedgerowTensor

/// Shares of nodes in clusters by how near they are to learned keys: for each head and key k, (1 + |x - k|^2 / t)^(-(t
/// + 1) / 2), in parts of their sum; S is the softmax of the heads' weighed sum, and the result W S^T X.
///
/// Shapes: x [nodes, width], result [graphs, clusters, output width], S [graphs, longest graph, clusters]. Names: `k`
/// [heads, clusters, width], `conv.weight` [1, heads, 1, 1], `lin.weight`.
///
/// Source: Khasahmadi et al., Memory-Based Graph Networks, ICLR 2020.
public struct MemPooling: Module {
  let keys: Parameter
  let heads: HeadWeights
  let linear: Linear
  /// t
  public let temperature: Float
  public static let pathNames = ["keys": "k", "heads": "conv", "linear": "lin"]

  struct HeadWeights: Module {
    let weight: Parameter
  }

  public init(
    _ width: Int, _ outputWidth: Int, heads: Int, clusters: Int, temperature: Float = 1
  ) {
    keys = Parameter(shape: [heads, clusters, width], from: .uniform(bound: 1))
    self.heads = HeadWeights(
      weight: Parameter(
        shape: [1, heads, 1, 1], from: .uniform(bound: 1 / Float(max(1, heads)).squareRoot())))
    linear = Linear(width, outputWidth, bias: .absent)
    self.temperature = temperature
  }

  /// - Parameter graphs: the graph of each node; all are of one when it is `nil`.
  public func callAsFunction(
    _ x: Tensor, in graphs: RowGroups? = nil
  ) -> (x: Tensor, shares: Tensor) {
    let graphs = graphs ?? RowGroups(ofAll: x.rowCount)
    let groups = PaddedGroups(graphs.offsets)
    let rows = groups.padded(graphs.together(x))
    let (headCount, clusters, width) = (keys.shape[0], keys.shape[1], keys.shape[2])
    let flat = rows.reshaped(to: [groups.count * groups.length, 1, width])
    let differences = flat - keys.value.reshaped(to: [headCount * clusters, width])
    let near = pow(
      1 + sum(square(differences), along: 2) / temperature, -(temperature + 1) / 2
    ).reshaped(to: [groups.count, groups.length, headCount, clusters])
    let parts = near / sum(near, along: -1, keeping: .one)
    let mixed = sum(parts * heads.weight.value.reshaped(to: [headCount, 1]), along: 2)
    let shares = select(groups.mask.unsqueezed(2), softmax(mixed), otherwise: Tensor(0))
    return (linear.applied(to: matmul(shares.swapped(1, 2), rows)), shares)
  }

  /// The Kullback-Leibler divergence that draws shares together: of P, S squared and divided by the clusters' sizes, from
  /// S; its mean over graphs.
  public static func divergence(_ shares: Tensor) -> Tensor {
    let raw = square(shares) / sum(shares, along: 1, keeping: .one)
    let sums = sum(raw, along: 2, keeping: .one)
    let isThere = sum(shares, along: 2, keeping: .one) .> 0
    let target = raw / select(isThere, sums, otherwise: Tensor(1))
    let (p, s) = (maximum(target, Tensor(1e-15)), maximum(shares, Tensor(1e-15)))
    return sum(p * (log(p) - log(s))) / Float(shares.shape[0])
  }
}
