import Hedgerow

/// The share of `--memory` that names take.
struct NameMemory {
  private var left: Int
  private let total: Int

  init(_ budget: MemoryBudget) {
    left = budget.available
    total = budget.total
  }

  /// - Throws: `usage` when the budget has no room for another text in a dictionary.
  mutating func take(_ text: String) throws {
    // A block of its own, and its place in a table that may be only three eighths full.
    try take(144 + text.utf8.count)
  }

  mutating func take(_ byteCount: Int) throws {
    left -= byteCount
    guard left >= 0 else {
      throw HedgerowError(
        .usage,
        "the names of the nodes do not fit into --memory \(ByteSize.format(total)): raise it")
    }
  }
}
