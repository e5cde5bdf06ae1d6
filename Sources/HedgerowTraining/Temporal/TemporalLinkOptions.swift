/// How to train a ``TemporalLinkPredictor``.
public struct TemporalLinkOptions: Codable, Hashable, Sendable {
  /// The links' column of times; `nil` takes that which their type declares.
  public var timeColumn: String?
  /// A column of the links' type that says of each whether it is of the training, validation or test set.
  public var splitColumn = "split"
  /// Columns of numbers of the links' type: what is known of an event once it has happened.
  public var messageColumns: [String] = []
  /// Width of a node's memory, of times as the network sees them, and of nodes' rows.
  public var width = 100
  /// Last events of a node that its row is made of.
  public var neighborCount = 10
  /// Events in a batch; what a batch is told of the past ends before its first one.
  public var batchSize = 200
  /// Other targets for each event, which it stands against in training.
  public var negativeCount = 1
  public var epochs = 50
  /// Epochs without a better one after which training stops.
  public var patience = 10
  public var learningRate: Float = 0.001
  /// Rate of dropout of attention.
  public var dropout = 0.1
  /// By what the best epoch is chosen on the validation set.
  public var criterion = LinkMetric.averagePrecision
  /// Nodes among which a link is ranked, drawn from the seed; 0 ranks it among all.
  public var candidateCount = 100
  public var seed: UInt64 = 0

  public init() {}

  /// Whether a model can be built of these.
  var isSound: Bool {
    (2...65536).contains(width) && width.isMultiple(of: 2)
      && (1...10_000).contains(neighborCount) && (1...1 << 20).contains(batchSize)
      && (1...10_000).contains(negativeCount) && candidateCount >= 0
      && (0..<1).contains(dropout) && LinkRanking.Scope.pairs.metrics.contains(criterion)
  }
}
