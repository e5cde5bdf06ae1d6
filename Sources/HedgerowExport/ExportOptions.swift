public import HedgerowCore

/// What files an export writes.
public enum ExportFormat: String, Sendable, CaseIterable {
  /// Delimited text with typed headers: a file for each type, from which the graph is made again.
  case csv
  /// The keys of each edge's ends, tab-separated: a file for each edge type.
  case edgeList = "edge-list"
  /// NumPy arrays of columns and of edges.
  case npy
  /// A JSON object a line, as Neo4j's APOC exports them.
  case jsonLines = "json-lines"
  /// A sparse matrix for each edge type.
  case matrixMarket = "matrix-market"
  case nTriples = "n-triples"
  case graphML = "graphml"
  /// A data set of DGL's GraphBolt.
  case graphBolt = "graphbolt"
  /// A table for each type, column by column, from which the graph is made again.
  case parquet
}

/// What to write, and as what.
public struct ExportOptions: Sendable {
  /// How vector columns are written to `csv`.
  public enum Vectors: String, Sendable, CaseIterable {
    /// In their fields.
    case text
    /// As NumPy arrays beside the tables, where ingest reads them back as they are.
    case npy
  }

  public var format: ExportFormat
  /// Names of node types and of edge types (`paper:cites:paper`); all when there are none. An edge type
  /// brings the node types at its ends; when no edge type is named, all between the node types come
  /// along.
  public var types: [String] = []
  /// Only the nodes of this set, and the edges among them. Unless node types are named, those that have
  /// such a set are written.
  public var set: String?
  /// Only the nodes that a filter takes, and the edges among them; of one node type.
  public var filter: Filter?
  public var features: Vectors = .text

  public init(_ format: ExportFormat) { self.format = format }
}
