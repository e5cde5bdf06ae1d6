import HedgerowCore
import Synchronization

/// Where a batch's time went, in seconds.
public struct StageSeconds: Hashable, Sendable {
  /// Choosing nodes and edges, with the waiting for their pages.
  public var sample = 0.0
  /// Waiting until another batch has read.
  public var queue = 0.0
  /// Asking for the pages of features; of columns with pinned rows, getting all others.
  public var read = 0.0
  /// Writing features one row after the other.
  public var gather = 0.0

  public init() {}

  public static func += (a: inout StageSeconds, b: StageSeconds) {
    a.sample += b.sample
    a.queue += b.queue
    a.read += b.read
    a.gather += b.gather
  }

  public var total: Double { sample + queue + read + gather }
}

/// How many rows of features came from where.
public struct RowCounts: Hashable, Sendable {
  /// From memory, where they are pinned.
  public var pinned = 0
  /// From where they are kept.
  public var read = 0

  public init() {}

  public static func += (a: inout RowCounts, b: RowCounts) {
    a.pinned += b.pinned
    a.read += b.read
  }
}

/// What making one batch takes, stage by stage.
struct BatchWork {
  enum Stage { case sample, queue, read, gather }

  var seconds = StageSeconds()
  var rows = RowCounts()
  let epoch: Int
  let batch: Int
  /// Where its stages are written down, if anywhere.
  let trace: Trace?

  init(epoch: Int, batch: Int, trace: Trace?) {
    self.epoch = epoch
    self.batch = batch
    self.trace = trace
  }

  mutating func measure<R>(_ stage: Stage, _ body: () throws -> R) rethrows -> R {
    let start = ContinuousClock.now
    defer { add(stage, from: start, to: .now) }
    return try body()
  }

  /// Measures what is done once the lock is had as one stage, and the waiting for it as the queue.
  mutating func measure<R>(
    _ stage: Stage, holding lock: borrowing Mutex<()>, _ body: () throws -> R
  ) rethrows -> R {
    let start = ContinuousClock.now
    var begin = start
    defer {
      add(.queue, from: start, to: begin)
      add(stage, from: begin, to: .now)
    }
    return try lock.withLock { _ in
      begin = .now
      return try body()
    }
  }

  private mutating func add(
    _ stage: Stage, from start: ContinuousClock.Instant, to end: ContinuousClock.Instant
  ) {
    let duration = (end - start).seconds
    switch stage {
    case .sample: seconds.sample += duration
    case .queue: seconds.queue += duration
    case .read: seconds.read += duration
    case .gather: seconds.gather += duration
    }
    guard let trace else { return }
    let name: StaticString =
      switch stage {
      case .sample: "sample"
      case .queue: "queue"
      case .read: "read"
      case .gather: "gather"
      }
    trace.add(name, from: start, to: end, batch: batch)
  }
}
