import HedgerowCore
package import HedgerowStore

// What a sealed dictionary answers, and how it is written to the store.

extension NodeKeys {
  /// Whether ids are found at once, by ``ids(integers:into:)`` and ``id(text:)``, on any number of
  /// threads; else by ``KeyQueries``.
  package var isResident: Bool { spilled == nil }

  /// The id of each key, or `UInt32.max`.
  package func ids(
    integers keys: UnsafeBufferPointer<Int64>, into ids: UnsafeMutablePointer<UInt32>
  ) {
    if let bits { return bits.number(keys, into: ids) }
    withEncoded(Array(keys)) { self.ids(texts: $0, into: ids) }
  }

  /// The id of each text (an integer's 8 bytes, a UUID's 16), or `UInt32.max`.
  package func ids(
    texts: [UnsafeBufferPointer<UInt8>], into ids: UnsafeMutablePointer<UInt32>
  ) {
    table.find(texts, into: ids)
    for place in texts.indices where ids[place] != .max {
      ids[place] = id(ofTag: table.tag(Int(ids[place])))
    }
  }

  /// The id of a text (an integer's 8 bytes, a UUID's 16), or `UInt32.max`.
  package func id(text: UnsafeBufferPointer<UInt8>) -> UInt32 {
    guard let index = table.find(text) else { return .max }
    return id(ofTag: table.tag(index))
  }

  /// How the store will keep the keys.
  package var storedKind: KeyKind {
    switch form {
    case .texts: return .string
    case .uuids: return .uuid
    case .integers: break
    }
    if let bits, bits.isContiguous { return .identity }
    return .int64
  }

  /// Writes the dictionary.
  ///
  /// - Parameters:
  ///   - onBlock: called often; may throw to stop.
  ///   - rowKeys: hands over the keys of the rows that are kept, in order, from their files
  ///     (an integer's 8 bytes, a UUID's 16); asked only when the keys did not fit in memory.
  package func write(
    to writer: KeyWriter, onBlock: @escaping () throws -> Void = {},
    rowKeys: ((UnsafeBufferPointer<UInt8>) throws -> Void) throws -> Void
  ) throws {
    guard storedKind != .identity else { return try writer.finish() }
    var count = 0
    func onKey() throws {
      count += 1
      if count % Self.blockCount == 0 { try onBlock() }
    }
    if let bits {
      try bits.visit {
        try onKey()
        try writer.append(key: $0)
      }
      return try writer.finish()
    }
    func append(_ text: UnsafeBufferPointer<UInt8>) throws {
      try onKey()
      switch form {
      case .integers: try writer.append(key: decoded(text))
      case .uuids: try writer.append(uuid: uuid(text))
      case .texts: try writer.append(text: UnsafeRawBufferPointer(text))
      }
    }
    // In id order: rows, then nodes that edges made.
    if let spilled {
      if keptRows > 0 { try rowKeys(append) }
      let reader = spilled.reader()
      while try reader.advance() {
        if Int(reader.tag) >= rowCount { try append(reader.text) } else { try onKey() }
      }
    } else {
      for index in 0..<keptRows { try append(table.text(index)) }
      for index in order where Int(table.tag(Int(index))) >= rowCount {
        try append(table.text(Int(index)))
      }
    }
    // Then the ids by rising key, unless that is the same order.
    if keptRows > 0 {
      if let spilled {
        let reader = spilled.reader()
        while try reader.advance() {
          try onKey()
          try writer.appendSorted(id: id(ofTag: reader.tag))
        }
      } else {
        for index in order {
          try onKey()
          try writer.appendSorted(id: id(ofTag: table.tag(Int(index))))
        }
      }
    }
    try writer.finish()
  }
}

/// Keys to be looked up in a dictionary that is on disk, gathered into one sorted pass over it.
package final class KeyQueries {
  private let keys: NodeKeys
  private let table = TextTable()
  private let memory: Int

  package init(_ keys: NodeKeys, memory: Int) {
    self.keys = keys
    self.memory = memory
  }

  /// Whether more texts fit before ``answer()``.
  package func fits(count: Int, byteCount: Int) -> Bool {
    table.footprint(adding: count, byteCount: byteCount) + 4 * (table.count + count) <= memory
  }

  /// Adds a text (an integer's 8 bytes, a UUID's 16) and returns its place among the answers.
  package func add(_ text: UnsafeBufferPointer<UInt8>) -> UInt32 {
    UInt32(table.insert(text).index)
  }

  /// The ids of all keys that were added, `UInt32.max` for those that are not there. They go with
  /// ``removeAll()``.
  package func answer() throws -> [UInt32] {
    var ids = [UInt32](repeating: .max, count: table.count)
    let reader = keys.spilled!.reader()
    var hasText = try reader.advance()
    for index in table.sortedOrder() {
      let wanted = table.text(Int(index))
      var order = -1
      while hasText {
        order = compare(reader.text, wanted)
        if order >= 0 { break }
        hasText = try reader.advance()
      }
      if !hasText { break }
      if order == 0 { ids[Int(index)] = keys.id(ofTag: reader.tag) }
    }
    return ids
  }

  /// A key that was added, as people write it.
  func name(at place: Int) -> String { keys.name(of: table.text(place)) }

  /// Makes room for the next keys.
  package func removeAll() { table.removeAll() }
}
