import HedgerowCore
import HedgerowGNN
import HedgerowLoader
import HedgerowNN
import HedgerowStore
import HedgerowTensor

/// A batch of events, other targets, and what there was before it.
struct TemporalLinkBatch: TrainingBatch {
  /// By their numbers in the order of time.
  let range: Range<Int>
  let events: Interactions
  let neighborhood: RecentNeighborhood
  /// Rows of the neighborhood: of sources, of targets, and of other targets, so many for each source.
  let sources: [UInt32]
  let targets: [UInt32]
  let others: [UInt32]
  let randomness: RandomStream

  var exampleCount: Int { range.count }
  var seconds: StageSeconds { StageSeconds() }
  var rows: RowCounts { RowCounts() }
}

/// Learns from events in the order of time to tell who meets whom next.
///
/// What a batch finds in the nodes' memory depends on the weights of all steps before, so that memory is saved with the
/// weights, as buffers of the network. All else that it is told of the past - the last events of each node, and those
/// that its memory is still to take in - follows from the batch's number, and is made anew where a training goes on.
final class TemporalLinkTask: TrainingTask {
  let model: TemporalLinkPredictor
  let events: TemporalEvents
  private let resources: TrainingResources
  private var recent: RecentEvents
  private var epoch = 0
  private var batch = 0
  private let stream: RandomStream
  /// Rows that other targets are drawn of, and those that are no more.
  private let targetRows: Range<UInt32>
  private let deleted: Set<UInt32>
  private let shares: [MemoryBudget.Reservation]
  /// Of a step of training, while an epoch is under way.
  private var stepShare: MemoryBudget.Reservation?
  /// So many batches of training are what the last events of nodes, and those that memory is to take in, are of; `nil`
  /// after an evaluation.
  private var position: Int?

  var specification: TemporalLinkSpecification { model.specification }
  private var options: TemporalLinkOptions { specification.options }
  private var network: TemporalGraphNetwork { model.network }
  var module: any Module { network }
  var loaderThreads: Int { 0 }

  /// - Throws: as ``TemporalEvents``; `usage` where the training set is not that of the model.
  convenience init(
    _ model: TemporalLinkPredictor, over graph: Snapshot, resources: TrainingResources
  ) throws {
    let specification = model.specification
    let events = try TemporalEvents(
      graph, specification.type, timeColumn: specification.timeColumn,
      clock: specification.clock,
      rows: (
        specification.rows(of: try specification.type.source)?.lowerBound ?? 0,
        specification.rows(of: try specification.type.target)?.lowerBound ?? 0
      ), options: specification.options, resources: resources)
    guard events.train.count == specification.trainedCount,
      events.lastTrainingTime == specification.trainedUntil
    else {
      throw HedgerowError(
        .usage,
        "the training set of '\(specification.target)' is another one than the model's memory has taken in, "
          + "which may know what it would be asked: train anew")
    }
    try self.init(model, events, over: graph, resources: resources)
  }

  init(
    _ model: TemporalLinkPredictor, _ events: TemporalEvents, over graph: Snapshot,
    resources: TrainingResources
  ) throws {
    self.model = model
    self.events = events
    self.resources = resources
    let (options, nodeCount) = (model.specification.options, model.specification.nodeCount)
    // Memory as it is, began, was before an evaluation and in the best epoch, and one that is read or written; of each
    // node the last event either way.
    shares = [
      try resources.budget.reserve(
        5 * 4 * nodeCount * (options.width + 1)
          + 2 * nodeCount * (24 + 4 * options.messageColumns.count),
        for: "the memory of \(nodeCount) nodes"),
      try resources.budget.reserve(
        RecentEvents.byteCount(nodes: nodeCount, capacity: options.neighborCount),
        for: "the last events of \(nodeCount) nodes"),
    ]
    recent = RecentEvents(nodes: nodeCount, capacity: options.neighborCount)
    stream = RandomStream(seed: options.seed).derive("events")
    let target = try model.specification.type.target
    let rows = model.specification.rows(of: target) ?? 0..<0
    targetRows = rows
    deleted = Set(graph.deletedNodes(of: target).map { rows.lowerBound + $0 })
  }

  // MARK: Training

  func begin(epoch: Int, from firstBatch: Int) throws {
    (self.epoch, batch) = (epoch, min(firstBatch, batches(of: events.train).count))
    if stepShare == nil {
      // What is computed is kept for the way back, and has gradients.
      let count = min(options.batchSize, events.train.count)
      stepShare = try resources.budget.reserve(
        3 * byteCount(rows: (2 + options.negativeCount) * count),
        for: "steps of \(count) events and their nodes' last ones")
    }
    try goTo(batch: batch)
    if firstBatch == 0 { network.memory.reset() }
  }

  func end() {
    stepShare?.release()
    stepShare = nil
  }

