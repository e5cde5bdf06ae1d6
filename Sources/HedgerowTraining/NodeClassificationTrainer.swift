public import HedgerowCore
import HedgerowGNN
import HedgerowGraph
public import HedgerowLoader
import HedgerowNN
public import HedgerowStore
import HedgerowTensor

/// How to train a classifier of nodes. The defaults were chosen on Cora's validation set.
public struct TrainingOptions: Sendable {
  public var model = "sage"
  /// Neighbors to sample at each hop: one layer a hop.
  public var fanouts = [15, 10]
  public var batchSize = 1024
  public var hiddenWidth = 64
  /// Most epochs to run.
  public var epochs = 200
  public var learningRate: Float = 0.01
  public var dropout = 0.5
  public var weightDecay: Float = 5e-4
  /// Epochs without a better validation accuracy after which training stops.
  public var patience = 50
  /// Feature columns by node type; `nil` takes every column of vectors named `x`.
  public var inputs: PerNode<[String]>?
  /// Whether every relation is also used backwards.
  public var usesReverseRelations = true
  public var seed: UInt64 = 0

  public init() {}
}

/// What training came to.
public struct TrainingReport: Sendable {
  /// Epochs that were run.
  public var epochs = 0
  /// The epoch, from 1, whose weights were kept.
  public var bestEpoch = 0
  /// Mean training loss of the last epoch.
  public var loss = 0.0
  /// By set: `valid` and `test`, where they exist.
  public var metrics: [(set: String, metrics: ClassificationMetrics)] = []
  public var steps = 0
  public var seconds = Seconds()

  /// Where the time went. `sample`, `read` and `gather` passed on the loader's threads, while
  /// others computed.
  public struct Seconds: Sendable {
    public var total = 0.0
    public var stages = StageSeconds()
    public var compute = 0.0
    /// Waiting for the next batch.
    public var wait = 0.0
  }
}

/// Trains a ``NodeClassifier`` from batches sampled off a store, and keeps the weights of the best
/// epoch by accuracy on the validation set.
///
/// Everything random is a function of the seed; sums have one order: the result is the same bits
/// for any number of threads and any memory budget.
public struct NodeClassificationTrainer: Sendable {
  public let graph: Snapshot
  public let target: (type: NodeType, column: String)
  public let options: TrainingOptions
  public let resources: TrainingResources

  public init(
    _ graph: Snapshot, target: (type: NodeType, column: String), options: TrainingOptions,
    resources: TrainingResources
  ) {
    self.graph = graph
    self.target = target
    self.options = options
    self.resources = resources
  }

  /// - Parameter onEpoch: called after each epoch with its number from 1, its mean loss and the
  ///   validation metrics.
  public func run(
    onEpoch: (Int, Double, ClassificationMetrics?) -> Void = { _, _, _ in }
  ) async throws -> (model: NodeClassifier, report: TrainingReport) {
    let model = try NodeClassifier(specification())
    // Weights, their gradients and Adam's two moments, and the best epoch's copy.
    let share = try resources.budget.reserve(
      5 * 4 * model.parameterCount, for: "a model of \(model.parameterCount) parameters")
    defer { share.release() }
    guard let train = try graph.set(named: "train", of: target.type), !train.isEmpty else {
      throw HedgerowError(
        .usage,
        "node type '\(target.type)' has no set named 'train': ingest one with --split "
          + "\(target.type).COLUMN")
    }
    let validation = try ["valid", "val", "validation"].first {
      try graph.set(named: $0, of: target.type).map { !$0.isEmpty } ?? false
    }
    let loader = model.loader(
      graph, seeds: .nodes(target.type, in: "train"), batchSize: options.batchSize,
      order: .shuffled, resources: resources, labels: target.column)
    var optimizer = Adam(learningRate: options.learningRate, weightDecay: options.weightDecay)
    var report = TrainingReport()
    let clock = ContinuousClock()
    let start = clock.now
    var best: (accuracy: Double, loss: Double, state: ModelState)?

    for epoch in 0..<options.epochs {
      let loss = try await step(through: loader, epoch, model, &optimizer, &report)
      report.epochs = epoch + 1
      report.loss = loss
      guard let validation else {
        report.bestEpoch = epoch + 1
        onEpoch(epoch + 1, loss, nil)
        continue
      }
      let metrics = try await evaluate(model, in: validation, &report)
      onEpoch(epoch + 1, loss, metrics)
      if best == nil
        || (metrics.accuracy, -metrics.loss) > (best!.accuracy, -best!.loss)
      {
        best = (metrics.accuracy, metrics.loss, model.network.state)
        report.bestEpoch = epoch + 1
      } else if epoch + 1 - report.bestEpoch >= options.patience {
        break
      }
    }
    if let best { try model.network.load(best.state) }
    for name in [validation, "test"].compactMap({ $0 }) {
      guard let members = try graph.set(named: name, of: target.type), !members.isEmpty else {
        continue
      }
      let metrics = try await evaluate(model, in: name, &report)
      report.metrics.append((name == "test" ? "test" : "valid", metrics))
    }
    report.seconds.total = (clock.now - start).seconds
    return (model, report)
  }

