import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowLoader
import HedgerowMapped
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
  let randomness: RandomStream
  var seconds = StageSeconds()
  var rows = RowCounts()

  /// Shape [rows, classes].
  func logits(_ network: NodeNetwork) -> Tensor {
    let logits = network(features, blocks, nodes: nodes)
    return places.map { logits.gathered(rows: $0) } ?? logits
  }
}

/// Where a model's batches come from: sampled off the store, of whole graphs, or the whole graph, read once.
struct NodeBatches {
  private let model: NodeClassifier
  private let graph: Snapshot
  private let batchSize: Int
  private let resources: TrainingResources
  private let readsFeatures: Bool
  private let whole: WholeNodes?
  /// Of training from samples. One for all epochs, so that it looks for its seeds once.
  private(set) var loader: NeighborLoader<Snapshot>?
  /// Of training from graphs.
  private let graphLoader: GraphLoader<Snapshot>?
  /// The epochs before this one are packed, as far as it pays.
  private var packedEpochEnd = 0
  private(set) var secondsOfPacking = 0.0
  private(set) var packedByteCount = 0
  /// Held for the rows of features that are kept in memory.
  private let pinnedShare: MemoryBudget.Reservation?
  let secondsOfPinning: Double
  var pinnedByteCount: Int { loader?.options.pinnedRows?.byteCount ?? 0 }
  /// Threads that make training's batches.
  var loaderThreads: Int { (loader?.options ?? graphLoader?.options)?.threads ?? 0 }

