public import HedgerowCore
import HedgerowLMDB
import HedgerowMapped
public import HedgerowRoaring
import Synchronization

/// One bulk build: segment files written beside the live generation, published by one commit.
///
/// Made by ``GraphStore/beginBuild(waiting:)``. Declare a type, hand its rows to the writers, finish
/// each writer, then ``publish()``; ``extend(_:to:adding:)`` grows a type that is there. Until that
/// returns nothing of it can be seen; if it never does, the next build removes what was left. The writers
/// of one builder may each run on a thread of their own.
public final class GenerationBuilder: Sendable {
  let store: GraphStore
  let base: StoreState
  /// The generation that will be published.
  public let generation: UInt64
  /// A directory for scratch files, emptied when a build begins anew and when it ends.
  public let scratchDirectory: String
  let rangeBits: Int
  /// What the build is for, when it may go on after its process was killed.
  let purpose: String?
  /// Where it goes on from.
  let resumed: BuildCheckpoint?

  struct Pending {
    var catalog: Catalog
    var nextNodeType: UInt16
    var nextEdgeType: UInt16
    var records: [SegmentRecord] = []
    var removed: [SegmentRecord] = []
    var sets: [(type: UInt16, name: String, members: RoaringBitmap)] = []
    var models: [ModelRecord] = []
    var edgeRanges: [UInt16: EdgeRanges] = [:]
    /// Parts that were declared and not finished yet, for messages.
    var unfinished: Set<String> = []
    var edgeCounts: [UInt16: [UInt64]] = [:]
    var isOver = false
    /// Let go of when the build ends, not when the last reference does.
    var locks: [FileLock]
    /// Node types whose dictionaries were written.
    var keyed: Set<UInt16> = []
    /// How many categories the dictionaries hold that a compaction wrote.
    var foldedCategories: [ColumnKey: Int] = [:]
    /// Whether anything was written but what a model says.
    var changesData = false
    /// The content that was folded into this builder, when transactions go on beside it.
    var folded: Snapshot?
  }
  let pending: Mutex<Pending>

  init(
    store: GraphStore, locks: [FileLock], base: StoreState, purpose: String? = nil
  ) throws {
    try base.record.requireWritable(at: store.path)
    self.purpose = purpose
    resumed = purpose.flatMap { Self.findCheckpoint($0, in: store, base: base) }
    self.store = store
    self.base = base
    generation = base.record.generation + 1
    rangeBits = base.record.rangeBits
    scratchDirectory = "\(store.path)/\(StoreLayout.scratchDirectory)"
    pending = Mutex(
      Pending(
        catalog: base.catalog, nextNodeType: base.record.nextNodeType,
        nextEdgeType: base.record.nextEdgeType, locks: locks))
    if let resumed {
      try adopt(resumed)
    } else {
      try store.removeLeftovers()
      try FileSystem.makeDirectory(scratchDirectory)
    }
  }

  deinit { abandon() }

  // MARK: Declaring

  /// Adds a node type with its columns and number of nodes.
  public func declare(_ node: NodeSchema, count: Int) throws {
    requireWhole()
    try Identifier.check(node.type.name, as: "node type")
    guard count <= 1 << 32 else {
      throw HedgerowError(
        .badData, "node type '\(node.type)' has \(count) nodes; a type holds at most 2^32")
    }
    let columns = try records(node.properties, of: "\(node.type)")
    try pending.withLock { pending in
      guard pending.catalog.node(node.type) == nil else {
        throw HedgerowError(.usage, "node type '\(node.type)' exists already in \(store.path)")
      }
      let id = pending.nextNodeType
      pending.nextNodeType = try id.advanced(by: 1, of: "the store's node types")
      pending.changesData = true
      pending.catalog.nodes.append(
        NodeTypeRecord(
          id: id, name: node.type.name, count: UInt64(count), keys: .identity,
          dictionaryCount: UInt64(count), nextColumn: UInt16(columns.count), columns: columns))
      pending.unfinished.insert("keys of \(node.type)")
      for column in columns { pending.unfinished.insert("column \(node.type).\(column.name)") }
    }
  }

