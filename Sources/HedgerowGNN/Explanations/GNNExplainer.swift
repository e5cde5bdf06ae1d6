import HedgerowCore
import HedgerowGraph
import HedgerowNN
import HedgerowTensor

/// Masks of edges and features with which a model still predicts what it does, as small and as clear-cut as that
/// allows.
///
/// Least of: -log of the class's probability where features and weights of edges are multiplied by sigmoid(mask), plus
/// for edges and for features a size and an entropy of the masks, each times its factor. The entropy of m is
/// -m log m - (1 - m) log(1 - m). Entries and features that no gradient reaches in the first step count in neither
/// and come out as zero.
///
/// Source: Ying et al., GNNExplainer: Generating Explanations for Graph Neural Networks, NeurIPS 2019; settings as
/// `GNNExplainer` of PyTorch Geometric has them.
public struct GNNExplainer: Sendable {
  /// What a mask of features has numbers for.
  public enum FeatureMask: Sendable {
    case none
    /// Each feature of each node.
    case each
    /// Each column, the same for all nodes.
    case columns
    /// Each node, the same for all of its features.
    case nodes
  }

  public var features = FeatureMask.each
  public var stepCount = 100
  /// Of Adam.
  public var learningRate = 0.01
  /// Of the sum of the edges' masks.
  public var edgeSize: Float = 0.005
  /// Of the mean entropy of the edges' masks.
  public var edgeEntropy: Float = 1
  /// Of the mean of the features' masks.
  public var featureSize: Float = 1
  /// Of the mean entropy of the features' masks.
  public var featureEntropy: Float = 0.1
  /// Of the normal noise that masks begin with; 0 begins all entries alike, and no seed matters.
  public var noise: Float = 1

  public init() {}

  /// Masks in 0...1: of each edge, and of each feature unless there is no mask for them.
  ///
  /// - Parameter seed: decides what masks begin from.
  public func callAsFunction(_ prediction: ExplainedPrediction, seed: UInt64) -> Explanation {
    let masks = Masks(
      prediction, features, noise: noise, RandomStream(seed: seed).derive("explainer"))
    var optimizer = Adam(learningRate: learningRate)
    for step in 0..<stepCount {
      let gradients = valueWithGradients(at: masks) { loss(prediction, masks, step) }.gradients
      if step == 0 { masks.reached.note(gradients, masks) }
      optimizer.update(masks, along: gradients)
    }
    func mask(_ parameter: Parameter, _ reached: [UInt32]) -> Tensor {
      let kept = sigmoid(parameter.value).scalars
      var numbers = [Float](repeating: 0, count: kept.count)
      for place in reached { numbers[Int(place)] = kept[Int(place)] }
      return Tensor(numbers, shape: parameter.shape)
    }
    return Explanation(
      edges: mask(masks.edges, masks.reached.edges),
      features: masks.features.map {
        mask($0, masks.reached.features).broadcast(to: prediction.x.shape)
      })
  }

  private func loss(_ prediction: ExplainedPrediction, _ masks: Masks, _ step: Int) -> Tensor {
    let weights = prediction.weights * sigmoid(masks.edges.value)
    let x = masks.features.map { prediction.x * sigmoid($0.value) } ?? prediction.x
    var loss = crossEntropy(prediction.logits(x, weights), prediction.classes)
    guard step > 0 else { return loss }
    let reached = masks.reached
    if !reached.edges.isEmpty {
      let kept = sigmoid(masks.edges.value.gathered(rows: reached.edges))
      loss = loss + edgeSize * sum(kept) + edgeEntropy * entropy(kept)
    }
    if let features = masks.features, !reached.features.isEmpty {
      let kept = sigmoid(
        features.value.reshaped(to: [features.count]).gathered(rows: reached.features))
      loss = loss + featureSize * mean(kept) + featureEntropy * entropy(kept)
    }
    return loss
  }

  private func entropy(_ mask: Tensor) -> Tensor {
    let least: Float = 1e-15
    return -mean(mask * log(mask + least) + (1 - mask) * log(1 - mask + least))
  }
}

private struct Masks: Module {
  let edges: Parameter
  let features: Parameter?
  let reached = Reached()

  init(
    _ prediction: ExplainedPrediction, _ kind: GNNExplainer.FeatureMask, noise: Float,
    _ stream: RandomStream
  ) {
    let (nodes, width) = (prediction.x.rowCount, prediction.x.width)
    edges = Parameter(
      Tensor.normal(
        [prediction.block.edgeCount], deviation: noise * (2 / Float(max(1, nodes))).squareRoot(),
        from: stream.derive("edges")))
    let shape: [Int]? =
      switch kind {
      case .none: nil
      case .each: [nodes, width]
      case .columns: [1, width]
      case .nodes: [nodes, 1]
      }
    features = shape.map {
      Parameter(Tensor.normal($0, deviation: noise * 0.1, from: stream.derive("features")))
    }
  }

  /// Places of the masks that the first gradient was not zero at.
  ///
  /// `@unchecked Sendable`: only the explainer that made it sees it, on one thread.
  final class Reached: @unchecked Sendable {
    private(set) var edges: [UInt32] = []
    private(set) var features: [UInt32] = []

    func note(_ gradients: Gradients, _ masks: Masks) {
      func places(_ parameter: Parameter?) -> [UInt32] {
        guard let parameter, let gradient = gradients[parameter]?.scalars else { return [] }
        return gradient.indices.filter { gradient[$0] != 0 }.map { UInt32($0) }
      }
      edges = places(masks.edges)
      features = places(masks.features)
    }
  }
}
