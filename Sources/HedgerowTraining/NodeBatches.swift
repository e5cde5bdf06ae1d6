import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowLoader
import HedgerowStore
import HedgerowTensor

/// What a model takes in at once, and what it should say.
struct NodeBatch {
  let features: PerNode<Tensor>
  let blocks: [HeteroBlock]
  let nodes: PerNode<[UInt32]>
  /// The rows of the result that are asked for; `nil` for all.
  let rows: [UInt32]?
  /// One for each of these rows, -1 for none.
  let labels: [Int32]
  let randomness: RandomStream
  let seconds: StageSeconds

  /// [rows, classes]
  func logits(_ network: NodeNetwork) -> Tensor {
    let logits = network(features, blocks, nodes: nodes)
    return rows.map { logits.gathered(rows: $0) } ?? logits
  }
}

/// Where a model's batches come from: sampled off the store, or the whole graph, read once.
struct NodeBatches {
  private let model: NodeClassifier
  private let graph: Snapshot
  private let batchSize: Int
  private let resources: TrainingResources
  private let whole: WholeNodes?

  init(
    _ model: NodeClassifier, _ graph: Snapshot, batchSize: Int, resources: TrainingResources
  ) throws {
    self.model = model
    self.graph = graph
    self.batchSize = batchSize
    self.resources = resources
    whole =
      model.specification.options.mode == .fullBatch
      ? try WholeNodes(model, graph, resources) : nil
  }

  private var target: NodeType { NodeType(model.specification.targetType) }
  private var scaling: InputScaling { InputScaling(model.specification) }

  /// The batches of a training epoch.
  func training(epoch: Int, from firstBatch: Int) -> Iterator {
    if let whole {
      return Iterator(.whole(whole, epoch: epoch, isDone: firstBatch > 0), scaling: scaling)
    }
    let loader = model.loader(
      graph, seeds: .nodes(target, in: "train"), batchSize: batchSize, order: .shuffled,
      resources: resources, labels: model.specification.targetColumn)
    return Iterator(
      .sampled(loader.epoch(epoch, from: firstBatch).makeAsyncIterator()), scaling: scaling)
  }

  struct Iterator {
    enum Source {
      case sampled(Epoch<Snapshot>.Iterator)
      case whole(WholeNodes, epoch: Int, isDone: Bool)
    }
    private var source: Source
    private let scaling: InputScaling
    init(_ source: Source, scaling: InputScaling) {
      self.source = source
      self.scaling = scaling
    }

    mutating func next() async throws -> NodeBatch? {
      switch source {
      case .sampled(var batches):
        let batch = try await batches.next()
        source = .sampled(batches)
        return batch.map { NodeBatch($0, scaling: scaling) }
      case .whole(let whole, let epoch, let isDone):
        if isDone { return nil }
        source = .whole(whole, epoch: epoch, isDone: true)
        return try whole.training(epoch: epoch)
      }
    }
  }

  /// Calls `body` with the logits of a set's nodes, or of all, by rising id, part by part.
  func forEachPart(
    of set: String?, labels: String?,
    _ body: (_ nodes: [UInt32], _ logits: Tensor, _ labels: [Int32]) throws -> Void
  ) async throws {
    if let whole {
      let logits = whole.logits(model.network)
      for members in try whole.members(of: set, partSize: 1 << 16) {
        try resources.checkInterruption()
        try body(
          members, logits.gathered(rows: members),
          try labels.map { try graph.labels(members.span, of: target, column: $0) } ?? [])
      }
      return
    }
    let loader = model.loader(
      graph, seeds: .nodes(target, in: set), batchSize: batchSize, order: .ascending,
      resources: resources, labels: labels)
    for try await batch in loader.epoch(0) {
      try resources.checkInterruption()
      let nodes = Array(batch.subgraph.nodes[target].prefix(batch.seedCount))
      try body(nodes, NodeBatch(batch, scaling: scaling).logits(model.network), batch.labels)
    }
  }

