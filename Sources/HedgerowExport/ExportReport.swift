public import HedgerowCore

/// What an export did.
public struct ExportReport: Sendable {
  public struct File: Sendable {
    public var name: String
    /// Nodes or edges that the file has.
    public var rowCount: Int
    public var byteCount: Int
  }

  /// The version of the store that was written.
  public var version: UInt64
  public var files: [File] = []
  public var nodes = PerNode<Int>()
  /// Edges as they are written: undirected ones once, where the format can say that they are.
  public var edges = PerEdge<Int>()
  /// What of the graph the files do not hold.
  public var notes: [String] = []
  /// The command that makes the graph again, as far as the files hold it; `nil` when none does.
  public var importCommand: String?
  var importArguments: [ImportCommand.Argument]?
  public var byteCount = 0
  public var seconds = 0.0
  public var peakResidentByteCount = 0

  init(version: UInt64) { self.version = version }
}

/// How far an export has come, for a progress bar: in rows of what is being written.
public struct ExportProgress: Sendable {
  public var subject: String
  public var done: Int
  public var total: Int
}
