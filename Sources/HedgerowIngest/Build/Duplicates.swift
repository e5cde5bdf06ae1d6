import HedgerowCore

/// The rows of one node type whose key an earlier row has, when that is no fault.
///
/// A row is meant by its place among those of the store and of all files. Memory: what the sorters are
/// given.
final class Duplicates {
  let mode: IngestOptions.DuplicateNodes
  private(set) var count = 0
  /// Whether some of the earlier rows are nodes that the store has.
  private(set) var reachStore = false
  private let storedCount: Int
  private let makeSorter: () -> ExternalSorter
  // Later and earlier row of each, and the other way round.
  private lazy var byLater = makeSorter()
  private lazy var byEarlier = makeSorter()

  init(
    _ mode: IngestOptions.DuplicateNodes, after storedCount: Int, memory: Int, scratch: String
  ) {
    self.mode = mode
    self.storedCount = storedCount
    makeSorter = { ExternalSorter(.words, memory: memory / 2, scratch: scratch) }
  }

  /// Of repeated keys that are faults, how many were reported at once.
  var faultCount = 0
  private var faults: ExternalSorter?

  /// Puts a fault aside, to be reported with others.
  func addFault(earlier: Int, later: Int) throws {
    faults = faults ?? makeSorter()
    try append(later, earlier, to: faults!)
  }

  /// The rows of these faults with the earlier ones, in order; nil where there are none. Once.
  func sortedFaults() throws -> RowPairs? { try faults.map { RowPairs(try $0.finish()) } }

  func add(earlier: Int, later: Int) throws {
    count += 1
    if mode != .keepFirst { try append(earlier, later) }
  }

  private func append(_ earlier: Int, _ later: Int) throws {
    if earlier < storedCount { reachStore = true }
    try append(later, earlier, to: byLater)
    try append(earlier, later, to: byEarlier)
  }

  private func append(_ high: Int, _ low: Int, to sorter: ExternalSorter) throws {
    try withUnsafeBytes(of: UInt64(high) << 32 | UInt64(low)) { try sorter.append($0) }
  }

  /// Leads pairs to the first row of their key: where dictionaries were on disk, an earlier row may be
  /// the later one of another pair, whose earlier row is the first.
  func resolve() throws {
    guard movesValues else { return }
    let (pairs, targets) = (try sortedByEarlier(), try sortedByLater())
    byLater = makeSorter()
    byEarlier = makeSorter()
    var hasTarget = try targets.advance()
    while try pairs.advance() {
      let pair = pairs.current!
      while hasTarget, targets.current!.high < pair.high { hasTarget = try targets.advance() }
      let isLed = hasTarget && targets.current!.high == pair.high
      try append(isLed ? targets.current!.low : pair.high, pair.low)
    }
  }

  /// Whether values of rows go to earlier ones.
  var movesValues: Bool { mode != .keepFirst && count > 0 }

  /// The pairs by the later row. Once.
  func sortedByLater() throws -> RowPairs { RowPairs(try byLater.finish()) }

  /// The pairs by the earlier row and then the later one. Once.
  func sortedByEarlier() throws -> RowPairs { RowPairs(try byEarlier.finish()) }
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
