import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowLoader
import HedgerowRoaring
import HedgerowSampling
import HedgerowStore
import HedgerowTensor

/// Ranks links among candidates, a batch of links at a time.
struct LinkEvaluation {
  private let model: LinkPredictor
  private let links: DividedLinks
  /// Of models without a network.
  private let whole: WholeLinks?
  private let resources: TrainingResources
  private let readsFeatures: Bool
  /// Nodes of the links' target type, rising.
  let candidates: [UInt32]
  /// Of so many the rows are computed, of the others they are taken to be the same: to see what ranking takes.
  var computedCandidates = Int.max
  /// Fixed, so that results do not depend on options of training.
  static var batchSize: Int { 256 }

  init(
    _ model: LinkPredictor, _ links: DividedLinks, _ whole: WholeLinks?,
    resources: TrainingResources, readsFeatures: Bool
  ) {
    self.model = model
    self.links = links
    self.whole = whole
    self.resources = resources
    self.readsFeatures = readsFeatures
    candidates = Self.candidates(
      of: links.type.target, in: links, model.specification.options)
  }

  /// Drawn from the seed, or all that are there.
  private static func candidates(
    of type: NodeType, in links: DividedLinks, _ options: LinkTrainingOptions
  ) -> [UInt32] {
    let count = links.graph.count(of: type)
    let deleted = links.graph.deletedNodes(of: type)
    let wanted = options.candidateCount
    if wanted == 0 || wanted >= count - deleted.count {
      return (0..<UInt32(count)).filter { !deleted.contains($0) }
    }
    let order = ShuffledRange(
      count: count, stream: RandomStream(seed: options.training.seed).derive("link candidates"))
    var drawn: [UInt32] = []
    for place in 0..<count where drawn.count < wanted {
      let node = UInt32(order[place])
      if !deleted.contains(node) { drawn.append(node) }
    }
    return drawn.sorted()
  }

  func metrics(of members: RoaringBitmap) async throws -> LinkMetrics {
    let width = model.specification.options.training.hiddenWidth
    let batchSize = Self.batchSize
    // Rows of candidates, twice while a batch's targets are put behind them, scores, and those that the area under
    // the curve is of.
    let share = try resources.budget.reserve(
      4 * (2 * width + 2 * batchSize) * (candidates.count + batchSize) + 8 * members.count,
      for: "ranking links among \(candidates.count) candidates")
    defer { share.release() }
    let table = whole.map { model.network.embedding!.embeddings($0.block) }
    let rows = try await candidateRows(table)
    try check(rows)
    var ranking = LinkRanking(.all, candidateCount: candidates.count)
    let stream = RandomStream(seed: model.specification.options.training.seed)
      .derive("pairs that are none")
    var first = 0
    for try await batch in loader(of: members).epoch(0) {
      try resources.checkInterruption()
      try add(batch, rows, table, stream, first, to: &ranking)
      first += batch.links.positives.count
    }
    return ranking.finish()
  }

  /// Of links of a set.
  func loader(of members: RoaringBitmap) -> PairLoader<EdgeSubgraph<Snapshot>> {
    let (links, batchSize) = (links, Self.batchSize)
    return PairLoader(
      links.seen, of: links.type, fanouts: model.fanouts,
      seed: model.specification.options.training.seed, options: loaderOptions,
      reverseTypes: links.reverseTypes, batchCount: (members.count + batchSize - 1) / batchSize
    ) { index in
      try links.pairs(
        index * batchSize..<min(members.count, (index + 1) * batchSize), of: members)
    }
  }

  func candidateLoader() -> NeighborLoader<EdgeSubgraph<Snapshot>> {
    NeighborLoader(
      links.seen, seeds: .nodes(links.type.target, RoaringBitmap(candidates)),
      fanouts: model.fanouts, batchSize: model.specification.options.training.batchSize,
      seed: model.specification.options.training.seed, options: loaderOptions)
  }

  private var loaderOptions: LoaderOptions {
    model.loaderOptions(
      links.seen, order: .ascending, resources: resources, readsFeatures: readsFeatures)
  }

