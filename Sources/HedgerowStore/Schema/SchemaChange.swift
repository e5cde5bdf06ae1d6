public import HedgerowCore
import HedgerowLMDB

/// Changes of types and columns of a store that may hold data, made together in one commit.
///
/// ```swift
/// try store.changeSchema { schema in
///   try schema.add(PropertySchema("year", .int32), to: .paper, default: 2024)
///   try schema.rename(.cites, to: "refers")
/// }
/// ```
/// Nothing is rewritten: rows that have no value have the column's default, and what is dropped goes
/// when nobody reads it any more.
public struct SchemaChange {
  private(set) var catalog: Catalog
  private(set) var nextNodeType: UInt16
  private(set) var nextEdgeType: UInt16
  /// What each change says in the log.
  private(set) var descriptions: [String] = []
  private(set) var addedTypes: [OwnerKey] = []
  private(set) var droppedTypes: [OwnerKey] = []
  private(set) var droppedColumns: [ColumnKey] = []
  private let path: String

  init(_ state: StoreState, path: String) {
    catalog = state.catalog
    nextNodeType = state.record.nextNodeType
    nextEdgeType = state.record.nextEdgeType
    self.path = path
  }

  // MARK: Adding

  /// Adds a node type without nodes.
  ///
  /// - Parameter keys: what external keys are; any text unless said otherwise.
  public mutating func add(_ node: NodeSchema, keys: KeyKind = .string) throws {
    try Identifier.check(node.type.name, as: "node type")
    guard catalog.node(node.type) == nil else {
      throw HedgerowError(.usage, "node type '\(node.type)' exists already in \(path)")
    }
    catalog.nodes.append(
      NodeTypeRecord(
        id: nextNodeType, name: node.type.name, count: 0, keys: keys == .identity ? .int64 : keys,
        dictionaryCount: 0, nextColumn: UInt16(node.properties.count),
        columns: try Self.records(node.properties, of: "\(node.type)")))
    addedTypes.append(OwnerKey(.node, nextNodeType))
    nextNodeType = try nextNodeType.advanced(by: 1, of: "the store's node types")
    descriptions.append("add node type \(node.type)")
  }

  /// Adds an edge type without edges. Both its node types must be there.
  public mutating func add(_ edge: EdgeSchema) throws {
    try Self.check(edge.type)
    guard catalog.edge(edge.type) == nil else {
      throw HedgerowError(.usage, "edge type '\(edge.type)' exists already in \(path)")
    }
    for type in [edge.type.source, edge.type.target] where catalog.node(type) == nil {
      throw HedgerowError(.usage, "edge type '\(edge.type)' needs the node type '\(type)'")
    }
    if edge.isUndirected && edge.type.source != edge.type.target {
      throw HedgerowError(
        .usage, "edge type '\(edge.type)' joins two node types: it cannot be undirected")
    }
    for (name, what) in [(edge.timeColumn, "time"), (edge.weightColumn, "weight")] {
      guard let name else { continue }
      guard let kind = edge.property(name)?.kind else {
        throw HedgerowError(
          .usage, "edge type '\(edge.type)' has no column '\(name)' for its \(what)")
      }
      let fits: Bool
      if what == "time" {
        if case .timestamp = kind { fits = true } else { fits = kind == .int64 }
      } else {
        fits = kind.isNumeric
      }
      guard fits else {
        throw HedgerowError(
          .usage, "column '\(edge.type).\(name)' of \(kind) is no \(what)")
      }
    }
    catalog.edges.append(
      EdgeTypeRecord(
        id: nextEdgeType, source: edge.type.source.name, relation: edge.type.relation,
        target: edge.type.target.name, count: 0, isUndirected: edge.isUndirected,
        timeColumn: edge.timeColumn, weightColumn: edge.weightColumn,
        nextColumn: UInt16(edge.properties.count),
        columns: try Self.records(edge.properties, of: "\(edge.type)")))
    addedTypes.append(OwnerKey(.edge, nextEdgeType))
    nextEdgeType = try nextEdgeType.advanced(by: 1, of: "the store's edge types")
    descriptions.append("add edge type \(edge.type)")
  }

  /// Adds a column to a node type; nodes that are there get the default.
  public mutating func add(
    _ property: PropertySchema, to type: NodeType, default value: PropertyValue? = nil
  ) throws {
    let index = try node(type)
    let record = try Self.column(
      property, default: value, id: catalog.nodes[index].nextColumn,
      beside: catalog.nodes[index].columns, of: "\(type)")
    catalog.nodes[index].columns.append(record)
    catalog.nodes[index].nextColumn = try record.id.advanced(by: 1, of: "'\(type)'")
    descriptions.append("add column \(type).\(property.name)")
  }

