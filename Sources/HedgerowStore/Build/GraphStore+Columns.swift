public import HedgerowCore
import HedgerowLMDB

// What is added as a whole while writers go on: columns, indices and models.

extension GraphStore {
  /// Begins a build that adds columns, indices and models to the nodes that there are. Unlike
  /// ``beginBuild(waiting:)`` it keeps no writer out: what they change meanwhile stays, and nodes that
  /// they add have no value in a new column. Its first step folds the changes so far into segments.
  ///
  /// - Parameters:
  ///   - seconds: how long to wait for another build or a compaction.
  ///   - isComplete: gives columns that are there a value for every row, as an index wants it.
  /// - Throws: `locked` when a build is still at work then.
  public func beginAddition(
    waiting seconds: Double = 0, isComplete: Bool = false
  ) throws -> GenerationBuilder {
    try requireWritable()
    let lock = try lock(StoreLayout.buildLock, waiting: seconds)
    let snapshot = try snapshot()
    let builder = try GenerationBuilder(store: self, locks: [lock], base: snapshot.state)
    builder.pending.withLock { $0.folded = snapshot }
    do {
      try Compaction(
        builder: builder, snapshot: snapshot, isComplete: isComplete, onBlock: {}
      ).run()
    } catch {
      builder.abandon()
      throw error
    }
    return builder
  }

  /// Writes a column of a node type as a whole, by one commit, as segments. Readers and writers go on
  /// meanwhile; nodes that are added meanwhile have no value.
  ///
  /// ```swift
  /// try store.setColumn(PropertySchema("topic", .int64), of: .item, provenance: model.provenance) {
  ///   .int(topics[$0])
  /// }
  /// ```
  /// Time O(nodes); memory: one range's codes and the texts of categories.
  /// - Parameters:
  ///   - provenance: the model whose output it is. Such a column may be written again.
  ///   - replaces: replaces a column of the name even if no model wrote it.
  ///   - seconds: how long to wait for a build or a compaction.
  ///   - value: the value of a node, asked for once in the order of ids; `nil` is null. Nodes that
  ///     were deleted are passed over.
  /// - Returns: the store's new version.
  /// - Throws: `usage` when there is a column of the name that may not be replaced; `badData` when a
  ///   value is none of the kind; what `value` throws. Nothing has happened then.
  @discardableResult
  public func setColumn(
    _ property: PropertySchema, of type: NodeType, provenance: Provenance? = nil,
    replaces: Bool = false, waiting seconds: Double = 10,
    _ value: (NodeID) throws -> PropertyValue?
  ) throws -> UInt64 {
    let build = try beginAddition(waiting: seconds)
    do {
      try build.declareColumn(property, of: type, provenance: provenance, replaces: replaces)
      let writer = try build.columnWriter(of: type, property.name)
      var categories: [String] = []
      var codes: [String: UInt32] = [:]
      let deleted = try deletedNodes(of: type)
      let nulls = [UInt8](repeating: 0, count: property.kind.byteWidth)
      for id in 0..<build.count(of: type) {
        let id = UInt32(id)
        let cell = try Cell(
          deleted.contains(id) ? nil : value(NodeID(id)), property.kind,
          column: "\(type).\(property.name)"
        ) { text in
          if let code = codes[text] { return code }
          let code = UInt32(categories.count)
          categories.append(text)
          codes[text] = code
          return code
        }
        if property.kind.hasVariableLength {
          if cell.isNull {
            try writer.append(text: nil)
          } else {
            try cell.content.withUnsafeBytes { try writer.append(text: $0) }
          }
        } else {
          let bytes = cell.isNull ? nulls[...] : cell.content
          try bytes.withUnsafeBytes { bytes in
            try withUnsafePointer(to: !cell.isNull) {
              try writer.append(
                fixed: bytes, count: 1, isValid: UnsafeBufferPointer(start: $0, count: 1))
            }
          }
        }
      }
      try writer.finish(categories: categories)
      return try build.publish()
    } catch {
      build.abandon()
      throw error
    }
  }

  /// Keeps a model in the store; one of the same name is replaced. No segment is written.
  ///
  /// - Parameter seconds: how long to wait for another process that writes, or for a build.
  /// - Returns: the store's new version.
  @discardableResult
  public func saveModel(_ model: ModelRecord, waiting seconds: Double = 10) throws -> UInt64 {
    try requireWritable()
    try Identifier.check(model.name, as: "model")
    return try withoutWriters(waiting: seconds) {
      try environment.write { txn in
        var record = try state(in: txn).record
        let isFolded = record.foldedVersion == record.version
        record.version += 1
        if isFolded { record.foldedVersion = record.version }
        try put([model], as: record, in: txn)
        return record.version
      }
    }
  }

  /// Models, and the version that comes with them or with a build, in the log too.
  func put(
    _ models: [ModelRecord], as record: StoreRecord, in txn: borrowing WriteTransaction
  ) throws {
    let tables = StoreTables()
    for model in models { try txn.put(StoredModel(model), for: model.name, in: tables.models) }
    try LogWriter.write(
      [.build(generation: record.generation)], version: record.version,
      to: KeptTransaction(txn.handle))
    try txn.put(JSON(record), for: StoreTables.storeKey, in: tables.store)
  }
}
