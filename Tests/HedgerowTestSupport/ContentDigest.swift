import HedgerowCore
import HedgerowGraph
import HedgerowRoaring
public import HedgerowStore

/// A hash over everything that a reader of a snapshot can see: version, types, keys in both
/// directions, columns with where they come from, edges in both directions, sets and models.
///
/// Two snapshots of equal content have equal digests, whatever their files look like, so that a
/// compaction changes nothing. Written against what every user of a ``Snapshot`` has, so that it holds
/// for any way of writing.
public struct ContentDigest: Hashable, Sendable, CustomStringConvertible {
  private var digest = BatchDigest()
  public let version: UInt64

  /// - Parameter ignoredModel: a model that does not count.
  public init(_ graph: Snapshot, ignoring ignoredModel: String? = nil) throws {
    let models = try graph.modelNames().filter { $0 != ignoredModel }
    version = graph.version
    for node in graph.schema.nodes { try fold(node, graph) }
    for edge in graph.schema.edges { try fold(edge, graph) }
    for name in models {
      guard let model = try graph.model(named: name) else { continue }
      digest.fold("model \(name) \(model.name)")
      digest.fold(model.specification)
      digest.fold(model.weights)
    }
  }

  /// All but the version.
  public var content: String { "\(digest)" }

  /// The version and sixteen hexadecimal digits.
  public var description: String { "\(version)-\(digest)" }

  private mutating func fold(_ node: NodeSchema, _ graph: Snapshot) throws {
    let type = node.type
    let count = graph.count(of: type)
    let deleted = graph.deletedNodes(of: type)
    digest.fold("node type \(type) \(count)")
    digest.fold(Array(deleted))
    if graph.keyKind(of: type) == .string {
      for text in try graph.textKeys(of: 0..<count, of: type) {
        digest.fold("text")
        digest.fold(text)
      }
    } else if graph.keyKind(of: type) == .uuid {
      digest.fold(try graph.uuidKeys(of: 0..<count, of: type).map(\.description).joined())
    } else {
      digest.fold(try graph.integerKeys(of: 0..<count, of: type))
    }
    // The way back from a key to its id, for some of them.
    for id in stride(from: 0, to: count, by: max(1, count / 50)) {
      let key = try graph.key(of: NodeID(UInt32(id)), of: type)
      digest.fold([try graph.node(type, key: key)?.rawValue ?? .max])
    }
    for property in node.properties {
      let source = graph.provenance(of: property.name, of: type)
      digest.fold("column \(property.name) \(property.kind)")
      if let source { digest.fold("\(source.model) \(source.hash) \(source.dataVersion)") }
      if property.kind == .bytes {
        for id in 0..<UInt32(count) where !deleted.contains(id) {
          fold(try graph.value(of: property.name, of: type, at: NodeID(id)))
        }
      } else {
        try fold(graph.columnReader(of: type, property.name), without: deleted)
      }
    }
    for name in graph.setNames(of: type) {
      digest.fold("set \(name)")
      digest.fold(try graph.set(named: name, of: type).map { Array($0) } ?? [])
    }
  }

  private mutating func fold(_ edge: EdgeSchema, _ graph: Snapshot) throws {
    digest.fold(
      "edge type \(edge.type) \(graph.count(of: edge.type)) \(edge.isUndirected)"
        + " \(edge.timeColumn ?? "") \(edge.weightColumn ?? "")")
    for index in AdjacencyIndex.allCases {
      digest.fold("\(index)")
      var cursor = try graph.edges(of: edge.type, index)
      while try cursor.advance() {
        digest.fold(cursor.rows)
        digest.fold(cursor.neighbors)
      }
    }
    for property in edge.properties {
      digest.fold("column \(property.name) \(property.kind)")
      if property.kind == .bytes {
        for place in 0..<UInt64(graph.count(of: edge.type)) {
          fold(try graph.value(of: property.name, of: edge.type, at: place))
        }
      } else {
        try fold(graph.columnReader(of: edge.type, property.name))
      }
    }
  }

  /// Rows without a value, and those of deleted nodes, count as null whatever lies there; categories
  /// count as their texts.
  private mutating func fold(
    _ column: ColumnReader, without deleted: RoaringBitmap = RoaringBitmap()
  ) throws {
    let count = column.rowCount
    if column.kind == .string {
      var row: UInt32 = 0
      try column.readTexts(0..<count) { text in
        fold(deleted.contains(row) ? nil : text)
        row += 1
      }
      return
    }
    let width = column.kind.byteWidth
    let step = max(1, (1 << 20) / width)
    for start in stride(from: 0, to: count, by: step) {
      let rows = start..<min(count, start + step)
      var values = [UInt8](repeating: 0, count: rows.count * width)
      var isValid = [Bool](repeating: false, count: rows.count)
      try values.withUnsafeMutableBytes { values in
        try isValid.withUnsafeMutableBufferPointer {
          try column.read(rows, into: values, isValid: $0)
        }
      }
      values.withUnsafeBytes { values in
        for (place, row) in rows.enumerated() {
          let bytes = UnsafeRawBufferPointer(rebasing: values[place * width..<(place + 1) * width])
          let isThere = isValid[place] && !deleted.contains(UInt32(row))
          if isThere, column.kind == .categorical {
            digest.fold(column.categories[Int(bytes.loadUnaligned(as: UInt32.self))])
          } else {
            fold(isThere ? bytes : nil)
          }
        }
      }
    }
  }

  private mutating func fold(_ value: PropertyValue?) {
    digest.fold(value.map { "value \($0)" } ?? "null")
  }

  private mutating func fold(_ bytes: UnsafeRawBufferPointer?) {
    digest.fold([bytes == nil ? 0 : 1])
    if let bytes { digest.fold(bytes) }
  }
}