  /// - Parameters:
  ///   - trainingEpochs: of the training that is to come; `nil` where none is.
  ///   - readsFeatures: whether rows of features are what the store has, and not ones, of sampled batches.
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
      (loader, graphLoader, pinnedShare, secondsOfPinning) = (nil, nil, nil, 0)
      return
    }
    var seeds =
      filter.map { .nodes(target, in: "train", where: $0) } ?? Seeds.nodes(target, in: "train")
    if let weights = model.specification.options.classWeights {
      seeds = seeds.weighted(by: model.specification.targetColumn, weights)
    }
    if model.specification.options.mode == .graphs {
      graphLoader = model.graphLoader(
        graph, graphs: seeds, batchSize: batchSize, order: .shuffled, resources: resources,
        labels: model.specification.targetColumn)
      (loader, pinnedShare, secondsOfPinning) = (nil, nil, 0)
      return
    }
    graphLoader = nil
    let plain = model.loader(
      graph, seeds: seeds, batchSize: batchSize, order: .shuffled, resources: resources,
      labels: model.specification.targetColumn, readsFeatures: readsFeatures)
    let clock = ContinuousClock()
    let start = clock.now
    (loader, pinnedShare) = try model.pinningRows(plain, trainingEpochs, resources) ?? (plain, nil)
    secondsOfPinning = (clock.now - start).seconds
  }

  /// Packs rows of an epoch and of those behind it, up to `lastEpoch`, where it pays and is not done yet.
  mutating func pack(epoch: Int, from firstBatch: Int, upTo lastEpoch: Int) async throws {
    guard epoch >= packedEpochEnd, let loader = self.loader?.withoutPackedRows,
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
    self.loader = try await loader.packingRows(
      of: epoch..<lastEpoch, from: firstBatch,
      in: resources.scratchDirectory ?? FileSystem.parent(of: graph.path), byteLimit: byteLimit,
      packing: resources.packing, checkInterruption: resources.checkInterruption)
    let packed = self.loader?.options.packedRows
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
      graphLoader.map { $0.epoch(epoch, from: firstBatch) }
      ?? loader!.epoch(epoch, from: firstBatch)
    return Iterator(.sampled(batches.makeAsyncIterator(), model, graph))
  }

  /// The batches of a loader, from one of them on.
  func batches(of loader: NeighborLoader<Snapshot>, from firstBatch: Int) -> Iterator {
    Iterator(.sampled(loader.epoch(0, from: firstBatch).makeAsyncIterator(), model, graph))
  }

  struct Iterator {
    enum Source {
      case sampled(Epoch<Batch>.Iterator, NodeClassifier, Snapshot)
      case whole(WholeNodes, epoch: Int, isDone: Bool)
    }
    private var source: Source
    init(_ source: Source) { self.source = source }

    /// Waits until as many batches are made ahead as may be.
    func filled() async {
      if case .sampled(let batches, _, _) = source { await batches.filled() }
    }

    mutating func next() async throws -> NodeBatch? {
      switch source {
      case .sampled(var batches, let model, let graph):
        let batch = try await batches.next()
        source = .sampled(batches, model, graph)
        return try batch.map { try NodeBatch($0, of: model, in: graph) }
      case .whole(let whole, let epoch, let isDone):
        if isDone { return nil }
        source = .whole(whole, epoch: epoch, isDone: true)
        return whole.training(epoch: epoch)
      }
    }
  }

  /// Calls `body` with the logits of a set's nodes, or of all, by rising id, part by part.
  func forEachPart(
    of set: String?, where filter: Filter? = nil, labels: String?,
    _ body: (_ nodes: [UInt32], _ logits: Tensor, _ labels: [Int32]) throws -> Void
  ) async throws {
    if let whole {
      try resources.checkInterruption()
      let members = try whole.members(of: set, where: filter)
      let logits = whole.batch(of: members).logits(model.network)
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
      : evaluationLoader(of: set, where: filter, labels: labels).epoch(0)
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
  ) -> NeighborLoader<Snapshot> {
    model.loader(
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
    of set: String?, where filter: Filter? = nil
  ) async throws -> ClassificationMetrics {
    let classCount = model.specification.classes.count
    var metrics = ClassificationMetrics(classCount: classCount)
    try await forEachPart(
      of: set, where: filter, labels: model.specification.targetColumn
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
  fileprivate init(_ batch: Batch, of model: NodeClassifier, in graph: Snapshot) throws {
    self.init(
      features: try model.inputs(batch.features, of: batch.subgraph.nodes, in: graph),
      blocks: batch.blocks, nodes: batch.subgraph.nodes, places: nil, labels: batch.labels,
      randomness: batch.randomness, seconds: batch.seconds,
      rows: batch.rows)
  }
}

/// The whole graph as one batch, within the budget.
final class WholeNodes: Sendable {
  private let whole: WholeGraph
  /// The edges that layers see: the graph's, or those along metapaths.
  private let block: HeteroBlock
  private let graph: Snapshot
  private let specification: ModelSpecification
  private let train: (nodes: [UInt32], labels: [Int32])
  private let share: MemoryBudget.Reservation
  private let shareOfMetapaths: [MemoryBudget.Reservation]

  init(_ model: NodeClassifier, _ graph: Snapshot, _ resources: TrainingResources) throws {
    self.graph = graph
    specification = model.specification
    let types = specification.inputs.map { NodeType($0.type) }
    let relations = model.relations(of: graph)
    let inputs = model.inputColumns
    // Encoded rows, and the others again while both are put side by side.
    let encoded = model.specification.inputs.reduce(0) { sum, input in
      input.encoders == nil ? sum : sum + 8 * input.width * graph.count(of: NodeType(input.type))
    }
    let data =
      WholeGraph.byteCount(graph, types: types, relations: relations, inputs: inputs) + encoded
    let nodeCount = types.reduce(0) { $0 + graph.count(of: $1) }
    // Each layer's sums, results and their gradients; the inputs again when dropout changes them, once
    // more in half of the bytes when products keep them rounded, and widened where products need that.
    let options = specification.options
    let width = options.hiddenWidth * (options.layerCount - 1) + specification.classes.count
    let perInput =
      (options.inputDropout > 0 ? data : 0) + (options.inputScaling.isOfSum ? data : 0)
    let rounded =
      switch options.precision ?? .float32 {
      case .float32: 0
      case .bfloat16 where Precision.usesInstruction: data / 2
      case .bfloat16, .float16: data / 2 + data
      }
    share = try resources.budget.reserve(
      data + perInput + rounded + nodeCount * 4 * 6 * width
        + StepEstimate.wholeGraphByteCount(specification, graph, relations),
      for: "training on the whole graph"
        + (options.model == .han ? "" : " (leave out --full-batch to train from samples)"))
    var whole = try WholeGraph(
      graph, types: types, relations: relations, inputs: inputs,
      checkInterruption: resources.checkInterruption)
    whole.features = try model.inputs(whole.features, of: whole.nodes, in: graph)
    self.whole = whole
    let target = NodeType(specification.targetType)
    if let metapaths = specification.metapaths {
      (block, shareOfMetapaths) = try Self.edges(along: metapaths, of: whole, options, resources)
    } else {
      (block, shareOfMetapaths) = (whole.block, [])
    }
    var nodes = try graph.set(named: "train", of: target).map { Array($0) } ?? []
    if let filter = try options.seedFilter, !nodes.isEmpty {
      nodes = try graph.members(of: "train", of: target, where: filter).map { Array($0) } ?? nodes
    }
    train = (
      nodes, try graph.labels(nodes.span, of: target, column: specification.targetColumn)
    )
  }

  private static func edges(
    along metapaths: [String], of whole: WholeGraph, _ options: TrainingOptions,
    _ resources: TrainingResources
  ) throws -> (HeteroBlock, [MemoryBudget.Reservation]) {
    var blocks = PerEdge<Block>()
    var shares: [MemoryBudget.Reservation] = []
    let bytesPerEdge = StepEstimate.byteCountPerEdge(options)
    for (number, text) in metapaths.enumerated() {
      try resources.checkInterruption()
      let metapath = try Metapath(validating: text)
      let block = try metapath.block(
        in: whole.block, limit: resources.budget.available / bytesPerEdge)
      shares.append(
        try resources.budget.reserve(
          block.edgeCount * bytesPerEdge, for: "the edges along the metapath \(metapath)"))
      blocks[metapath.edgeType(number: number)] = block
    }
    let counts = whole.nodes.mapValues(\.count)
    return (HeteroBlock(blocks: blocks, sourceCounts: counts, targetCounts: counts), shares)
  }

  /// Some nodes of the target's type, with all that reaches them.
  func batch(
    of nodes: [UInt32], labels: [Int32] = [], randomness: RandomStream = RandomStream(seed: 0)
  ) -> NodeBatch {
    NodeBatch(
      features: whole.features,
      blocks: [HeteroBlock](repeating: block, count: specification.options.layerCount),
      nodes: whole.nodes, places: nodes, labels: labels, randomness: randomness)
  }

  func training(epoch: Int) -> NodeBatch {
    let stream = RandomStream(seed: specification.options.seed).derive("training")
    return batch(
      of: train.nodes, labels: train.labels, randomness: stream.derive(UInt64(epoch), 0))
  }

  /// The nodes of a set, or all, by rising id.
  func members(of set: String?, where filter: Filter?) throws -> [UInt32] {
    let target = NodeType(specification.targetType)
    return try graph.members(of: set, of: target, where: filter).map { Array($0) }
      ?? whole.nodes[target]
  }
}
