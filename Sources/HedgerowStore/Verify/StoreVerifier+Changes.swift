import HedgerowCore
import HedgerowLMDB

extension StoreVerifier {
  /// Checks the tables that hold what came since the segments were written against the types and
  /// against each other; what a snapshot copies of them is checked with it.
  func verifyChanges() throws {
    try store.environment.read { txn in
      let tables = StoreTables()
      let state = try store.state(in: txn)
      func damaged(_ what: String, _ table: String) -> HedgerowError {
        HedgerowError(.damaged, what, at: "data.mdb table \(table)")
      }
      for (key, counts) in state.counts {
        let isThere =
          key.owner == .node
          ? state.catalog.nodes.contains { $0.id == key.type }
          : state.catalog.edges.contains { $0.id == key.type }
        guard isThere, key.owner == .edge || counts.other <= counts.total else {
          throw damaged("counts of type \(key.type) make no sense", tables.counts.name)
        }
      }
      var deleted: [UInt16: UInt64] = [:]
      try txn.forEach(in: tables.deleted) { key, set in
        guard let node = state.catalog.nodes.first(where: { $0.id == key.type }),
          set.members.isEmpty
            || (UInt64(set.members.max()!) < state.count(of: node).total
              && set.members.min()! >> 16 == UInt32(key.block)
              && set.members.max()! >> 16 == UInt32(key.block))
        else { throw damaged("deleted nodes are out of range", tables.deleted.name) }
        deleted[key.type, default: 0] += UInt64(set.members.count)
      }
      for node in state.catalog.nodes
      where deleted[node.id] ?? 0 != state.count(of: node).other {
        throw damaged(
          "\(deleted[node.id] ?? 0) nodes of type '\(node.name)' are deleted, not "
            + "\(state.count(of: node).other)", tables.deleted.name)
      }
      var entries = 0
      try txn.forEach(in: tables.keysByID) { key, bytes in
        guard
          try txn.value(for: ExternalKeyEntry(key.type, bytes), in: tables.keys)?.ids
            .contains(key.id) == true
        else { throw damaged("the key of node \(key.id) does not lead to it", tables.keys.name) }
        entries += 1
      }
      var ids = 0
      try txn.forEach(in: tables.keys) { _, found in ids += found.ids.count }
      guard ids == entries else {
        throw damaged("\(ids) keys for \(entries) nodes", tables.keys.name)
      }
      try txn.forEach(in: tables.log) { key, bytes in
        guard key.version <= state.record.version else {
          throw damaged("a change of version \(key.version) is not there yet", tables.log.name)
        }
        _ = try LoggedChange.decode(bytes)
      }
    }
  }
}
