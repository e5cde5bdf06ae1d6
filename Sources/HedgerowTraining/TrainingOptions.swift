public import HedgerowCore
public import HedgerowGNN
public import HedgerowLoader
public import HedgerowSampling
public import HedgerowTensor

/// How to train a classifier of nodes.
public struct TrainingOptions: Codable, Hashable, Sendable {
  /// What one step of training sees.
  public enum Mode: String, Codable, Hashable, Sendable {
    /// Neighborhoods sampled around a batch of seeds, streamed from the store.
    case sampled
    /// All nodes and edges, held in memory: one step an epoch.
    case fullBatch
    /// Batches of whole graphs, which are the nodes of the target's type.
    case graphs
  }

  /// Which epoch's weights are kept, by metrics on the validation set.
  public enum Criterion: String, Codable, Hashable, Sendable, CaseIterable {
    /// The highest accuracy, then the lowest loss.
    case accuracy
    case loss
  }

  /// What follows each layer but the last.
  public enum Activation: String, Codable, Hashable, Sendable, CaseIterable {
    case relu, elu
  }

  /// What is done to the inputs before a model sees them.
  public enum InputScaling: String, Codable, Hashable, Sendable, CaseIterable {
    case none
    /// Each node's row of features is divided by its Euclidean length.
    case length
    /// Each node's row of features is divided by the sum of its magnitudes.
    case sum
    /// ``length`` for node types whose features are not negative, as counts of words are; elsewhere
    /// a row's length may say something, and it stays.
    case automatic
    /// ``sum`` for node types whose features are not negative.
    case automaticSum = "automatic-sum"

    var isAutomatic: Bool { self == .automatic || self == .automaticSum }
    /// Whether rows that are scaled are divided by their sum.
    var isOfSum: Bool { self == .sum || self == .automaticSum }
  }

  /// How labels spread.
  public struct Propagation: Codable, Hashable, Sendable {
    public var steps = 50
    public var alpha: Float = 0.8

    public init() {}

    var isSound: Bool { (1...10_000).contains(steps) && (0...1).contains(alpha) }
  }

  public var model: Model
  public var mode: Mode
  /// Neighbors to sample at each hop, one hop a layer, or what ``subgraphs`` takes at each; unused in full-batch
  /// training.
  public var fanouts = [15, 10]
  /// Seeds in a batch, or graphs.
  public var batchSize = 1024
  /// Which neighbors are taken; `nil`, as in models of older versions, takes all alike.
  public var sampling: SamplingOptions?
  /// What makes the subgraphs of batches; `nil`, as in models of older versions, samples neighbors. What makes them
  /// around seeds does so in evaluation and prediction, too; where batches are made of the whole graph, models are
  /// evaluated on sampled neighbors.
  public var subgraphs: SubgraphChoice?
  /// How often seeds are drawn by their class; `nil` takes each once an epoch.
  public var classWeights: ClassWeights?
  public var layerCount = 2
  public var hiddenWidth = 64
  /// Most epochs to run.
  public var epochs = 200
  public var learningRate: Float = 0.01
  public var dropout = 0.5
  /// `nil`, as in models of older versions, is ``Activation/relu``.
  public var activation: Activation?
  /// Of `label-propagation` and `correct-and-smooth`: steps along edges, and the share of its neighbors in what becomes
  /// of a node in each; `nil` for the defaults.
  public var propagation: Propagation?
  /// The columns of vectors that are the places of nodes, by their type, of models of points.
  public var positions: PerNode<String>?
  /// How far around a point others count; `nil` for the model's default.
  public var radius: Float?
  /// What a node has of all layers; `nil` for the last layer, or for the readout of each.
  public var jumping: JumpingKnowledge.Mode?
  /// What a graph has of its nodes' features, of ``Mode/graphs``.
  public var readout: NodeNetwork.Readout?
  public var inputScaling = InputScaling.automatic
  /// Rate of dropout of the inputs.
  public var inputDropout = 0.0
  public var weightDecay: Float = 5e-4
  /// Matrices that the relations of `rgcn` share; `nil` gives each relation one of its own.
  public var bases: Int?
  /// Of `han`, as `paper:has:author:rev_has:paper`; `nil` takes all of two relations that begin and end at the
  /// target's type.
  public var metapaths: [String]?
  /// Which epoch's weights are kept; `nil`, as in models of older versions, is ``Criterion/accuracy``.
  public var criterion: Criterion?
  /// Epochs without a better one after which training stops.
  public var patience = 50
  /// Feature columns by node type; `nil` takes every column of vectors named `x`.
  public var inputs: PerNode<[String]>?
  /// Columns of one value a node that are encoded, by node type, with what their training sets say.
  public var encodings: PerNode<[ColumnEncoding]>?
  /// Whether every relation is also used backwards.
  public var usesReverseRelations = true
  /// What factors of matrix products are rounded to, in training and afterwards; `nil`, as in models of
  /// older versions, is ``Precision/float32``. Losses are scaled for ``Precision/float16`` (`LossScaler`).
  public var precision: Precision?
  public var seed: UInt64 = 0
  /// Takes those nodes of the training set only for which this holds, as ``Filter/init(_:)`` reads it.
  public var filter: String?

