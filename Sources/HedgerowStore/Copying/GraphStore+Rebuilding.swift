import HedgerowCore

// What it takes to make a new store of a snapshot's content.

extension GraphStore {
  /// Makes a new store at `path` with node ranges as large as a snapshot's and hands its first build to
  /// `body`, which publishes it. The store appears whole or not at all.
  package static func make<T>(
    at path: String, like snapshot: Snapshot, _ body: (GenerationBuilder) throws -> T
  ) throws -> T {
    try makeWhole(at: path) { draft in
      try fill(draft, rangeBits: snapshot.state.record.rangeBits)
      let builder = try open(at: draft).beginBuild()
      do {
        return try body(builder)
      } catch {
        builder.abandon()
        throw error
      }
    }
  }
}

extension GenerationBuilder {
  /// Gives columns that were declared the defaults that columns of the same names have in a snapshot.
  /// Categories must have the same codes.
  package func adoptDefaults(of snapshot: Snapshot) {
    func adopt(_ columns: inout [ColumnRecord], from known: [ColumnRecord]) {
      for index in columns.indices {
        columns[index].defaultCell = known.first { $0.name == columns[index].name }?.defaultCell
      }
    }
    pending.withLock { pending in
      for index in pending.catalog.nodes.indices {
        let type = NodeType(pending.catalog.nodes[index].name)
        guard let known = snapshot.state.catalog.node(type) else { continue }
        adopt(&pending.catalog.nodes[index].columns, from: known.columns)
      }
      for index in pending.catalog.edges.indices {
        guard let known = snapshot.state.catalog.edge(pending.catalog.edges[index].type) else {
          continue
        }
        adopt(&pending.catalog.edges[index].columns, from: known.columns)
      }
    }
  }

  /// Makes the indices that columns of the same names have in a snapshot. The columns must be written.
  package func adoptIndices(of snapshot: Snapshot, onBlock: @escaping () throws -> Void) throws {
    for known in snapshot.state.catalog.nodes {
      for column in known.columns
      where !snapshot.state.segments(.nodeIndex, type: known.id, column: column.id).isEmpty {
        let declared = pending.withLock { $0.catalog.nodes.first { $0.name == known.name } }
        guard let declared, let new = declared.columns.first(where: { $0.name == column.name })
        else { continue }
        try rebuildIndex(
          of: new, declared.id, place: "\(known.name).\(column.name)", onBlock: onBlock)
      }
    }
  }
}
