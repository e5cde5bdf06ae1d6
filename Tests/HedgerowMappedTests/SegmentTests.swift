import CHedgerowKernels
import Glibc
import HedgerowCore
import HedgerowMapped
import HedgerowTestSupport
import Testing

@Suite struct SegmentTests {
  let identity = StoreIdentity()

  @Test(arguments: [false, true]) func sectionsOfAnySizeComeBack(inLargePages: Bool) throws {
    var random = RandomStream(seed: printedSeed())
    let directory = TemporaryDirectory()
    // The header's page and the sections before it end one section with a chunk of 2 MiB.
    let sizes = [0, 1, 4095, 4096, 4097, 262_144, 300_001, 1_507_328, 4_194_305].map { size in
      (0..<size).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }
    let writer = try SegmentWriter(
      path: directory("a.seg"), kind: .column, identity: identity, generation: 3,
      inLargePages: inLargePages)
    for (index, bytes) in sizes.enumerated() {
      try writer.beginSection(UInt32(index), elementByteCount: 1)
      for start in stride(from: 0, to: bytes.count, by: 1000) {
        try writer.append(Array(bytes[start..<min(bytes.count, start + 1000)]))
      }
    }
    #expect(!FileSystem.exists(directory("a.seg")))
    try writer.finish(attributes: [7, 8])
    let segment = try MappedSegment(path: directory("a.seg"), kind: .column, identity: identity)
    #expect(segment.generation == 3)
    #expect(segment.attributes.prefix(3) == [7, 8, 0])
    for (index, bytes) in sizes.enumerated() {
      #expect(segment.section(UInt32(index)).map { Array($0) } == bytes)
    }
    #expect(segment.section(99) == nil)
    var problems = 0
    try segment.verifyPages { _, _ in problems += 1 }
    #expect(problems == 0)
    #expect(throws: HedgerowError.self) {
      try segment.elements(5, as: UInt64.self, count: 1)
    }
  }

  @Test func anAbandonedSegmentLeavesNothing() throws {
    let directory = TemporaryDirectory()
    do {
      let writer = try SegmentWriter(
        path: directory("a.seg"), kind: .keys, identity: identity, generation: 1)
      try writer.beginSection(1, elementByteCount: 1)
      try writer.append([UInt8](repeating: 1, count: 1 << 20))
    }
    #expect(try FileSystem.names(in: directory.path).isEmpty)
  }

  /// A later build may set a bit for what this one does not know.
  @Test func aFileThatNeedsAFeatureIsRefusedAsNewer() throws {
    let directory = TemporaryDirectory()
    let writer = try SegmentWriter(
      path: directory("a.seg"), kind: .column, identity: identity, generation: 1)
    try writer.finish(attributes: [])
    var bytes = TemporaryDirectory.contents(directory("a.seg"))
    #expect(bytes[8..<12] == [0, 0, 0, 0] && bytes[60..<64] == [0, 0, 0, 0])
    for place in [8, 60, 63] {
      bytes[place] = 1
      let checksum = bytes.withUnsafeBytes { hr_crc32c(0, $0.baseAddress, 4092) }
      withUnsafeBytes(of: checksum.littleEndian) { bytes.replaceSubrange(4092..<4096, with: $0) }
      directory.write("b.seg", bytes)
      let error = #expect(throws: HedgerowError.self) {
        _ = try MappedSegment(path: directory("b.seg"), kind: .column, identity: identity)
      }
      #expect(error?.code == .newerFormat, "byte \(place)")
      bytes[place] = 0
    }
    // An adjacency may say that its neighbors are packed, and nothing else.
    for (features, isKnown) in [
      (SegmentFeatures.packedNeighbors, true), (.init(rawValue: 2), false),
    ] {
      let writer = try SegmentWriter(
        path: directory("c.seg"), kind: .adjacency, identity: identity, generation: 1)
      try writer.finish(attributes: [], features: features)
      let segment = try? MappedSegment(
        path: directory("c.seg"), kind: .adjacency, identity: identity)
      #expect(segment?.features == (isKnown ? features : nil))
    }
  }

  /// Headers with every byte changed in turn: each is refused or means the same.
  @Test func noHeaderByteCanBeChangedUnnoticed() throws {
    var random = RandomStream(seed: printedSeed())
    let directory = TemporaryDirectory()
    let writer = try SegmentWriter(
      path: directory("a.seg"), kind: .column, identity: identity, generation: 1)
    try writer.beginSection(1, elementByteCount: 4)
    try writer.append([UInt32](repeating: 5, count: 5000))
    try writer.finish(attributes: [5000])
    let bytes = TemporaryDirectory.contents(directory("a.seg"))
    for place in Array(0..<160) + (0..<100).map({ _ in Int(random.next(below: 4096)) }) {
      var damaged = bytes
      damaged[place] ^= UInt8(1 + random.next(below: 255))
      directory.write("b.seg", damaged)
      #expect(throws: HedgerowError.self) {
        try MappedSegment(path: directory("b.seg"), kind: .column, identity: identity)
      }
    }
    for length in [0, 1, 4095, 4096, 4097, bytes.count - 1] {
      directory.write("b.seg", Array(bytes.prefix(length)))
      #expect(throws: HedgerowError.self) {
        try MappedSegment(path: directory("b.seg"), kind: .column, identity: identity)
      }
    }
    #expect(throws: HedgerowError.self) {
      try MappedSegment(path: directory("a.seg"), kind: .keys, identity: identity)
    }
    #expect(throws: HedgerowError.self) {
      try MappedSegment(path: directory("a.seg"), kind: .column, identity: StoreIdentity())
    }
  }

  @Test func readAheadTouchesOnlyWhatIsThere() throws {
    let directory = TemporaryDirectory()
    let writer = try SegmentWriter(
      path: directory("a.seg"), kind: .column, identity: identity, generation: 1)
    try writer.beginSection(1, elementByteCount: 4)
    try writer.append([UInt32](repeating: 5, count: 100_000))
    try writer.finish(attributes: [])
    FileSystem.dropCache(of: directory("a.seg"))
    let segment = try MappedSegment(path: directory("a.seg"), kind: .column, identity: identity)
    // Rows beyond the section, of the range without a file, and of none at all are left out.
    let rows: [UInt32] = [0, 99_999, 100_000, 1 << 20, 5 << 20, .max]
    let places = rows.map { UInt64($0) }
    func ahead(residentLimit: Int) -> ReadAhead {
      ReadAhead(
        [segment, nil], section: 1, positionBits: 20, scale: 4, width: 4,
        residentLimit: residentLimit)
    }
    // Of what does not fit into memory nothing is remembered: two pages are asked for each time.
    let forgetful = ahead(residentLimit: 0)
    for _ in 0..<2 {
      #expect(forgetful.willNeed(rows.span) == 2)
      #expect(forgetful.willNeed(places.span) == 2)
    }
    let remembering = ahead(residentLimit: .max)
    remembering.willNeed(rows.span)
    #expect(remembering.willNeed(places.span) == 0)
    #expect(segment.section(1)!.count == 400_000)
  }

  @Test func whatIsInMemoryIsNotAskedFor() throws {
    let directory = TemporaryDirectory()
    let writer = try SegmentWriter(
      path: directory("a.seg"), kind: .column, identity: identity, generation: 1)
    try writer.beginSection(1, elementByteCount: 4)
    // More pages than are looked at in one go.
    let count = 20_000_000
    for _ in 0..<200 { try writer.append([UInt32](repeating: 5, count: count / 200)) }
    try writer.finish(attributes: [])
    let segment = try MappedSegment(path: directory("a.seg"), kind: .column, identity: identity)
    let bytes = try #require(segment.section(1))
    func asked(_ rows: [UInt32]) -> Int {
      ReadAhead([segment], section: 1, positionBits: 25, scale: 4, width: 4).willNeed(rows.span)
    }
    let rows = (0..<200).map { UInt32(($0 * count) / 200) }
    for row in rows { #expect(bytes.load(fromByteOffset: 4 * Int(row), as: UInt32.self) == 5) }
    #expect(asked(rows) == 0)
  }

  @Test func whatIsReadAtManyPlacesIsLoadedWhole() throws {
    let directory = TemporaryDirectory()
    let path = directory("a.seg")
    let writer = try SegmentWriter(
      path: path, kind: .column, identity: identity, generation: 1)
    try writer.beginSection(1, elementByteCount: 4)
    let (pageCount, rowsPerPage) = (6000, 1024)
    let numbers = (0..<rowsPerPage).map { UInt32($0) }
    for _ in 0..<pageCount { try writer.append(numbers) }
    try writer.finish(attributes: [])
    let segment = try MappedSegment(path: path, kind: .column, identity: identity)
    let bytes = try #require(segment.section(1))
    func residentPages() -> Int {
      var found = [UInt8](repeating: 0, count: pageCount)
      let status = mincore(
        UnsafeMutableRawPointer(mutating: bytes.baseAddress!), bytes.count, &found)
      #expect(status == 0)
      return found.count { $0 & 1 == 1 }
    }
    /// Pages that are in memory after every `step`th page was asked for.
    func loaded(step: Int, residentLimit: Int = .max) -> (asked: Int, resident: Int)? {
      FileSystem.dropCache(of: path)
      if residentPages() > 0 { return nil }
      let ahead = ReadAhead(
        [segment], section: 1, positionBits: 25, scale: 4, width: 4, residentLimit: residentLimit)
      let rows = stride(from: 0, to: pageCount, by: step).map { UInt32($0 * rowsPerPage + 7) }
      let asked = ahead.willNeed(rows.span)
      for row in rows { #expect(bytes.load(fromByteOffset: 4 * Int(row), as: UInt32.self) == 7) }
      #expect(ahead.willNeed(rows.span) == (residentLimit == 0 ? rows.count : 0))
      return (asked, residentPages())
    }
    guard let few = loaded(step: 3000) else {
      print("the file system keeps what is to be dropped: nothing is tested")
      return
    }
    // A piece of 2 MiB for two pages, which the other one is not in.
    #expect(few.asked == 1 && few.resident <= 512 + 8)
    // A quarter of the pages, and nothing is left to ask for.
    #expect(try #require(loaded(step: 4)) == (0, pageCount))
    // What does not fit is read as it is asked for.
    let streamed = try #require(loaded(step: 100, residentLimit: 0))
    #expect(streamed.asked == 60 && streamed.resident < 60 * 8)
    // A file that is gone by its name is asked for row by row.
    #expect(rename(path, path + ".gone") == 0)
    let ahead = ReadAhead(
      [segment], section: 1, positionBits: 25, scale: 4, width: 4, residentLimit: .max)
    let rows = [UInt32(5 * rowsPerPage)]
    ahead.willNeed(rows.span)
    #expect(bytes.load(fromByteOffset: 4 * Int(rows[0]), as: UInt32.self) == 0)
    // Though all has been tried, what is needed later is asked for.
    let others = (0..<pageCount).map { UInt32($0 * rowsPerPage) }
    let asked = ahead.willNeed(others.span)
    #expect(asked > 0)
    // Also what was there, and was given back.
    #expect(rename(path + ".gone", path) == 0)
    let whole = ReadAhead(
      [segment], section: 1, positionBits: 25, scale: 4, width: 4, residentLimit: .max)
    whole.willNeed(others.span)
    whole.release(rows.span)
    #expect(whole.willNeed(rows.span) == 1)
  }
}
