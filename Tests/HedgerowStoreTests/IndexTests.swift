import HedgerowCore
import HedgerowMapped
import HedgerowRoaring
import HedgerowTestSupport
import Testing

@testable import HedgerowStore

@Suite struct IndexTests {
  private static let type = RandomTable.type
  private static let indexed = RandomTable.columns.filter { IndexValue.isIndexable($0.kind) }

  /// A store of the table's first rows.
  private func makeStore(
    _ table: RandomTable, _ count: Int, at path: String
  ) throws -> GraphStore {
    let store = try GraphStore.create(at: path, rangeBits: 7)
    let build = try store.beginBuild()
    var first = table
    first.count = count
    first.values = table.values.map { Array($0[..<count]) }
    try first.write(to: build)
    try build.publish()
    return store
  }

  private func expectSame(
    _ store: GraphStore, _ table: RandomTable, _ filterCount: Int, _ random: inout RandomStream
  ) throws {
    let verified = try StoreVerifier.verify(store)
    #expect(verified.isClean, "\(verified.problems)")
    let graph = try store.snapshot()
    for _ in 0..<filterCount {
      let filter = RandomTable.filter(Int(random.next(below: 3)), &random)
      let expected = table.nodes(where: filter)
      let found = Array(try graph.nodes(of: Self.type, where: filter))
      if found != expected { Issue.record("\(filter): \(found) for \(expected)") }
    }
  }