  /// One pass over the training seeds; the mean loss over labelled ones.
  private func step(
    through loader: NeighborLoader<Snapshot>, _ epoch: Int, _ model: NodeClassifier,
    _ optimizer: inout Adam, _ report: inout TrainingReport
  ) async throws -> Double {
    let clock = ContinuousClock()
    var sum = 0.0
    var count = 0
    var batches = loader.epoch(epoch).makeAsyncIterator()
    while true {
      let before = clock.now
      guard let batch = try await batches.next() else { break }
      try resources.checkInterruption()
      let ready = clock.now
      let labelled = batch.labels.count { $0 >= 0 }
      if labelled > 0 {
        let (loss, gradients) = valueWithGradients(
          at: model.network, randomness: batch.randomness
        ) {
          crossEntropy(model.logits(batch), batch.labels)
        }
        let value = Double(loss.scalar)
        guard value.isFinite else {
          throw HedgerowError(
            .badData,
            "the loss is \(value) in epoch \(epoch + 1): look for NaN or huge values among the "
              + "features, or lower --learning-rate")
        }
        optimizer.update(model.network, along: gradients)
        sum += value * Double(labelled)
        count += labelled
        report.steps += 1
      }
      report.seconds.wait += (ready - before).seconds
      report.seconds.compute += (clock.now - ready).seconds
      report.seconds.stages += batch.seconds
    }
    guard count > 0 else {
      throw HedgerowError(
        .usage, "no node of the set 'train' has a label in '\(target.type).\(target.column)'")
    }
    return sum / Double(count)
  }

  private func evaluate(
    _ model: NodeClassifier, in set: String, _ report: inout TrainingReport
  ) async throws -> ClassificationMetrics {
    let clock = ContinuousClock()
    let start = clock.now
    defer { report.seconds.compute += (clock.now - start).seconds }
    return try await model.evaluate(
      over: graph, in: set, batchSize: options.batchSize, resources: resources)
  }

  // MARK: The specification

  private func specification() throws -> ModelSpecification {
    guard !options.fanouts.isEmpty else {
      throw HedgerowError(.usage, "a model needs at least one hop of fanouts")
    }
    guard let schema = graph.schema.node(target.type) else {
      let types = graph.schema.nodes.map(\.type.name).joined(separator: ", ")
      throw HedgerowError(.usage, "no node type '\(target.type)': there are \(types)")
    }
    guard let property = schema.property(target.column) else {
      let columns = schema.properties.map(\.name).joined(separator: ", ")
      throw HedgerowError(
        .usage, "'\(target.type)' has no column '\(target.column)': there are \(columns)")
    }
    let classes = try classes(property)
    let relations = graph.schema.relations(includingReverse: options.usesReverseRelations)
    return ModelSpecification(
      model: options.model, targetType: target.type.name, targetColumn: target.column,
      classes: classes, hasIntegerClasses: property.kind != .categorical,
      inputs: try inputs(along: relations), relations: relations.map { "\($0.name)" },
      fanouts: options.fanouts, hiddenWidth: options.hiddenWidth, dropout: options.dropout,
      seed: options.seed, dataVersion: graph.version)
  }

  static let classLimit = 65_536

  private func classes(_ property: PropertySchema) throws -> [String] {
    switch property.kind {
    case .categorical:
      return try graph.categories(of: property.name, of: target.type)
    case .int8, .int16, .int32, .int64, .uint8:
      // Integers are their own classes: the largest says how many.
      var largest: Int32 = -1
      let count = graph.count(of: target.type)
      for start in stride(from: 0, to: count, by: 1 << 16) {
        let nodes = (start..<min(count, start + 1 << 16)).map { UInt32($0) }
        let labels = try graph.labels(nodes.span, of: target.type, column: property.name)
        largest = max(largest, labels.max() ?? -1)
      }
      guard largest >= 0, largest < Self.classLimit else {
        throw HedgerowError(
          .usage,
          "'\(target.type).\(property.name)' has "
            + (largest < 0 ? "no labels" : "values up to \(largest): those are no classes"))
      }
      return (0...largest).map { "\($0)" }
    default:
      throw HedgerowError(
        .usage,
        "'\(target.type).\(property.name)' is of kind \(property.kind): labels are integers or "
          + "categories")
    }
  }

  /// Each reached type's features, or an embedding where it has none.
  private func inputs(along relations: [Relation]) throws -> [ModelSpecification.Input] {
    if let chosen = options.inputs {
      for (type, columns) in chosen {
        for column in columns {
          guard graph.width(of: column, of: type) != nil else {
            throw HedgerowError(.usage, "'\(type).\(column)' is no column of numbers")
          }
          guard type != target.type || column != target.column else {
            throw HedgerowError(.usage, "the target '\(type).\(column)' cannot be an input")
          }
        }
      }
    }
    return graph.schema.nodes.map { node in
      let columns =
        if let inputs = options.inputs {
          inputs[optional: node.type] ?? []
        } else if case .vector? = node.property("x")?.kind {
          ["x"]
        } else {
          [String]()
        }
      let width = columns.reduce(0) { $0 + (graph.width(of: $1, of: node.type) ?? 0) }
      return ModelSpecification.Input(
        type: node.type.name, columns: columns,
        width: columns.isEmpty ? options.hiddenWidth : width, count: graph.count(of: node.type))
    }
  }
}
