import HedgerowCore
package import HedgerowStore

// The nodes that the store has, as the first rows of a type's keys.

extension NodeKeys {
  static let blockCount = 4096

  /// Adds the keys of a type's nodes in the store, each with the id that it has.
  ///
  /// - Parameter onBlock: called now and then; may throw to stop.
  package func addStored(from snapshot: Snapshot, onBlock: () throws -> Void) throws {
    let count = snapshot.count(of: type)
    let kind = snapshot.keyKind(of: type)
    if form == .integers, kind == .identity {
      try addIdentityRows(count)
    } else {
      let unique: OnDuplicate = { [type] key, first, second in
        throw HedgerowError(
          .damaged, "nodes \(first) and \(second) of type '\(type)' have the key '\(key)'",
          at: snapshot.path)
      }
      for start in stride(from: 0, to: count, by: Self.blockCount) {
        try onBlock()
        let ids = start..<min(count, start + Self.blockCount)
        if form == .integers {
          try snapshot.integerKeys(of: ids, of: type).withUnsafeBufferPointer {
            try addRows(integers: $0, row: { start + $0 }, onDuplicate: unique)
          }
        } else {
          try withStoredTexts(of: ids, in: snapshot) {
            try addRows(texts: $0, row: { start + $0 }, onDuplicate: unique)
          }
        }
      }
      try endRows(at: count, dropping: EmptyCollection())
    }
    storedCount = count
  }

  /// Calls `body` with the key of each node in the store, by id: a text, an integer's 8 bytes or
  /// a UUID's 16.
  package func visitStored(
    in snapshot: Snapshot, _ body: (UnsafeBufferPointer<UInt8>) throws -> Void
  ) throws {
    for start in stride(from: 0, to: storedCount, by: Self.blockCount) {
      let ids = start..<min(storedCount, start + Self.blockCount)
      if form == .integers {
        for key in try snapshot.integerKeys(of: ids, of: type) { try withEncoded(key, body) }
      } else {
        try withStoredTexts(of: ids, in: snapshot) { try $0.forEach(body) }
      }
    }
  }

  /// Keys as texts, also where the store has integers or UUIDs; these as 16 bytes if the form is theirs.
  private func withStoredTexts(
    of ids: Range<Int>, in snapshot: Snapshot,
    _ body: ([UnsafeBufferPointer<UInt8>]) throws -> Void
  ) throws {
    if snapshot.keyKind(of: type) == .string {
      let texts = try snapshot.textKeys(of: ids, of: type)
      return try body(texts.map { $0.assumingMemoryBound(to: UInt8.self) })
    }
    var bytes: [UInt8] = []
    var ends: [Int] = []
    func add(_ text: some Sequence<UInt8>) {
      bytes += text
      ends.append(bytes.count)
    }
    if snapshot.keyKind(of: type) == .uuid {
      for key in try snapshot.uuidKeys(of: ids, of: type) {
        if form == .uuids { withUnsafeBytes(of: key) { add($0) } } else { add("\(key)".utf8) }
      }
    } else {
      for key in try snapshot.integerKeys(of: ids, of: type) { add("\(key)".utf8) }
    }
    try bytes.withUnsafeBufferPointer { bytes in
      var start = 0
      try body(
        ends.map { end in
          defer { start = end }
          return UnsafeBufferPointer(rebasing: bytes[start..<end])
        })
    }
  }
}