  /// Makes anew what batches of training before this one left beside the rows of memory.
  private func goTo(batch: Int) throws {
    if position == batch { return }
    recent.removeAll()
    network.memory.forgetEvents()
    position = nil
    for range in batches(of: events.train).prefix(batch) {
      try resources.checkInterruption()
      let interactions = try events.interactions(range)
      network.memory.keep(interactions)
      insert(interactions, range)
    }
    position = batch
  }

  /// Most that it takes to make the rows of some nodes: of them and the others of their last events what is in memory,
  /// in attention keys and values, and of each event its time and what is known of it.
  private func byteCount(rows count: Int) -> Int {
    let nodeCount = specification.nodeCount
    let asked = min(count, nodeCount)
    let entries = min(
      asked * options.neighborCount,
      2 * (events.train.count + events.valid.count + events.test.count))
    let nodes = min(nodeCount, asked + entries)
    return 4
      * (4 * nodes * options.width
        + entries * (5 * options.width + 2 * options.messageColumns.count))
  }

  func batches(of events: Range<Int>) -> [Range<Int>] {
    stride(from: events.lowerBound, to: events.upperBound, by: options.batchSize).map {
      $0..<min(events.upperBound, $0 + options.batchSize)
    }
  }

  private func insert(_ interactions: Interactions, _ range: Range<Int>) {
    recent.insert(
      sources: interactions.sources, targets: interactions.targets, first: range.lowerBound)
  }

  func nextBatch() throws -> TemporalLinkBatch? {
    let first = events.train.lowerBound + batch * options.batchSize
    guard first < events.train.upperBound else { return nil }
    let range = first..<min(events.train.upperBound, first + options.batchSize)
    let own = stream.derive("training").derive(UInt64(epoch), UInt64(batch))
    batch += 1
    let interactions = try events.interactions(range)
    var random = own
    let others = interactions.targets.flatMap { target in
      (0..<options.negativeCount).map { _ in other(than: target, &random) }
    }
    return try batch(of: range, interactions, others, randomness: own.derive("dropout"))
  }

  private func batch(
    of range: Range<Int>, _ interactions: Interactions, _ others: [UInt32],
    randomness: RandomStream
  ) throws -> TemporalLinkBatch {
    let count = interactions.count
    let (neighborhood, rows) = try recent.neighborhood(
      of: interactions.sources + interactions.targets + others, in: events)
    return TemporalLinkBatch(
      range: range, events: interactions, neighborhood: neighborhood,
      sources: Array(rows[..<count]), targets: Array(rows[count..<2 * count]),
      others: Array(rows[(2 * count)...]), randomness: randomness)
  }

  /// The rows of any nodes, [nodes, width], some at a time: each brings its last events along.
  private func rows(of nodes: [UInt32]) throws -> Tensor {
    let parts = try stride(from: 0, to: nodes.count, by: Self.partCount).map { first in
      try resources.checkInterruption()
      let part = Array(nodes[first..<min(nodes.count, first + Self.partCount)])
      let (neighborhood, rows) = try recent.neighborhood(of: part, in: events)
      return network.rows(of: neighborhood).gathered(rows: rows)
    }
    return parts.isEmpty ? .zeros([0, options.width]) : concatenated(parts, along: 0)
  }

  private static var partCount: Int { 1024 }

  /// Any node of the target's type but this one, where there is another.
  private func other(than target: UInt32, _ random: inout RandomStream) -> UInt32 {
    if targetRows.count - deleted.count < 2 { return target }
    while true {
      let drawn = targetRows.lowerBound + UInt32(random.next(below: UInt64(targetRows.count)))
      if drawn != target && !deleted.contains(drawn) { return drawn }
    }
  }

  func loss(of batch: TemporalLinkBatch) -> Tensor {
    let rows = network.rows(of: batch.neighborhood)
    let negativeCount = options.negativeCount
    let owners = batch.sources.flatMap { repeatElement($0, count: negativeCount) }
    return contrastiveLoss(
      network.scores(
        rows.gathered(rows: batch.sources), rows.gathered(rows: batch.targets)),
      against: network.scores(
        rows.gathered(rows: owners), rows.gathered(rows: batch.others)))
  }

  func finish(_ batch: TemporalLinkBatch) {
    network.memory.update(with: batch.events, .rowsFirst)
    insert(batch.events, batch.range)
    position! += 1
  }

  // MARK: Evaluation

  func validationMetrics() throws -> LinkMetrics? {
    try metrics(of: ["valid"]).first?.metrics
  }

