import HedgerowCore
public import HedgerowNN
public import HedgerowTensor

/// Graphs whose nodes are made into clusters, each of all nodes by learned shares.
///
/// Shapes: x [graphs, clusters, width], adjacency [graphs, clusters, clusters]; losses are single numbers.
public struct DensePooled: Sendable {
  public var x: Tensor
  public var adjacency: Tensor
  /// What shares are learned by, under the names of the field.
  public var losses: [(name: String, value: Tensor)]
}

/// S^T X and S^T A S, of the softmax S of the assignments, and two losses: of links, |A - S S^T|, and the shares'
/// mean entropy.
///
/// Shapes: x [graphs, nodes, width], adjacency [graphs, nodes, nodes], assignments [graphs, nodes, clusters], mask
/// [graphs, nodes].
///
/// - Parameters:
///   - mask: where there is a node.
///   - linkLoss: whether the loss of links is divided by how many pairs there are.
///
/// Source: Ying et al., Hierarchical Graph Representation Learning with Differentiable Pooling, NeurIPS 2018.
public func denseDiffPool(
  _ x: Tensor, adjacency: Tensor, assignments: Tensor, mask: Mask? = nil,
  linkLoss: DenseLinkLoss = .mean
) -> DensePooled {
  let parts = ClusterShares(x, softmax(assignments), mask)
  let (s, pooled) = (parts.shares, parts.pooled(adjacency))
  let norm = root(sum(square(adjacency - matmul(s, s.swapped(1, 2)))))
  let link = linkLoss == .mean ? norm / Float(adjacency.count) : norm
  let entropy = mean(sum(-s * log(s + 1e-15), along: -1))
  return DensePooled(
    x: pooled.x, adjacency: pooled.adjacency,
    losses: [("link", link), ("entropy", entropy)])
}

public enum DenseLinkLoss: Sendable { case mean, total }

/// S^T X and S^T A S, normalized and without its diagonal, of S = softmax(assignments / temperature), and two losses: of
/// cut edges, -trace(S^T A S) / trace(S^T D S), and of clusters that are not orthogonal or not alike in size.
///
/// Shapes and mask: as of ``denseDiffPool(_:adjacency:assignments:mask:linkLoss:)``.
///
/// Source: Bianchi, Grattarola, Alippi: Spectral Clustering with Graph Neural Networks for Graph Pooling, ICML 2020.
public func denseMinCutPool(
  _ x: Tensor, adjacency: Tensor, assignments: Tensor, mask: Mask? = nil, temperature: Float = 1
) -> DensePooled {
  let logits = temperature == 1 ? assignments : assignments / temperature
  let parts = ClusterShares(x, softmax(logits), mask)
  let pooled = parts.pooled(adjacency)
  let degrees = sum(adjacency, along: -1, keeping: .one)
  let volume = sum(degrees * square(parts.shares), along: [1, 2])
  let cut = mean(-(traces(pooled.adjacency) / volume))
  return DensePooled(
    x: pooled.x, adjacency: normalizedWithoutDiagonal(pooled.adjacency),
    losses: [("mincut", cut), ("orthogonality", parts.orthogonalityLoss)])
}

/// Clusters of high modularity: S^T X through selu, and S^T A S as of
/// ``denseMinCutPool(_:adjacency:assignments:mask:temperature:)``, of the softmax S of what a network makes of x, with
/// three losses: of modularity, of orthogonality and of clusters' sizes.
///
/// Shapes: x [graphs, nodes, width], adjacency [graphs, nodes, nodes], mask [graphs, nodes]. Names: `mlp.lins.0...`.
///
/// Source: Tsitsulin et al., Graph Clustering with Graph Neural Networks, JMLR 2023.
public struct DMoNPooling: Module {
  let network: MLP
  /// Rate of dropout of what the network gives, in training.
  public let dropout: Double
  public static let pathNames = ["network": "mlp"]

  /// - Parameter widths: of the features, and of hidden layers, which have no activations.
  public init(_ widths: [Int], clusters: Int, dropout: Double = 0) {
    var options = MLP.Options()
    options.activation = .identity
    network = MLP(widths + [clusters], options: options)
    self.dropout = dropout
  }