  /// Adds an edge type with its columns. Both its node types must be there or declared.
  public func declare(_ edge: EdgeSchema) throws {
    requireWhole()
    try Identifier.check(edge.type.relation, as: "relation")
    guard !edge.type.isReversed else {
      throw HedgerowError(
        .usage,
        "relation '\(edge.type.relation)' begins with 'rev_', the name of backward readings")
    }
    let columns = try records(edge.properties, of: "\(edge.type)")
    try pending.withLock { pending in
      guard pending.catalog.edge(edge.type) == nil else {
        throw HedgerowError(.usage, "edge type '\(edge.type)' exists already in \(store.path)")
      }
      for type in [edge.type.source, edge.type.target] where pending.catalog.node(type) == nil {
        throw HedgerowError(.usage, "edge type '\(edge.type)' needs the node type '\(type)'")
      }
      let id = pending.nextEdgeType
      pending.nextEdgeType = try id.advanced(by: 1, of: "the store's edge types")
      pending.changesData = true
      pending.catalog.edges.append(
        EdgeTypeRecord(
          id: id, source: edge.type.source.name, relation: edge.type.relation,
          target: edge.type.target.name, count: 0, isUndirected: edge.isUndirected,
          timeColumn: edge.timeColumn, weightColumn: edge.weightColumn,
          nextColumn: UInt16(columns.count), columns: columns))
      pending.edgeRanges[id] = EdgeRanges()
      for index in AdjacencyIndex.allCases {
        pending.unfinished.insert("\(index) index of \(edge.type)")
      }
      for column in columns { pending.unfinished.insert("column \(edge.type).\(column.name)") }
    }
  }

  /// Adds a column to a node type that exists, or replaces one of the same name that a model wrote.
  ///
  /// - Parameter replaces: replaces any column of the name.
  public func declareColumn(
    _ property: PropertySchema, of type: NodeType, provenance: Provenance?, replaces: Bool = false
  ) throws {
    try Identifier.check(property.name, as: "column")
    try pending.withLock { pending in
      guard let index = pending.catalog.nodes.firstIndex(where: { $0.name == type.name }) else {
        throw HedgerowError(.usage, "no node type '\(type)' in \(store.path)")
      }
      var place = pending.catalog.nodes[index].columns.count
      var defaultCell: [UInt8]?
      if let old = pending.catalog.nodes[index].columns.firstIndex(where: {
        $0.name == property.name
      }) {
        let column = pending.catalog.nodes[index].columns[old]
        guard replaces || column.provenance != nil else {
          throw HedgerowError(
            .usage,
            "column '\(type).\(property.name)' holds ingested data; write to another name")
        }
        pending.catalog.nodes[index].columns.remove(at: old)
        place = old
        if column.kind == property.kind.description { defaultCell = column.defaultCell }
        let node = pending.catalog.nodes[index].id
        func isReplaced(_ record: SegmentRecord) -> Bool {
          [.nodeColumn, .nodeDictionary, .nodeIndex].contains(record.id.part)
            && record.id.type == node && record.id.column == column.id
        }
        pending.removed += base.manifest.filter(isReplaced)
        pending.records.removeAll(where: isReplaced)
      }
      let id = pending.catalog.nodes[index].nextColumn
      pending.catalog.nodes[index].nextColumn = try id.advanced(by: 1, of: "'\(type)'")
      pending.catalog.nodes[index].columns.insert(
        ColumnRecord(
          id: id, name: property.name, kind: property.kind.description, provenance: provenance,
          defaultCell: defaultCell), at: place)
      pending.unfinished.insert("column \(type).\(property.name)")
      if provenance == nil { pending.changesData = true }
    }
  }

  /// Adds a column to an edge type that exists, in an addition; its rows are the edges that the store had
  /// when that began, in out order.
  ///
  /// - Parameter replaces: replaces a column of the name.
  /// - Throws: `usage` for a column that is there and not replaced, and for one that the type's rows or
  ///   choices are sorted by.
  public func declareColumn(
    _ property: PropertySchema, of type: EdgeType, replaces: Bool = false
  ) throws {
    try Identifier.check(property.name, as: "column")
    try pending.withLock { pending in
      guard let index = pending.catalog.edges.firstIndex(where: { $0.type == type }) else {
        throw HedgerowError(.usage, "no edge type '\(type)' in \(store.path)")
      }
      guard let graph = pending.folded else {
        fatalError("columns are added to '\(type)' by an addition")
      }
      var edge = pending.catalog.edges[index]
      var place = edge.columns.count
      if let old = edge.columns.firstIndex(where: { $0.name == property.name }) {
        guard replaces, edge.timeColumn != property.name, edge.weightColumn != property.name else {
          throw HedgerowError(
            .usage, "edge type '\(type)' has a column '\(property.name)': write to another name")
        }
        let column = edge.columns.remove(at: old)
        place = old
        func isReplaced(_ record: SegmentRecord) -> Bool {
          [.edgeColumn, .edgeDictionary].contains(record.id.part) && record.id.type == edge.id
            && record.id.column == column.id
        }
        pending.removed += base.manifest.filter(isReplaced)
        pending.records.removeAll(where: isReplaced)
      }
      let id = edge.nextColumn
      edge.nextColumn = try id.advanced(by: 1, of: "'\(type)'")
      edge.columns.insert(
        ColumnRecord(id: id, name: property.name, kind: property.kind.description), at: place)
      pending.catalog.edges[index] = edge
      pending.edgeRanges[edge.id] = try graph.edgeRanges(of: type)
      pending.unfinished.insert("column \(type).\(property.name)")
      pending.changesData = true
    }
  }

