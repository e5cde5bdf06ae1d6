import Glibc
import Hedgerow
import Synchronization

/// How far the work is, its rate and the time left, on standard error while that is a terminal.
///
/// ```swift
/// let progress = ProgressBar("writing", total: graph.edgeCount, unit: .items("edges"))
/// progress.advance(by: chunk.count)
/// progress.finish()
/// ```
/// Any thread may advance it. It draws at most ten times a second and leaves nothing behind.
final class ProgressBar: Sendable {
  enum Unit: Sendable {
    case bytes
    case items(String)
  }

  private struct State {
    var completed = 0
    var lastDrawn: Double
    var isDrawn = false
  }

  private let action: String
  /// `nil` when nobody knows.
  private let total: Int?
  private let unit: Unit
  private let start = ProgressBar.now()
  private let state: Mutex<State>
  private let isShown = isatty(STDERR_FILENO) == 1

  init(_ action: String, total: Int?, unit: Unit) {
    self.action = action
    self.total = total
    self.unit = unit
    state = Mutex(State(lastDrawn: Self.now()))
  }

  func advance(by count: Int) {
    guard isShown else { return }
    let now = Self.now()
    state.withLock { state in
      state.completed += count
      guard now - state.lastDrawn >= 0.1 else { return }
      state.lastDrawn = now
      state.isDrawn = true
      let line = Self.line(
        action, completed: state.completed, total: total, unit: unit, seconds: now - start)
      StandardError.write("\r\(line)\u{1B}[K")
    }
  }

  /// Takes the line away.
  func finish() {
    state.withLock { state in
      if state.isDrawn { StandardError.write("\r\u{1B}[K") }
      state.isDrawn = false
    }
  }

  static func line(
    _ action: String, completed: Int, total: Int?, unit: Unit, seconds: Double
  ) -> String {
    let rate = seconds > 0 ? Double(completed) / seconds : 0
    var parts = [action]
    if let total, total > 0 {
      let done = min(1, Double(completed) / Double(total))
      let width = 24
      let filled = Int(done * Double(width))
      parts.append(
        "[" + String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled)
          + "]")
      parts.append("\(Int(done * 100))%")
    } else {
      parts.append(amount(Double(completed), unit))
    }
    parts.append("\(amount(rate, unit))/s")
    if let total, rate > 0, completed < total {
      parts.append("\(duration(Double(total - completed) / rate)) left")
    }
    return parts.joined(separator: " ")
  }

  private static func amount(_ value: Double, _ unit: Unit) -> String {
    switch unit {
    case .bytes: ByteSize.format(Int(value))
    case .items(let name):
      if value >= 1e7 {
        "\(Int(value / 1e6))M \(name)"
      } else if value >= 1e4 {
        "\(Int(value / 1e3))k \(name)"
      } else {
        "\(Int(value)) \(name)"
      }
    }
  }

  /// `42 s`, `3:05`, `2:03:05`.
  static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e8 else { return "?" }
    let whole = Int(seconds.rounded())
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    if whole < 60 { return "\(whole) s" }
    if whole < 3600 { return "\(whole / 60):\(two(whole % 60))" }
    return "\(whole / 3600):\(two(whole / 60 % 60)):\(two(whole % 60))"
  }

  private static func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}