  /// Of sets that have links, going on in time from where training ended.
  func metrics(of sets: [String]) throws -> [(set: String, metrics: LinkMetrics)] {
    let parts = [("valid", events.valid), ("test", events.test)]
    guard let last = parts.last(where: { sets.contains($0.0) && !$0.1.isEmpty })?.0 else {
      return []
    }
    let candidates = drawnCandidates()
    let count = min(options.batchSize, max(events.valid.count, events.test.count))
    let share = try resources.budget.reserve(
      4 * (count * (candidates.count + 1) + (3 * count + 3 * candidates.count) * options.width)
        + byteCount(rows: min(Self.partCount, max(count, candidates.count))),
      for: "ranking links among \(candidates.count) candidates")
    defer { share.release() }
    var found: [(set: String, metrics: LinkMetrics)] = []
    try behindTraining {
      for (set, range) in parts {
        var ranking: LinkRanking? =
          sets.contains(set) && !range.isEmpty
          ? LinkRanking(.pairs, candidateCount: candidates.count) : nil
        for batch in batches(of: range) {
          try resources.checkInterruption()
          try measure(batch, among: candidates, &ranking)
        }
        if let metrics = ranking?.finish() { found.append((set, metrics)) }
        if set == last { break }
      }
    }
    return found
  }

  /// Calls `body` where all events of training are taken in, and goes back to the memory from before.
  func behindTraining<Result>(_ body: () throws -> Result) throws -> Result {
    try goTo(batch: batches(of: events.train).count)
    position = nil
    return try network.memory.restoringRows {
      network.memory.flush()
      return try body()
    }
  }

  /// Calls `body` with what gives the rows of nodes as of the end of all events; `first` is that of their node 0.
  func behindAllEvents<Result>(
    from first: UInt32, _ body: (_ rows: ([UInt32]) throws -> Tensor) throws -> Result
  ) throws -> Result {
    try behindTraining {
      var ranking: LinkRanking?
      for range in batches(of: events.valid) + batches(of: events.test) {
        try resources.checkInterruption()
        try measure(range, among: [], &ranking)
      }
      return try body { nodes in try rows(of: nodes.map { first + $0 }) }
    }
  }

  /// Scores the events of a batch, where that is asked for, then takes them in.
  private func measure(
    _ range: Range<Int>, among candidates: [UInt32], _ ranking: inout LinkRanking?
  ) throws {
    let interactions = try events.interactions(range)
    if ranking != nil {
      let scores = try scores(of: range, interactions, among: candidates)
      scores.candidates.withUnsafeBufferPointer { all in
        for (link, target) in interactions.targets.enumerated() {
          let score = scores.links[link]
          let row = all[link * candidates.count..<(link + 1) * candidates.count]
          var before = 0.0
          for (candidate, other) in zip(candidates, row) where candidate != target {
            before += other > score ? 1 : other == score ? 0.5 : 0
          }
          ranking?.add(rank: 1 + before)
          ranking?.add(score: score, beside: scores.others[link])
        }
      }
    }
    takeIn(interactions, range)
  }

  /// Of the events of a batch, by what was before it: the score of each, that of its source with another target, and
  /// those with each candidate, [events, candidates].
  func scores(
    of range: Range<Int>, _ interactions: Interactions, among candidates: [UInt32]
  ) throws -> (links: [Float], others: [Float], candidates: Tensor) {
    let others = zip(range, interactions.targets).map { event, target in
      var random = stream.derive("pairs that are none").derive(UInt64(event))
      return other(than: target, &random)
    }
    // Each by themselves: no bit of a source's or a candidate's row depends on whom the source meets.
    let sources = try rows(of: interactions.sources)
    let scores = network.scores(sources, candidates: try rows(of: candidates))
    let links = network.scores(sources, try rows(of: interactions.targets))
    guard sum(links).scalar.isFinite, sum(scores).scalar.isFinite else {
      throw HedgerowError(
        .badData,
        "what the model says of some links of '\(specification.target)' is no number: lower "
          + "--learning-rate")
    }
    return (
      links.scalars, network.scores(sources, try rows(of: others)).scalars, scores
    )
  }

  /// Takes the events of a batch into memory, outside of training.
  func takeIn(_ interactions: Interactions, _ range: Range<Int>) {
    network.memory.update(with: interactions, .eventsFirst)
    insert(interactions, range)
  }

  /// Rows of nodes of the target's type, rising: drawn from the seed, or all that are there.
  private func drawnCandidates() -> [UInt32] {
    let wanted = options.candidateCount
    if wanted == 0 || wanted >= targetRows.count - deleted.count {
      return targetRows.filter { !deleted.contains($0) }
    }
    let order = ShuffledRange(count: targetRows.count, stream: stream.derive("candidates"))
    return (0..<targetRows.count).lazy.map { self.targetRows.lowerBound + UInt32(order[$0]) }
      .filter { !self.deleted.contains($0) }.prefix(wanted).sorted()
  }

  func standing(of metrics: LinkMetrics) -> (score: Double, loss: Double) {
    (metrics[options.criterion] ?? 0, 0)
  }

  var missingExamples: String { "no event is of the training set" }
}
