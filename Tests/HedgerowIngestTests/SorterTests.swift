import Foundation
import HedgerowCore
import HedgerowIngest
import Testing

@Suite struct SorterTests {
  private func drain(_ sorted: SortedRecords) throws -> [UInt8] {
    var bytes: [UInt8] = []
    while let block = try sorted.next() { bytes.append(contentsOf: block) }
    return bytes
  }

  @Test(arguments: [10, 100_000, 700_000]) func wordsComeOutSortedWhateverTheMemory(count: Int)
    throws
  {
    let seed: UInt64 = 81
    print("seed \(seed)")
    let workspace = try Workspace()
    var random = RandomStream(seed: seed)
    let words = (0..<count).map { _ in random.next() & 0xFFFFF_000F_FFFF }
    let expected = words.sorted()
    // 1 MiB holds 65,536 words and their copies: eleven runs of the longest list.
    for memory in [1 << 20, 64 << 20] {
      let sorter = ExternalSorter(.words, memory: memory, scratch: workspace.path)
      for start in stride(from: 0, to: count, by: 7000) {
        try words[start..<min(count, start + 7000)].withUnsafeBytes { try sorter.append($0) }
      }
      #expect(sorter.count == count)
      let sorted = try sorter.finish()
      let bytes = try drain(sorted)
      #expect(bytes.withUnsafeBytes { Array($0.assumingMemoryBound(to: UInt64.self)) } == expected)
      try sorted.rewind()
      #expect(try drain(sorted) == bytes)
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: workspace.path).isEmpty)
  }

  @Test func equalKeysKeepTheirOrderThroughSeveralMerges() throws {
    let seed: UInt64 = 82
    print("seed \(seed)")
    let workspace = try Workspace()
    var random = RandomStream(seed: seed)
    // 32 bytes: 16,384 records fit in 1 MiB, and 8 runs are merged at a time, so 40 take two rounds.
    let (width, keyWidth, count) = (32, 5, 40 * 16_384)
    var records = [UInt8](repeating: 0, count: width * count)
    for index in 0..<count {
      records[index * width] = UInt8(random.next(below: 3))
      records[index * width + 4] = UInt8(random.next(below: 50))
      for byte in 0..<4 {
        records[index * width + keyWidth + byte] = UInt8(index >> (8 * byte) & 255)
      }
    }
    let sorter = ExternalSorter(
      .records(width: width, keyWidth: keyWidth), memory: 1 << 20, scratch: workspace.path)
    try records.withUnsafeBytes { try sorter.append($0) }
    let result = try drain(sorter.finish())
    #expect(result.count == records.count)
    func order(_ index: Int) -> (Int, Int) {
      let start = index * width
      let key = Int(result[start]) << 8 | Int(result[start + 4])
      let input = (0..<4).reduce(0) { $0 | Int(result[start + keyWidth + $1]) << (8 * $1) }
      return (key, input)
    }
    #expect((1..<count).allSatisfy { order($0 - 1) < order($0) })
  }

  @Test func noRecordsAreNoRecords() throws {
    let sorter = ExternalSorter(.words, memory: 1 << 20, scratch: "/nowhere")
    #expect(try sorter.finish().next() == nil)
  }
}

@Suite struct NodeKeysTests {
  private func noDuplicates(_ key: String, _ first: Int, _ second: Int) throws {
    Issue.record("\(key) is no duplicate")
  }