  /// Adds a column to an edge type; edges that are there get the default.
  public mutating func add(
    _ property: PropertySchema, to type: EdgeType, default value: PropertyValue? = nil
  ) throws {
    let index = try edge(type)
    let record = try Self.column(
      property, default: value, id: catalog.edges[index].nextColumn,
      beside: catalog.edges[index].columns, of: "\(type)")
    catalog.edges[index].columns.append(record)
    catalog.edges[index].nextColumn = try record.id.advanced(by: 1, of: "'\(type)'")
    descriptions.append("add column \(type).\(property.name)")
  }

  // MARK: Dropping

  /// Drops a node type with its nodes. Edge types that name it must be dropped before.
  public mutating func drop(_ type: NodeType) throws {
    let index = try node(type)
    if let edge = catalog.edges.first(where: { $0.source == type.name || $0.target == type.name }) {
      throw HedgerowError(
        .usage, "edge type '\(edge.type)' leads to node type '\(type)': drop it first")
    }
    droppedTypes.append(OwnerKey(.node, catalog.nodes[index].id))
    catalog.nodes.remove(at: index)
    descriptions.append("drop node type \(type)")
  }

  /// Drops an edge type with its edges.
  public mutating func drop(_ type: EdgeType) throws {
    let index = try edge(type)
    droppedTypes.append(OwnerKey(.edge, catalog.edges[index].id))
    catalog.edges.remove(at: index)
    descriptions.append("drop edge type \(type)")
  }

  /// Drops a column with its values.
  public mutating func drop(_ column: String, of type: NodeType) throws {
    let index = try node(type)
    let record = try Self.find(column, in: catalog.nodes[index].columns, of: "\(type)")
    droppedColumns.append(ColumnKey(.node, catalog.nodes[index].id, record.id))
    catalog.nodes[index].columns.removeAll { $0.id == record.id }
    descriptions.append("drop column \(type).\(column)")
  }

  /// Drops a column with its values; not one that the type declares as its time or weight.
  public mutating func drop(_ column: String, of type: EdgeType) throws {
    let index = try edge(type)
    let record = try Self.find(column, in: catalog.edges[index].columns, of: "\(type)")
    for (name, what) in [
      (catalog.edges[index].timeColumn, "time"), (catalog.edges[index].weightColumn, "weight"),
    ] where name == column {
      throw HedgerowError(.usage, "column '\(type).\(column)' is the \(what) of its type")
    }
    droppedColumns.append(ColumnKey(.edge, catalog.edges[index].id, record.id))
    catalog.edges[index].columns.removeAll { $0.id == record.id }
    descriptions.append("drop column \(type).\(column)")
  }

  // MARK: Renaming

  /// Renames a node type, in all edge types that lead to it, too.
  public mutating func rename(_ type: NodeType, to name: String) throws {
    try Identifier.check(name, as: "node type")
    let index = try node(type)
    guard catalog.node(NodeType(name)) == nil else {
      throw HedgerowError(.usage, "node type '\(name)' exists already in \(path)")
    }
    catalog.nodes[index].name = name
    for edge in catalog.edges.indices {
      if catalog.edges[edge].source == type.name { catalog.edges[edge].source = name }
      if catalog.edges[edge].target == type.name { catalog.edges[edge].target = name }
    }
    descriptions.append("rename node type \(type) to \(name)")
  }

  /// Renames the relation of an edge type.
  public mutating func rename(_ type: EdgeType, to relation: String) throws {
    let index = try edge(type)
    let renamed = EdgeType(type.source, relation, type.target)
    try Self.check(renamed)
    guard catalog.edge(renamed) == nil else {
      throw HedgerowError(.usage, "edge type '\(renamed)' exists already in \(path)")
    }
    catalog.edges[index].relation = relation
    descriptions.append("rename edge type \(type) to \(renamed)")
  }

  /// Renames a column.
  public mutating func rename(_ column: String, of type: NodeType, to name: String) throws {
    let index = try node(type)
    try Self.rename(column, to: name, in: &catalog.nodes[index].columns, of: "\(type)")
    descriptions.append("rename column \(type).\(column) to \(name)")
  }

  /// Renames a column.
  public mutating func rename(_ column: String, of type: EdgeType, to name: String) throws {
    let index = try edge(type)
    try Self.rename(column, to: name, in: &catalog.edges[index].columns, of: "\(type)")
    if catalog.edges[index].timeColumn == column { catalog.edges[index].timeColumn = name }
    if catalog.edges[index].weightColumn == column { catalog.edges[index].weightColumn = name }
    descriptions.append("rename column \(type).\(column) to \(name)")
  }

