import CHedgerowSystem

/// The process's heap, for programs that keep a memory budget.
public enum Heap {
  /// Has the heap keep little of what is freed, so that a budget is what is used. Call it once, when the program
  /// begins, before it has threads.
  ///
  /// Left alone, glibc raises the size from which arrays go back to the system with every such array that is
  /// freed, up to 32 MiB, and keeps the rest; and each thread gets a heap of its own, eight of them for a
  /// processor, each with gaps of its own. Here a heap serves four processors.
  public static func keepSmall(processorCount: Int) {
    hr_keep_heap_small(1 << 20, Int32(clamping: max(1, processorCount / 4)))
  }
}
