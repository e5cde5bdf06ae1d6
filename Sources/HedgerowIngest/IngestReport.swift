public import HedgerowCore

/// What an ingest did.
public struct IngestReport: Sendable {
  /// The store's version with what came in.
  public var version: UInt64 = 0
  /// Nodes of each type that is new or was added to, those that were there included.
  public var nodes = PerNode<Int>()
  /// Edges of each such type as they are stored: both arcs of an undirected edge count.
  public var edges = PerEdge<Int>()
  /// How many of the nodes are new.
  public var addedNodes = PerNode<Int>()
  /// How many of the edges are new.
  public var addedEdges = PerEdge<Int>()
  /// New nodes that edges mention and no node file lists, of the types that have node files or were
  /// in the store.
  public var createdNodes = PerNode<Int>()
  /// Arcs to add to an undirected type that it had already, and that were not doubled.
  public var presentEdges = PerEdge<Int>()
  /// Rows of nodes whose key an earlier row or a node of the store has, where that is no fault.
  public var duplicates = 0
  /// Lines that were left out, by file: bad ones, and edges to nodes that are missing.
  public var leftOut: [LeftOutLines] = []
  /// How many lines were left out.
  public var skipped: Int { leftOut.reduce(0) { $0 + $1.count } }
  /// What was wrong with the first bad lines of each file.
  public var messages: [String] { leftOut.flatMap(\.messages) }
  /// What a run of the same options had done before it was killed, and this one did not do again.
  public var resumed: [String] = []
  /// Columns of each type that is new or was added to.
  public var schema = GraphSchema()
  public var seconds = 0.0
  public var peakResidentByteCount = 0
}

/// Lines of one file that were left out.
public struct LeftOutLines: Codable, Sendable {
  /// Bad lines of a file whose messages are kept.
  public static let messageLimit = 20

  public var file: String
  public var count = 0
  /// What was wrong with the first bad ones, as `edges.tsv:17: has 1 column where 2 are expected`.
  public var messages: [String] = []
}

/// How far an ingest has come, for a progress bar.
public struct IngestProgress: Sendable {
  public enum Phase: String, Sendable {
    /// Reading a file of another format into tables. In bytes of the file.
    case convert
    /// Reading a file for the first time: kinds of columns and keys. In bytes of the file.
    case scan
    /// Reading a file for the second time. In bytes of the file.
    case read
    /// Reading a feature matrix. In rows.
    case features
    /// Writing edges in order. In edges.
    case write
    /// Putting nodes into another order than that of the input. In rows or edges.
    case arrange
  }
  public var phase: Phase
  /// The file, or the edge type.
  public var subject: String
  public var done: Int
  public var total: Int
}
