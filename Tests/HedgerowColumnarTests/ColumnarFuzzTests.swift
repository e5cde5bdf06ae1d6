import Foundation
import HedgerowColumnar
import HedgerowCore
import HedgerowTestSupport
import Testing

/// Files that are mangled at random: each column is read, or refused as bad data.
///
/// As the fuzz tests of ingest: `tools/fuzz` goes on for as long as it is told.
@Suite struct ColumnarFuzzTests {
  @Test(arguments: [
    "flat-snappy", "flat-plain", "flat-zstd-2", "flat-gzip", "lists", "lists-2", "delta",
    "delta-length", "delta-bytes", "split", "runs", "refused", "plain.feather", "zstd.feather",
    "large.arrow", "coded.arrow", "stream.arrows", "deltas.arrows", "refused.arrow",
  ])
  func mangledFilesAreReadOrRefused(name: String) throws {
    let environment = ProcessInfo.processInfo.environment
    // Several files stand for one format.
    let seconds = environment["HEDGEROW_FUZZ_SECONDS"].flatMap { Double($0) }.map { $0 / 6 }
    let seed = printedSeed()
    let folder = environment["HEDGEROW_FUZZ_DIR"] ?? NSTemporaryDirectory()
    let source = ColumnarFilesTests.path(name)
    let format = try #require(ColumnarFormat.detect(source))
    let path = "\(folder)/\(seed)-\(name)"
    let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: source)))
    let start = ContinuousClock.now
    var round: UInt64 = 0
    var found = false
    while !found,
      seconds.map({ (ContinuousClock.now - start) / .seconds(1) < $0 }) ?? (round < 60)
    {
      var random = Generator(state: seed &+ round &* 0x1234_5678_9ABC_DEF1)
      round += 1
      try Data(Self.mangle(whole, &random)).write(to: URL(fileURLWithPath: path))
      do {
        let budget = MemoryBudget(total: 512 << 20)
        let file = try format.open(path, called: "x", budget: budget)
        for column in file.columns.indices {
          try read(column, of: file, budget)
        }
      } catch {
        let refused = error as? HedgerowError
        found = refused?.code != .badData || refused?.place == nil
        #expect(!found, "round \(round - 1) of seed \(seed): \(error)")
      }
    }
    print("\(name): \(round) mangled inputs")
    if !found { try FileManager.default.removeItem(atPath: path) }
  }

  /// Goes over a column without keeping its values; some rows only, since a run may be any number.
  private func read(_ column: Int, of file: any ColumnarFile, _ budget: MemoryBudget) throws {
    do {
      let cursor = try file.makeCursor(of: column, budget: budget)
      var sum = 0
      for _ in 0..<50 {
        guard try cursor.advance() else { break }
        let stretch = cursor.stretch
        #expect(stretch.count > 0)
        for bytes in stretch.bytes { sum &+= bytes.reduce(0) { $0 &+ Int($1) } }
        if !stretch.starts.isEmpty {
          let ends = stretch.starts.prefix(stretch.count + 1)
          #expect(ends.count == stretch.count + 1 && ends.last! <= stretch.isThere.count)
        }
      }
    } catch let error as HedgerowError where error.code == .badData && error.place != nil {
      // As it should be; other columns may be whole.
    }
  }

  private static func mangle(_ bytes: [UInt8], _ random: inout Generator) -> [UInt8] {
    var bytes = bytes
    for _ in 0...random.next(below: 3) {
      guard bytes.count > 16 else { break }
      // Most of what matters stands in the footer and in front of pages.
      let place =
        random.next(below: 2) == 0
        ? random.next(below: bytes.count)
        : bytes.count - 1 - random.next(below: min(bytes.count, bytes.count / 4))
      switch random.next(below: 10) {
      case 0: bytes[place] = UInt8(random.next(below: 256))
      case 1: bytes.remove(at: place)
      case 2: bytes.insert(UInt8(random.next(below: 256)), at: place)
      case 3:
        for offset in 0..<min(5, bytes.count - place) { bytes[place + offset] = 255 }
      case 4 where random.next(below: 8) == 0: bytes.removeSubrange(place...)
      case 5:
        let other = random.next(below: bytes.count)
        bytes.swapAt(place, other)
      default: bytes[place] ^= 1 << UInt8(random.next(below: 8))
      }
    }
    return bytes
  }
}
