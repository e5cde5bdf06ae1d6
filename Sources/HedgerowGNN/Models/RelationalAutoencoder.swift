import HedgerowCore
public import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// A knowledge graph whose nodes' rows come from two layers of ``RGCNConv`` over its facts, and whose facts are scored
/// by any ``KnowledgeGraphModel``.
/// ```swift
/// let model = RelationalAutoencoder(
///   nodes: 14_541, relations: 237, decoder: DistMult(nodes: 0, relations: 237, width: 200))
/// let (loss, gradients) = valueWithGradients(at: model, randomness: stream) {
///   let encoded = model.encoded(graph, types: types)
///   return encoded.loss(of: batch, against: encoded.corrupted(batch, from: stream))
/// }
/// ```
/// The decoder's own rows of nodes are not used: make it for none. Facts go both ways in the graph, backwards as
/// relations of their own, which the encoder counts beside the others. Names: `encoder.node_emb`, `encoder.conv1...`,
/// `encoder.conv2...`, `decoder...`.
///
/// Source: Schlichtkrull et al., Modeling Relational Data with Graph Convolutional Networks, ESWC 2018.
public struct RelationalAutoencoder<Decoder: KnowledgeGraphModel>: Module {
  public struct Options: Sendable {
    /// Rate of dropout between the layers, in training.
    public var dropout = 0.2
    /// Of the layers' weights.
    public var convolution = RGCNConv.Options()

    public init() {}
  }

  let encoder: Encoder
  public let decoder: Decoder
  let dropoutRate: Double

  struct Encoder: Module {
    let nodes: Parameter
    let conv1: RGCNConv
    let conv2: RGCNConv
    static var pathNames: [String: String] { ["nodes": "node_emb"] }
  }

  /// - Parameters:
  ///   - relations: of the graph; two for each of the decoder's when facts go both ways.
  ///   - decoder: whose rows of nodes are as wide as the layers.
  public init(nodes: Int, relations: Int, decoder: Decoder, options: Options = .init()) {
    let width = decoder.nodeWidth
    func layer() -> RGCNConv {
      RGCNConv(width, width, relations: relations, options: options.convolution)
    }
    encoder = Encoder(
      nodes: Parameter(shape: [nodes, width], from: .glorot), conv1: layer(), conv2: layer())
    self.decoder = decoder
    dropoutRate = options.dropout
  }

  /// The graph whose nodes have rows: a model that scores triples, draws false ones and ranks.
  ///
  /// - Parameter types: the relation of each of the block's edges.
  public func encoded(_ block: Block, types: [UInt32]) -> EncodedKnowledgeGraph<Decoder> {
    let x = encoder.nodes.value
    let hidden = encoder.conv1.terms(source: x, target: x, along: block, types: types)
      .evaluated(activation: .relu, dropout: dropoutRate)
    let rows = encoder.conv2.terms(source: hidden, target: hidden, along: block, types: types)
    return EncodedKnowledgeGraph(rows: rows.evaluated(), decoder: decoder)
  }
}

/// Rows of nodes that an encoder made, and what scores triples of them.
public struct EncodedKnowledgeGraph<Decoder: KnowledgeGraphModel>: KnowledgeGraphModel {
  /// [nodes, ``KnowledgeGraphModel/nodeWidth`` of the decoder]
  public let rows: Tensor
  public let decoder: Decoder

  public init(rows: Tensor, decoder: Decoder) {
    require(
      rows.shape.count == 2 && rows.shape[1] == decoder.nodeWidth,
      "rows of shape \(rows.shape) for a decoder of width \(decoder.nodeWidth)")
    self.rows = rows
    self.decoder = decoder
  }

  public var nodeCount: Int { rows.rowCount }
  public var nodeWidth: Int { decoder.nodeWidth }

  public func rows(of nodes: [UInt32]) -> Tensor { rows.gathered(rows: nodes) }

  public func score(heads: Tensor, relations: [UInt32], tails: Tensor) -> Tensor {
    decoder.score(heads: heads, relations: relations, tails: tails)
  }

  public func scores(
    _ queries: Tensor, relations: [UInt32], candidates: Tensor, for end: TripleEnd
  ) -> Tensor {
    decoder.scores(queries, relations: relations, candidates: candidates, for: end)
  }

  public func loss(_ scores: Tensor, against falseScores: Tensor) -> Tensor {
    decoder.loss(scores, against: falseScores)
  }
}