  /// The defaults of a model in a mode. They were chosen on validation sets alone (`docs/results.md`), or are those of
  /// a paper.
  public init(model: Model = .sage, mode: Mode = .sampled) {
    self.model = model
    self.mode = mode
    switch mode {
    case .sampled: break
    case .fullBatch:
      inputDropout = 0.5
      epochs = 300
      patience = 100
    case .graphs:
      readout = .sum
      fanouts = []
      batchSize = 32
      layerCount = 3
      learningRate = 0.001
      weightDecay = 0
      inputScaling = .none
      patience = 100
    }
    if model == .han { layerCount = 1 }
    if model == .sign { layerCount = 4 }
    if model == .linkx { (layerCount, dropout) = (1, 0.7) }
    if mode == .fullBatch && model == .unet { layerCount = 3 }
    if mode == .fullBatch && model == .gps { dropout = 0.7 }
    if !model.isTrained { epochs = 0 }
    if model.spreadsLabels { propagation = Propagation() }
    if mode == .fullBatch && (model == .gat || model == .gatv2) {
      // Those of the paper of GAT.
      (learningRate, dropout, inputDropout, activation) = (0.005, 0.6, 0.6, .elu)
      (inputScaling, criterion, epochs) = (.automaticSum, .loss, 1000)
    }
  }

  /// - Throws: `usage` when ``filter`` is none.
  var seedFilter: Filter? { get throws { try filter.map { try Filter($0) } } }

  /// Whether samples have the layers that the model has.
  var hasHopsOfLayers: Bool {
    switch sampling?.edges ?? .sampled {
    case .sampled: fanouts.count == layerCount
    case .induced(let layers), .bidirectional(let layers):
      layers == layerCount && !fanouts.isEmpty
    }
  }

  /// Whether what says which neighbors are taken is of what makes the subgraphs.
  var hasSamplingOfSubgraphs: Bool {
    guard let subgraphs, var sampling else { return true }
    if case .pagerank = subgraphs { sampling.trees = .merged }
    return sampling == SamplingOptions()
  }

  /// Whether it is known how likely a node is to be in a batch.
  public var knowsInclusion: Bool { subgraphs == nil && (sampling?.edges ?? .sampled) == .sampled }

  /// Whether a network can be built of these.
  var isSound: Bool {
    (1...64).contains(layerCount) && (1...65536).contains(hiddenWidth)
      && (0..<1).contains(dropout) && (0..<1).contains(inputDropout)
      && (!model.hasHeads || hiddenWidth.isMultiple(of: network.heads))
      && (bases.map { (1...65536).contains($0) } ?? true)
      && (propagation != nil) == model.spreadsLabels && (propagation?.isSound ?? true)
      && (radius.map { $0 > 0 && $0 < 1e18 } ?? true)
      && (jumping != .lstm || layerCount * hiddenWidth > 1)
      && (subgraphs?.isSound ?? true) && hasSamplingOfSubgraphs
      && fanouts.allSatisfy { $0 >= (subgraphs?.isOfHops == true ? 1 : -1) }
      && (readout != nil) == (mode == .graphs)
  }
}
