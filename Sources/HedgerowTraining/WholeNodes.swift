import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowLoader
import HedgerowStore
import HedgerowTensor

/// The whole graph as one batch, within the budget.
final class WholeNodes: Sendable {
  private let whole: WholeGraph
  /// The edges that layers see: the graph's, or those along metapaths.
  private let block: HeteroBlock
  private let graph: Snapshot
  private let specification: ModelSpecification
  private let train: (nodes: [UInt32], labels: [Int32])
  private let share: MemoryBudget.Reservation
  /// Of edges that are known once the graph is read.
  private let shares: [MemoryBudget.Reservation]
  /// In models that spread labels.
  private let spreading: LabelSpreading?

  init(_ model: NodeClassifier, _ graph: Snapshot, _ resources: TrainingResources) throws {
    self.graph = graph
    specification = model.specification
    let target = NodeType(specification.targetType)
    var types = specification.inputs.map { NodeType($0.type) }
    if !types.contains(target) && specification.options.model.isOfOneType { types.append(target) }
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
        + (options.model.modes.contains(.sampled)
          ? " (leave out --full-batch to train from samples)" : ""))
    var whole = try WholeGraph(
      graph, types: types, relations: relations, inputs: inputs,
      checkInterruption: resources.checkInterruption)
    whole.features = try model.inputs(whole.features, of: whole.nodes, in: graph)
    if let metapaths = specification.metapaths {
      (block, shares) = try Self.edges(along: metapaths, of: whole, options, resources)
    } else {
      block = options.model.isOfOneType ? whole.block.joined : whole.block
      shares =
        options.model == .unet
        ? [
          try resources.budget.reserve(
            Self.secondNeighborByteCount(block.blocks.values[0]),
            for: "the pairs of nodes two edges apart, which unet joins")
        ] : []
    }
    if options.model == .sign {
      // Once, instead of in each step.
      try resources.checkInterruption()
      whole.features[target] = concatenated(
        SIGN.hops(of: whole.features[target], options.layerCount, along: block.blocks.values[0]))
    }
    self.whole = whole
    var nodes = try graph.set(named: "train", of: target).map { Array($0) } ?? []
    if let filter = try options.seedFilter, !nodes.isEmpty {
      nodes = try graph.members(of: "train", of: target, where: filter).map { Array($0) } ?? nodes
    }
    train = (
      nodes, try graph.labels(nodes.span, of: target, column: specification.targetColumn)
    )
    spreading =
      options.propagation == nil
      ? nil : try LabelSpreading(specification, block.blocks.values[0], train)
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

  /// At most what the nodes two edges apart take, as entries of a matrix and as edges.
  private static func secondNeighborByteCount(_ block: Block) -> Int {
    var pairCount = 0
    for source in block.sources[..<block.edgeCount] {
      pairCount += Int(block.offsets[Int(source) + 1] - block.offsets[Int(source)]) + 1
    }
    return 64 * min(pairCount + block.edgeCount, block.targetCount * block.targetCount)
  }

  /// Some nodes of the target's type, with all that reaches them.
  func batch(
    of nodes: [UInt32], labels: [Int32] = [], randomness: RandomStream = RandomStream(seed: 0)
  ) -> NodeBatch {
    if specification.options.model == .sign { return batch(ofRows: nodes, labels, randomness) }
    return NodeBatch(
      features: whole.features,
      blocks: [HeteroBlock](repeating: block, count: specification.options.layerCount),
      nodes: whole.nodes, places: nodes, labels: labels, randomness: randomness)
  }

  /// The same of a model that sees no edges: of these nodes alone.
  private func batch(
    ofRows nodes: [UInt32], _ labels: [Int32], _ randomness: RandomStream
  ) -> NodeBatch {
    NodeBatch(
      features: whole.features.mapValues {
        nodes.count == $0.rowCount ? $0 : $0.gathered(rows: nodes)
      }, blocks: [], nodes: [:], places: nil, labels: labels, randomness: randomness)
  }

  /// Shape [nodes, classes].
  func logits(
    of nodes: [UInt32], _ network: any BatchNetwork, _ predictor: NodeBatches.Predictor
  ) -> Tensor {
    guard let spreading, predictor == .model else { return batch(of: nodes).logits(network) }
    return spreading(batch(of: whole.nodes[target]).logits(network)).gathered(rows: nodes)
  }

  private var target: NodeType { NodeType(specification.targetType) }

  func training(epoch: Int) -> NodeBatch {
    let stream = RandomStream(seed: specification.options.seed).derive("training")
    return batch(
      of: train.nodes, labels: train.labels, randomness: stream.derive(UInt64(epoch), 0))
  }

  /// The nodes of a set, or all, by rising id.
  func members(of set: String?, where filter: Filter?) throws -> [UInt32] {
    try graph.members(of: set, of: target, where: filter).map { Array($0) }
      ?? whole.nodes[target]
  }
}

extension HeteroBlock {
  /// The edges of all relations under the first one's name: those of one node type.
  fileprivate var joined: HeteroBlock {
    var joined = PerEdge<Block>()
    if let name = blocks.keys.first, let block = Block(joining: blocks.values) {
      joined[name] = block
    }
    return HeteroBlock(blocks: joined, sourceCounts: sourceCounts, targetCounts: targetCounts)
  }
}
