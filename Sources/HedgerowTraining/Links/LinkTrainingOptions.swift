public import HedgerowSampling

/// How to train a model that tells which links are there.
public struct LinkTrainingOptions: Codable, Hashable, Sendable {
  /// Where rows of nodes come from.
  public enum Model: String, Codable, Hashable, Sendable, CaseIterable {
    /// A ``NodeNetwork`` of any architecture over sampled neighborhoods.
    case network
    /// Graph convolutions (Kipf and Welling, Variational Graph Auto-Encoders, 2016).
    case gae
    /// The same, whose rows are drawn from normal distributions in training.
    case vgae
    /// Learned rows, smoothed over the whole graph of the links (``LightGCN``).
    case lightgcn
  }

  /// What tells from the rows of two nodes whether they are linked.
  public enum Decoder: String, Codable, Hashable, Sendable, CaseIterable {
    /// Their product.
    case dot
    case distmult, complex, rotate, transe

    /// Whether rows are complex numbers, real and imaginary parts side by side.
    var isComplex: Bool { self == .complex || self == .rotate }
  }

  /// Where the targets of pairs that are none come from.
  public enum Negatives: String, Codable, Hashable, Sendable, CaseIterable {
    /// All nodes of the target's type alike.
    case uniform
    /// In proportion to the links that arrive at them.
    case degree
    /// The targets of the batch's other links.
    case inBatch = "in-batch"

    /// As samplers take it.
    public var distribution: NegativeSampling.Distribution {
      switch self {
      case .uniform: .uniform
      case .degree: .byDegree
      case .inBatch: .inBatch
      }
    }
  }

  public var model: Model
  public var decoder = Decoder.dot
  /// The network, and how it is trained: ``TrainingOptions/batchSize`` counts links, and
  /// ``TrainingOptions/hiddenWidth`` is that of nodes' rows, too.
  public var training: TrainingOptions
  /// A column of the links' type that says of each whether it is of the training, validation or test set.
  public var splitColumn = "split"
  /// Pairs that are none for each link, with its source.
  public var negativeCount = 1
  public var negatives = Negatives.uniform
  /// By what the best epoch is chosen on the validation set.
  public var criterion = LinkMetric.meanReciprocalRank
  /// Nodes among which a link is ranked, drawn from the seed; 0 ranks it among all.
  public var candidateCount = 1000

  /// - Parameter network: of ``Model/network``.
  public init(model: Model = .network, network: TrainingOptions = TrainingOptions()) {
    self.model = model
    training = network
    training.dropout = 0
    training.weightDecay = 0
    training.patience = 20
    training.epochs = 100
    switch model {
    case .network: break
    case .gae, .vgae: training.model = .gcn
    case .lightgcn:
      training.layerCount = 3
      training.fanouts = []
      training.batchSize = 2048
      training.learningRate = 0.005
      // Of the loss, not the optimizer.
      training.weightDecay = 1e-4
    }
  }

  /// Whether a model can be built of these.
  var isSound: Bool {
    training.isSound && negativeCount >= 1 && candidateCount >= 0
      && (model != .lightgcn || decoder == .dot)
      && (!decoder.isComplex || training.hiddenWidth.isMultiple(of: 2))
      && training.mode == .sampled && training.model.modes.contains(.sampled)
      && (model == .lightgcn || training.fanouts.count == training.layerCount)
  }
}
