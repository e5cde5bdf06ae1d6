import HedgerowCore
import HedgerowLMDB
import HedgerowRoaring

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
      /// Whether all members of a block are in it.
      func holds(_ members: RoaringBitmap, _ block: UInt16) -> Bool {
        guard let least = members.min(), let largest = members.max() else { return true }
        return least >> 16 == UInt32(block) && largest >> 16 == UInt32(block)
      }
      var begun: Set<SetName> = []
      try txn.forEach(in: tables.sets) { key, set in
        if key.block == 0 { begun.insert(key.set) }
        guard begun.contains(key.set), holds(set.members, key.block),
          state.catalog.nodes.contains(where: { $0.id == key.set.type })
        else {
          throw damaged("set '\(key.set.name)' is not what it must be", tables.sets.name)
        }
      }
      var deleted: [UInt16: UInt64] = [:]
      try txn.forEach(in: tables.deleted) { key, set in
        guard let node = state.catalog.nodes.first(where: { $0.id == key.type }),
          holds(set.members, key.block),
          set.members.max().map({ UInt64($0) < state.count(of: node).total }) ?? true
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
