import Synchronization

/// The private memory that a run may use, handed out in shares.
///
/// Made once per run from `--memory`. Whoever allocates in proportion to the data (sort buffers,
/// prefetch queues, dictionaries) reserves its share first, so that the sum is kept by
/// construction, not by hope. Small fixed costs are covered by ``overhead``.
public final class MemoryBudget: Sendable {
  /// Held back for code, stacks, LMDB and everything that does not grow with the data.
  public static let overhead = 24 << 20

  /// The bytes of the whole run.
  public let total: Int
  private let used = Mutex(0)

  public init(total: Int) { self.total = total }

  /// The bytes that all shares together may have.
  public var shareable: Int { max(0, total - Self.overhead) }

  /// What the page cache may hold beside the run: the rest of the memory.
  public var pageCacheByteCount: Int { max(0, ProcessResources.memoryLimit - total) }

  /// Bytes that nobody has reserved yet; never negative.
  public var available: Int { max(0, shareable - used.withLock { $0 }) }

  /// A share that is given back when the reservation is released.
  ///
  /// - Throws: `usage` when less than `byteCount` is left, naming what needs it.
  public func reserve(_ byteCount: Int, for purpose: String) throws -> Reservation {
    let left = used.withLock { used -> Int? in
      let left = total - Self.overhead - used
      guard byteCount <= left else { return left }
      used += byteCount
      return nil
    }
    if let left {
      let (needed, rest) = ByteSize.format(byteCount, over: max(0, left))
      throw HedgerowError(
        .usage,
        "\(purpose) needs \(needed) but --memory \(ByteSize.format(total)) leaves \(rest): raise "
          + "--memory")
    }
    return Reservation(budget: self, byteCount: byteCount)
  }

  /// A reserved share. Releasing it, or letting go of the last reference, gives it back.
  public final class Reservation: Sendable {
    private let budget: MemoryBudget
    public let byteCount: Int
    private let isReleased = Mutex(false)

    init(budget: MemoryBudget, byteCount: Int) {
      self.budget = budget
      self.byteCount = byteCount
    }

    public func release() {
      let first = isReleased.withLock { released -> Bool in
        defer { released = true }
        return !released
      }
      if first { budget.used.withLock { $0 -= byteCount } }
    }

    deinit { release() }
  }
}
