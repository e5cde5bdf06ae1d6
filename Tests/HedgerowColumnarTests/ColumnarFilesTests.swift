import Foundation
import HedgerowColumnar
import HedgerowCore
import Testing

/// Files that pyarrow wrote: `tools/make-columnar-files` makes them, and says there what is in them.
@Suite struct ColumnarFilesTests {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Files").path

  static func path(_ name: String) -> String {
    folder + (name.contains(".") ? "/\(name)" : "/\(name).parquet")
  }

  private func open(_ name: String) throws -> any ColumnarFile {
    let path = Self.path(name)
    let format = try #require(ColumnarFormat.detect(path))
    return try format.open(path, called: "\(name).x", budget: makeBudget())
  }

  /// Row i has `value(i)`, and null in every fifth row.
  private func column(_ value: (Int) -> Item) -> [Item] {
    (0..<100).map { $0 % 5 == 4 ? .null : value($0) }
  }

  private func integers(_ value: (Int) -> Int) -> [Item] { column { .integer(Int64(value($0))) } }

  /// What the columns hold.
  private func expected(_ name: String) -> [Item]? {
    switch name {
    case "id": (0..<100).map { .integer(Int64($0 * 3)) }
    case "b": column { .integer($0 % 3 == 0 ? 1 : 0) }
    case "i8": integers { $0 - 50 }
    case "i16": integers { $0 * 300 - 15000 }
    case "i32": integers { $0 * 40_000_000 - 2_000_000_000 }
    case "i64": integers { ($0 - 50) * 180_000_000_000_000_000 }
    case "u8": integers { $0 * 2 }
    case "u16": integers { $0 * 600 }
    case "u32": integers { $0 * 42_000_000 }
    case "u64":
      column { .integer(Int64(bitPattern: UInt64($0) * 180_000_000_000_000_000)) }
    case "f32": column { .float(Double($0) / 8 - 3) }
    case "f64": column { .float(Double($0) / 10) }
    case "f16": column { .float(Double($0) / 4 - 10) }
    case "text": column { .text(String(repeating: "é", count: $0 % 4) + "\($0 % 7)") }
    case "bytes": column { .bytes($0 % 3 == 0 ? [] : [UInt8($0), 0, 255]) }
    case "fixed": column { .bytes([UInt8($0), 1, 2, 3, UInt8($0)]) }
    case "date": integers { ($0 - 50) * 86_400 }
    case "ms": integers { ($0 - 10) * 1000 }
    case "us": integers { ($0 - 10) * 1_000_000 }
    case "ns": integers { ($0 - 10) * 1_000_000_000 }
    case "d9": column { .float(Double($0 - 50) / 4) }
    case "d18": column { .float(Double($0 * 1000 - 50000)) }
    case "x":
      column { i in
        .list((0..<i % 5).map { $0 == 2 ? .null : .float(Double(i) + Double($0) / 4) })
      }
    case "y": (0..<100).map { .list([.integer(Int64($0)), .integer(Int64(-$0)), .integer(7)]) }
    case "z": (0..<100).map { .list([.float(Double($0) / 3), .float(-1)]) }
    case "v":
      column { .list([.float(Double($0)), .float(Double($0) / 2)]) }
    case "long": column { .text("number " + String(repeating: "\($0)", count: 7)) }
    case "word": (0..<100).map { .text("\($0)") }
    default: nil
    }
  }

  @Test(arguments: [
    "flat-snappy", "flat-plain", "flat-zstd-2", "flat-gzip", "lists", "lists-2", "lists-two-levels",
    "int96", "delta", "delta-length", "delta-bytes", "split", "runs", "plain.feather",
    "zstd.feather", "large.arrow", "coded.arrow", "stream.arrows", "replaced.arrows",
    "deltas.arrows", "views.arrow", "views-zstd.arrow", "lz4", "lz4.feather", "flat-lz4.feather",
  ])
  func everyValueIsRead(name: String) throws {
    let file = try open(name)
    #expect(file.rowCount == 100)
    for column in file.columns {
      let found = try items(column.name, of: file)
      let wanted = try #require(expected(column.name))
      #expect(found == wanted, "\(column.name)")
    }
    // Columns whose pages end at different rows go on together.
    let all = try items(Array(file.columns.indices), of: file)
    #expect(all == file.columns.map { expected($0.name) })
  }

