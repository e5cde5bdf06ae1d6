import Foundation
import HedgerowColumnar
import HedgerowCore
import HedgerowTestSupport
import Testing

/// What is written is what is read.
@Suite struct ParquetWriterTests {
  private let path = NSTemporaryDirectory() + "hedgerow-\(UUID().uuidString).parquet"

  private static let types: [ColumnarType] = [
    .bool, .integer(bits: 8, isSigned: true), .integer(bits: 16, isSigned: true),
    .integer(bits: 32, isSigned: true), .integer(bits: 64, isSigned: true),
    .integer(bits: 8, isSigned: false), .float16, .float32, .float64,
    .timestamp(.milliseconds), .timestamp(.microseconds), .timestamp(.nanoseconds), .text, .bytes,
    .uuid,
  ]

  private func randomItem(_ type: ColumnarType, _ random: inout Generator) -> Item {
    switch type {
    case .bool: .integer(Int64(random.next(below: 2)))
    case .integer(let bits, let isSigned):
      if isSigned {
        .integer(Int64(bitPattern: random.next()) >> Int64(64 - bits))
      } else {
        .integer(Int64(random.next() >> UInt64(64 - bits)))
      }
    case .float16: .float(Double(Float16(random.next(below: 4000) - 2000)))
    case .float32: .float(Double(Float(random.next(below: 1 << 30)) / 7))
    case .float64: .float(Double(random.next(below: 1 << 60)) / 7)
    case .timestamp: .integer(Int64(bitPattern: random.next()))
    case .text: .text(String(repeating: "é", count: random.next(below: 5)))
    case .bytes: .bytes((0..<random.next(below: 300)).map { UInt8(truncatingIfNeeded: $0) })
    case .uuid: .bytes((0..<16).map { _ in UInt8(random.next(below: 256)) })
    }
  }

  @Test func randomTablesComeBackEqual() throws {
    let seed = printedSeed()
    for round in 0..<12 {
      var random = Generator(state: seed &+ UInt64(round))
      var columns: [ParquetWriter.Column] = []
      for index in 0..<1 + random.next(below: 8) {
        let isList = random.next(below: 3) == 0
        var type = Self.types[random.next(below: Self.types.count)]
        if isList, ![.floats, .doubles].contains(type.storage) { type = .float32 }
        columns.append(
          .init("c\(index)", type, isList: isList, isOptional: random.next(below: 2) == 0))
      }
      let groups = (0..<random.next(below: 4)).map { _ in random.next(below: 40_000) }
      let share = random.next(below: 3)
      let width = 1 + random.next(below: 40)
      let values = columns.map { column in
        (0..<groups.reduce(0, +)).map { _ -> Item in
          if column.isOptional, random.next(below: 3) < share { return .null }
          guard column.isList else { return randomItem(column.type, &random) }
          return .list((0..<width).map { _ in randomItem(column.type, &random) })
        }
      }
      var bytes: [UInt8] = []
      let writer = try ParquetWriter(columns, notes: [("hedgerow.x", "y"), ("other", "z")]) {
        bytes.append(contentsOf: $0)
      }
      var first = 0
      for count in groups {
        try writer.appendGroup { index, chunk in
          for item in values[index][first..<first + count] { try append(item, to: chunk) }
        }
        first += count
      }
      try writer.finish()
      try Data(bytes).write(to: URL(fileURLWithPath: path))
      defer { try? FileManager.default.removeItem(atPath: path) }
      let file = try ColumnarFormat.parquet.open(path, called: "x", budget: makeBudget())
      #expect(file.rowCount == first && file.notes == ["hedgerow.x": "y"])
      #expect(
        file.columns.map(\.content)
          == columns.map { $0.isList ? .lists($0.type) : .values($0.type) })
      let read = try items(Array(columns.indices), of: file)
      #expect(read == values, "round \(round) of seed \(seed)")
    }
  }

  private func append(_ item: Item, to chunk: ParquetChunkWriter) throws {
    switch item {
    case .null: try chunk.appendNull()
    case .integer(let value): try chunk.append(value)
    case .double(let bits):
      let value = Double(bitPattern: bits)
      if chunk.storage == .floats {
        try chunk.append(Float(value))
      } else {
        try chunk.append(value)
      }
    case .bytes(let bytes): try bytes.withUnsafeBytes { try chunk.append($0) }
    case .list(let items):
      try chunk.appendList(count: items.count)
      for case .double(let bits) in items {
        let value = Double(bitPattern: bits)
        if chunk.storage == .floats { chunk.put(Float(value)) } else { chunk.put(value) }
      }
    }
  }

  /// Pages of nothing but null, values that are longer than a page, and rows in two stretches.
  @Test func longValuesAndLongRunsAreRead() throws {
    var bytes: [UInt8] = []
    let text = [UInt8](repeating: 65, count: 3 << 20)
    let columns: [ParquetWriter.Column] = [
      .init("t", .text, isOptional: true), .init("v", .float64, isList: true, isOptional: true),
    ]
    let writer = try ParquetWriter(columns) { bytes.append(contentsOf: $0) }
    try writer.appendGroup { index, chunk in
      for row in 0..<200_002 {
        if row > 0, row < 200_001 {
          try chunk.appendNull()
        } else if index == 0 {
          try text.withUnsafeBytes { try chunk.append($0) }
        } else {
          try chunk.appendList(count: 100_000)
          for element in 0..<100_000 { chunk.put(Double(row + element)) }
        }
      }
    }
    try writer.finish()
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    let file = try ColumnarFormat.parquet.open(path, called: "x", budget: makeBudget())
    let read = try items([0, 1], of: file)
    let nulls = [Item](repeating: .null, count: 200_000)
    #expect(read[0] == [.bytes(text)] + nulls + [.bytes(text)])
    let lists = [0, 200_001].map { row in
      Item.list((0..<100_000).map { .float(Double(row + $0)) })
    }
    #expect(read[1] == [lists[0]] + nulls + [lists[1]])
    // A page is held within the budget.
    #expect {
      _ = try items([0], of: file, budget: MemoryBudget(total: MemoryBudget.overhead + 1 << 20))
    } throws: { ($0 as? HedgerowError)?.code == .usage }
  }
}
