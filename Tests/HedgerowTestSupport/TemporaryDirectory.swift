import Glibc
import HedgerowMapped

/// A directory that is removed with everything in it when the last reference goes.
public final class TemporaryDirectory: Sendable {
  public let path: String

  public init() {
    let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    path = "\(base)/hedgerow-test-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
    precondition(mkdir(path, 0o700) == 0, "cannot make \(path)")
  }

  deinit { try? FileSystem.removeTree(path) }

  /// A path inside.
  public func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }

  /// Writes a file inside and gives its path.
  @discardableResult
  public func write(_ name: String, _ text: String) -> String {
    write(name, Array(text.utf8))
  }

  @discardableResult
  public func write(_ name: String, _ bytes: [UInt8]) -> String {
    let path = self(name)
    let file = fopen(path, "w")!
    precondition(fwrite(bytes, 1, bytes.count, file) == bytes.count)
    fclose(file)
    return path
  }

  /// The bytes of a file.
  public static func contents(_ path: String) -> [UInt8] {
    guard let file = fopen(path, "r") else { return [] }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = fread(&chunk, 1, chunk.count, file)
      if count == 0 { return bytes }
      bytes += chunk[..<count]
    }
  }
}

/// The seed of a test's randomness, printed so that a failure can be run again:
/// `HEDGEROW_TEST_SEED=... swift test ...`.
public func printedSeed(_ test: String = #function) -> UInt64 {
  let seed =
    getenv("HEDGEROW_TEST_SEED").flatMap { UInt64(String(cString: $0)) }
    ?? UInt64.random(in: 0...999_999)
  print("\(test): HEDGEROW_TEST_SEED=\(seed)")
  return seed
}