  @Test func indicesGiveWhatALookAtEachRowGives() throws {
    var random = RandomStream(seed: printedSeed())
    let directory = TemporaryDirectory()
    for (round, (count, memory)) in [(0, 1 << 20), (1, 1 << 20), (900, 2000), (900, 1 << 20)]
      .enumerated()
    {
      // Some of the rows come after the index.
      let table = RandomTable(count + 300, &random)
      let store = try makeStore(table, count, at: directory("s\(round)"))
      var first = table
      first.count = count
      let build = try store.beginBuild()
      for column in Self.indexed {
        let values = try build.buildIndex(of: column.name, of: Self.type, memory: memory)
        let index = RandomTable.columns.firstIndex(of: column)!
        #expect(values == Set(table.values[index][..<count].compactMap { $0 }).count)
      }
      try build.publish()
      try expectSame(store, first, 1000, &random)
      // A snapshot that is held would keep files that are to go.
      func index(_ column: String) throws -> ColumnIndex? {
        try store.snapshot().index(of: column, of: Self.type)
      }
      for column in Self.indexed { #expect(try index(column.name)?.nodeCount == count) }
      #expect(try index("f32") == nil)
      guard count > 0 else { continue }

      let more = try store.beginBuild()
      try table.write(to: more, after: count)
      try more.publish()
      try expectSame(store, table, 500, &random)
      #expect(try index("int8")?.nodeCount == count)

      // Made again, it covers all; dropped, it is gone with its file.
      let again = try store.beginBuild()
      try again.buildIndex(of: "int8", of: Self.type)
      try again.dropIndex(of: "text", of: Self.type)
      try again.publish()
      #expect(try index("int8")?.nodeCount == count + 300 && index("text") == nil)
      try expectSame(store, table, 300, &random)
      let files = try FileSystem.names(in: directory("s\(round)/segments"))
      #expect(files.count { $0.hasPrefix("index-") } == Self.indexed.count - 1)
    }
  }

  @Test func anIndexOfManyValuesGivesTheSameAlsoForWideRanges() throws {
    let directory = TemporaryDirectory()
    let store = try GraphStore.create(at: directory("s"))
    let count = 40_000
    let build = try store.beginBuild()
    try build.declare(
      NodeSchema("n", properties: [PropertySchema("v", .int64), PropertySchema("t", .string)]),
      count: count)
    try build.keyWriter(of: "n", .identity).finish()
    let values = (0..<count).map { Int64($0 * 7919 % count) }
    let numbers = try build.columnWriter(of: "n", "v")
    try values.withUnsafeBytes { try numbers.append(fixed: $0, count: count) }
    try numbers.finish()
    let texts = try build.columnWriter(of: "n", "t")
    for value in values {
      try Array("\(value)".utf8).withUnsafeBytes { try texts.append(text: $0) }
    }
    try texts.finish()
    try build.publish()
    let index = try store.beginBuild()
    // Runs of a few thousand rows each, merged.
    #expect(try index.buildIndex(of: "v", of: "n", memory: 1 << 18) == count)
    #expect(try index.buildIndex(of: "t", of: "n", memory: 1 << 18) == count)
    try index.publish()
    #expect(try StoreVerifier.verify(store).isClean)
    let graph = try store.snapshot()
    for width in [1, 10, 60, 300, 5000, count] {
      let low = Int64(count / 3)
      let high = low + Int64(width) - 1
      #expect(
        try Array(graph.nodes(of: "n", where: .column("v").between(.int(low), and: .int(high))))
          == values.indices.filter { values[$0] >= low && values[$0] <= high }.map { UInt32($0) })
    }
    for prefix in ["", "1", "123", "12345", "x"] {
      #expect(
        try Array(graph.nodes(of: "n", where: .column("t").hasPrefix(prefix)))
          == values.indices.filter { "\(values[$0])".hasPrefix(prefix) }.map { UInt32($0) })
    }
  }

  @Test func changedRowsAreFoundByTheirNewValues() throws {
    var random = RandomStream(seed: printedSeed())
    let directory = TemporaryDirectory()
    let table = RandomTable(500, &random)
    let store = try makeStore(table, 400, at: directory("s"))
    let build = try store.beginBuild()
    for column in Self.indexed { try build.buildIndex(of: column.name, of: Self.type) }
    try build.publish()
    let graph = try store.snapshot()
    var now = table
    now.count = 400
    let changed = RoaringBitmap((0..<60).map { _ in UInt32(random.next(below: 400)) })
    for (index, column) in RandomTable.columns.enumerated() {
      for row in changed {
        now.values[index][Int(row)] =
          random.next(below: 4) == 0 ? nil : RandomTable.draw(column.kind, &random)
      }
    }
    for _ in 0..<1000 {
      let filter = RandomTable.filter(0, &random)
      guard case .condition(let name, let condition) = filter else { continue }
      let property = RandomTable.columns.first { $0.name == name }!
      let column = try graph.nodeColumn(name, of: Self.type)!.base
      let found = try column.rows(
        passing: ColumnTest(condition, property.kind, column: name),
        changed: ChangedValues(rows: changed) { now.value(name, $0) }, onBlock: {})
      #expect(Array(found) == now.nodes(where: filter), "\(filter)")
    }
  }

  @Test func whatChangesAfterAnIndexIsFoundByItsNewValue() throws {
    var random = RandomStream(seed: printedSeed())
    let directory = TemporaryDirectory()
    let count = 400
    var table = RandomTable(count, &random)
    let store = try makeStore(table, count, at: directory("s"))
    store.compactsAutomatically = false
    let build = try store.beginBuild()
    for column in Self.indexed { try build.buildIndex(of: column.name, of: Self.type) }
    try build.publish()
    func covered(_ column: String) throws -> Int? {
      try store.snapshot().index(of: column, of: Self.type)?.nodeCount
    }
    for round in 0..<2 {
      // Values of rows that the index covers, and nodes that it does not know.
      let changed = (0..<40).map { _ in Int(random.next(below: UInt64(count))) }
      let added = table.count..<table.count + 20
      for (index, column) in RandomTable.columns.enumerated() {
        func draw() -> PropertyValue? {
          random.next(below: 4) == 0 ? nil : RandomTable.draw(column.kind, &random)
        }
        for row in changed { table.values[index][row] = draw() }
        table.values[index] += added.map { _ in draw() }
      }
      table.count += added.count
      try store.write { txn in
        for row in changed {
          for (index, column) in RandomTable.columns.enumerated() {
            try txn.set(
              column.name, of: Self.type, NodeID(UInt32(row)), to: table.values[index][row])
          }
        }
        for row in added {
          let values = RandomTable.columns.indices.map {
            (RandomTable.columns[$0].name, table.values[$0][row])
          }
          try txn.insert(
            Self.type, key: "\(row)", Dictionary(uniqueKeysWithValues: values))
        }
      }
      try expectSame(store, table, 700, &random)
      #expect(try covered("int8") == count + 20 * round)
      // A compaction makes the indices of what changed again.
      try store.compact()
      for column in Self.indexed { #expect(try covered(column.name) == table.count) }
      try expectSame(store, table, 700, &random)
    }
    // Deleted nodes are none of a filter's.
    try store.write { txn in
      for row in stride(from: 0, to: UInt32(table.count), by: 3) {
        try txn.delete(Self.type, NodeID(row))
      }
    }
    let graph = try store.snapshot()
    for _ in 0..<300 {
      let filter = RandomTable.filter(1, &random)
      #expect(
        try Array(graph.nodes(of: Self.type, where: filter))
          == table.nodes(where: filter).filter { $0 % 3 != 0 }, "\(filter)")
    }
    #expect(try StoreVerifier.verify(store).isClean)
  }

  @Test func whatAnIndexCannotBeOfIsRefused() throws {
    var random = RandomStream(seed: printedSeed())
    let directory = TemporaryDirectory()
    let store = try makeStore(RandomTable(20, &random), 20, at: directory("s"))
    let build = try store.beginBuild()
    func message(_ body: () throws -> Void) -> String {
      let error = #expect(throws: HedgerowError.self) { try body() }
      #expect(error?.code == .usage)
      return error?.message ?? ""
    }
    #expect(
      message { try build.buildIndex(of: "f32", of: Self.type) }.contains("is float32: an index"))
    #expect(message { try build.buildIndex(of: "x", of: Self.type) }.contains("float32[2]"))
    #expect(message { try build.buildIndex(of: "no", of: Self.type) }.contains("no column 'no'"))
    #expect(message { try build.buildIndex(of: "x", of: "no") }.contains("no node type 'no'"))
    #expect(message { try build.dropIndex(of: "int8", of: Self.type) }.contains("has no index"))
    #expect(throws: CancellationError.self) {
      try build.buildIndex(of: "int8", of: Self.type) { throw CancellationError() }
    }
    build.abandon()
    let names = try FileSystem.names(in: directory("s/segments"))
    #expect(!names.contains { $0.hasPrefix("index-") })
  }

  @Test func anIndexGoesWithThePredictionThatItIsOf() throws {
    var random = RandomStream(seed: printedSeed())
    let directory = TemporaryDirectory()
    let store = try makeStore(RandomTable(50, &random), 50, at: directory("s"))
    let before = try store.snapshot().dataIdentity
    for round in 0..<2 {
      let build = try store.beginBuild()
      try build.declareColumn(
        PropertySchema("p", .int64), of: Self.type,
        provenance: Provenance(model: "m", hash: "1", dataVersion: 1))
      let writer = try build.columnWriter(of: Self.type, "p")
      let values = (0..<50).map { Int64($0 + round) }
      try values.withUnsafeBytes { try writer.append(fixed: $0, count: 50) }
      try writer.finish()
      try build.publish()
      #expect(try store.snapshot().index(of: "p", of: Self.type) == nil)
      let index = try store.beginBuild()
      try index.buildIndex(of: "p", of: Self.type)
      try index.publish()
      let graph = try store.snapshot()
      #expect(try graph.nodes(of: Self.type, where: .column("p") == 10) == [UInt32(10 - round)])
      #expect(graph.dataIdentity == before)
    }
    #expect(try StoreVerifier.verify(store).isClean)
    let names = try FileSystem.names(in: directory("s/segments"))
    #expect(names.count { $0.hasPrefix("index-") } == 1)
  }

  @Test func anIndexThatSaysOtherThanItsColumnIsReported() throws {
    var random = RandomStream(seed: printedSeed())
    let directory = TemporaryDirectory()
    let store = try makeStore(RandomTable(200, &random), 200, at: directory("s"))
    let build = try store.beginBuild()
    // Every byte is as it was written: the index of one column under the name of another.
    let state = build.base
    let node = state.catalog.nodes[0]
    func column(_ name: String) throws -> (ColumnRecord, StoredColumn) {
      let record = node.columns.first { $0.name == name }!
      return (
        record,
        try StoredColumn(
          files: store.files, state: state, part: .nodeColumn, type: node.id, column: record,
          name: name)
      )
    }
    for (name, other) in [("int8", "int16"), ("text", "bytes")] {
      let id = SegmentID(part: .nodeIndex, type: node.id, column: try column(name).0.id)
      let segment = try build.segmentWriter(id, .index)
      let counts = try IndexBuild(
        column: column(other).1, memory: 1 << 20, scratch: build.scratchDirectory, onBlock: {}
      ).write(to: segment)
      let size = try segment.finish(attributes: [counts.rows, UInt64(counts.values)])
      build.add(
        SegmentRecord(
          id: id, generation: build.generation, rowCount: counts.rows,
          edgeCount: UInt64(counts.values), fileByteCount: size))
    }
    try build.publish()
    let report = try StoreVerifier.verify(store)
    #expect(report.problems.count == 2)
    #expect(report.problems.allSatisfy { $0.what.contains("holds other values than the column") })
    #expect(report.problems.allSatisfy { $0.file.hasPrefix("index-") })
  }

  @Test func anyDamagedByteOfAnIndexIsReportedAndNoProcessDies() throws {
    var random = RandomStream(seed: printedSeed())
    let directory = TemporaryDirectory()
    let table = RandomTable(200, &random)
    let store = try makeStore(table, 200, at: directory("s"))
    let build = try store.beginBuild()
    try build.buildIndex(of: "int64", of: Self.type)
    try build.buildIndex(of: "text", of: Self.type)
    try build.publish()
    for name in try FileSystem.names(in: directory("s/segments")) where name.hasPrefix("index-") {
      let path = directory("s/segments/\(name)")
      let bytes = TemporaryDirectory.contents(path)
      for _ in 0..<150 {
        var damaged = bytes
        damaged[Int(random.next(below: UInt64(bytes.count)))] ^= 1 << UInt8(random.next(below: 8))
        directory.write("s/segments/\(name)", damaged)
        #expect(try !StoreVerifier.verify(store).isClean)
        // Whoever asks gets an answer or an error.
        let graph = try store.snapshot()
        for filter in [
          Filter.column("int64") >= 0, .column("int64").isNull, .column("text").hasPrefix("a"),
        ] {
          do {
            _ = try graph.nodes(of: Self.type, where: filter)
          } catch let error as HedgerowError {
            #expect(error.code == .damaged || error.code == .newerFormat)
          }
        }
      }
      directory.write("s/segments/\(name)", bytes)
    }
    #expect(try StoreVerifier.verify(store).isClean)
  }
}
