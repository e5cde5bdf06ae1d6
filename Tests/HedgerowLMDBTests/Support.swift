import Foundation
import HedgerowCore
import HedgerowLMDB
import Testing

/// A directory that is gone afterwards.
func withTemporaryDirectory(_ body: (String) throws -> Void) throws {
  let path = NSTemporaryDirectory() + "hedgerow-lmdb-\(UUID().uuidString)"
  try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: path) }
  try body(path)
}

func withTemporaryDirectory(
  isolation: isolated (any Actor)? = #isolation, _ body: (String) async throws -> Void
) async throws {
  let path = NSTemporaryDirectory() + "hedgerow-lmdb-\(UUID().uuidString)"
  try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: path) }
  try await body(path)
}

/// The error that `body` throws.
func errorThrown(_ body: () throws -> Void) -> HedgerowError? {
  do {
    try body()
    return nil
  } catch {
    return error as? HedgerowError
  }
}

/// A new seed for each run, printed so that a failure can be had again.
func freshSeed(_ test: String = #function) -> UInt64 {
  let fixed = ProcessInfo.processInfo.environment["HEDGEROW_TEST_SEED"].flatMap(UInt64.init)
  let seed = fixed ?? UInt64.random(in: 0..<1 << 32)
  print("\(test): HEDGEROW_TEST_SEED=\(seed)")
  return seed
}

let texts = Table<String, String>("texts")
let numbers = Table<UInt64, UInt64>("numbers")
let raw = Table<[UInt8], [UInt8]>("raw")
