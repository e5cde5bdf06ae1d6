import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowLoader
import HedgerowMapped
import HedgerowRoaring
import HedgerowStore
import HedgerowTensor

/// What a model takes in at once, and what it should say.
struct NodeBatch {
  let features: PerNode<Tensor>
  let blocks: [HeteroBlock]
  let nodes: PerNode<[UInt32]>
  /// The rows of the result that are asked for; `nil` for all.
  let places: [UInt32]?
  /// One for each of these rows, -1 for none.
  let labels: [Int32]
  /// What the loss of each counts; empty where all count alike.
  var weights: [Float] = []
  let randomness: RandomStream
  var seconds = StageSeconds()
  var rows = RowCounts()

  /// Shape [rows, classes].
  func logits(_ network: any BatchNetwork) -> Tensor {
    let logits = network(features, blocks, nodes: nodes)
    return places.map { logits.gathered(rows: $0) } ?? logits
  }

  /// The mean over the labelled rows, by their weights; 0 when none is labelled.
  func loss(of logits: Tensor) -> Tensor {
    guard !weights.isEmpty else { return crossEntropy(logits, labels) }
    let losses = crossEntropy(logits, labels, reduction: .none)
    let total = zip(labels, weights).reduce(Float(0)) { $0 + ($1.0 >= 0 ? $1.1 : 0) }
    return sum(losses * Tensor(weights)) * (total > 0 ? 1 / total : 0)
  }
}

/// Where a model's batches come from: sampled around seeds, made of the whole graph part by part, of many graphs, or the
/// whole graph, read once.
struct NodeBatches {
  private let model: NodeClassifier
  private let graph: Snapshot
  private let batchSize: Int
  private let resources: TrainingResources
  private let readsFeatures: Bool
  private let whole: WholeNodes?
  /// Of training from samples. One for all epochs, so that it looks for its seeds once.
  private(set) var loader: NeighborLoader<Snapshot>?
  /// Of training from graphs, or from parts of the whole graph.
  private let otherLoader: (any BatchLoader<Batch>)?
  /// Of these parts the nodes that are learned from; `nil` where that is every seed.
  private let learned: RoaringBitmap?
  /// The epochs before this one are packed, as far as it pays.
  private var packedEpochEnd = 0
  private(set) var secondsOfPacking = 0.0
  private(set) var packedByteCount = 0
  /// Held for the rows of features that are kept in memory, or for what is known of the whole graph.
  private let share: MemoryBudget.Reservation?
  var pinnedByteCount: Int { loader?.options.pinnedRows?.byteCount ?? 0 }
  /// What makes training's batches; `nil` where these are the whole graph.
  var trainingLoader: (any BatchLoader<Batch>)? { loader ?? otherLoader }
  /// Threads that make training's batches.
  var loaderThreads: Int { trainingLoader?.options.threads ?? 0 }

  /// - Parameters:
  ///   - trainingEpochs: of the training that is to come; `nil` where none is.
  ///   - readsFeatures: whether rows of features are what the store has, and not ones, of which none is kept, of
  ///     sampled batches.
  init(
    _ model: NodeClassifier, _ graph: Snapshot, batchSize: Int, resources: TrainingResources,
    trainingEpochs: Int? = nil, readsFeatures: Bool = true
  ) throws {
    self.model = model
    self.graph = graph
    self.batchSize = batchSize
    self.resources = resources
    self.readsFeatures = readsFeatures
    whole =
      model.specification.options.mode == .fullBatch
      ? try WholeNodes(model, graph, resources) : nil
    let target = NodeType(model.specification.targetType)
    let filter = try model.specification.options.seedFilter
    guard whole == nil, let trainingEpochs else {
      (loader, otherLoader, learned, share) = (nil, nil, nil, nil)
      return
    }
    if let subgraphs = model.specification.options.subgraphs, !subgraphs.isOfSeeds {
      share = try resources.budget.reserve(
        subgraphs.loaderByteCount(graph, threads: resources.threads),
        for: "drawing or dividing the nodes")
      otherLoader = try model.wholeLoader(
        graph, resources: resources, labels: model.specification.targetColumn,
        readsFeatures: readsFeatures)
      learned = try graph.members(of: "train", of: target, where: filter)
      loader = nil
      return
    }
    learned = nil
    var seeds =
      filter.map { .nodes(target, in: "train", where: $0) } ?? Seeds.nodes(target, in: "train")
    if let weights = model.specification.options.classWeights {
      seeds = seeds.weighted(by: model.specification.targetColumn, weights)
    }
    if model.specification.options.mode == .graphs {
      otherLoader = model.graphLoader(
        graph, graphs: seeds, batchSize: batchSize, order: .shuffled, resources: resources,
        labels: model.specification.targetColumn)
      (loader, share) = (nil, nil)
      return
    }
    otherLoader = nil
    let plain = try model.loader(
      graph, seeds: seeds, batchSize: batchSize, order: .shuffled, resources: resources,
      labels: model.specification.targetColumn, readsFeatures: readsFeatures)
    let pinned = readsFeatures ? try model.pinningRows(plain, trainingEpochs, resources) : nil
    (loader, share) = pinned ?? (plain, nil)
  }

