import HedgerowCore
import HedgerowMapped

/// What a store says of itself: one record, replaced by every commit.
struct StoreRecord: Codable, Sendable {
  /// The format of the whole store; another one than ours is refused.
  var format: UInt64
  /// Names of what came to the format later; see ``StoreFeatures``.
  var readFeatures: [String] = []
  var writeFeatures: [String] = []
  var uuid: [UInt8]
  /// Grows by one with every commit.
  var version: UInt64
  /// The newest published generation of segment files; 0 before the first.
  var generation: UInt64
  /// Rows of a node range, as a power of two.
  var rangeBits: Int
  var nextNodeType: UInt16
  var nextEdgeType: UInt16
  /// The version whose changes are all in segments; later ones are in the tables of changes.
  var foldedVersion: UInt64
  /// The version that changed data last; those that only keep a model or what it wrote do not.
  var dataVersion: UInt64
  /// The version that changed types or columns last.
  var schemaVersion: UInt64
  /// Grows whenever the catalog or the manifest changes.
  var layout: UInt64

  var identity: StoreIdentity { StoreIdentity(bytes: uuid)! }
}

/// The one part of ``StoreRecord`` that every format has.
struct StoreFormat: Codable, Sendable {
  var format: UInt64
}

/// What a store of this format needs a build to know beyond it, by name. There is nothing of the kind
/// yet: a build that finds a name is too old for the store.
struct StoreFeatures: Codable, Sendable {
  /// Without these it cannot be read, nor written.
  var readFeatures: [String]
  /// Without these it can be read, but not written.
  var writeFeatures: [String]
}

/// A column of a type, as the catalog keeps it.
struct ColumnRecord: Codable, Hashable, Sendable {
  var id: UInt16
  var name: String
  /// ``PropertyKind/description``
  var kind: String
  /// For a column that a model wrote: its name and hash, and the version it had read.
  var provenance: Provenance?
  /// The value of rows that no segment and no change gives one, as a cell; null when it is not there.
  var defaultCell: [UInt8]?
}

/// Where a written-back column comes from.
public struct Provenance: Codable, Hashable, Sendable {
  public var model: String
  /// Hexadecimal CRC-32C of the model's stored weights.
  public var hash: String
  /// The store's version that the model was trained on and that the prediction read.
  public var dataVersion: UInt64

  public init(model: String, hash: String, dataVersion: UInt64) {
    self.model = model
    self.hash = hash
    self.dataVersion = dataVersion
  }
}

struct NodeTypeRecord: Codable, Sendable {
  var id: UInt16
  var name: String
  /// Rows when the last build or compaction ended; ``Counts`` has those of now.
  var count: UInt64
  var keys: KeyKind
  /// Keys in the dictionary segment, those of the first nodes.
  var dictionaryCount: UInt64
  var nextColumn: UInt16
  var columns: [ColumnRecord]
}

struct EdgeTypeRecord: Codable, Sendable {
  var id: UInt16
  var source: String
  var relation: String
  var target: String
  /// Edges in the segments; ``Counts`` has those of now.
  var count: UInt64
  var isUndirected: Bool
  var timeColumn: String?
  var weightColumn: String?
  var nextColumn: UInt16
  var columns: [ColumnRecord]

  var type: EdgeType { EdgeType(NodeType(source), relation, NodeType(target)) }
}

extension UInt16 {
  /// The number so far behind this one. Numbers of types and columns are never used twice, and end.
  func advanced(by count: Int, of owner: String) throws -> UInt16 {
    guard let number = UInt16(exactly: Int(self) + count) else {
      throw HedgerowError(
        .usage,
        "\(owner) has used up its 65,535 numbers: hedgerow rebuild makes a store that counts anew")
    }
    return number
  }
}

/// How many nodes or edges a type has now.
struct Counts: Equatable, Sendable {
  /// Nodes that ever were, which is the next id; edges that are there.
  var total: UInt64 = 0
  /// Nodes that were deleted; of edges, the number that the next added one gets.
  var other: UInt64 = 0
}

/// All types of a store at one version.
struct Catalog: Sendable {
  var nodes: [NodeTypeRecord] = []
  var edges: [EdgeTypeRecord] = []

  func node(_ type: NodeType) -> NodeTypeRecord? { nodes.first { $0.name == type.name } }
  func edge(_ type: EdgeType) -> EdgeTypeRecord? { edges.first { $0.type == type } }

  func schema() throws -> GraphSchema {
    func properties(_ columns: [ColumnRecord]) throws -> [PropertySchema] {
      try columns.map { column in
        guard let kind = PropertyKind(column.kind) else {
          throw HedgerowError(
            .damaged, "column '\(column.name)' is of the unknown kind '\(column.kind)'",
            at: "data.mdb table catalog")
        }
        return PropertySchema(column.name, kind)
      }
    }
    return GraphSchema(
      nodes: try nodes.map {
        try NodeSchema(NodeType($0.name), properties: properties($0.columns))
      },
      edges: try edges.map {
        try EdgeSchema(
          $0.type, properties: properties($0.columns), isUndirected: $0.isUndirected,
          timeColumn: $0.timeColumn, weightColumn: $0.weightColumn)
      })
  }
}
