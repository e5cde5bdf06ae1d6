public import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// How likely two nodes are joined, from their rows.
public protocol PairDecoder: Module {
  /// A score of each pair, whose sigmoid is its probability. Shapes: z [nodes, width], result [pairs].
  func callAsFunction(_ z: Tensor, _ pairs: NodePairs) -> Tensor
}

extension PairDecoder {
  /// The loss of links that are there, and of pairs that are none: their mean binary cross entropies, added.
  public func loss(of links: NodePairs, against others: NodePairs, _ z: Tensor) -> Tensor {
    contrastiveLoss(self(z, links), against: self(z, others))
  }
}

/// z_s . z_t
///
/// Source: Kipf and Welling, Variational Graph Auto-Encoders, 2016.
public struct InnerProductDecoder: PairDecoder {
  public init() {}

  public func callAsFunction(_ z: Tensor, _ pairs: NodePairs) -> Tensor { innerProducts(z, pairs) }

  /// The scores of all pairs: [nodes, nodes].
  public func scoresOfAll(_ z: Tensor) -> Tensor { matmul(z, z.transposed()) }
}

/// A graph autoencoder: an encoder makes rows of nodes from which a decoder tells the graph's links.
/// ```swift
/// let model = GAE(encoder: GCN(1433, 32, layers: 2, outputs: 16)).initialized(seed: 1)
/// let links = NodePairs(edgesOf: graph)
/// let (loss, gradients) = valueWithGradients(at: model) {
///   model.loss(of: links, against: .withoutEdge(in: graph, count: links.count, from: stream), model(x, graph))
/// }
/// ```
/// Shapes: as of the encoder. Names: `encoder...`, `decoder...`.
///
/// Source: Kipf and Welling, Variational Graph Auto-Encoders, 2016.
public struct GAE<Encoder: NodeEncoder, Decoder: PairDecoder>: NodeEncoder {
  public let encoder: Encoder
  public let decoder: Decoder

  public init(encoder: Encoder, decoder: Decoder) {
    self.encoder = encoder
    self.decoder = decoder
  }

  /// The rows of nodes that the decoder takes.
  public func callAsFunction(_ x: Tensor, _ block: Block) -> Tensor { encoder(x, block) }

  /// The loss of links that are there, and of pairs that are none, by the encoder's rows z.
  public func loss(of links: NodePairs, against others: NodePairs, _ z: Tensor) -> Tensor {
    decoder.loss(of: links, against: others, z)
  }
}

extension GAE where Decoder == InnerProductDecoder {
  public init(encoder: Encoder) { self.init(encoder: encoder, decoder: InnerProductDecoder()) }
}