  /// Packs rows of an epoch and of those behind it, up to `lastEpoch`, where it pays and is not done yet.
  mutating func pack(epoch: Int, from firstBatch: Int, upTo lastEpoch: Int) async throws {
    guard epoch >= packedEpochEnd, let loader = self.loader?.withoutPacked,
      loader.options.pinnedRows != nil
    else { return }
    // The file of epochs that are over makes room for that of the next ones.
    self.loader = loader
    let clock = ContinuousClock()
    let start = clock.now
    // Nothing is made ahead meanwhile.
    let byteLimit = Self.packingByteLimit(resources)
    let share = try resources.budget.reserve(byteLimit, for: "packing rows of features")
    defer { share.release() }
    self.loader = try await loader.packing(
      epochs: epoch..<lastEpoch, from: firstBatch,
      in: resources.scratchDirectory ?? FileSystem.parent(of: graph.path), byteLimit: byteLimit,
      when: resources.packing, checkInterruption: resources.checkInterruption)
    let packed = self.loader?.options.packed
    packedEpochEnd = packed?.epochs.upperBound ?? lastEpoch
    packedByteCount += packed?.byteCount ?? 0
    secondsOfPacking += (clock.now - start).seconds
  }

  /// Memory to pack rows in, where so many bytes more are taken.
  static func packingByteLimit(_ resources: TrainingResources, beside taken: Int = 0) -> Int {
    max(0, min((resources.budget.available - taken) / 2, 256 << 20))
  }

  private var target: NodeType { NodeType(model.specification.targetType) }

  /// The batches of a training epoch.
  func training(epoch: Int, from firstBatch: Int) -> Iterator {
    if let whole {
      return Iterator(.whole(whole, epoch: epoch, isDone: firstBatch > 0))
    }
    let batches =
      otherLoader.map { $0.epoch(epoch, from: firstBatch) }
      ?? loader!.epoch(epoch, from: firstBatch)
    return Iterator(.sampled(batches.makeAsyncIterator(), model, graph), learned: learned)
  }

  /// The batches of a loader, from one of them on.
  func batches(of loader: any BatchLoader<Batch>, from firstBatch: Int) -> Iterator {
    Iterator(.sampled(loader.epoch(0, from: firstBatch).makeAsyncIterator(), model, graph))
  }

  struct Iterator {
    enum Source {
      case sampled(Epoch<Batch>.Iterator, NodeClassifier, Snapshot)
      case whole(WholeNodes, epoch: Int, isDone: Bool)
    }
    private var source: Source
    private let learned: RoaringBitmap?

    init(_ source: Source, learned: RoaringBitmap? = nil) {
      self.source = source
      self.learned = learned
    }

    /// Waits until as many batches are made ahead as may be.
    func filled() async {
      if case .sampled(let batches, _, _) = source { await batches.filled() }
    }

    mutating func next() async throws -> NodeBatch? {
      switch source {
      case .sampled(var batches, let model, let graph):
        let batch = try await batches.next()
        source = .sampled(batches, model, graph)
        return try batch.map { try NodeBatch($0, of: model, in: graph, learned: learned) }
      case .whole(let whole, let epoch, let isDone):
        if isDone { return nil }
        source = .whole(whole, epoch: epoch, isDone: true)
        return whole.training(epoch: epoch)
      }
    }
  }

