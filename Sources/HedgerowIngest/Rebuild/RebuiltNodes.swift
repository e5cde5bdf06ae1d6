import HedgerowCore
import HedgerowGraph
import HedgerowRoaring
import HedgerowStore

/// One node type of a snapshot on its way to a new store: keys, columns and sets under new numbers.
struct RebuiltNodes {
  let snapshot: Snapshot
  let builder: GenerationBuilder
  let type: NodeType
  /// The old id of each new one.
  let old: [UInt32]
  /// The new id of each old one.
  let new: [UInt32]
  let onNodes: (Int) throws -> Void

  func run(budget: MemoryBudget) throws {
    let schema = snapshot.schema.node(type)!
    try builder.declare(NodeSchema(type), count: old.count)
    for property in schema.properties {
      try builder.declareColumn(
        property, of: type, provenance: snapshot.provenance(of: property.name, of: type))
    }
    do {
      let memory = budget.available * 3 / 4
      let share = try budget.reserve(memory, for: "keys of \(type)")
      defer { share.release() }
      try writeKeys(memory: memory)
    }
    for property in schema.properties { try write(property) }
    for name in snapshot.setNames(of: type) {
      var members = RoaringBitmap()
      for (place, member) in (try snapshot.set(named: name, of: type) ?? RoaringBitmap())
        .enumerated()
      {
        if place % (1 << 16) == 0 { try onNodes(0) }
        let id = new[Int(member)]
        if id != NodeNumbering.dropped { members.insert(id) }
      }
      try builder.setMembers(name, of: type, members)
    }
  }

  private static let blockCount = 4096

  private func writeKeys(memory: Int) throws {
    let kind = snapshot.keyKind(of: type)
    let keys = NodeKeys(
      type, form: kind == .string ? .texts : kind == .uuid ? .uuids : .integers, memory: memory,
      scratch: builder.scratchDirectory)
    let unique: NodeKeys.OnDuplicate = { [type, path = snapshot.path] key, _, _ in
      throw HedgerowError(.damaged, "two nodes of type '\(type)' have the key '\(key)'", at: path)
    }
    try visit { start, part in
      switch keys.form {
      case .integers:
        try integers(part).withUnsafeBufferPointer {
          try keys.addRows(integers: $0, row: { start + $0 }, onDuplicate: unique)
        }
      case .uuids:
        try NodeKeys.withEncoded(uuids(part)) {
          try keys.addRows(texts: $0, row: { start + $0 }, onDuplicate: unique)
        }
      case .texts:
        try keys.addRows(texts: texts(part), row: { start + $0 }, onDuplicate: unique)
      }
    }
    try keys.endRows(at: old.count, dropping: EmptyCollection())
    let onBlock = { try onNodes(0) }
    try keys.seal(onBlock: onBlock, onDuplicate: unique)
    try keys.write(to: builder.keyWriter(of: type, keys.storedKind), onBlock: onBlock) { body in
      try visit { _, part in
        switch keys.form {
        case .integers: for key in try integers(part) { try keys.withEncoded(key, body) }
        case .uuids: try NodeKeys.withEncoded(uuids(part)) { try $0.forEach(body) }
        case .texts: for text in try texts(part) { try body(text) }
        }
      }
    }
  }

  /// Calls `body` with old ids in the new order, some at a time, and the new id of the first.
  private func visit(_ body: (Int, ArraySlice<UInt32>) throws -> Void) throws {
    for start in stride(from: 0, to: old.count, by: Self.blockCount) {
      let part = old[start..<min(old.count, start + Self.blockCount)]
      try body(start, part)
      try onNodes(part.count)
    }
  }

  private func integers(_ ids: ArraySlice<UInt32>) throws -> [Int64] {
    try runs(ids).flatMap { try snapshot.integerKeys(of: $0, of: type) }
  }

  private func uuids(_ ids: ArraySlice<UInt32>) throws -> [UUIDKey] {
    try runs(ids).flatMap { try snapshot.uuidKeys(of: $0, of: type) }
  }

  private func texts(_ ids: ArraySlice<UInt32>) throws -> [UnsafeBufferPointer<UInt8>] {
    try runs(ids).flatMap {
      try snapshot.textKeys(of: $0, of: type).map { $0.assumingMemoryBound(to: UInt8.self) }
    }
  }

  /// Ids that follow each other, together.
  private func runs(_ ids: ArraySlice<UInt32>) -> [Range<Int>] {
    var runs: [Range<Int>] = []
    for id in ids {
      if let last = runs.last, last.upperBound == Int(id) {
        runs[runs.count - 1] = last.lowerBound..<Int(id) + 1
      } else {
        runs.append(Int(id)..<Int(id) + 1)
      }
    }
    return runs
  }

  private func write(_ property: PropertySchema) throws {
    var column = PermutedColumn(try snapshot.columnReader(of: type, property.name))
    let writer = try builder.columnWriter(of: type, property.name)
    let isFetched = snapshot.width(of: property.name, of: type) != nil
    try visit { _, part in
      try column.append(part.map { UInt64($0) }[...], to: writer) { rows in
        guard isFetched else { return }
        let nodes = rows.map { UInt32($0) }
        snapshot.prefetch(nodes.span, of: type, column: property.name)
      }
    }
    try writer.finish(categories: column.reader.categories)
  }
}
