import HedgerowCore
import HedgerowIngest
import Testing

/// The slow, obvious reader: one character at a time.
private func naiveRows(_ text: String, delimiter: Character) -> [[String]] {
  var rows: [[String]] = []
  var row: [String] = []
  var field = ""
  var isQuoted = false
  var wasQuoted = false
  let characters = Array(text.unicodeScalars)
  var index = 0
  func endField() {
    row.append(field)
    field = ""
    wasQuoted = false
  }
  func endRow() {
    let isBlank = row.isEmpty && field.isEmpty && !wasQuoted
    endField()
    if !isBlank { rows.append(row) }
    row = []
  }
  while index < characters.count {
    let scalar = characters[index]
    index += 1
    if isQuoted {
      if scalar == "\"" {
        if index < characters.count, characters[index] == "\"" {
          field += "\""
          index += 1
        } else {
          isQuoted = false
        }
      } else {
        field.unicodeScalars.append(scalar)
      }
    } else if scalar == "\"", field.isEmpty, !wasQuoted {
      isQuoted = true
      wasQuoted = true
    } else if scalar == delimiter.unicodeScalars.first! {
      endField()
    } else if scalar == "\n" {
      if !wasQuoted, field.unicodeScalars.last == "\r" { field.unicodeScalars.removeLast() }
      endRow()
    } else if scalar == "\r", wasQuoted, index < characters.count, characters[index] == "\n" {
      continue
    } else {
      field.unicodeScalars.append(scalar)
    }
  }
  if !field.isEmpty || !row.isEmpty || wasQuoted { endRow() }
  return rows
}

private func readAll(
  _ path: String, delimiter: UInt8, columns: Int, batchCount: Int = 2
) throws -> (rows: [[String]], faults: [String], lines: [Int]) {
  let feed = ChunkFeed(
    source: try ByteSource(path: path), delimiter: delimiter, skipByteCount: 0,
    batchCount: batchCount)
  defer { feed.stop() }
  var rows: [[String]] = []
  var faults: [String] = []
  var lines: [Int] = []
  while true {
    let batch = try feed.nextBatch()
    if batch.isEmpty { return (rows, faults, lines) }
    for chunk in batch {
      chunk.split(delimiter: delimiter, columnCount: columns)
      chunk.checkText()
      for row in 0..<chunk.rowCount {
        rows.append((0..<columns).map { String(chunk.field(row, $0)) })
        lines.append(chunk.line(of: row))
      }
      var counter = LineCounter(chunk)
      faults += chunk.faults.map { "\(counter.line(of: $0)): \(chunk.message(of: $0))" }
    }
    feed.recycle(batch)
  }
}

@Suite struct ReadingTests {
  @Test func randomTablesAreReadAsTheNaiveReaderReadsThem() throws {
    let seed: UInt64 = 71
    print("seed \(seed)")
    var random = RandomStream(seed: seed)
    let workspace = try Workspace()
    // The last ones span several chunks, with and without quotes.
    for (rowCount, longest, hasQuotes) in [
      (0, 5, true), (1, 5, true), (200, 30, true), (20_000, 30, true), (60_000, 12, false),
    ] {
      let columns = 1 + Int(random.next(below: 4))
      var text = ""
      for _ in 0..<rowCount {
        text += (0..<columns).map { _ in
          let field = String(
            (0..<Int(random.next(below: UInt64(longest)))).map { _ in
              Array("ab c,7é\"\nx")[Int(random.next(below: hasQuotes ? 10 : 4))]
            })
          guard hasQuotes, random.next(below: 2) == 0 else {
            return field.filter { !",\"\n".contains($0) }
          }
          return "\"" + field.replacing("\"", with: "\"\"") + "\""
        }.joined(separator: ",")
        text += random.next(below: 3) == 0 ? "\r\n" : "\n"
        if random.next(below: 10) == 0 { text += "\n" }
      }
      if random.next(below: 2) == 0, text.hasSuffix("\n") { text.removeLast() }
      let path = try workspace.write(text, to: "table.csv")
      let expected = naiveRows(text, delimiter: ",").filter { $0.count == columns }
      let result = try readAll(path, delimiter: 44, columns: columns)
      #expect(result.rows == expected)
      #expect(result.faults.isEmpty)
    }
  }