  private func add(
    _ batch: LinkBatch, _ candidateRows: Tensor, _ table: Tensor?, _ stream: RandomStream,
    _ first: Int, to ranking: inout LinkRanking
  ) throws {
    let (type, positives) = (links.type, batch.links.positives)
    let encoded = try seedRows(batch.features, batch.blocks, batch.subgraph.nodes, table)
    let targets = encoded[type.target].gathered(rows: positives.targets)
    let sources = encoded[type.source].gathered(rows: positives.sources)
    // A link's own score is one of the same product, so that equal rows have equal scores.
    let scores = model.network.scores(
      sources, candidates: concatenated(candidateRows, targets, along: 0))
    try check(scores)
    let nodes = batch.subgraph.nodes[type.source]
    var known: (source: UInt32, isLink: [Bool])?
    try scores.withUnsafeBufferPointer { scores in
      let columns = candidates.count + positives.count
      for link in 0..<positives.count {
        let source = nodes[Int(positives.sources[link])]
        if known?.source != source { known = (source, try isLink(from: source)) }
        let row = UnsafeBufferPointer(
          rebasing: scores[link * columns..<link * columns + candidates.count])
        ranking.add(
          source: source, score: scores[link * columns + candidates.count + link],
          candidates: row, isLink: known!.isLink, draw: stream.derive(UInt64(first + link)).key)
      }
    }
  }

  /// For each candidate whether the graph, all of it, has a link to it, or it is the source itself.
  private func isLink(from source: UInt32) throws -> [Bool] {
    let (graph, type) = (links.graph, links.type)
    var isLink = [Bool](repeating: false, count: candidates.count)
    if type.source == type.target, let own = place(of: source) { isLink[own] = true }
    let index = graph.schema.edges.firstIndex { $0.type == type }!
    let relation = Relation(type, .backward, index: index)
    let row = [source]
    let extent = try graph.extents(of: row.span, along: relation)[0]
    for begin in stride(from: 0, to: UInt64(extent.count), by: 1 << 14) {
      let end = min(UInt64(extent.count), begin + 1 << 14)
      let addresses = (begin..<end).map { extent.start + $0 }
      for target in try graph.neighbors(at: addresses.span, along: relation) {
        if let own = place(of: target) { isLink[own] = true }
      }
    }
    return isLink
  }

  private func place(of node: UInt32) -> Int? {
    // All nodes stand where their ids say.
    if Int(node) < candidates.count && candidates[Int(node)] == node { return Int(node) }
    var (low, high) = (0, candidates.count)
    while low < high {
      let middle = low + (high - low) / 2
      if candidates[middle] < node { low = middle + 1 } else { high = middle }
    }
    return low < candidates.count && candidates[low] == node ? low : nil
  }

  private func candidateRows(_ table: Tensor?) async throws -> Tensor {
    let type = links.type.target
    if let table, let whole { return whole.rows(table, of: [type: candidates])[type] }
    var parts: [Tensor] = []
    var count = 0
    for try await batch in candidateLoader().epoch(0) {
      try resources.checkInterruption()
      let rows = try seedRows(batch.features, batch.blocks, batch.subgraph.nodes, nil)
      parts.append(rows[type])
      count += rows[type].shape[0]
      if count >= computedCandidates { break }
    }
    while computedCandidates <= count && count < candidates.count {
      let rows = min(parts[0].shape[0], candidates.count - count)
      parts.append(parts[0].gathered(rows: (0..<UInt32(rows)).map { $0 }))
      count += rows
    }
    return parts.count == 1 ? parts[0] : concatenated(parts, along: 0)
  }

  private func seedRows(
    _ features: PerNode<Tensor>, _ blocks: [HeteroBlock], _ nodes: PerNode<[UInt32]>,
    _ table: Tensor?
  ) throws -> PerNode<Tensor> {
    if let table, let whole { return whole.rows(table, of: nodes) }
    let inputs = try model.specification.inputs.rows(features, of: nodes, in: links.graph)
    return model.network.rows(inputs, blocks, nodes: nodes).rows
  }

  /// - Throws: `badData` for numbers that are none: nothing can be ranked by them.
  private func check(_ rows: Tensor) throws {
    guard sum(rows).scalar.isFinite else {
      throw HedgerowError(
        .badData,
        "what the model says of some links of '\(links.type)' is no number: look for NaN or huge "
          + "values among the features")
    }
  }
}
