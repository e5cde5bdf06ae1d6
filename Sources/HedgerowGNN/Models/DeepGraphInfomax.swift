public import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// Deep graph infomax: an encoder learns rows of nodes that tell whether they come from the graph that a summary is
/// of, or from one whose features were shuffled.
///
/// The score of a row z with the summary s is z . W s; both graphs have the same mean of what is linear in features, so
/// that the encoder needs an activation somewhere. Shapes: as of the encoder, W [width, width]. Names:
/// `encoder...`, `weight` for W.
/// ```swift
/// let model = DeepGraphInfomax(encoder: GCN(1433, 512, layers: 2), width: 512).initialized(seed: 1)
/// let (loss, gradients) = valueWithGradients(at: model) {
///   model.loss(of: model.views(x, graph, shufflingBy: stream))
/// }
/// ```
/// Source: Velickovic et al., Deep Graph Infomax, ICLR 2019.
public struct DeepGraphInfomax<Encoder: NodeEncoder>: NodeEncoder {
  public let encoder: Encoder
  public let weight: Parameter

  /// What the loss compares.
  public struct Views: Sendable {
    /// Rows of the graph: [nodes, width].
    public var real: Tensor
    /// Rows of the graph whose nodes have the features of others.
    public var shuffled: Tensor
    /// Of the graph: [width].
    public var summary: Tensor

    public init(real: Tensor, shuffled: Tensor, summary: Tensor) {
      (self.real, self.shuffled, self.summary) = (real, shuffled, summary)
    }
  }

  /// - Parameter width: of the encoder's rows.
  public init(encoder: Encoder, width: Int) {
    self.encoder = encoder
    weight = Parameter(
      shape: [width, width], from: .uniform(bound: 1 / Float(max(1, width)).squareRoot()))
  }

  public func callAsFunction(_ x: Tensor, _ block: Block) -> Tensor { encoder(x, block) }

  /// Rows of the graph and of the shuffled one, and the summary: the sigmoid of the mean row.
  public func views(_ x: Tensor, _ block: Block, shufflingBy stream: RandomStream) -> Views {
    let order = NDArray<UInt32>.permutation(of: x.rowCount, from: stream).scalars
    return views(x, shuffled: x.gathered(rows: order), block)
  }

  /// The same with features that were corrupted in another way.
  public func views(_ x: Tensor, shuffled: Tensor, _ block: Block) -> Views {
    let real = encoder(x, block)
    return Views(
      real: real, shuffled: encoder(shuffled, block), summary: sigmoid(mean(real, along: 0)))
  }

  /// How well rows go with a summary, whose sigmoid is a probability: [nodes].
  public func scores(_ rows: Tensor, _ summary: Tensor) -> Tensor {
    let column = matmul(weight.value, summary.reshaped(to: [summary.count, 1]))
    return matmul(rows, column).reshaped(to: [rows.rowCount])
  }

  public func loss(of views: Views) -> Tensor {
    contrastiveLoss(
      scores(views.real, views.summary), against: scores(views.shuffled, views.summary))
  }
}
