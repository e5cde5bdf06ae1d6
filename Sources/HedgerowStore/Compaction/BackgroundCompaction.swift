import Glibc
import HedgerowCore

/// The compaction that runs beside a store's writers: one at a time, on a thread of its own.
final class BackgroundCompaction: @unchecked Sendable {
  // All of it is touched inside the monitor only.
  private var isAtWork = false
  private var begun = 0
  private var hasFailed = false
  private let turn = Monitor()

  /// Runs `body` unless one is at work. What fails fails again, and is said, when somebody asks for a
  /// compaction.
  /// - Returns: with which `byteCount` the one that is at work began.
  func start(at byteCount: Int, _ body: @escaping @Sendable () throws -> Void) -> Int {
    turn.withLock {
      if isAtWork { return begun }
      isAtWork = true
      begun = byteCount
      let thread = Thread.start { [self] in
        let outcome = Result(catching: body)
        turn.withLock {
          isAtWork = false
          if case .failure = outcome { hasFailed = true } else { hasFailed = false }
          turn.wakeAll()
        }
      }
      pthread_detach(thread)
      return begun
    }
  }

  /// Waits until the one at work is over; not where the one before failed, for this one may, too.
  func wait(seconds: Double) {
    let end = ContinuousClock.now + .seconds(seconds)
    turn.withLock {
      while isAtWork && !hasFailed && ContinuousClock.now < end {
        turn.wait(seconds: (end - ContinuousClock.now) / .seconds(1))
      }
    }
  }
}
