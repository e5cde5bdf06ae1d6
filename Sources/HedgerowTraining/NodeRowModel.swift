public import HedgerowCore
public import HedgerowStore
public import HedgerowTensor

/// What a model of rows of nodes was trained on: nodes of some types, whose rows follow each other.
public protocol NodeRowSpecification: SavedSpecification {
  /// Each type once.
  var nodes: [NodesOfType] { get }
}

/// How many nodes of a type there were.
public struct NodesOfType: Codable, Hashable, Sendable {
  public var type: String
  public var count: Int
}

extension NodeRowSpecification {
  public var nodeCount: Int { nodes.reduce(0) { $0 + $1.count } }

  /// The rows of a type's nodes.
  func rows(of type: NodeType) -> Range<UInt32>? {
    var first = 0
    for entry in nodes {
      if entry.type == type.name { return UInt32(first)..<UInt32(first + entry.count) }
      first += entry.count
    }
    return nil
  }
}

/// A model that has learned rows of nodes, which a store can keep as a column of vectors.
public protocol NodeRowModel: SavedModel where Specification: NodeRowSpecification {
  /// Width of a row.
  var rowWidth: Int { get }

  /// Calls `body` with what gives the rows of some nodes of a type that has them: [nodes, width].
  func withRows<Result>(
    of type: NodeType, over graph: Snapshot, resources: TrainingResources,
    _ body: (_ rows: (_ nodes: [UInt32]) throws -> Tensor) throws -> Result
  ) throws -> Result
}

extension NodeRowModel {
  /// The node types that have rows.
  public var types: [NodeType] { specification.nodes.map { NodeType($0.type) } }

  /// Writes the rows of a type's nodes as a column of vectors, in one commit.
  ///
  /// - Returns: how many nodes have one, and the store's new version.
  /// - Throws: `usage` for a type that has no rows, and for a column that is there and that no model wrote.
  public func write(
    to column: String, of type: NodeType, over graph: Snapshot, modelName: String,
    store: GraphStore, waiting: Double, resources: TrainingResources
  ) throws -> (count: Int, version: UInt64) {
    guard types.contains(type) else {
      throw HedgerowError(
        .usage,
        "model '\(modelName)' has rows of \(types.map(\.name).joined(separator: ", ")), not of '\(type)'"
      )
    }
    let record = try record(named: modelName)
    return try withRows(of: type, over: graph, resources: resources) { rows in
      try store.writeVectors(
        to: column, of: type, over: graph, width: rowWidth, record: record, waiting: waiting
      ) { nodes in
        try resources.checkInterruption()
        return try rows(nodes)
      }
    }
  }
}

extension GraphStore {
  /// Writes a column of vectors of float32, some thousand nodes at a time. Nodes that came meanwhile have none.
  fileprivate func writeVectors(
    to column: String, of type: NodeType, over graph: Snapshot, width: Int, record: ModelRecord,
    waiting: Double, _ rows: (_ nodes: [UInt32]) throws -> Tensor
  ) throws -> (count: Int, version: UInt64) {
    let build = try beginAddition(waiting: waiting)
    do {
      try build.declareColumn(
        PropertySchema(column, .vector(element: .float32, width: width)), of: type,
        provenance: Provenance(model: record.name, hash: record.hash, dataVersion: graph.version))
      let writer = try build.columnWriter(of: type, column)
      let count = graph.count(of: type)
      for first in stride(from: 0, to: count, by: 4096) {
        let nodes = (first..<min(count, first + 4096)).map { UInt32($0) }
        try rows(nodes).withUnsafeBufferPointer {
          try writer.append(fixed: UnsafeRawBufferPointer($0), count: nodes.count)
        }
      }
      let none = [Float](repeating: 0, count: width)
      for _ in count..<max(count, build.count(of: type)) {
        try none.withUnsafeBytes { none in
          try [false].withUnsafeBufferPointer {
            try writer.append(fixed: none, count: 1, isValid: $0)
          }
        }
      }
      try writer.finish()
      return (count, try build.publish())
    } catch {
      build.abandon()
      throw error
    }
  }
}