  /// Types and sets are for builds that nobody writes beside.
  func requireWhole() {
    require(
      pending.withLock { $0.folded == nil }, "an addition holds columns, indices and models only")
  }

  /// Records of new columns, behind those that the type has.
  func records(
    _ properties: [PropertySchema], of owner: String, after present: [ColumnRecord] = [],
    from first: UInt16 = 0
  ) throws -> [ColumnRecord] {
    var names = Set(present.map(\.name))
    _ = try first.advanced(by: properties.count, of: "'\(owner)'")
    return try properties.enumerated().map { index, property in
      try Identifier.check(property.name, as: "column")
      guard names.insert(property.name).inserted else {
        throw HedgerowError(.usage, "'\(owner)' has two columns named '\(property.name)'")
      }
      return ColumnRecord(
        id: first + UInt16(index), name: property.name, kind: property.kind.description)
    }
  }

  // MARK: Writers

  /// Rows of a node type, those that were declared included.
  public func count(of type: NodeType) -> Int {
    Int(pending.withLock { $0.catalog.node(type)?.count } ?? 0)
  }

  /// The writer of one column of a node type; rows go in by id. One of a column that an extended
  /// type had begins behind the rows that are there.
  public func columnWriter(of type: NodeType, _ property: String) throws -> ColumnWriter {
    guard let node = pending.withLock({ $0.catalog.node(type) }) else {
      throw HedgerowError(.usage, "no node type '\(type)' was declared")
    }
    let (column, schema) = try find(property, in: node.columns, of: "\(type)")
    let writer = ColumnWriter(
      builder: self, type: node.id, column: column, property: schema, edgeRanges: nil)
    if let stored = base.catalog.node(type)?.columns.first(where: { $0.id == column }) {
      let segments = try StoredColumn(
        files: store.files, state: base, part: .nodeColumn, type: node.id, column: stored,
        name: "\(type).\(property)")
      try writer.resume(
        after: LayeredColumn(
          segments, column: stored, rowCount: segments.rowCount, cells: [:], added: [], edges: nil))
    }
    return writer
  }

  /// The writer of one column of an edge type; rows go in by out order, each batch after the out
  /// index was given the same edges.
  public func columnWriter(of type: EdgeType, _ property: String) throws -> ColumnWriter {
    let (edge, ranges) = try edgeType(type)
    let (column, schema) = try find(property, in: edge.columns, of: "\(type)")
    return ColumnWriter(
      builder: self, type: edge.id, column: column, property: schema, edgeRanges: ranges)
  }

  /// The writer of one index of an edge type.
  ///
  /// - Parameter storesPositions: for an in index of a type with columns: each entry keeps its
  ///   place in the out order.
  public func adjacencyWriter(
    of type: EdgeType, _ index: AdjacencyIndex, storesPositions: Bool = false
  ) throws -> AdjacencyWriter {
    let (edge, ranges) = try edgeType(type)
    func count(_ type: NodeType) -> Int {
      pending.withLock { Int($0.catalog.node(type)!.count) }
    }
    let source = count(type.source)
    let target = count(type.target)
    return AdjacencyWriter(
      builder: self, type: edge.id, index: index, rowCount: index == .out ? source : target,
      neighborCount: index == .out ? target : source, storesPositions: storesPositions,
      edgeRanges: index == .out ? ranges : nil,
      deleted: try store.deletedNodes(of: index == .out ? type.source : type.target))
  }

  /// The writer of a node type's key dictionary.
  public func keyWriter(of type: NodeType, _ kind: KeyKind) throws -> KeyWriter {
    guard let node = pending.withLock({ $0.catalog.node(type) }) else {
      throw HedgerowError(.usage, "no node type '\(type)' was declared")
    }
    return try KeyWriter(builder: self, type: node.id, kind: kind, nodeCount: Int(node.count))
  }

