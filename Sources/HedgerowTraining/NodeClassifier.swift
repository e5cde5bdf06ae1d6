public import HedgerowCore
public import HedgerowGNN
import HedgerowGraph
import HedgerowLoader
public import HedgerowNN
import HedgerowSampling
public import HedgerowStore
import HedgerowTensor

/// A model that tells the classes of one node type apart, with what it needs to run over a store.
public struct NodeClassifier: SavedModel {
  public let specification: ModelSpecification
  public let network: any BatchNetwork

  public var module: any Module { network }

  /// The network that a specification asks for, with its weights drawn from the seed.
  public init(_ specification: ModelSpecification) throws {
    try self.init(withoutWeights: specification)
    initialize()
  }

  /// Draws the weights from the seed.
  func initialize() { _ = network.initialized(seed: specification.options.seed) }

  public init(withoutWeights specification: ModelSpecification) throws {
    self.specification = specification
    let inputs = specification.inputs.ofNetwork
    let target = NodeType(specification.targetType)
    let relations = try specification.networkRelations
    let outputs = specification.classes.count
    if let architecture = specification.options.model.homogeneous,
      let input = try specification.nodesInput
    {
      network = HomogeneousNetwork(
        input: inputs[NodeType(input.type)], nodes: input.count, relations: relations,
        target: target, outputs: outputs,
        options: specification.options.homogeneousNetwork(
          architecture, dimensions: input.dimensions ?? 0))
    } else if !specification.options.model.isTrained {
      network = UniformNetwork(target: target, outputs: outputs)
    } else {
      network = NodeNetwork(
        inputs: inputs, relations: relations, target: target, outputs: outputs,
        options: try specification.network)
    }
  }

  var inputColumns: PerNode<[String]> { specification.inputs.columns }

  /// - Throws: `badData` naming the first node whose place is none.
  func checkPlaces(
    _ features: PerNode<Tensor>, of nodes: PerNode<[UInt32]>, in graph: Snapshot
  ) throws {
    for input in specification.inputs {
      let type = NodeType(input.type)
      guard let dimensions = input.dimensions, let rows = features[optional: type] else { continue }
      // Squares of distances are to be numbers, too.
      let isNone = rows.withUnsafeBufferPointer { numbers in
        (0..<rows.rowCount).first { row in
          numbers[row * rows.width..<row * rows.width + dimensions]
            .contains { !($0.magnitude < 1e18) }
        }
      }
      guard let row = isNone, let node = nodes[optional: type]?[row] else { continue }
      throw HedgerowError(
        .badData, "'\(type).\(input.columns[0])' is no place: a coordinate is no number, or huge",
        at: "\(type) \(try graph.key(of: NodeID(node), of: type))")
    }
  }

  func relations(of graph: Snapshot) -> [Relation] {
    let names = Set(specification.relations)
    return graph.schema.relations().filter { names.contains("\($0.name)") }
  }

  /// A loader that makes what the model takes in around seeds.
  func loader(
    _ graph: Snapshot, seeds: Seeds, batchSize: Int, order: LoaderOptions.Order,
    resources: TrainingResources, labels: String?, pinnedRows: PinnedRows? = nil,
    readsFeatures: Bool = true
  ) throws -> NeighborLoader<Snapshot> {
    var options = loaderOptions(graph, order: order, resources: resources, labels: labels)
    options.readsFeatures = readsFeatures
    options.pinnedRows = pinnedRows
    options.sampling = specification.options.sampling ?? SamplingOptions()
    let training = specification.options
    let sampler = training.subgraphs?.sampler(
      of: graph, counts: training.fanouts, layers: training.layerCount,
      relations: options.relations, trees: options.sampling.trees, seed: training.seed)
    func loader() -> NeighborLoader<Snapshot> {
      guard let sampler else {
        return NeighborLoader(
          graph, seeds: seeds, fanouts: Fanouts(training.fanouts), batchSize: batchSize,
          seed: training.seed, options: options)
      }
      return NeighborLoader(
        graph, seeds: seeds, sampler: sampler, batchSize: batchSize, seed: training.seed,
        options: options)
    }
    // Pages that may be gone when a batch is used are read while it is made.
    let plain = loader()
    options.leavesRowsInPlace =
      try specification.sumsInputsInPlace && !isPinning(plain, resources)
      && !plain.exceedsPageCache(beside: resources.budget)
    return options.leavesRowsInPlace ? loader() : plain
  }

  /// A loader of batches that are made of the whole graph; `nil` where they are made around seeds.
  func wholeLoader(
    _ graph: Snapshot, resources: TrainingResources, labels: String?, readsFeatures: Bool = true
  ) throws -> (any BatchLoader<Batch>)? {
    let training = specification.options
    var options = loaderOptions(graph, order: .shuffled, resources: resources, labels: labels)
    options.readsFeatures = readsFeatures
    return try training.subgraphs?.loader(
      of: graph, target: NodeType(specification.targetType), layers: training.layerCount,
      seed: training.seed, options: options, checkInterruption: resources.checkInterruption)
  }

  /// A loader of batches of graphs.
  func graphLoader(
    _ graph: Snapshot, graphs: Seeds, batchSize: Int, order: LoaderOptions.Order,
    resources: TrainingResources, labels: String?
  ) -> GraphLoader<Snapshot> {
    GraphLoader(
      graph, graphs: graphs, size: .graphs(batchSize), layers: specification.options.layerCount,
      seed: specification.options.seed,
      options: loaderOptions(graph, order: order, resources: resources, labels: labels))
  }

  private func loaderOptions(
    _ graph: Snapshot, order: LoaderOptions.Order, resources: TrainingResources, labels: String?
  ) -> LoaderOptions {
    var options = LoaderOptions()
    options.order = order
    options.trace = resources.trace
    options.labels = labels
    options.threads = resources.threads
    // Ahead of use, in use, and about as much again in what training computes from it.
    options.prefetchByteLimit = resources.budget.available / 6
    options.batchByteLimit = resources.budget.available / 4
    options.relations = relations(of: graph)
    options.inputs = inputColumns
    return options
  }
}

extension ModelSpecification {
  public func check(schemaOf graph: Snapshot, _ mismatch: (String) -> HedgerowError) throws {
    try graph.check(relations: relations, mismatch)
    try inputs.check(
      schemaOf: graph, hasWeightsOfNodes: options.model.hasWeightsOfNodes, mismatch)
    let target = NodeType(targetType)
    if !hasIntegerClasses,
      graph.schema.node(target)?.property(targetColumn)?.kind == .categorical
    {
      // Labels are compared by their number: it must stand for the same text.
      let categories = try graph.categories(of: targetColumn, of: target)
      guard categories.prefix(classes.count) == classes[...] else {
        throw mismatch(
          "the classes of '\(target).\(targetColumn)' are not those of the training")
      }
    }
  }
}
