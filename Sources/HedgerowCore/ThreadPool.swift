public import Glibc
import Synchronization

/// A fixed set of threads that run the parts of one job at a time.
///
/// Callers cut their work into parts by rules that do not depend on the number of threads, and
/// combine the parts in a fixed order: so results are the same bits for any pool.
/// ```swift
/// pool.run(parts: (rows + 4095) / 4096) { part in ... }
/// ```
/// The calling thread takes parts too. A job started from inside a part runs on that thread alone.
public final class ThreadPool: @unchecked Sendable {
  /// Threads that work on a job, the caller included.
  public let threadCount: Int

  private let monitor = Monitor()
  // Everything below is guarded by `monitor`, but for `next`.
  private var job: Job?
  private var generation = 0
  private var isStopping = false
  private var threads: [pthread_t] = []
  private let callers = Mutex(())

  private final class Job: @unchecked Sendable {
    /// Dropped when the parts are done: a helper may let go of the job a moment later than that,
    /// and must not keep the closure, which the caller has only lent.
    var body: ((Int) -> Void)?
    let parts: Int
    let next = Atomic<Int>(0)
    var helpers = 0
    init(parts: Int, body: @escaping (Int) -> Void) {
      self.parts = parts
      self.body = body
    }
    func work() {
      let body = self.body!
      while true {
        let part = next.wrappingAdd(1, ordering: .relaxed).oldValue
        guard part < parts else { return }
        body(part)
      }
    }
  }

  public init(threadCount: Int = ProcessResources.processorCount) {
    require(threadCount >= 1, "a pool needs at least one thread, not \(threadCount)")
    self.threadCount = threadCount
    for _ in 1..<threadCount {
      // The pool is unowned by its threads: `deinit` stops and joins them before memory goes.
      let box = Unmanaged.passUnretained(self)
      threads.append(Thread.start { box._withUnsafeGuaranteedRef { $0.serve() } })
    }
  }

  deinit {
    monitor.withLock {
      isStopping = true
      monitor.wakeAll()
    }
    for thread in threads { Thread.join(thread) }
  }

  /// Runs `body` once for each of `0..<parts`, on all threads, and returns when all are done.
  public func run(parts: Int, _ body: (Int) -> Void) {
    if parts <= 0 { return }
    guard parts > 1, threadCount > 1, !Self.isInsidePart.value else {
      for part in 0..<parts { body(part) }
      return
    }
    callers.withLock { _ in
      withoutActuallyEscaping(body) { body in
        let job = Job(parts: parts, body: body)
        monitor.withLock {
          self.job = job
          generation += 1
          monitor.wakeAll()
        }
        Self.isInsidePart.value = true
        job.work()
        Self.isInsidePart.value = false
        monitor.withLock {
          self.job = nil
          while job.helpers > 0 { monitor.wait() }
          job.body = nil
        }
      }
    }
  }

  private func serve() {
    Self.isInsidePart.value = true
    var seen = 0
    while true {
      let job: Job? = monitor.withLock {
        while !isStopping && (self.job == nil || generation == seen) { monitor.wait() }
        if isStopping { return nil }
        seen = generation
        self.job!.helpers += 1
        return self.job
      }
      guard let job else { return }
      job.work()
      monitor.withLock {
        job.helpers -= 1
        if job.helpers == 0 { monitor.wakeAll() }
      }
    }
  }

  private static let isInsidePart = ThreadFlag()
}

/// A boolean of its own for each thread.
private final class ThreadFlag: Sendable {
  private let key: pthread_key_t
  init() {
    var key = pthread_key_t()
    require(pthread_key_create(&key, nil) == 0, "no thread-specific key is left")
    self.key = key
  }
  var value: Bool {
    get { pthread_getspecific(key) != nil }
    set { pthread_setspecific(key, UnsafeRawPointer(bitPattern: newValue ? 1 : 0)) }
  }
}

/// A lock with a condition to wait for.
public final class Monitor: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  public init() {
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(condition, nil)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  public func withLock<T>(_ body: () throws -> T) rethrows -> T {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body()
  }

  /// Waits, inside `withLock`, until somebody wakes; test the condition again afterwards.
  public func wait() { pthread_cond_wait(condition, mutex) }
  /// The same, for so long at most.
  public func wait(seconds: Double) {
    var end = timespec()
    clock_gettime(CLOCK_REALTIME, &end)
    let nanoseconds = end.tv_nsec + Int(max(0, seconds) * 1e9)
    end.tv_sec += nanoseconds / 1_000_000_000
    end.tv_nsec = nanoseconds % 1_000_000_000
    pthread_cond_timedwait(condition, mutex, &end)
  }
  public func wakeAll() { pthread_cond_broadcast(condition) }
}

/// A thread of our own, with a stack of 1 MiB.
public enum Thread {
  private final class Body {
    let run: () -> Void
    init(_ run: @escaping () -> Void) { self.run = run }
  }

  /// Starts a thread; ``join(_:)`` it.
  public static func start(_ body: @escaping @Sendable () -> Void) -> pthread_t {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setstacksize(&attributes, 1 << 20)
    defer { pthread_attr_destroy(&attributes) }
    var thread = pthread_t()
    let context = Unmanaged.passRetained(Body(body))
    let status = pthread_create(
      &thread, &attributes,
      { raw in
        Unmanaged<Body>.fromOpaque(raw!).takeRetainedValue().run()
        return nil
      }, context.toOpaque())
    require(status == 0, "cannot start a thread: error \(status)")
    return thread
  }

  /// Waits for a thread's end.
  public static func join(_ thread: pthread_t) { pthread_join(thread, nil) }
}