  /// Names a set of nodes, as `train`. A set of the same name is replaced.
  public func setMembers(_ name: String, of type: NodeType, _ members: RoaringBitmap) throws {
    requireWhole()
    try Identifier.check(name, as: "set")
    try pending.withLock { pending in
      guard let node = pending.catalog.node(type) else {
        throw HedgerowError(.usage, "no node type '\(type)' was declared")
      }
      if let largest = members.max() {
        require(UInt64(largest) < node.count, "set '\(name)' names node \(largest)")
      }
      pending.sets.append((node.id, name, members))
      pending.changesData = true
    }
  }

  /// Keeps a model in the store; one of the same name is replaced.
  public func saveModel(_ model: ModelRecord) throws {
    try Identifier.check(model.name, as: "model")
    pending.withLock { $0.models.append(model) }
  }

  private func edgeType(_ type: EdgeType) throws -> (EdgeTypeRecord, EdgeRanges) {
    try pending.withLock { pending in
      guard let edge = pending.catalog.edge(type), let ranges = pending.edgeRanges[edge.id] else {
        throw HedgerowError(.usage, "no edge type '\(type)' was declared")
      }
      return (edge, ranges)
    }
  }

  private func find(
    _ property: String, in columns: [ColumnRecord], of owner: String
  ) throws -> (UInt16, PropertySchema) {
    guard let column = columns.first(where: { $0.name == property }),
      let kind = PropertyKind(column.kind)
    else { throw HedgerowError(.usage, "no column '\(owner).\(property)' was declared") }
    return (column.id, PropertySchema(property, kind))
  }

  // MARK: What writers report

  func segmentWriter(
    _ id: SegmentID, _ kind: SegmentKind, inLargePages: Bool = false
  ) throws -> SegmentWriter {
    try SegmentWriter(
      path: store.segmentPath(id.fileName(generation: generation)), kind: kind,
      identity: base.record.identity, generation: generation, inLargePages: inLargePages)
  }

  func add(_ record: SegmentRecord) {
    pending.withLock { pending in
      pending.records.removeAll { $0.id == record.id }
      pending.records.append(record)
    }
  }

  func finishAdjacency(_ type: UInt16, _ index: AdjacencyIndex, edgeCount: UInt64) {
    pending.withLock { pending in
      let edge = pending.catalog.edges.firstIndex { $0.id == type }!
      pending.catalog.edges[edge].count = edgeCount
      pending.edgeCounts[type, default: []].append(edgeCount)
      pending.unfinished.remove("\(index) index of \(pending.catalog.edges[edge].type)")
    }
  }

  func finishKeys(_ type: UInt16, _ kind: KeyKind) {
    pending.withLock { pending in
      let node = pending.catalog.nodes.firstIndex { $0.id == type }!
      pending.catalog.nodes[node].keys = kind
      pending.catalog.nodes[node].dictionaryCount = pending.catalog.nodes[node].count
      pending.keyed.insert(type)
      pending.unfinished.remove("keys of \(pending.catalog.nodes[node].name)")
    }
  }

  func finishColumn(
    _ part: SegmentID.Part, _ type: UInt16, _ column: UInt16, name: String, rowCount: UInt64
  ) {
    pending.withLock { pending in
      let owner: String
      if part == .nodeColumn {
        let node = pending.catalog.nodes.first { $0.id == type }!
        require(
          rowCount == node.count,
          "column \(node.name).\(name) has \(rowCount) rows of \(node.count)")
        owner = node.name
      } else {
        owner = "\(pending.catalog.edges.first { $0.id == type }!.type)"
        pending.edgeCounts[type, default: []].append(rowCount)
      }
      pending.unfinished.remove("column \(owner).\(name)")
    }
  }

  func writeDictionary(_ id: SegmentID, texts: [String]) throws {
    let segment = try segmentWriter(id, .dictionary)
    typealias Section = StoreLayout.KeySection
    try segment.beginSection(Section.bytes, elementByteCount: 1)
    var offsets: [UInt64] = [0]
    for text in texts {
      var text = text
      try text.withUTF8 { try segment.append(UnsafeRawBufferPointer($0)) }
      offsets.append(offsets[offsets.count - 1] + UInt64(text.utf8.count))
    }
    try segment.beginSection(Section.offsets, elementByteCount: 8)
    try segment.append(offsets)
    let size = try segment.finish(attributes: [UInt64(texts.count)])
    add(
      SegmentRecord(
        id: id, generation: generation, rowCount: UInt64(texts.count), edgeCount: 0,
        fileByteCount: size))
  }
}
