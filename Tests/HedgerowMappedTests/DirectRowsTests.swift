import Glibc
import HedgerowCore
import HedgerowTestSupport
import Testing

@testable import HedgerowMapped

@Suite struct DirectRowsTests {
  private static let section: UInt32 = 7
  private let identity = StoreIdentity()

  /// Segments of so many rows of random bytes, which begin on odd pages of their files.
  private func segments(
    _ counts: [Int], width: Int, in directory: TemporaryDirectory, _ random: inout RandomStream
  ) throws -> [MappedSegment] {
    try counts.enumerated().map { number, count in
      let path = directory("\(number).seg")
      let writer = try SegmentWriter(path: path, kind: .column, identity: identity, generation: 1)
      try writer.beginSection(1, elementByteCount: 1)
      try writer.append([UInt8](repeating: 1, count: 5000 * number))
      try writer.beginSection(Self.section, elementByteCount: width)
      for _ in 0..<count {
        try writer.append((0..<width).map { _ in UInt8(truncatingIfNeeded: random.next()) })
      }
      try writer.finish(attributes: [])
      return try MappedSegment(path: path, kind: .column, identity: identity)
    }
  }

  /// The bytes of rows by the mappings.
  private func expected(
    _ rows: [UInt32], _ segments: [MappedSegment], width: Int, bits: Int
  ) throws -> [UInt8] {
    try rows.flatMap { row in
      let bytes = try #require(segments[Int(row) >> bits].section(Self.section))
      let start = (Int(row) & (1 << bits - 1)) * width
      return Array(bytes[start..<start + width])
    }
  }

  /// `nil` where the machine offers no such reads.
  private func read(_ direct: DirectRows, _ rows: [UInt32], width: Int) throws -> [UInt8]? {
    var isRead = false
    let bytes = try [UInt8](unsafeUninitializedCapacity: rows.count * width) { out, count in
      isRead = try direct.read(rows.span, into: UnsafeMutableRawBufferPointer(out))
      count = isRead ? rows.count * width : 0
    }
    return isRead ? bytes : nil
  }

  /// Whether the kernel and the file system of temporary files offer such reads.
  static let isOffered: Bool = {
    let directory = TemporaryDirectory()
    let path = directory("file")
    let file = open(path, O_CREAT | O_WRONLY, 0o600)
    defer { close(file) }
    guard ftruncate(file, 4096) == 0 else { return false }
    return
      (try? withUnsafeTemporaryAllocation(byteCount: 8, alignment: 8) { bytes in
        try [UInt64(8)].withUnsafeBufferPointer {
          try DirectReader(rowByteCount: 8).read(
            $0, of: path, width: 8, into: bytes.baseAddress!)
        }
      }) ?? false
  }()