  @Test func faultsNameTheirLineAcrossChunks() throws {
    let workspace = try Workspace()
    var lines = (1...100_000).map { "\($0)\t\($0)" }
    lines[70_000] = "1\t2\t3"
    lines[90_000] = "1"
    lines[95_000] = "1\t\u{0}"
    let path = try workspace.write(lines.joined(separator: "\n"), to: "edges.tsv")
    let result = try readAll(path, delimiter: 9, columns: 2)
    #expect(
      result.faults == [
        "70001: has 3 columns where 2 are expected", "90001: has 1 column where 2 are expected",
        "95001: has a NUL byte in column 2: is this a text file?",
      ])
    #expect(result.rows.count == 99_997)
    #expect(result.lines[69_999] == 70_000 && result.lines[70_000] == 70_002)
  }

  @Test func aLineBreakInQuotesCountsAsALine() throws {
    let workspace = try Workspace()
    let path = try workspace.write("\"a\nb\",1\n2,3\n\"x\"y,4\n\"open,5\n", to: "table.csv")
    let result = try readAll(path, delimiter: 44, columns: 2)
    #expect(result.rows == [["a\nb", "1"], ["2", "3"]])
    #expect(result.lines == [1, 3])
    #expect(
      result.faults == [
        "4: has text after a closing quote: double the quotes inside a quoted field",
        "5: has a quote that never closes",
      ])
  }

  @Test func textThatIsNotUTF8IsAFault() throws {
    let workspace = try Workspace()
    let path = try workspace.write(Array("a\té\nb\t".utf8) + [0xFF, 10], to: "table.tsv")
    let result = try readAll(path, delimiter: 9, columns: 2)
    #expect(result.rows == [["a", "é"]])
    #expect(result.faults.count == 1 && result.faults[0].hasPrefix("2: has bytes in column 2"))
  }

  @Test func longLinesAreReadUpToTheLimit() throws {
    let workspace = try Workspace()
    let long = String(repeating: "x", count: 3 << 20)
    let path = try workspace.write("1\t\(long)\n2\ty\n", to: "long.tsv")
    let result = try readAll(path, delimiter: 9, columns: 2, batchCount: 1)
    #expect(result.rows.map { $0[1].count } == [long.count, 1])
    let endless = try workspace.write(
      [UInt8](repeating: 120, count: TextChunk.longestRow + (1 << 20)), to: "endless.tsv")
    let error = #expect(throws: HedgerowError.self) {
      try readAll(endless, delimiter: 9, columns: 2)
    }
    #expect(error?.code == .badData && error?.place == "\(endless):1")
  }

  @Test func gzipIsReadMemberByMember() throws {
    let workspace = try Workspace()
    let lines = (0..<50_000).map { "\($0),\($0 * 7)\n" }
    let first = Workspace.gzip(Array(lines[..<30_000].joined().utf8))
    let second = Workspace.gzip(Array(lines[30_000...].joined().utf8))
    let path = try workspace.write(first + second, to: "edges.csv.gz")
    let result = try readAll(path, delimiter: 44, columns: 2)
    #expect(result.rows.count == 50_000 && result.rows[49_999] == ["49999", "349993"])
    let padded = try workspace.write(
      first + second + [UInt8](repeating: 0, count: 512), to: "padded.csv.gz")
    #expect(try readAll(padded, delimiter: 44, columns: 2).rows.count == 50_000)
  }

  @Test func brokenGzipIsRefused() throws {
    let workspace = try Workspace()
    let whole = Workspace.gzip(Array((0..<5000).map { "\($0),1\n" }.joined().utf8))
    var damaged = whole
    damaged[whole.count / 2] ^= 0xFF
    let cases: [([UInt8], String)] = [
      (Array(whole.dropLast(4)), "truncated"), (Array(whole[..<(whole.count / 2)]), "truncated"),
      (damaged, "damaged"), (whole + [1, 2, 3], "damaged"),
      ([0x28, 0xB5, 0x2F, 0xFD, 0, 0], "zstd"), ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0], "xz"),
    ]
    for (bytes, part) in cases {
      let path = try workspace.write(bytes, to: "edges.csv.gz")
      let error = #expect(throws: HedgerowError.self) {
        try readAll(path, delimiter: 44, columns: 2)
      }
      #expect(error?.code == .badData && error?.message.contains(part) == true, "\(part)")
    }
  }

  @Test func mutatedTextIsReadOrReportedButNeverCrashes() throws {
    let seed: UInt64 = 72
    print("seed \(seed)")
    var random = RandomStream(seed: seed)
    let workspace = try Workspace()
    let original = Array("id,year:int,name\n1,2000,\"a, b\"\n2,2001,\"c \"\"d\"\"\"\n3,,é\n".utf8)
    let spice: [UInt8] = [0, 9, 10, 13, 34, 44, 45, 46, 48, 58, 101, 124, 195, 255]
    for _ in 0..<400 {
      var bytes = original
      for _ in 0...random.next(below: 4) where bytes.count > 1 {
        let place = Int(random.next(below: UInt64(bytes.count)))
        let byte = spice[Int(random.next(below: UInt64(spice.count)))]
        switch random.next(below: 3) {
        case 0: bytes[place] = byte
        case 1: bytes.insert(byte, at: place)
        default: bytes.remove(at: place)
        }
      }
      var options = IngestOptions()
      options.nodes = [.init("n", try workspace.write(bytes, to: "nodes.csv"))]
      options.badLines = random.next(below: 2) == 0 ? .fail : .report
      do {
        _ = try workspace.ingest(options, threads: 1)
      } catch let error as HedgerowError {
        #expect(error.code == .badData || error.code == .usage, "\(error)")
        #expect(!error.message.contains("\n"))
      }
    }
  }
}
