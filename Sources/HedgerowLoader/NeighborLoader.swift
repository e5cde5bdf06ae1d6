public import HedgerowCore
public import HedgerowGraph
public import HedgerowSampling
import HedgerowTensor

/// How a loader makes batches.
public struct LoaderOptions: Sendable {
  /// In what order an epoch goes through the seeds.
  public enum Order: Sendable {
    /// A new order each epoch, drawn from the seed; no array of the seeds is made.
    case shuffled
    /// By rising id: for evaluation.
    case ascending
  }
  public var order = Order.shuffled
  /// Feature columns by node type. `nil` takes every column of vectors named `x`.
  public var inputs: PerNode<[String]>?
  /// A column of the seeds' type to read labels from.
  public var labels: String?
  /// What to sample along; `nil` is every relation with its backward reading.
  public var relations: [Relation]?
  /// Which neighbors are taken, and in what form.
  public var sampling = SamplingOptions()
  /// Threads that make batches.
  public var threads = ProcessResources.processorCount
  /// Batches made or under way ahead of the one in use; `nil` is two a thread.
  public var prefetchDepth: Int?
  /// Bytes of batches held ahead of use, beyond the next one.
  public var prefetchByteLimit = 256 << 20
  /// Bytes of features that one batch may hold; a larger one is an error that says what to lower.
  public var batchByteLimit = Int.max
  /// Rows of features that are kept in memory; see ``NeighborLoader/pinningRows(by:byteLimit:batchCount:checkInterruption:)``.
  public var pinnedRows: PinnedRows?
  /// Where the stages of batches are written down.
  public var trace: Trace?

  public init() {}
}

/// Mini-batches of sampled neighborhoods with their features, made ahead on threads of its own.
///
/// ```swift
/// let loader = NeighborLoader(graph, seeds: .nodes("item", in: "train"), fanouts: [15, 10],
///   batchSize: 1024, seed: 7)
/// for try await batch in loader.epoch(0) { ... }
/// ```
/// Batch i of epoch e is a pure function of the graph, the options and (seed, e, i): the same bits
/// for any number of threads or depth of prefetch, and at once available without the ones before
/// it. Options that do not fit the graph are an error of the first batch.
public struct NeighborLoader<Graph: Topology & FeatureSource>: Sendable {
  public let graph: Graph
  public let seeds: Seeds
  public let batchSize: Int
  public let seed: UInt64
  public internal(set) var options: LoaderOptions
  let fanouts: Fanouts
  private let memo = SeedMemo()

  public init(
    _ graph: Graph, seeds: Seeds, fanouts: Fanouts, batchSize: Int, seed: UInt64 = 0,
    options: LoaderOptions = LoaderOptions()
  ) {
    require(batchSize > 0, "a batch has at least one seed, not \(batchSize)")
    self.graph = graph
    self.seeds = seeds
    self.batchSize = batchSize
    self.seed = seed
    self.options = options
    self.fanouts = fanouts
  }

  /// Batches in an epoch; the last may be smaller.
  public func batchCount() throws -> Int {
    let count = try resolvedSeeds().count
    return (count + batchSize - 1) / batchSize
  }

  func resolvedSeeds() throws -> ResolvedSeeds {
    try memo.seeds { try seeds.resolved(in: graph) }
  }

  /// The batches of an epoch from `firstBatch` on.
  public func epoch(_ epoch: Int, from firstBatch: Int = 0) -> Epoch<Graph> {
    Epoch(loader: self, epoch: epoch, firstBatch: firstBatch)
  }

  /// One batch, made here and now.
  public func batch(_ index: Int, epoch: Int) throws -> Batch {
    try plan(epoch: epoch).batch(index, workspace: SamplingWorkspace())
  }

  func plan(epoch: Int) throws -> EpochPlan<Graph> {
    let resolved = try resolvedSeeds()
    let sampler = try NeighborSampler(
      graph, fanouts: fanouts, relations: options.relations, options: options.sampling, seed: seed)
    let stream = RandomStream(seed: seed).derive("seed order").derive(UInt64(epoch))
    return EpochPlan(
      loader: self, sampler: sampler, epoch: epoch, seeds: resolved,
      order: options.order == .shuffled
        ? ShuffledRange(count: resolved.count, stream: stream) : nil,
      inputs: try inputs(), reader: FeatureReader(graph, pinned: options.pinnedRows))
  }

