import HedgerowCore

/// What the distinct texts of columns take of the memory budget, over all types of a run.
///
/// They are counted for as long as a column may become a categorical one, whatever memory there is, since
/// the kinds of columns must not depend on it.
final class TextShare {
  private let budget: MemoryBudget
  private var reservation: MemoryBudget.Reservation?
  private var byteCount = 0
  /// About what one column takes that is only just a categorical one: a cost that does not grow with the
  /// data, as ``MemoryBudget/overhead`` covers.
  private static let free = 8 << 20
  /// So much at a time, or there would be a reservation for each chunk.
  private static let step = 1 << 20

  init(_ budget: MemoryBudget) { self.budget = budget }

  /// - Throws: `usage` when the budget does not have it.
  func add(_ more: Int) throws {
    byteCount += more
    let needed = max(0, (byteCount - Self.free + Self.step - 1) / Self.step * Self.step)
    guard needed != reservation?.byteCount ?? 0 else { return }
    reservation?.release()
    reservation =
      needed == 0
      ? nil
      : try budget.reserve(
        needed, for: "telling categories from texts, unless columns of texts are declared string,")
  }

  func removeAll() throws { try add(-byteCount) }
}
