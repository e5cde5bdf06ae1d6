import Foundation
import HedgerowColumnar
import HedgerowCore
import HedgerowTestSupport
import Testing

/// Files that are mangled at random: each column is read, or refused as bad data.
///
/// As the fuzz tests of ingest: `tools/fuzz` goes on for as long as it is told.
@Suite struct ColumnarFuzzTests {
  static let targets = [
    FuzzTarget(
      "parquet",
      seeds: [
        "flat-snappy", "flat-plain", "flat-zstd-2", "flat-gzip", "lists", "lists-2", "delta",
        "delta-length", "delta-bytes", "split", "runs", "refused",
        "lz4",
      ].map { [("x.parquet", file($0))] },
      words: ["\u{0}", "PAR1", "\u{15}\u{4}", "\u{19}\u{1C}", "\u{1}"].map { Array($0.utf8) }
        + numbers),
    FuzzTarget(
      "arrow",
      seeds: [
        "plain.feather", "zstd.feather", "large.arrow", "coded.arrow", "stream.arrows",
        "deltas.arrows", "refused.arrow", "views.arrow", "views-zstd.arrow", "lz4.feather",
        "flat-lz4.feather",
      ].map { [("x.arrow", file($0))] },
      words: ["\u{0}", "ARROW1", "\u{4}\u{0}\u{0}\u{0}"].map { Array($0.utf8) } + numbers),
  ]

  /// As Thrift writes long ones, and without end.
  private static let numbers: [[UInt8]] = [
    [0xFF, 0xFF, 0xFF, 0xFF, 0x0F], [0xFE, 0xFF, 0xFF, 0xFF, 0x1F],
    [UInt8](repeating: 0xFF, count: 9) + [1], [UInt8](repeating: 0x80, count: 20),
  ]

  private static func file(_ name: String) -> [UInt8] {
    TemporaryDirectory.contents(ColumnarFilesTests.path(name))
  }

  @Test(arguments: targets.filter(\.isChosen))
  func mangledFilesAreReadOrRefused(target: FuzzTarget) throws {
    let findings = try FuzzRun(target, seed: printedSeed()).run(rounds: 600) {
      $0.code == .badData && $0.place != nil
    } read: { input in
      let path = try input.paths()[0]
      let format: ColumnarFormat = target.name == "parquet" ? .parquet : .arrow
      let budget = MemoryBudget(total: 512 << 20)
      let file = try format.open(path, called: "x", budget: budget)
      for column in file.columns.indices { try read(column, of: file, budget) }
    }
    #expect(findings.isEmpty)
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
}