  /// Metrics over the labelled nodes of a set, or of all.
  func metrics(of set: String?) async throws -> ClassificationMetrics {
    let classCount = model.specification.classes.count
    var metrics = ClassificationMetrics(classCount: classCount)
    try await forEachPart(of: set, labels: model.specification.targetColumn) { _, logits, labels in
      let labels = labels.map { $0 < classCount ? $0 : -1 }
      guard labels.contains(where: { $0 >= 0 }) else { return }
      metrics.add(
        predictions: argMax(logits), labels: labels,
        loss: Double(crossEntropy(logits, labels).scalar))
    }
    return metrics
  }
}

extension NodeBatch {
  fileprivate init(_ batch: Batch, scaling: InputScaling) {
    self.init(
      features: scaling.applied(to: batch.features), blocks: batch.blocks,
      nodes: batch.subgraph.nodes, rows: nil,
      labels: batch.labels, randomness: batch.randomness, seconds: batch.seconds)
  }
}

/// The node types whose rows are divided by their length.
struct InputScaling: Sendable {
  private let types: [NodeType]

  init(_ specification: ModelSpecification) {
    types = specification.inputs.filter(\.isScaled).map { NodeType($0.type) }
  }

  func applied(to features: PerNode<Tensor>) -> PerNode<Tensor> {
    var scaled = features
    for type in types {
      if let rows = features[optional: type] { scaled[type] = rowsOfLengthOne(rows) }
    }
    return scaled
  }
}

/// The whole graph as one batch, within the budget.
final class WholeNodes: Sendable {
  private let whole: WholeGraph
  private let graph: Snapshot
  private let specification: ModelSpecification
  private let share: MemoryBudget.Reservation

  init(_ model: NodeClassifier, _ graph: Snapshot, _ resources: TrainingResources) throws {
    self.graph = graph
    specification = model.specification
    let types = specification.inputs.map { NodeType($0.type) }
    let relations = model.relations(of: graph)
    let inputs = model.inputColumns
    let data = WholeGraph.byteCount(graph, types: types, relations: relations, inputs: inputs)
    let nodes = types.reduce(0) { $0 + graph.count(of: $1) }
    // Each layer's sums, results and their gradients; the inputs again when dropout changes them.
    let options = specification.options
    let width = options.hiddenWidth * (options.layerCount - 1) + specification.classes.count
    let perInput = options.inputDropout > 0 ? data : 0
    share = try resources.budget.reserve(
      data + perInput + nodes * 4 * 6 * width,
      for: "training on the whole graph (leave out --full-batch to train from samples)")
    var whole = try WholeGraph(
      graph, types: types, relations: relations, inputs: inputs,
      checkInterruption: resources.checkInterruption)
    whole.features = InputScaling(specification).applied(to: whole.features)
    self.whole = whole
  }

  private var target: NodeType { NodeType(specification.targetType) }
  private var blocks: [HeteroBlock] {
    [HeteroBlock](repeating: whole.block, count: specification.options.layerCount)
  }

  func training(epoch: Int) throws -> NodeBatch {
    let members = try members(of: "train", partSize: .max).flatMap { $0 }
    return NodeBatch(
      features: whole.features, blocks: blocks, nodes: whole.nodes, rows: members,
      labels: try graph.labels(members.span, of: target, column: specification.targetColumn),
      randomness: RandomStream(seed: specification.options.seed).derive("training").derive(
        UInt64(epoch), 0),
      seconds: StageSeconds())
  }

  /// Of all nodes of the target's type.
  func logits(_ network: NodeNetwork) -> Tensor {
    network(whole.features, blocks, nodes: whole.nodes)
  }

  /// The nodes of a set, or all, by rising id, in parts.
  func members(of set: String?, partSize: Int) throws -> [[UInt32]] {
    var members = whole.nodes[target]
    if let set {
      guard let bitmap = try graph.set(named: set, of: target) else {
        throw HedgerowError(.usage, "node type '\(target)' has no set named '\(set)'")
      }
      members = Array(bitmap)
    }
    return stride(from: 0, to: members.count, by: partSize).map {
      Array(members[$0..<min(members.count, $0 &+ min(partSize, members.count))])
    }
  }
}
