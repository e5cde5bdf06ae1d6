import Glibc
import Synchronization

/// When stages of work began and ended, written to a file as it happens, in the Trace Event Format that
/// `chrome://tracing` and Perfetto show.
///
/// Any thread may add to it. What was written before the process ends by force can be read.
public final class Trace: Sendable {
  /// A stream, and what the first write that failed said.
  private struct Output {
    // Closed in `finish` alone; the mutex guards it.
    nonisolated(unsafe) var stream: UnsafeMutablePointer<FILE>?
    var failure: Int32?
    /// Threads by when they first added something.
    var threads: [pthread_t] = []
  }
  private let output: Mutex<Output>
  private let path: String
  private let origin = ContinuousClock.now

  /// Makes the file, or empties it.
  ///
  /// - Throws: `io` when that cannot be done.
  public init(path: String) throws {
    self.path = path
    guard let stream = fopen(path, "we") else { throw Self.failure(errno, path) }
    fputs("[\n", stream)
    output = Mutex(Output(stream: stream))
  }

  deinit {
    output.withLock { output in
      if let stream = output.stream { fclose(stream) }
    }
  }

  /// Adds a stage that this thread went through.
  ///
  /// - Parameters:
  ///   - name: of letters, as `sample`.
  ///   - batch: which batch it was for.
  public func add(
    _ name: StaticString, from start: ContinuousClock.Instant, to end: ContinuousClock.Instant,
    batch: Int? = nil
  ) {
    let thread = pthread_self()
    output.withLock { output in
      guard let stream = output.stream, output.failure == nil else { return }
      let number = output.threads.firstIndex(of: thread) ?? output.threads.count
      if number == output.threads.count { output.threads.append(thread) }
      let line =
        "{\"name\":\"\(name)\",\"ph\":\"X\",\"pid\":\(getpid()),\"tid\":\(number)"
        + ",\"ts\":\(Self.microseconds(start - origin))"
        + ",\"dur\":\(Self.microseconds(end - start))"
        + (batch.map { ",\"args\":{\"batch\":\($0)}" } ?? "") + "},\n"
      if fputs(line, stream) == EOF { output.failure = errno }
    }
  }

  /// Ends the file.
  ///
  /// - Throws: `io` when something could not be written.
  public func finish() throws {
    let failure = output.withLock { output -> Int32? in
      guard let stream = output.stream else { return output.failure }
      // The last event is one about the process, behind which no comma stands.
      let last =
        "{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":\(getpid())"
        + ",\"args\":{\"name\":\"hedgerow\"}}\n]\n"
      if fputs(last, stream) == EOF { output.failure = output.failure ?? errno }
      if fclose(stream) != 0 { output.failure = output.failure ?? errno }
      output.stream = nil
      return output.failure
    }
    if let failure { throw Self.failure(failure, path) }
  }

  private static func microseconds(_ duration: Duration) -> Int64 {
    duration.components.seconds * 1_000_000 + duration.components.attoseconds / 1_000_000_000_000
  }

  private static func failure(_ code: Int32, _ path: String) -> HedgerowError {
    HedgerowError(.io, "cannot write the trace: \(String(cString: strerror(code)))", at: path)
  }
}
