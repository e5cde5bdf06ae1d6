/// How to train learned rows of nodes and relations that tell true triples from false ones.
public struct KnowledgeGraphOptions: Codable, Hashable, Sendable {
  public enum Model: String, Codable, Hashable, Sendable, CaseIterable {
    case transe, distmult, complex, rotate

    /// Whether rows are complex numbers, real and imaginary parts side by side.
    var isComplex: Bool { self == .complex || self == .rotate }
  }

  public var model: Model
  /// Width of nodes' rows, both parts of complex numbers together.
  public var width = 200
  /// A column of each edge type that says of each edge whether it is of the training, validation or test set.
  public var splitColumn = "split"
  /// A categorical column that says which relation each edge is, where one edge type has several; `nil` makes each type
  /// one relation.
  public var relationColumn: String?
  /// False triples for each true one, half of them with another head, half with another tail as a rule.
  public var negativeCount = 1
  public var batchSize = 1024
  public var epochs = 100
  /// Epochs without a better one after which training stops.
  public var patience = 20
  public var learningRate: Float = 0.01
  /// By what the best epoch is chosen on the validation set.
  public var criterion = LinkMetric.meanReciprocalRank
  /// Triples of the validation set that are ranked after each epoch, drawn from the seed; 0 ranks all.
  public var validationCount = 1000
  public var seed: UInt64 = 0

  public init(model: Model) {
    self.model = model
    switch model {
    case .transe: learningRate = 0.01
    case .distmult, .complex, .rotate: learningRate = 0.003
    }
  }

  /// Whether a model can be built of these.
  var isSound: Bool {
    (1...65536).contains(width) && (!model.isComplex || width.isMultiple(of: 2))
      && (1...10_000).contains(negativeCount) && batchSize > 0 && validationCount >= 0
  }
}