  /// Whose logits are asked for.
  enum Predictor {
    /// The network's.
    case network
    /// The same, or what labels make of them in models that spread these.
    case model
  }

  /// Calls `body` with the logits of a set's nodes, or of all, by rising id, part by part.
  func forEachPart(
    of set: String?, where filter: Filter? = nil, labels: String?, by predictor: Predictor = .model,
    _ body: (_ nodes: [UInt32], _ logits: Tensor, _ labels: [Int32]) throws -> Void
  ) async throws {
    if let whole {
      try resources.checkInterruption()
      let members = try whole.members(of: set, where: filter)
      let logits = whole.logits(of: members, model.network, predictor)
      try check(logits, of: members)
      return try body(
        members, logits,
        try labels.map { try graph.labels(members.span, of: target, column: $0) } ?? [])
    }
    let batches =
      model.specification.options.mode == .graphs
      ? model.graphLoader(
        graph, graphs: seeds(of: set, where: filter), batchSize: batchSize, order: .ascending,
        resources: resources, labels: labels
      ).epoch(0)
      : try evaluationLoader(of: set, where: filter, labels: labels).epoch(0)
    for try await batch in batches {
      try resources.checkInterruption()
      let nodes = Array(batch.subgraph.nodes[target].prefix(batch.seedCount))
      let logits = try NodeBatch(batch, of: model, in: graph).logits(model.network)
      try check(logits, of: nodes)
      try body(nodes, logits, batch.labels)
    }
  }

  private func seeds(of set: String?, where filter: Filter?) -> Seeds {
    filter.map { .nodes(target, in: set, where: $0) } ?? .nodes(target, in: set)
  }

  /// What goes over a set once, in samples.
  func evaluationLoader(
    of set: String?, where filter: Filter? = nil, labels: String?
  ) throws -> NeighborLoader<Snapshot> {
    try model.loader(
      graph, seeds: seeds(of: set, where: filter), batchSize: batchSize, order: .ascending,
      resources: resources, labels: labels, pinnedRows: loader?.options.pinnedRows,
      readsFeatures: readsFeatures)
  }

  /// - Throws: `badData` naming the first node whose outputs are not finite: no class can be told.
  private func check(_ logits: Tensor, of nodes: [UInt32]) throws {
    if sum(logits).scalar.isFinite { return }
    for (row, node) in nodes.enumerated() {
      if logits.gathered(rows: [UInt32(row)]).scalars.allSatisfy(\.isFinite) { continue }
      throw HedgerowError(
        .badData,
        "what the model says of it is no number: look for NaN or huge values among its features and "
          + "its neighbors'", at: "\(target) \(try graph.key(of: NodeID(node), of: target))")
    }
  }

  /// Metrics over the labelled nodes of a set, or of all.
  func metrics(
    of set: String?, where filter: Filter? = nil, by predictor: Predictor = .model
  ) async throws -> ClassificationMetrics {
    let classCount = model.specification.classes.count
    var metrics = ClassificationMetrics(classCount: classCount)
    try await forEachPart(
      of: set, where: filter, labels: model.specification.targetColumn, by: predictor
    ) { _, logits, labels in
      // The model gives classes that it does not know no probability.
      let known = labels.map { $0 < classCount ? $0 : -1 }
      metrics.add(
        predictions: argMax(logits), labels: labels,
        loss: Double(crossEntropy(logits, known).scalar))
    }
    return metrics
  }
}

extension NodeBatch {
  /// - Parameter learned: the nodes whose labels count; `nil` for all.
  fileprivate init(
    _ batch: Batch, of model: NodeClassifier, in graph: Snapshot, learned: RoaringBitmap? = nil
  ) throws {
    let target = NodeType(model.specification.targetType)
    var labels = batch.labels
    if let learned {
      for (row, node) in batch.subgraph.nodes[target].prefix(labels.count).enumerated()
      where !learned.contains(node) { labels[row] = -1 }
    }
    self.init(
      features: try model.inputs(batch.features, of: batch.subgraph.nodes, in: graph),
      blocks: batch.blocks, nodes: batch.subgraph.nodes, places: nil, labels: labels,
      weights: batch.weights[optional: target] ?? [], randomness: batch.randomness,
      seconds: batch.seconds, rows: batch.rows)
  }
}
