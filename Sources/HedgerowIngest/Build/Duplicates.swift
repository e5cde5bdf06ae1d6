import HedgerowCore
import HedgerowRoaring

/// The rows of one node type whose key an earlier row has, when that is no fault.
///
/// A row is meant by its place among those of the store and of all files. Memory: 4 MiB at most, and
/// twice that while pairs are resolved.
final class Duplicates {
  let mode: IngestOptions.DuplicateNodes
  private(set) var count = 0
  /// Whether some of the earlier rows are nodes that the store has.
  private(set) var reachStore = false
  private let storedCount: Int
  /// Nodes of the store that were deleted.
  private let deleted: RoaringBitmap
  private let scratch: String
  /// Later and earlier row of each.
  private lazy var byLater = Pairs(scratch: scratch)
  private var byEarlier: Pairs?

  init(
    _ mode: IngestOptions.DuplicateNodes, after storedCount: Int, deleted: RoaringBitmap,
    scratch: String
  ) {
    self.mode = mode
    self.storedCount = storedCount
    self.deleted = deleted
    self.scratch = scratch
  }

  /// Whether a row is a node that the store had and that was deleted.
  func isDeleted(_ row: Int) -> Bool { row < storedCount && deleted.contains(UInt32(row)) }

  /// Of repeated keys that are faults, how many were reported at once.
  var faultCount = 0
  private var faults: Pairs?

  /// Puts a fault aside, to be reported with others.
  func addFault(earlier: Int, later: Int) throws {
    let pairs = faults ?? Pairs(scratch: scratch)
    faults = pairs
    try pairs.add(later, earlier)
  }

  /// The rows of these faults with the earlier ones, in order; nil where there are none.
  func sortedFaults() throws -> RowPairs? { try faults?.sorted() }

  func add(earlier: Int, later: Int) throws {
    count += 1
    guard mode != .keepFirst else { return }
    if earlier < storedCount { reachStore = true }
    try byLater.add(later, earlier)
  }

  /// Leads pairs to the first row of their key: where dictionaries were on disk, an earlier row may be
  /// the later one of another pair, whose earlier row is the first.
  func resolve() throws {
    guard movesValues else { return }
    let (pairs, targets) = (try sortedByEarlier(), try byLater.sorted())
    let resolved = Pairs(scratch: scratch)
    var hasTarget = try targets.advance()
    while try pairs.advance() {
      let pair = pairs.current!
      while hasTarget, targets.current!.high < pair.high { hasTarget = try targets.advance() }
      let isLed = hasTarget && targets.current!.high == pair.high
      let first = isLed ? targets.current!.low : pair.high
      if first < storedCount { reachStore = true }
      try resolved.add(pair.low, first)
    }
    byLater = resolved
    byEarlier = nil
  }

  /// Whether values of rows go to earlier ones.
  var movesValues: Bool { mode != .keepFirst && count > 0 }

  /// The pairs by the later row.
  func sortedByLater() throws -> RowPairs { try byLater.sorted() }

  /// The pairs by the earlier row and then the later one.
  func sortedByEarlier() throws -> RowPairs {
    if let byEarlier { return try byEarlier.sorted() }
    let turned = Pairs(scratch: scratch)
    let pairs = try byLater.sorted()
    while try pairs.advance() { try turned.add(pairs.current!.low, pairs.current!.high) }
    byEarlier = turned
    return try turned.sorted()
  }

  /// Lets go of the pairs.
  func release() {
    byLater = Pairs(scratch: scratch)
    byEarlier = nil
  }

  /// Pairs of rows, gathered and then read in order as often as needed.
  private final class Pairs {
    private let scratch: String
    private lazy var sorter = ExternalSorter(.words, memory: 2 << 20, scratch: scratch)
    private var records: SortedRecords?

    init(scratch: String) { self.scratch = scratch }

    func add(_ high: Int, _ low: Int) throws {
      try withUnsafeBytes(of: UInt64(high) << 32 | UInt64(low)) { try sorter.append($0) }
    }

    func sorted() throws -> RowPairs {
      if let records {
        try records.rewind()
        return RowPairs(records)
      }
      let records = try sorter.finish()
      self.records = records
      return RowPairs(records)
    }
  }
}

/// Pairs of rows in order.
final class RowPairs {
  private let stream: SortedRecords
  private var block: UnsafeRawBufferPointer?
  private var position = 0
  private(set) var current: (high: Int, low: Int)?

  init(_ stream: SortedRecords) { self.stream = stream }

  /// Goes to the next pair; false at the end.
  func advance() throws -> Bool {
    if block.map({ position == $0.count }) ?? true {
      block = try stream.next()
      position = 0
    }
    guard let block, position < block.count else {
      current = nil
      return false
    }
    let word = block.load(fromByteOffset: position, as: UInt64.self)
    position += 8
    current = (Int(word >> 32), Int(word & 0xFFFF_FFFF))
    return true
  }
}