  /// Rows, then mentions; the ids of all keys, and the keys that are not there.
  private func ids(
    rows: [String], mentions: [String], form: NodeKeys.Form, memory: Int
  ) throws -> (ids: [UInt32], count: Int, isResident: Bool) {
    let workspace = try Workspace()
    let keys = NodeKeys("n", form: form, memory: memory, scratch: workspace.path)
    func withTexts(_ keys: [String], _ body: ([UnsafeBufferPointer<UInt8>]) throws -> Void) throws {
      let copies = keys.map { key in
        let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: key.utf8.count)
        _ = copy.initialize(from: key.utf8)
        return copy
      }
      defer { for copy in copies { copy.deallocate() } }
      try body(copies.map { UnsafeBufferPointer($0) })
    }
    let step = 500
    for start in stride(from: 0, to: rows.count, by: step) {
      let part = Array(rows[start..<min(start + step, rows.count)])
      try keys.endRows(at: start + part.count, dropping: [Int]())
      if form == .integers {
        try part.map { Int64($0)! }.withUnsafeBufferPointer {
          try keys.addRows(integers: $0, row: { start + $0 }, onDuplicate: noDuplicates)
        }
      } else {
        try withTexts(part) {
          try keys.addRows(texts: $0, row: { start + $0 }, onDuplicate: noDuplicates)
        }
      }
    }
    for start in stride(from: 0, to: mentions.count, by: step) {
      let part = Array(mentions[start..<min(start + step, mentions.count)])
      if form == .integers {
        let integers = part.map { Int64($0)! }
        try keys.addMentions(
          integers: keys.unknown(integers: integers))
      } else {
        try withTexts(part) { try keys.addMentions(texts: keys.unknown(texts: $0)) }
      }
    }
    try keys.seal(onDuplicate: noDuplicates)
    let asked = rows + mentions + ["4611686018427387000"]
    if !keys.isResident {
      let queries = KeyQueries(keys, memory: 1 << 20)
      var ids: [UInt32] = []
      for start in stride(from: 0, to: asked.count, by: step) {
        let part = Array(asked[start..<min(start + step, asked.count)])
        var places: [UInt32] = []
        if form == .integers {
          places = part.map { keys.withEncoded(Int64($0)!) { queries.add($0) } }
        } else {
          try withTexts(part) { places = $0.map { queries.add($0) } }
        }
        let answers = try queries.answer()
        ids += places.map { answers[Int($0)] }
      }
      return (ids, keys.count, false)
    }
    var ids = [UInt32](repeating: 0, count: asked.count)
    if form == .integers {
      asked.map { Int64($0)! }.withUnsafeBufferPointer { keys.ids(integers: $0, into: &ids) }
    } else {
      try withTexts(asked) { ids = $0.map { keys.id(text: $0) } }
    }
    return (ids, keys.count, true)
  }

  @Test func idsAreRowOrderThenRisingKeysWhateverTheMemory() throws {
    let seed: UInt64 = 83
    print("seed \(seed)")
    var random = RandomStream(seed: seed)
    for form in [NodeKeys.Form.integers, .texts] {
      for rowCount in [0, 3000] {
        for isDense in [true, false] {
          let number: (UInt64) -> String = { value in
            form == .texts ? "key/\(value)" : isDense ? "\(value)" : "\(Int64(value) * 999_983 - 7)"
          }
          var rows = (0..<UInt64(rowCount)).map(number)
          if !isDense { rows.shuffle(using: &random) }
          let mentions = (0..<9000).map { _ in number(random.next(below: 6000)) }
          let known = Set(rows)
          let created = Set(mentions).subtracting(known)
          let sorted =
            form == .integers
            ? created.sorted { Int64($0)! < Int64($1)! }
            : created.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
          var expected: [String: UInt32] = [:]
          for (index, key) in (rows + sorted).enumerated() { expected[key] = UInt32(index) }
          let wanted = (rows + mentions).map { expected[$0]! } + [.max]
          // 128 KiB hold a few thousand keys at most.
          for memory in [64 << 20, 128 << 10] {
            let result = try ids(rows: rows, mentions: mentions, form: form, memory: memory)
            #expect(result.ids == wanted && result.count == expected.count)
            if memory < 1 << 20 && (form == .texts || !isDense) { #expect(!result.isResident) }
          }
        }
      }
    }
  }

  @Test func theTableFindsWhatWasPutIn() {
    let table = TextTable()
    var expected: [String: Int] = [:]
    for index in 0..<20_000 {
      var key = index % 3 == 0 ? "" : "k\(index % 7000)"
      let (place, isNew) = key.withUTF8 { table.insert($0) }
      #expect(isNew == (expected[key] == nil))
      if let known = expected[key] { #expect(place == known) } else { expected[key] = place }
    }
    #expect(table.count == expected.count)
    let texts = table.sortedOrder().map { String(table.text(Int($0))) }
    #expect(texts == expected.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
  }
}
