/// What went wrong, where, and what to do about it, in one line.
///
/// Bad data and failing input or output throw this; a wrong shape or index in the caller's own
/// program traps instead, and absence is `nil`.
public struct HedgerowError: Error, Sendable, Equatable {
  /// The kind of failure. Raw values are the exit statuses of the command line (sysexits).
  public enum Code: Int32, Sendable {
    /// The call itself is wrong.
    case usage = 64
    /// Input data that cannot be what it claims to be, or a store of an older format.
    case badData = 65
    /// An input that is missing, or a directory that is not a store.
    case noInput = 66
    /// A store written by a newer format than this build knows.
    case newerFormat = 69
    /// A store whose bytes are not the ones that were written.
    case damaged = 70
    /// Reading or writing failed, or the disk is full.
    case io = 74
    /// Another process is writing.
    case locked = 75
    /// Stopped by the user.
    case interrupted = 130
  }

  public var code: Code
  /// What happened and what to do, without a trailing period.
  public var message: String
  /// The file, table, line or key at fault, as `edges.tsv:17`.
  public var place: String?

  public init(_ code: Code, _ message: String, at place: String? = nil) {
    self.code = code
    self.message = message
    self.place = place
  }
}

extension HedgerowError: CustomStringConvertible {
  public var description: String {
    guard let place else { return message }
    return "\(place): \(message)"
  }
}