  @Test(arguments: ["flat-snappy", "plain.feather"])
  func typesAreThoseOfTheSchema(name: String) throws {
    let file = try open(name)
    let types = file.columns.prefix(22).map { column in
      guard case .values(let type) = column.content else { return "?" }
      return "\(column.name):\(type)"
    }
    #expect(
      types == [
        "id:int64", "b:bool", "i8:int8", "i16:int16", "i32:int32", "i64:int64", "u8:uint8",
        "u16:uint16", "u32:uint32", "u64:uint64", "f32:float32", "f64:float64", "text:text",
        "bytes:bytes", "fixed:bytes", "date:timestamp[s]", "ms:timestamp[ms]", "us:timestamp[us]",
        "ns:timestamp[ns]", "d9:float64", "d18:float64", "f16:float16",
      ])
    #expect(
      try open("lists").columns.dropFirst().map(\.content) == [
        .lists(.float32), .lists(.integer(bits: 16, isSigned: true)), .lists(.float64),
      ])
  }

  @Test(arguments: ["refused", "refused.arrow"])
  func whatIsNotReadIsRefusedByColumn(name: String) throws {
    let file = try open(name)
    #expect(try items("id", of: file) == expected("id"))
    for (column, words) in [
      ("s", "structure"), ("m", "map"), ("t", "list of text"), ("n", "list of lists"),
      ("d", "decimal of 38 digits"),
    ] {
      expectRefused("\(name).x: column '\(column)' is a") {
        let index = file.columns.firstIndex { $0.name == column }!
        _ = try file.makeCursor(of: index, budget: makeBudget())
      }
      guard case .refused(let message) = file.columns.first(where: { $0.name == column })?.content
      else {
        Issue.record("\(column) is read")
        continue
      }
      #expect(message.contains(words))
    }
    // What comes behind is read all the same.
    if name.hasSuffix("arrow") { #expect(try items("z", of: file) == expected("z")) }
    expectRefused("column 'id' is compressed with Brotli") {
      _ = try items("id", of: open("brotli"))
    }
  }

  @Test func blocksOfLZ4GoOnWithTheOnesBefore() throws {
    let file = try open("blocks-lz4.feather")
    #expect(try items("n", of: file) == (0..<60_000).map { .integer(Int64($0 * $0 % 5000)) })
  }

  @Test func aTableWithoutRowsHasItsColumns() throws {
    let file = try open("empty")
    #expect(file.rowCount == 0 && file.columns.map(\.name) == ["id"])
    #expect(try items("id", of: file) == [])
  }

  /// A file says at its end where its messages are.
  @Test func anArrowFileThatIsCutIsRefused() throws {
    let path = NSTemporaryDirectory() + "hedgerow-\(UUID().uuidString).arrow"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let whole = try Data(contentsOf: URL(fileURLWithPath: Self.path("plain.feather")))
    for count in [0, 7, 17, 1000, whole.count - 1] {
      try whole.prefix(count).write(to: URL(fileURLWithPath: path))
      expectRefused("x.arrow: ") {
        _ = try ColumnarFormat.arrow.open(path, called: "x.arrow", budget: makeBudget())
      }
    }
  }

  @Test func aFlippedBitIsNoticedWhereThereAreChecksums() throws {
    let path = NSTemporaryDirectory() + "hedgerow-\(UUID().uuidString).parquet"
    defer { try? FileManager.default.removeItem(atPath: path) }
    var bytes = [UInt8](
      try Data(contentsOf: URL(fileURLWithPath: "\(Self.folder)/flat-gzip.parquet")))
    // In the values of the first column's dictionary.
    bytes[60] ^= 4
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    let file = try ColumnarFormat.parquet.open(path, called: "x.parquet", budget: makeBudget())
    expectRefused("x.parquet: column 'id' has a page that is not what was written") {
      _ = try items("id", of: file)
    }
  }
}
