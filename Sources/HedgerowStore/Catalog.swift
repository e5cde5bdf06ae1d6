import HedgerowCore
import HedgerowMapped

/// What a store says of itself: one record, replaced by every commit.
struct StoreRecord: Codable, Sendable {
  /// The format of the whole store; a higher one than ours is refused.
  var format: UInt64
  var uuid: [UInt8]
  /// Grows by one with every commit.
  var version: UInt64
  /// The newest published generation of segment files; 0 before the first.
  var generation: UInt64
  /// Rows of a node range, as a power of two.
  var rangeBits: Int
  var nextNodeType: UInt16
  var nextEdgeType: UInt16

  var identity: StoreIdentity { StoreIdentity(bytes: uuid)! }
}

/// The one part of ``StoreRecord`` that every format has.
struct StoreFormat: Codable, Sendable {
  var format: UInt64
}

/// A column of a type, as the catalog keeps it.
struct ColumnRecord: Codable, Hashable, Sendable {
  var id: UInt16
  var name: String
  /// ``PropertyKind/description``
  var kind: String
  /// For a column that a model wrote: its name and hash, and the version it had read.
  var provenance: Provenance?
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
  var count: UInt64
  var keys: KeyKind
  var nextColumn: UInt16
  var columns: [ColumnRecord]
}

struct EdgeTypeRecord: Codable, Sendable {
  var id: UInt16
  var source: String
  var relation: String
  var target: String
  var count: UInt64
  var isUndirected: Bool
  var timeColumn: String?
  var weightColumn: String?
  var nextColumn: UInt16
  var columns: [ColumnRecord]

  var type: EdgeType { EdgeType(NodeType(source), relation, NodeType(target)) }
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
