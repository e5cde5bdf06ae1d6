import HedgerowCore
import HedgerowRoaring
import HedgerowStore

/// The rows of an array without a node file, for a type that the store has: row i belongs to the node
/// whose integer key is i. Nodes that are not there yet are made, by rising key.
struct KeyedRows {
  private let snapshot: Snapshot
  private let type: NodeType
  let rowCount: Int
  /// The keys of the nodes to make.
  private let made: RoaringBitmap
  private static let blockCount = 4096

  /// - Throws: `badData` when a node's key is no row.
  init(_ type: NodeType, in snapshot: Snapshot, rowCount: Int, path: String) throws {
    self.snapshot = snapshot
    self.type = type
    self.rowCount = rowCount
    func noRow(_ key: String) -> HedgerowError {
      HedgerowError(
        .badData,
        "has rows 0 to \(rowCount - 1), but node type '\(type)' has the key '\(key)': without a "
          + "node file, row i belongs to the node with key i", at: path)
    }
    guard rowCount <= 1 << 32 else {
      throw HedgerowError(.badData, "has \(rowCount) rows; a type holds at most 2^32", at: path)
    }
    let count = snapshot.count(of: type)
    if [.string, .uuid].contains(snapshot.keyKind(of: type)), count > 0 {
      throw noRow(try snapshot.key(of: NodeID(0), of: type))
    }
    var there = RoaringBitmap()
    for start in stride(from: 0, to: count, by: Self.blockCount) {
      let keys = try snapshot.integerKeys(
        of: start..<min(count, start + Self.blockCount), of: type)
      if let key = keys.first(where: { $0 < 0 || $0 >= rowCount }) { throw noRow("\(key)") }
      there.insert(contentsOf: keys.map { UInt32($0) })
    }
    var made = rowCount > 0 ? RoaringBitmap(0...UInt32(rowCount - 1)) : RoaringBitmap()
    made.subtract(there)
    self.made = made
  }

  var makesNodes: Bool { !made.isEmpty }

  /// The rows of the nodes that are there, by id, as stretches.
  func visitStored(_ body: (Range<Int>) throws -> Void) throws {
    let count = snapshot.count(of: type)
    for start in stride(from: 0, to: count, by: Self.blockCount) {
      let keys = try snapshot.integerKeys(
        of: start..<min(count, start + Self.blockCount), of: type)
      try Self.visitStretches(keys, body)
    }
  }

  /// The rows of the nodes to make, rising, as stretches.
  func visitMade(_ body: (Range<Int>) throws -> Void) throws {
    for start in stride(from: 0, to: made.count, by: Self.blockCount) {
      let rows = made.values(in: start..<min(made.count, start + Self.blockCount))
      try Self.visitStretches(rows.map { Int64($0) }, body)
    }
  }

  private static func visitStretches(
    _ rows: [Int64], _ body: (Range<Int>) throws -> Void
  ) throws {
    var start = 0
    for place in rows.indices where place + 1 == rows.count || rows[place + 1] != rows[place] + 1 {
      try body(Int(rows[start])..<Int(rows[place]) + 1)
      start = place + 1
    }
  }

  /// Adds the nodes to make to a type's keys.
  func addMade(to keys: NodeKeys) throws {
    try visitMade { try keys.addMentions(integers: $0.map { Int64($0) }) }
  }
}