  // MARK: Parts

  private func node(_ type: NodeType) throws -> Int {
    guard let index = catalog.nodes.firstIndex(where: { $0.name == type.name }) else {
      throw HedgerowError(.usage, "no node type '\(type)' in \(path)")
    }
    return index
  }

  private func edge(_ type: EdgeType) throws -> Int {
    guard let index = catalog.edges.firstIndex(where: { $0.type == type }) else {
      throw HedgerowError(.usage, "no edge type '\(type)' in \(path)")
    }
    return index
  }

  private static func check(_ type: EdgeType) throws {
    try Identifier.check(type.relation, as: "relation")
    guard !type.isReversed else {
      throw HedgerowError(
        .usage, "relation '\(type.relation)' begins with 'rev_', the name of backward readings")
    }
  }

  private static func records(
    _ properties: [PropertySchema], of owner: String
  ) throws -> [ColumnRecord] {
    var records: [ColumnRecord] = []
    _ = try UInt16(0).advanced(by: properties.count, of: "'\(owner)'")
    for (id, property) in properties.enumerated() {
      records.append(
        try column(property, default: nil, id: UInt16(id), beside: records, of: owner))
    }
    return records
  }

  private static func column(
    _ property: PropertySchema, default value: PropertyValue?, id: UInt16,
    beside others: [ColumnRecord], of owner: String
  ) throws -> ColumnRecord {
    try Identifier.check(property.name, as: "column")
    guard !others.contains(where: { $0.name == property.name }) else {
      throw HedgerowError(.usage, "'\(owner)' has a column named '\(property.name)' already")
    }
    var record = ColumnRecord(
      id: id, name: property.name, kind: property.kind.description)
    if let value {
      guard property.kind != .categorical else {
        throw HedgerowError(
          .usage, "column '\(owner).\(property.name)' of categories begins with null: no default")
      }
      record.defaultCell = try Cell(
        value, property.kind, column: "\(owner).\(property.name)", code: { _ in 0 }
      ).bytes
    }
    return record
  }

  private static func find(
    _ name: String, in columns: [ColumnRecord], of owner: String
  ) throws -> ColumnRecord {
    guard let column = columns.first(where: { $0.name == name }) else {
      throw HedgerowError(.usage, "no column '\(owner).\(name)'")
    }
    return column
  }

  private static func rename(
    _ column: String, to name: String, in columns: inout [ColumnRecord], of owner: String
  ) throws {
    try Identifier.check(name, as: "column")
    _ = try find(column, in: columns, of: owner)
    guard !columns.contains(where: { $0.name == name }) else {
      throw HedgerowError(.usage, "'\(owner)' has a column named '\(name)' already")
    }
    columns[columns.firstIndex { $0.name == column }!].name = name
  }
}

extension GraphStore {
  /// Changes types and columns in one commit: all that `body` did, or nothing when it throws.
  ///
  /// - Parameter seconds: how long to wait for another writer.
  public func changeSchema(
    waiting seconds: Double = 10, _ body: (inout SchemaChange) throws -> Void
  ) throws {
    try requireWritable()
    let locks = [
      try lock(StoreLayout.buildLock, waiting: seconds), try lockWriter(waiting: seconds),
    ]
    defer { withExtendedLifetime(locks) {} }
    try environment.write { txn in
      let tables = StoreTables()
      let state = try state(in: txn)
      var change = SchemaChange(state, path: path)
      try body(&change)
      guard !change.descriptions.isEmpty else { return }
      var record = state.record
      record.version += 1
      record.dataVersion = record.version
      record.schemaVersion = record.version
      record.layout += 1
      record.nextNodeType = change.nextNodeType
      record.nextEdgeType = change.nextEdgeType
      try txn.removeAll(in: tables.nodes)
      try txn.removeAll(in: tables.edges)
      for node in change.catalog.nodes {
        try txn.put(JSON(node), for: TypeKey(node.id), in: tables.nodes)
      }
      for edge in change.catalog.edges {
        try txn.put(JSON(edge), for: TypeKey(edge.id), in: tables.edges)
      }
      for key in change.addedTypes { try txn.put(Counts(), for: key, in: tables.counts) }
      for type in change.droppedTypes { try Self.remove(type, from: state, in: txn) }
      for column in change.droppedColumns { try Self.remove(column, from: state, in: txn) }
      if !change.droppedTypes.isEmpty || !change.droppedColumns.isEmpty {
        // Readers of this generation may still need the files.
        record.generation += 1
      }
      try LogWriter.write(
        change.descriptions.map { .schema($0) }, version: record.version,
        to: KeptTransaction(txn.handle))
      try txn.put(JSON(record), for: StoreTables.storeKey, in: tables.store)
    }
    forgetGeneration()
    try? removeUnreferencedSegments()
  }

