import Glibc
import HedgerowCore

/// Makes the elements of a sequence ahead of use, on threads of its own, and hands them out in
/// order.
///
/// At most `depth` elements, and about `byteLimit` bytes of them, are made or under way beyond the
/// one that was handed out last; the next one is always made, however large. Elements are a pure
/// function of their index, so neither limit changes what comes out.
final class OrderedPrefetch<Element: Sendable>: Sendable {
  private let state: State
  private let threads: [pthread_t]

  /// - Parameters:
  ///   - indices: what to make, in order.
  ///   - makeWorker: called once on each thread; gives what makes an element there.
  ///   - byteCount: the memory that a finished element holds.
  init(
    _ indices: Range<Int>, threads: Int, depth: Int, byteLimit: Int,
    byteCount: @escaping @Sendable (Element) -> Int,
    makeWorker: @escaping @Sendable () -> (Int) throws -> Element
  ) {
    let state = State(indices, depth: depth, byteLimit: byteLimit, byteCount: byteCount)
    self.state = state
    self.threads = (0..<max(1, min(threads, indices.count))).map { _ in
      Thread.start { state.work(makeWorker()) }
    }
  }

  deinit {
    state.stop()
    for thread in threads { Thread.join(thread) }
  }

  /// The next element, or `nil` after the last. Throws what making it threw; then nothing follows.
  func next() async throws -> Element? {
    let state = state
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        state.take { continuation.resume(with: $0) }
      }
    } onCancel: {
      state.cancel()
    }
  }

  /// Waits until no more is made before the next is taken.
  func filled() async {
    let state = state
    await withCheckedContinuation { continuation in
      state.whenFull { continuation.resume() }
    }
  }

  private final class State: @unchecked Sendable {
    typealias Waiter = (Result<Element?, any Error>) -> Void
    private let monitor = Monitor()
    private let byteCount: @Sendable (Element) -> Int
    private let end: Int
    private let depth: Int
    private let byteLimit: Int
    // Guarded by the monitor.
    private var claimed: Int
    private var delivered: Int
    private var finished: [Int: Result<Element, any Error>] = [:]
    private var heldByteCount = 0
    private var largestByteCount = 0
    private var isStopped = false
    private var isCancelled = false
    private var waiter: Waiter?
    private var fullWaiter: (() -> Void)?

    init(
      _ indices: Range<Int>, depth: Int, byteLimit: Int,
      byteCount: @escaping @Sendable (Element) -> Int
    ) {
      claimed = indices.lowerBound
      delivered = indices.lowerBound
      end = indices.upperBound
      self.depth = max(1, depth)
      self.byteLimit = byteLimit
      self.byteCount = byteCount
    }

    func work(_ make: (Int) throws -> Element) {
      while let index = claim() {
        finish(index, Result { try make(index) })
      }
    }

    private func claim() -> Int? {
      monitor.withLock {
        while !isStopped && claimed < end && !mayClaim { monitor.wait() }
        guard !isStopped, claimed < end else { return nil }
        claimed += 1
        return claimed - 1
      }
    }

    private var mayClaim: Bool {
      if claimed == delivered { return true }
      let underWay = claimed - delivered - finished.count
      return claimed - delivered < depth
        && heldByteCount + (underWay + 1) * largestByteCount <= byteLimit
    }

    private func finish(_ index: Int, _ result: Result<Element, any Error>) {
      let (ready, full) = monitor.withLock {
        () -> ((Waiter, Result<Element?, any Error>)?, (() -> Void)?) in
        finished[index] = result
        if case .success(let element) = result {
          heldByteCount += byteCount(element)
          largestByteCount = max(largestByteCount, byteCount(element))
        }
        let ready = deliver()
        guard isFull else { return (ready, nil) }
        defer { fullWaiter = nil }
        return (ready, fullWaiter)
      }
      if let (waiter, result) = ready { waiter(result) }
      full?()
    }

    /// Whether nothing is under way, nor will be before the next is taken.
    private var isFull: Bool {
      claimed - delivered == finished.count && (isStopped || claimed == end || !mayClaim)
    }

    func whenFull(_ body: @escaping () -> Void) {
      let isFull = monitor.withLock {
        if !self.isFull { fullWaiter = body }
        return self.isFull
      }
      if isFull { body() }
    }

    /// Registers who waits for the next element, and serves them at once when it is there.
    func take(_ waiter: @escaping Waiter) {
      let ready = monitor.withLock { () -> (Waiter, Result<Element?, any Error>)? in
        require(self.waiter == nil, "one consumer at a time")
        self.waiter = waiter
        return deliver()
      }
      if let (waiter, result) = ready { waiter(result) }
    }

    private func deliver() -> (Waiter, Result<Element?, any Error>)? {
      guard let waiter else { return nil }
      let result: Result<Element?, any Error>
      if let made = finished.removeValue(forKey: delivered) {
        delivered += 1
        switch made {
        case .success(let element):
          heldByteCount -= byteCount(element)
          result = .success(element)
        case .failure(let error):
          isStopped = true
          result = .failure(error)
        }
      } else if isCancelled {
        result = .failure(CancellationError())
      } else if isStopped || delivered == end {
        result = .success(nil)
      } else {
        return nil
      }
      self.waiter = nil
      monitor.wakeAll()
      return (waiter, result)
    }

    func stop() {
      monitor.withLock {
        isStopped = true
        monitor.wakeAll()
      }
    }

    func cancel() {
      let waiting = monitor.withLock { () -> Waiter? in
        (isStopped, isCancelled) = (true, delivered < end)
        monitor.wakeAll()
        defer { waiter = nil }
        return waiter
      }
      waiting?(.failure(CancellationError()))
    }
  }
}
