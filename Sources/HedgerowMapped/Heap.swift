import CHedgerowSystem

/// The process's heap, for programs that keep a memory budget.
public enum Heap {
  /// Gives large arrays back to the system when they are freed, so that a budget is what is used.
  ///
  /// Left alone, glibc raises the size from which it does so with every such array, up to 32 MiB,
  /// and keeps the rest. Call it once, when the program begins.
  public static func returnLargeBlocks() { hr_return_large_blocks(1 << 20) }
}
