import Glibc
import Hedgerow

/// An error as the command line shows it: one line and an exit status.
struct Failure {
  var line: String
  var status: Int32

  /// - Parameter parsing: the message and status of an error that is not ours.
  init(_ error: any Error, parsing: () -> (message: String, status: Int32)) {
    switch error {
    case let error as HedgerowError: self.init(error)
    case is CancellationError:
      self.init("interrupted", status: HedgerowError.Code.interrupted.rawValue)
    default:
      let (message, status) = parsing()
      let isUsage = status == HedgerowError.Code.usage.rawValue
      self.init(isUsage ? "\(message) (--help says more)" : message, status: status)
    }
  }

  init(_ error: HedgerowError) { self.init("\(error)", status: error.code.rawValue) }

  private init(_ message: String, status: Int32) {
    let words = message.split { $0.isNewline || $0 == "\t" }.map { $0.drop { $0 == " " } }
    line = "hedgerow: \(words.joined(separator: " "))"
    self.status = status
  }

  /// Shows it and ends the process, on whichever thread: others may still compute, so nothing is
  /// torn down.
  func exit() -> Never {
    fflush(nil)
    StandardError.write(line + "\n")
    _exit(status)
  }
}

/// Standard error, written to at once.
enum StandardError {
  static func write(_ text: String) {
    var text = text
    text.withUTF8 { _ = Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }
}