  /// The shares S, [graphs, nodes, clusters], and what they make of the graphs.
  public func callAsFunction(
    _ x: Tensor, adjacency: Tensor, mask: Mask? = nil
  ) -> (shares: Tensor, pooled: DensePooled) {
    let (graphs, nodes) = (x.shape[0], x.shape[1])
    let logits = network(x.reshaped(to: [graphs * nodes, x.shape[2]]))
      .reshaped(to: [graphs, nodes, network.layers.last!.outputWidth])
    let parts = ClusterShares(x, softmax(HedgerowTensor.dropout(logits, rate: dropout)), mask)
    let (s, pooled) = (parts.shares, parts.pooled(adjacency))
    let there = mask?.numbers().unsqueezed(2) ?? Tensor.ones([graphs, nodes, 1])
    let degrees = sum(adjacency, along: -1, keeping: .one) * there
    let halfVolume = sum(degrees, along: [1, 2]) / 2
    // trace(S^T d d^T S) is the squared length of S^T d.
    let expected = sum(square(matmul(s.swapped(1, 2), degrees)), along: [1, 2]) / 2 / halfVolume
    let modularity = mean(-(traces(pooled.adjacency) - expected) / 2 / halfVolume)
    let sizes = root(sum(square(sum(s, along: 1)), along: 1))
    let counts = sum(there, along: [1, 2])
    let clusterCount = Float(s.shape[2]).squareRoot()
    // Of each graph's sizes by each graph's nodes, as by PyTorch Geometric.
    let size = mean(sizes) * mean(1 / counts) * clusterCount - 1
    return (
      s,
      DensePooled(
        x: selu(pooled.x), adjacency: normalizedWithoutDiagonal(pooled.adjacency),
        losses: [
          ("spectral", modularity), ("orthogonality", parts.orthogonalityLoss), ("cluster", size),
        ])
    )
  }
}

/// Nodes' features and their shares of clusters, zeros where there is no node.
private struct ClusterShares {
  let x: Tensor
  let shares: Tensor

  init(_ x: Tensor, _ shares: Tensor, _ mask: Mask?) {
    require(
      x.shape.count == 3 && shares.shape.count == 3 && x.shape.prefix(2) == shares.shape.prefix(2),
      "assignments of shape \(shares.shape) for nodes of shape \(x.shape)")
    let there = mask?.unsqueezed(2)
    func masked(_ x: Tensor) -> Tensor {
      there.map { select($0, x, otherwise: Tensor(0)) } ?? x
    }
    self.x = masked(x)
    self.shares = masked(shares)
  }

  func pooled(_ adjacency: Tensor) -> (x: Tensor, adjacency: Tensor) {
    let turned = shares.swapped(1, 2)
    return (matmul(turned, x), matmul(matmul(turned, adjacency), shares))
  }

  /// |S^T S / |S^T S| - I / sqrt(clusters)|, its mean over graphs.
  var orthogonalityLoss: Tensor {
    let products = matmul(shares.swapped(1, 2), shares)
    let lengths = root(sum(square(products), along: [1, 2], keeping: .one))
    let target = identity(shares.shape[2]) / Float(shares.shape[2]).squareRoot()
    return mean(root(sum(square(products / lengths - target), along: [1, 2])))
  }
}

private func identity(_ extent: Int) -> Tensor {
  Tensor(shape: [extent, extent]) { elements in
    elements.initialize(repeating: 0)
    for index in 0..<extent { elements[index * (extent + 1)] = 1 }
  }
}

/// [graphs, n, n] gives [graphs].
private func traces(_ x: Tensor) -> Tensor { sum(x * identity(x.shape[1]), along: [1, 2]) }

/// D^(-1/2) (A - diagonal) D^(-1/2), D the sums of rows.
private func normalizedWithoutDiagonal(_ x: Tensor) -> Tensor {
  let others = x * (1 - identity(x.shape[1]))
  let roots = root(sum(others, along: -1, keeping: .one)) + 1e-15
  return others / roots / roots.swapped(1, 2)
}
