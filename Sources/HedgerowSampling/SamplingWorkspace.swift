import CHedgerowKernels
import HedgerowCore
import HedgerowGraph
import Synchronization

/// Buffers of one sampling thread, kept from batch to batch so that nothing is allocated per node.
///
/// Not shared: one thread at a time. Grows to the largest batch seen.
public final class SamplingWorkspace {
  /// What one relation chose at the hop at hand.
  final class Picks {
    /// Of the frontier's rows, one after the other.
    let addresses = Buffer<UInt64>()
    let degrees = Buffer<UInt32>()
    var count = 0
  }

  var tables: [NodeTable] = []
  var picks: [Picks] = []
  let extents = Buffer<Extent>()
  let scratch = Buffer<UInt64>()
  let neighbors = Buffer<UInt32>()

  /// What a choice entry by entry needs besides; see ``EntryScan``.
  let scan = EntryScan.Buffers()

  public init() {}

  func begin(types: Int, relations: Int, hasTrees: Bool = false) {
    while tables.count < types { tables.append(NodeTable()) }
    while picks.count < relations { picks.append(Picks()) }
    // One that was lent before may have more of them.
    for table in tables.prefix(types) { table.clear(hasTrees: hasTrees) }
    for pick in picks.prefix(relations) { pick.count = 0 }
  }
}

extension SamplingWorkspace {
  /// Workspaces that wait for a thread.
  ///
  /// Buffers of new threads would lie elsewhere on the heap, which grew with each epoch.
  public final class Pool: Sendable {
    /// That of all loaders.
    public static let shared = Pool()

    /// `@unchecked`: nobody has one that waits.
    private struct Idle: @unchecked Sendable {
      let workspace: SamplingWorkspace
    }
    private let idle = Mutex<[Idle]>([])

    public init() {}

    fileprivate func take() -> SamplingWorkspace {
      idle.withLock { $0.popLast() }?.workspace ?? SamplingWorkspace()
    }

    fileprivate func give(_ workspace: SamplingWorkspace) {
      let returned = Idle(workspace: workspace)
      idle.withLock { $0.append(returned) }
    }

    /// Gives up the memory of those that wait: as many as threads ever sampled at once.
    public func releaseIdle() {
      let released = idle.withLock { waiting in
        defer { waiting = [] }
        return waiting
      }
      withExtendedLifetime(released) {}
    }
  }

  /// A workspace of one thread, for as long as this is there.
  public final class Loan {
    public let workspace: SamplingWorkspace
    private let pool: Pool

    public init(from pool: Pool = .shared) {
      (self.pool, workspace) = (pool, pool.take())
    }

    deinit { pool.give(workspace) }
  }
}

/// Memory for a changing number of elements, reused; what it held is lost when it grows.
final class Buffer<T: BitwiseCopyable> {
  private var memory = UnsafeMutableBufferPointer<T>.allocate(capacity: 0)

  deinit { memory.deallocate() }

  /// Room for `count` elements.
  func reserve(_ count: Int) -> UnsafeMutablePointer<T> {
    if count > memory.count { grow(to: count, keeping: 0) }
    return memory.baseAddress!
  }

  /// The same, keeping the first `kept` elements.
  func grow(to count: Int, keeping kept: Int) {
    guard count > memory.count else { return }
    let larger = UnsafeMutableBufferPointer<T>.allocate(capacity: max(count, memory.count * 2, 64))
    if kept > 0 { larger.baseAddress!.update(from: memory.baseAddress!, count: kept) }
    memory.deallocate()
    memory = larger
  }

  /// Elements that were written before. Valid until the buffer grows.
  func elements(_ range: Range<Int>) -> UnsafeBufferPointer<T> {
    UnsafeBufferPointer(rebasing: UnsafeBufferPointer(memory)[range])
  }

  func array(_ range: Range<Int>) -> [T] { Array(memory[range]) }
}
