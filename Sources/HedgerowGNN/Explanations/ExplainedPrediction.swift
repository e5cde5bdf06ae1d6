import HedgerowCore
public import HedgerowGraph
public import HedgerowTensor

/// Classes that a model gives to rows, and all that it is computed from: what explanations are of.
///
/// ```swift
/// let prediction = ExplainedPrediction(of: [17], x, block) { x, block, weights in
///   layers.reduce(x) { relu($1($0, block, weights: weights)) }
/// }
/// let explanation = GNNExplainer()(prediction, seed: 1)
/// explanation.strongestEdges(6)
/// ```
/// The model is any closure; the weights of edges reach layers as ``EdgeWeightedConvolution`` takes them. It runs
/// outside of training, so that nothing is dropped.
public struct ExplainedPrediction {
  /// Logits [rows, classes] from features [sources, width] and the weights of a block's entries, [edges].
  public typealias Model = (_ x: Tensor, _ block: Block, _ weights: Tensor) -> Tensor

  public let model: Model
  public let x: Tensor
  /// Its entries are its edges: of a block that numbers its edges otherwise, the same without these numbers.
  public let block: Block
  public let weights: Tensor
  /// Which rows of the logits are explained.
  public let rows: [UInt32]
  /// The class of each that is explained.
  public let classes: [Int32]

  /// - Parameters:
  ///   - rows: those of the logits that are explained; of a model of whole graphs its graphs.
  ///   - weights: of the block's entries; ones where they are `nil`.
  ///   - classes: one for each of the rows; those that the model gives where they are `nil`.
  public init(
    of rows: [UInt32], _ x: Tensor, _ block: Block, weights: Tensor? = nil,
    classes: [Int32]? = nil, by model: @escaping Model
  ) {
    self.model = model
    self.x = x.detached
    self.block = block.numberedByEntries
    self.weights = (weights ?? .ones([block.edgeCount])).detached
    require(
      self.weights.shape == [block.edgeCount],
      "weights of shape \(self.weights.shape) for \(block.edgeCount) edges")
    self.rows = rows
    let known = classes ?? Self.classes(model(self.x, self.block, self.weights), rows)
    require(known.count == rows.count, "\(known.count) classes for \(rows.count) rows")
    self.classes = known
  }

  /// The class of the largest logit of each row.
  static func classes(_ logits: Tensor, _ rows: [UInt32]) -> [Int32] {
    let chosen = logits.gathered(rows: rows)
    return topK(chosen, 1).places.scalars
  }

  /// The logits of the rows that are explained, of features and weights that take the place of its own.
  func logits(_ x: Tensor, _ weights: Tensor) -> Tensor {
    model(x, block, weights).gathered(rows: rows)
  }

  /// The sum of the logits of the classes that are explained.
  func score(_ x: Tensor, _ weights: Tensor) -> Tensor {
    sum(logits(x, weights).picked(NDArray(classes, shape: [classes.count, 1]), along: 1))
  }
}

/// How much the inputs of a prediction matter to it.
public struct Explanation: Sendable {
  /// Of each entry of the block: [edges]; `nil` where it says nothing of them.
  public var edges: Tensor?
  /// Of each number of the features: [sources, width]; `nil` where it says nothing of them.
  public var features: Tensor?

  public init(edges: Tensor? = nil, features: Tensor? = nil) {
    self.edges = edges
    self.features = features
  }

  /// The entries that matter most, falling, so many; of equals the first.
  public func strongestEdges(_ count: Int) -> [UInt32] {
    guard let edges else { return [] }
    let numbers = edges.scalars
    return numbers.indices.sorted { (-numbers[$0], $0) < (-numbers[$1], $1) }.prefix(count)
      .map { UInt32($0) }
  }

  /// The same with one for the entries that matter most, so many, and zero for the others.
  public func keepingEdges(_ count: Int) -> Explanation {
    guard let edges else { return self }
    var numbers = [Float](repeating: 0, count: edges.count)
    for entry in strongestEdges(count) { numbers[Int(entry)] = 1 }
    return Explanation(edges: Tensor(numbers), features: features)
  }
}