  private static func remove(
    _ type: OwnerKey, from state: StoreState, in txn: borrowing WriteTransaction
  ) throws {
    let tables = StoreTables()
    var prefix: [UInt8] = []
    appendBigEndian(type.type, to: &prefix)
    let owned = [type.owner.rawValue] + prefix
    let parts: [SegmentID.Part] =
      type.owner == .node
      ? [.nodeColumn, .nodeDictionary, .nodeIndex, .keys]
      : [.adjacencyOut, .adjacencyIn, .edgeColumn, .edgeDictionary]
    for segment in state.manifest
    where parts.contains(segment.id.part) && segment.id.type == type.type {
      try txn.remove(segment.id, in: tables.manifest)
    }
    try txn.remove(type, in: tables.counts)
    try txn.removeAll(in: tables.cells, prefix: owned)
    try txn.removeAll(in: tables.categories, prefix: owned)
    switch type.owner {
    case .node:
      try txn.removeAll(in: tables.keys, prefix: prefix)
      try txn.removeAll(in: tables.keysByID, prefix: prefix)
      try txn.removeAll(in: tables.deleted, prefix: prefix)
      try txn.removeAll(in: tables.sets, prefix: prefix)
    case .edge:
      try txn.removeAll(in: tables.delta, prefix: prefix)
    }
  }

  private static func remove(
    _ column: ColumnKey, from state: StoreState, in txn: borrowing WriteTransaction
  ) throws {
    let tables = StoreTables()
    var prefix: [UInt8] = []
    column.encode(into: &prefix)
    let parts: [SegmentID.Part] =
      column.owner == .node
      ? [.nodeColumn, .nodeDictionary, .nodeIndex] : [.edgeColumn, .edgeDictionary]
    for segment in state.manifest
    where parts.contains(segment.id.part) && segment.id.type == column.type
      && segment.id.column == column.column
    {
      try txn.remove(segment.id, in: tables.manifest)
    }
    try txn.removeAll(in: tables.cells, prefix: prefix)
    try txn.removeAll(in: tables.categories, prefix: prefix)
  }

  /// Opens a store, made when there is none, that has at least these types and columns.
  ///
  /// ```swift
  /// let store = try GraphStore(at: "movies.hedgerow", schema: [
  ///   .node(.user, features: 64),
  ///   .node(.item, features: 128, properties: ["title": .string]),
  ///   .edge(.rates, properties: ["stars": .int32]),
  /// ])
  /// ```
  /// - Throws: `usage` when a column or an edge type is there as something else.
  public convenience init(at path: String, schema: GraphSchema) throws {
    if !Self.exists(at: path) { _ = try Self.create(at: path) }
    try self.init(opening: path, .readWrite)
    try add(missingFrom: schema)
  }

  private func add(missingFrom wanted: GraphSchema) throws {
    let present = try schema
    func missing(
      _ wanted: [PropertySchema], _ present: [PropertySchema], of owner: String
    ) throws -> [PropertySchema] {
      try wanted.filter { property in
        guard let there = present.first(where: { $0.name == property.name }) else { return true }
        guard there.kind == property.kind else {
          throw HedgerowError(
            .usage, "column '\(owner).\(property.name)' is of \(there.kind), not \(property.kind)")
        }
        return false
      }
    }
    guard wanted.nodes != present.nodes || wanted.edges != present.edges else { return }
    try changeSchema { change in
      for node in wanted.nodes {
        guard let there = present.node(node.type) else {
          try change.add(node)
          continue
        }
        for property in try missing(node.properties, there.properties, of: "\(node.type)") {
          try change.add(property, to: node.type)
        }
      }
      for edge in wanted.edges {
        guard let there = present.edge(edge.type) else {
          try change.add(edge)
          continue
        }
        guard
          there.isUndirected == edge.isUndirected && there.timeColumn == edge.timeColumn
            && there.weightColumn == edge.weightColumn
        else {
          throw HedgerowError(
            .usage, "edge type '\(edge.type)' is there with another direction, time or weight")
        }
        for property in try missing(edge.properties, there.properties, of: "\(edge.type)") {
          try change.add(property, to: edge.type)
        }
      }
    }
  }
}
