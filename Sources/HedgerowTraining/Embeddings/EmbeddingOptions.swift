public import HedgerowCore

/// How to learn rows of nodes without labels.
public struct EmbeddingOptions: Codable, Hashable, Sendable {
  public enum Model: String, Codable, Hashable, Sendable, CaseIterable {
    /// Nodes that walks pass one after the other have rows that are alike (``Node2Vec``).
    case node2vec
    /// The same along a path of types (``MetaPath2Vec``).
    case metapath2vec
    /// An encoder that tells the graph's features from shuffled ones (``DeepGraphInfomax``).
    case dgi
  }

  public var model: Model
  /// Width of a node's row.
  public var width = 128
  /// Along what walks go, from the type and back to it, as `author:writes:paper:rev_writes:author`; `nil` takes the one
  /// relation within the type, or of `metapath2vec` the one chain of two that there is.
  public var path: String?
  /// Steps of a walk.
  public var steps = 20
  public var walksPerNode = 10
  /// Nodes of a walk that count as near, the first one included.
  public var window = 10
  /// Pairs that are drawn for each that is near.
  public var negativeCount = 1
  /// Above 1, walks of `node2vec` turn back more seldom.
  public var returning = 1.0
  /// Below 1, walks of `node2vec` go outward.
  public var leaving = 1.0
  /// Layers of `dgi`'s encoder.
  public var layerCount = 2
  /// Feature columns of `dgi` by node type; `nil` takes columns of vectors named `x`.
  public var inputs: PerNode<[String]>?
  public var epochs = 5
  /// Nodes that walks of a step start from.
  public var batchSize = 128
  public var learningRate: Float = 0.01
  public var seed: UInt64 = 0

  public init(model: Model) {
    self.model = model
    if model == .dgi { (epochs, learningRate) = (200, 0.001) }
  }

  var isSound: Bool {
    (1...65536).contains(width) && (1...10_000).contains(steps)
      && (1...10_000).contains(walksPerNode)
      && (2...steps + 1).contains(window) && (1...10_000).contains(negativeCount)
      && returning > 0 && leaving > 0 && returning.isFinite && leaving.isFinite
      && (1...64).contains(layerCount) && batchSize > 0
  }
}