  @Test(.enabled(if: isOffered), arguments: [1, 3, 100, 512, 1024, 4096, 5000, 61_441, 200_000])
  func rowsOfAnyWidthAndOrderComeBack(width: Int) throws {
    var random = RandomStream(seed: printedSeed())
    let directory = TemporaryDirectory()
    let bits = 10
    let last = min(1 << bits, 1 + 3_000_000 / width)
    // Of several ranges all but the last one are full.
    let counts = width < 5000 ? [1 << bits, 1 << bits, last] : [min(last, 40)]
    let segments = try segments(counts, width: width, in: directory, &random)
    let direct = DirectRows(
      segments, section: Self.section, positionBits: bits, scale: width, width: width)
    let rowCount = (counts.count - 1) << bits + counts.last!
    for draws in [0, 1, 2, 63, 65, 1000] {
      var rows = (0..<draws).map { _ in UInt32(random.next(below: UInt64(rowCount))) }
      if draws != 63 { rows.sort() }
      let bytes = try #require(try read(direct, rows, width: width))
      #expect(bytes == (try expected(rows, segments, width: width, bits: bits)), "\(draws) rows")
    }
    let all = (0..<UInt32(rowCount)).map { $0 }
    #expect(
      try read(direct, all, width: width)
        == expected(all, segments, width: width, bits: bits))
  }

  @Test(.enabled(if: isOffered)) func partsOfRowsComeBack() throws {
    var random = RandomStream(seed: printedSeed())
    let directory = TemporaryDirectory()
    let segments = try segments([500], width: 64, in: directory, &random)
    let direct = DirectRows(
      segments, section: Self.section, positionBits: 32, scale: 64, width: 20)
    let rows: [UInt32] = [0, 3, 4, 77, 499]
    let whole = try expected(rows, segments, width: 64, bits: 32)
    #expect(
      try read(direct, rows, width: 20)
        == rows.indices.flatMap { Array(whole[64 * $0..<64 * $0 + 20]) })
  }

  @Test(.enabled(if: isOffered)) func severalThreadsTakeTurns() async throws {
    var random = RandomStream(seed: printedSeed())
    let directory = TemporaryDirectory()
    let segments = try segments([4000], width: 300, in: directory, &random)
    let direct = DirectRows(
      segments, section: Self.section, positionBits: 32, scale: 300, width: 300)
    let seed = random.next()
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for task in 0..<8 {
        group.addTask {
          var random = RandomStream(seed: seed &+ UInt64(task))
          for _ in 0..<20 {
            let rows = (0..<200).map { _ in UInt32(random.next(below: 4000)) }.sorted()
            let bytes = try self.read(direct, rows, width: 300)
            if bytes != (try self.expected(rows, segments, width: 300, bits: 32)) { return false }
          }
          return true
        }
      }
      for try await isRight in group { #expect(isRight) }
    }
  }

  @Test(.enabled(if: isOffered)) func aFileThatWasCutShortIsDamaged() throws {
    var random = RandomStream(seed: printedSeed())
    let directory = TemporaryDirectory()
    let segments = try segments([1000], width: 100, in: directory, &random)
    let start = try #require(segments[0].byteRange(of: Self.section)).lowerBound
    let direct = DirectRows(
      segments, section: Self.section, positionBits: 32, scale: 100, width: 100)
    let before = try expected([0, 5], segments, width: 100, bits: 32)
    #expect(truncate(segments[0].path, off_t(start + 9050)) == 0)
    #expect(try read(direct, [0, 5], width: 100) == before)
    let error = #expect(throws: HedgerowError.self) {
      try read(direct, [1, 90, 600], width: 100)
    }
    #expect(error?.code == .damaged && error?.place == segments[0].path)
    // Afterwards it goes on.
    #expect(try read(direct, [0, 5], width: 100) == before)
  }

  @Test(.enabled(if: isOffered)) func anotherFileOfTheNameIsNotRead() throws {
    var random = RandomStream(seed: printedSeed())
    let directory = TemporaryDirectory()
    let segments = try segments([100], width: 8, in: directory, &random)
    let direct = DirectRows(segments, section: Self.section, positionBits: 32, scale: 8, width: 8)
    #expect(try read(direct, [0], width: 8) != nil)
    unlink(segments[0].path)
    #expect(try read(direct, [0], width: 8) == nil)
    let other = open(segments[0].path, O_CREAT | O_WRONLY, 0o600)
    #expect(ftruncate(other, 1 << 20) == 0 && close(other) == 0)
    #expect(try read(direct, [0], width: 8) == nil)
  }

  /// Rows that no request holds are read through memory.
  @Test(.enabled(if: isOffered)) func rowsThatAreTooWideAreLeftToOthers() throws {
    var random = RandomStream(seed: printedSeed())
    let directory = TemporaryDirectory()
    let segments = try segments([1], width: 5 << 20, in: directory, &random)
    let direct = DirectRows(
      segments, section: Self.section, positionBits: 32, scale: 5 << 20, width: 5 << 20)
    #expect(try read(direct, [0], width: 5 << 20) == nil)
  }
}
