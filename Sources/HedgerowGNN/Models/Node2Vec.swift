public import HedgerowCore
public import HedgerowNN
public import HedgerowTensor

/// A model of nodes that walks pass one after the other: a skip-gram with negative samples.
public protocol WalkModel: Module {
  /// What is near in walks; see ``NodePairs/contexts(ofWalks:places:within:)``.
  func contexts(ofWalks walks: [UInt32], places: Int, within window: Int) -> NodePairs
  /// So many pairs for each, of its source and something that is drawn.
  func drawn(_ pairs: NodePairs, perPair count: Int, from stream: RandomStream) -> NodePairs
  /// The mean of -log sigmoid(z_u . z_v) over pairs that are near, and of -log(1 - sigmoid(z_u . z_v)) over others.
  func loss(of pairs: NodePairs, against others: NodePairs) -> Tensor
  /// The rows of nodes of one of its types: [nodes, width].
  func callAsFunction(_ nodes: [UInt32], of type: NodeType) -> Tensor
}

/// Rows of nodes that are alike where walks pass both nodes within a few steps: a skip-gram with negative samples.
/// ```swift
/// let near = NodePairs.contexts(ofWalks: walks.nodes, places: walks.length + 1, within: 10)
/// let loss = model.loss(of: near, against: model.drawn(near, perPair: 1, from: stream))
/// ```
/// Shapes: `embedding.weight` [nodes, width].
///
/// Source: Grover and Leskovec, node2vec: Scalable Feature Learning for Networks, KDD 2016; Perozzi et al.,
/// DeepWalk, KDD 2014.
public struct Node2Vec: WalkModel {
  public let embedding: Embedding

  public init(nodes: Int, width: Int) { embedding = Embedding(nodes, width) }

  public var nodeCount: Int { embedding.weight.shape[0] }

  /// The rows of some nodes: [nodes, width].
  public func callAsFunction(_ nodes: [UInt32]) -> Tensor { embedding(nodes) }

  /// The same, of whatever type the nodes are: it has one only.
  public func callAsFunction(_ nodes: [UInt32], of type: NodeType) -> Tensor { self(nodes) }

  public func contexts(ofWalks walks: [UInt32], places: Int, within window: Int) -> NodePairs {
    .contexts(ofWalks: walks, places: places, within: window)
  }

  public func loss(of pairs: NodePairs, against others: NodePairs) -> Tensor {
    embedding.skipGramLoss(pairs, against: others)
  }

  /// So many pairs for each, of its source and a node that is drawn of all.
  public func drawn(_ pairs: NodePairs, perPair count: Int, from stream: RandomStream) -> NodePairs
  {
    var stream = stream
    return NodePairs(
      sources: pairs.sources.flatMap { repeatElement($0, count: count) },
      targets: (0..<count * pairs.count).map { _ in
        UInt32(stream.next(below: UInt64(nodeCount)))
      })
  }
}

/// Rows of nodes of several types, of walks along a path of types: ``Node2Vec`` whose table has a stretch for each
/// type.
///
/// Shapes: `embedding.weight` [nodes of all types of the path + 1, width], types in the order of their names; the last
/// row stands for no node, as in PyTorch Geometric.
///
/// Source: Dong, Chawla, Swami: metapath2vec: Scalable Representation Learning for Heterogeneous Networks, KDD 2017.
public struct MetaPath2Vec: WalkModel {
  public let embedding: Embedding
  /// The types of a walk's nodes, repeated in a circle.
  public let path: [NodeType]
  let stretches: PerNode<Range<UInt32>>

  /// - Parameters:
  ///   - path: types of a walk's nodes one after the other, each once for each step: of walks author, paper, venue,
  ///     paper, author... the first four.
  ///   - counts: nodes of each type of the path.
  public init(path: [NodeType], counts: PerNode<Int>, width: Int) {
    require(!path.isEmpty, "a path has types")
    var (stretches, count) = (PerNode<Range<UInt32>>(), 0)
    for type in Set(path).sorted(by: { $0.name < $1.name }) {
      guard let own = counts[optional: type] else {
        fatalError("the path passes '\(type)', and there are counts of \(counts.keys)")
      }
      stretches[type] = UInt32(count)..<UInt32(count + own)
      count += own
    }
    self.stretches = stretches
    self.path = path
    embedding = Embedding(count + 1, width)
  }

  /// The rows of the nodes of a type: [nodes, width].
  public func callAsFunction(_ nodes: [UInt32], of type: NodeType) -> Tensor {
    embedding(nodes.map { row(of: $0, type) })
  }

  private func row(of node: UInt32, _ type: NodeType) -> UInt32 {
    let stretch = stretches[type]
    require(node < stretch.count, "node \(node) of '\(type)' is none of \(stretch.count)")
    return stretch.lowerBound + node
  }

  /// Pairs of rows of the table that are near in walks; see ``NodePairs/contexts(ofWalks:places:within:)``.
  public func contexts(ofWalks walks: [UInt32], places: Int, within window: Int) -> NodePairs {
    let rows = walks.enumerated().map { index, node in
      node == NodePairs.noNode ? node : row(of: node, path[index % places % path.count])
    }
    return .contexts(ofWalks: rows, places: places, within: window)
  }

  /// So many pairs for each, of its source and a row that is drawn of those of the target's type.
  public func drawn(_ pairs: NodePairs, perPair count: Int, from stream: RandomStream) -> NodePairs
  {
    let own = stretches.map { $1 }
    var (stream, result) = (stream, NodePairs(sources: [], targets: []))
    for (source, target) in zip(pairs.sources, pairs.targets) {
      let stretch = own.first { $0.contains(target) }!
      for _ in 0..<count {
        result.sources.append(source)
        result.targets.append(
          stretch.lowerBound + UInt32(stream.next(below: UInt64(stretch.count))))
      }
    }
    return result
  }

  /// Pairs are of rows of the table.
  public func loss(of pairs: NodePairs, against others: NodePairs) -> Tensor {
    embedding.skipGramLoss(pairs, against: others)
  }
}

extension Embedding {
  fileprivate func skipGramLoss(_ pairs: NodePairs, against others: NodePairs) -> Tensor {
    func scores(_ pairs: NodePairs) -> Tensor {
      sum(self(pairs.sources) * self(pairs.targets), along: 1)
    }
    return contrastiveLoss(scores(pairs), against: scores(others))
  }
}

extension NodePairs {
  /// Stands in a walk for what is behind its end.
  public static let noNode = UInt32.max

  /// Each node of walks with those after it, as far as a window reaches.
  ///
  /// Only nodes whose window is whole are sources, so that each has as many. Pairs with ``noNode`` are left out.
  ///
  /// - Parameters:
  ///   - walks: one after the other, each of `places` nodes.
  ///   - window: nodes of a window, its first one included: from 2 to `places`.
  public static func contexts(
    ofWalks walks: [UInt32], places: Int, within window: Int
  ) -> NodePairs {
    require(
      places > 0 && walks.count.isMultiple(of: places) && (2...places).contains(window),
      "windows of \(window) over \(walks.count) nodes of walks of \(places)")
    var pairs = NodePairs(sources: [], targets: [])
    for first in stride(from: 0, to: walks.count, by: places) {
      for place in first...first + places - window where walks[place] != noNode {
        for other in walks[place + 1..<place + window] where other != noNode {
          pairs.sources.append(walks[place])
          pairs.targets.append(other)
        }
      }
    }
    return pairs
  }
}