  /// The feature columns to gather, checked.
  func inputs() throws -> [(type: NodeType, column: String, width: Int)] {
    var chosen: [(NodeType, String)] = []
    if let inputs = options.inputs {
      chosen = zip(inputs.keys, inputs.values).flatMap { type, columns in
        columns.map { (type, $0) }
      }
    } else {
      for node in graph.schema.nodes {
        if let property = node.property("x"), case .vector = property.kind {
          chosen.append((node.type, "x"))
        }
      }
    }
    return try chosen.map { type, column in
      guard let width = graph.width(of: column, of: type) else {
        throw HedgerowError(.usage, "'\(type).\(column)' is no column of numbers")
      }
      return (type, column, width)
    }
  }
}

/// The batches of one epoch, in order.
public struct Epoch<Graph: Topology & FeatureSource>: AsyncSequence, Sendable {
  public typealias Element = Batch
  let loader: NeighborLoader<Graph>
  let epoch: Int
  let firstBatch: Int

  public func makeAsyncIterator() -> Iterator {
    Iterator(loader: loader, epoch: epoch, firstBatch: firstBatch)
  }

  /// Starts the threads at the first call of ``next()`` and stops them when it goes away.
  public struct Iterator: AsyncIteratorProtocol {
    let loader: NeighborLoader<Graph>
    let epoch: Int
    let firstBatch: Int
    private var prefetch: OrderedPrefetch<Batch>?

    init(loader: NeighborLoader<Graph>, epoch: Int, firstBatch: Int) {
      self.loader = loader
      self.epoch = epoch
      self.firstBatch = firstBatch
    }

    public mutating func next() async throws -> Batch? {
      if prefetch == nil {
        let plan = try loader.plan(epoch: epoch)
        let options = loader.options
        prefetch = OrderedPrefetch(
          Swift.min(firstBatch, plan.batchCount)..<plan.batchCount, threads: options.threads,
          depth: options.prefetchDepth ?? 2 * options.threads,
          byteLimit: options.prefetchByteLimit, byteCount: { $0.byteCount },
          makeWorker: {
            let workspace = SamplingWorkspace()
            return { try plan.batch($0, workspace: workspace) }
          })
      }
      return try await prefetch!.next()
    }
  }
}

/// What every batch of one epoch needs to know.
struct EpochPlan<Graph: Topology & FeatureSource>: Sendable {
  let loader: NeighborLoader<Graph>
  let sampler: NeighborSampler<Graph>
  let epoch: Int
  let seeds: ResolvedSeeds
  let order: ShuffledRange?
  let inputs: [(type: NodeType, column: String, width: Int)]
  let reader: FeatureReader<Graph>

  var batchCount: Int { (seeds.count + loader.batchSize - 1) / loader.batchSize }

  func batch(_ index: Int, workspace: SamplingWorkspace) throws -> Batch {
    require(index >= 0 && index < batchCount, "batch \(index) of \(batchCount)")
    var work = BatchWork(batch: index, trace: loader.options.trace)
    let ranks = index * loader.batchSize..<min(seeds.count, (index + 1) * loader.batchSize)
    let nodes = ranks.map { seeds.node(atRank: order?[$0] ?? $0) }

    let sampled = try work.measure(.sample) {
      try sampler.sample(
        seeds: nodes, of: loader.seeds.type, epoch: epoch, batch: index, workspace: workspace)
    }
    let columns = sampled.nodes.keys.map { type in
      (type: type, columns: inputs.filter { $0.type == type }.map { ($0.column, $0.width) })
    }.filter { !$0.columns.isEmpty }
    let byteCount = columns.reduce(0) { sum, entry in
      sum + entry.columns.reduce(0) { $0 + 4 * $1.1 * sampled.nodes[entry.type].count }
    }
    guard byteCount <= loader.options.batchByteLimit else {
      throw HedgerowError(
        .usage,
        "a batch of \(nodes.count) seeds needs \(ByteSize.format(byteCount)) of features where "
          + "\(ByteSize.format(loader.options.batchByteLimit)) can be had: lower --batch-size or "
          + "--fanouts, or raise --memory")
    }
    work.measure(.read) {
      for (type, columns) in columns { reader.prefetch(columns, sampled.nodes[type], type) }
    }
    var features = PerNode<Tensor>()
    for (type, columns) in columns {
      features[type] = try reader.rows(of: columns, sampled.nodes[type], type, &work)
    }
    var labels: [Int32] = []
    if let column = loader.options.labels {
      labels = try work.measure(.gather) {
        try loader.graph.labels(nodes.span, of: loader.seeds.type, column: column)
      }
    }
    return Batch(
      epoch: epoch, index: index, subgraph: sampled, features: features, labels: labels,
      randomness: RandomStream(seed: loader.seed).derive("training").derive(
        UInt64(epoch), UInt64(index)),
      seconds: work.seconds, rows: work.rows)
  }
}

extension Duration {
  /// The whole duration in seconds.
  public var seconds: Double {
    Double(components.seconds) + Double(components.attoseconds) * 1e-18
  }
}
