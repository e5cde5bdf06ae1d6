public import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// A normal distribution of each row, its columns independent. Shapes: both [rows, width].
public struct NormalRows: Sendable {
  public var mean: Tensor
  /// The logarithm of the standard deviation, of which no more than 10 counts.
  public var logDeviation: Tensor

  public init(mean: Tensor, logDeviation: Tensor) {
    self.mean = mean
    self.logDeviation = minimum(logDeviation, Tensor(10))
  }

  /// Rows that are drawn in training, and otherwise the means.
  public func sample() -> Tensor {
    guard let stream = Training.nextStream() else { return mean }
    return mean + Tensor.normal(mean.shape, from: stream) * exp(logDeviation)
  }

  /// The Kullback-Leibler divergence from the standard normal distribution, the mean over rows.
  public var divergence: Tensor {
    if mean.rowCount == 0 { return Tensor(0) }
    let terms = 1 + 2 * logDeviation - square(mean) - square(exp(logDeviation))
    return -0.5 * HedgerowTensor.mean(sum(terms, along: 1))
  }
}

/// What gives each node a distribution of rows.
public protocol VariationalEncoder: Module {
  func callAsFunction(_ x: Tensor, _ block: Block) -> NormalRows
}

/// A graph convolution with relu, then one for means and one for deviations: the encoder of the paper.
///
/// For whole graphs. Names: `conv1`, `conv_mu`, `conv_logstd`.
public struct VariationalGCN: VariationalEncoder {
  let hidden: GCNConv
  let mean: GCNConv
  let logDeviation: GCNConv
  public static let pathNames = [
    "hidden": "conv1", "mean": "conv_mu", "logDeviation": "conv_logstd",
  ]

  public init(_ width: Int, _ hiddenWidth: Int, outputs: Int) {
    hidden = GCNConv(width, hiddenWidth)
    mean = GCNConv(hiddenWidth, outputs)
    logDeviation = GCNConv(hiddenWidth, outputs)
  }

  public func callAsFunction(_ x: Tensor, _ block: Block) -> NormalRows {
    let h = hidden.terms(source: x, target: x, along: block).evaluated(activation: .relu)
    return NormalRows(mean: mean(h, block), logDeviation: logDeviation(h, block))
  }
}

/// A variational graph autoencoder: rows of nodes are drawn, in training, from distributions that an encoder gives.
///
/// Its loss is that of the links plus the divergence of the distributions from the standard normal one, divided by
/// the number of nodes. Names: `encoder...`, `decoder...`.
///
/// Source: Kipf and Welling, Variational Graph Auto-Encoders, 2016.
public struct VGAE<Encoder: VariationalEncoder, Decoder: PairDecoder>: NodeEncoder {
  public let encoder: Encoder
  public let decoder: Decoder

  public init(encoder: Encoder, decoder: Decoder) {
    self.encoder = encoder
    self.decoder = decoder
  }

  /// Drawn rows, or in evaluation the means.
  public func callAsFunction(_ x: Tensor, _ block: Block) -> Tensor { encoder(x, block).sample() }

  /// The loss of links that are there and of pairs that are none, and of the nodes' distributions.
  public func loss(
    of links: NodePairs, against others: NodePairs, _ nodes: NormalRows
  ) -> Tensor {
    decoder.loss(of: links, against: others, nodes.sample())
      + nodes.divergence / Float(max(1, nodes.mean.rowCount))
  }
}

extension VGAE where Decoder == InnerProductDecoder {
  public init(encoder: Encoder) { self.init(encoder: encoder, decoder: InnerProductDecoder()) }
}
