public import HedgerowCore

/// Where tensor operations run.
///
/// Work is cut into parts by the shapes alone, and partial sums are added in a fixed order: results
/// are the same bits for any number of threads.
public enum Compute {
  @TaskLocal private static var scopedPool: ThreadPool?
  private static let standardPool = ThreadPool()

  /// The pool of the innermost ``with(_:_:)``, otherwise one thread for each processor.
  public static var pool: ThreadPool { scopedPool ?? standardPool }

  /// Runs tensor operations inside `body` on `pool`.
  public static func with<Result>(
    _ pool: ThreadPool, _ body: () throws -> Result
  ) rethrows -> Result {
    try $scopedPool.withValue(pool, operation: body)
  }

  /// Runs tensor operations inside `body` on `pool`.
  public static func with<Result>(
    _ pool: ThreadPool, isolation: isolated (any Actor)? = #isolation,
    _ body: () async throws -> Result
  ) async rethrows -> Result {
    try await $scopedPool.withValue(pool, operation: body, isolation: isolation)
  }

  /// Elements of an element-wise part: large enough to pay for a wake-up, even for dropout's pairs.
  package static let elementsPerPart = 1 << 15

  /// Calls `body` with consecutive ranges of `size` that cover `0..<count`.
  package static func forEachPart(of count: Int, size: Int, _ body: (Range<Int>) -> Void) {
    pool.run(parts: partCount(of: count, size: size)) { part in
      body(part * size..<min(count, (part + 1) * size))
    }
  }

  static func partCount(of count: Int, size: Int) -> Int { (count + size - 1) / size }

  /// BLAS with its own threads gives other bits than with one; ours split the rows instead.
  /// Traps when its products are wrong.
  static let singleThreadedBLAS: Void = {
    if let problem = BLAS.problem { fatalError(problem) }
  }()
}
