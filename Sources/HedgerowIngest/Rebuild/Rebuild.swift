public import HedgerowCore
import HedgerowGraph
import HedgerowStore

/// What a rebuild did.
public struct RebuildReport: Sendable {
  /// The version of the source that the new store holds.
  public var sourceVersion: UInt64
  public var nodes = PerNode<Int>()
  public var edges = PerEdge<Int>()
  /// Deleted nodes, whose ids are not in the new store.
  public var droppedNodeCount = 0
  public var seconds = 0.0
  public var peakResidentByteCount = 0
}

/// How far a rebuild has come, for a progress bar.
public struct RebuildProgress: Sendable {
  public enum Phase: String, Sendable {
    /// Finding the new order. In nodes.
    case order
    /// Writing a node type. In rows, of keys and of each column.
    case nodes
    /// Reading, sorting and writing an edge type. In edges, once for each time they are handled.
    case edges
  }
  public var phase: Phase
  public var subject: String
  public var done: Int
  public var total: Int
}

/// Makes a new store of a store's content, with nodes in another order.
///
/// ```swift
/// try Rebuild.run(from: "web.hedgerow", to: "ordered.hedgerow", order: .bfs, budget: budget)
/// ```
/// Keys, columns, their indices, sets, models and what is declared of types follow; the UUID is a new one and ids are
/// others, so whoever keeps ids outside the store must ask for them anew by key. Deleted nodes are gone.
/// Each node takes 13 bytes of the budget while the order is found and 8 afterwards; edges are sorted
/// on disk.
public enum Rebuild {
  /// - Parameters:
  ///   - source: a store; its newest version is taken.
  ///   - path: where nothing is yet. The new store appears whole, or not at all.
  ///   - progress: called often.
  ///   - isCancelled: asked often; once true, the run ends with `interrupted`.
  /// - Throws: `usage` when something is at `path` or the budget is too small, `io`, `damaged`.
  @discardableResult
  public static func run(
    from source: String, to path: String, order: NodeOrder, budget: MemoryBudget,
    progress: (RebuildProgress) -> Void = { _ in }, isCancelled: () -> Bool = { false }
  ) throws -> RebuildReport {
    let start = ContinuousClock.now
    let snapshot = try GraphStore.open(at: source, .readOnly).snapshot(budget: budget)
    var report = try withoutActuallyEscaping(progress) { progress in
      try withoutActuallyEscaping(isCancelled) { isCancelled in
        try GraphStore.make(at: path, like: snapshot) { builder in
          try RebuildRun(
            snapshot: snapshot, builder: builder, budget: budget, progress: progress,
            isCancelled: isCancelled
          ).run(order)
        }
      }
    }
    report.seconds = (ContinuousClock.now - start) / .seconds(1)
    report.peakResidentByteCount = ProcessResources.peakResidentByteCount
    return report
  }
}

/// One rebuild, from the order to the commit.
private struct RebuildRun {
  let snapshot: Snapshot
  let builder: GenerationBuilder
  let budget: MemoryBudget
  let progress: (RebuildProgress) -> Void
  let isCancelled: () -> Bool

  /// Counts what is done of a phase.
  private final class Counter {
    private var progress: RebuildProgress
    private let run: RebuildRun

    init(_ run: RebuildRun, _ phase: RebuildProgress.Phase, _ subject: String, of total: Int) {
      self.run = run
      progress = RebuildProgress(phase: phase, subject: subject, done: 0, total: total)
    }

    func add(_ count: Int) throws {
      if run.isCancelled() { throw HedgerowError(.interrupted, "interrupted") }
      progress.done += count
      run.progress(progress)
    }
  }

  func run(_ order: NodeOrder) throws -> RebuildReport {
    var report = RebuildReport(sourceVersion: snapshot.version)
    let schema = snapshot.schema
    let nodeCount = schema.nodes.reduce(0) { $0 + snapshot.count(of: $1.type) }
    let numbering = try number(order, nodeCount)
    let share = try budget.reserve(
      NodeNumbering.byteCount * nodeCount, for: "the new numbers of nodes")
    defer { share.release() }
    for node in schema.nodes {
      let old = numbering.old[node.type]
      let counter = Counter(
        self, .nodes, "\(node.type)", of: old.count * (node.properties.count + 1))
      try RebuiltNodes(
        snapshot: snapshot, builder: builder, type: node.type, old: old,
        new: numbering.new[node.type], onNodes: counter.add
      ).run(budget: budget)
      report.nodes[node.type] = old.count
      report.droppedNodeCount += snapshot.count(of: node.type) - old.count
    }
    // The writers of a type with columns hold some of each column.
    let memory = budget.available / 8 * 7
    let sortShare = try budget.reserve(memory, for: "sorting edges")
    defer { sortShare.release() }
    for edge in schema.edges {
      let passes = edge.properties.isEmpty ? 4 : 3
      let counter = Counter(
        self, .edges, "\(edge.type)", of: passes * snapshot.count(of: edge.type))
      report.edges[edge.type] = try RebuiltEdges(
        snapshot: snapshot, builder: builder, schema: edge,
        newSources: numbering.new[edge.type.source], newTargets: numbering.new[edge.type.target],
        memory: memory, onEdges: counter.add
      ).run()
    }
    for name in try snapshot.modelNames() {
      if let model = try snapshot.model(named: name) { try builder.saveModel(model) }
    }
    builder.adoptDefaults(of: snapshot)
    try builder.adoptIndices(of: snapshot) {
      if isCancelled() { throw HedgerowError(.interrupted, "interrupted") }
    }
    try builder.publish()
    return report
  }

  private func number(_ order: NodeOrder, _ nodeCount: Int) throws -> NodeNumbering {
    let share = try budget.reserve(
      NodeNumbering.byteCountWhileOrdering * nodeCount, for: "the order of nodes")
    defer { share.release() }
    let memory = budget.available / 2
    let sortShare = try budget.reserve(memory, for: "sorting nodes")
    defer { sortShare.release() }
    let counter = Counter(self, .order, order.rawValue, of: nodeCount)
    return try NodeNumbering(
      order, of: snapshot, memory: memory, scratch: builder.scratchDirectory,
      onNodes: counter.add)
  }
}
