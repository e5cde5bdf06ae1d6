import HedgerowCore
import HedgerowTestSupport
import Testing

@testable import HedgerowCLI

@Suite struct ControlFileTests {
  /// The fields `a` and `b` of each paragraph, with the line where it begins.
  private func read(_ bytes: [UInt8]) throws -> [(line: Int, a: String?, b: String?)] {
    let directory = TemporaryDirectory()
    let reader = try ControlReader(PackagesInput(path: directory.write("file", bytes)))
    var paragraph = ControlParagraph()
    var read: [(line: Int, a: String?, b: String?)] = []
    while try reader.next(&paragraph) {
      read.append(
        (
          paragraph.firstLine, paragraph.value(of: "a").map { String(decoding: $0, as: UTF8.self) },
          paragraph.value(of: "b").map { String(decoding: $0, as: UTF8.self) }
        ))
    }
    return read
  }

  private func read(_ text: String) throws -> [(line: Int, a: String?, b: String?)] {
    try read(Array(text.utf8))
  }

  @Test func fieldsGoOnOverLinesAndParagraphsStandBetweenBlankOnes() throws {
    let paragraphs = try read(
      """
      \u{FEFF}# a comment
      A: one: two
      Other: x
      b:
       first
      # inside
       .
      \tlast\u{20}


      \u{20}\t
      B:   \u{20}
      a:1\r
      \r
      a: first
      A: second
      """)
    #expect(paragraphs.map(\.line) == [2, 12, 15])
    #expect(paragraphs.map(\.a) == ["one: two", "1", "first"])
    #expect(paragraphs.map(\.b) == ["first\n .\n\tlast", nil, nil])
    #expect(try read("").isEmpty)
    #expect(try read("\n\n# nothing\n\n").isEmpty)
  }

  @Test(arguments: [
    ("a: 1\n\n b\n", 3), ("a: 1\nno colon\n", 2), ("a: 1\n: no name\n", 2), ("a b: 1\n", 1),
    ("-a: 1\n", 1), ("\u{7F}ELF: 1\n", 1), ("a: 1\nä: 2", 2),
  ])
  func aLineThatIsNoneIsNamed(_ text: String, line: Int) throws {
    let error = #expect(throws: HedgerowError.self) { try read(text) }
    #expect(error?.code == .badData)
    #expect(error?.place?.hasSuffix("/file:\(line)") == true, "\(String(describing: error))")
  }

  @Test func aParagraphWithoutEndIsRefused() throws {
    let huge = Array("a: ".utf8) + [UInt8](repeating: 65, count: ControlReader.longestParagraph)
    #expect(throws: HedgerowError.self) { try read(huge) }
    let many =
      [UInt8](repeating: 10, count: 1) + Array("a: 1\n".utf8)
      + Array(repeating: Array(" 123456789\n".utf8), count: 900_000).joined()
    #expect(throws: HedgerowError.self) { try read(many) }
    let large = Array("a: ".utf8) + [UInt8](repeating: 65, count: 3 << 20) + Array("\n\nb: 2".utf8)
    let paragraphs = try read(large)
    #expect(paragraphs.map { $0.a?.utf8.count } == [3 << 20, nil])
    #expect(paragraphs.map(\.b) == [nil, "2"])
  }

  /// A reader of whole files that takes a line at a time.
  private func reference(_ bytes: [UInt8]) -> [(a: String?, b: String?)]? {
    var paragraphs: [[(name: String, value: [UInt8])]] = [[]]
    for line in bytes.split(separator: 10, omittingEmptySubsequences: false) {
      var line = Array(line)
      if line.last == 13 { line.removeLast() }
      if line.first == 35 { continue }
      if line.allSatisfy(\.isSpace) {
        paragraphs.append([])
        continue
      }
      if line[0].isSpace {
        guard !paragraphs.last!.isEmpty else { return nil }
        paragraphs[paragraphs.count - 1][paragraphs.last!.count - 1].value += [10] + line
        continue
      }
      let name = line.prefix { $0 != 58 }
      guard !name.isEmpty, name.count < line.count, line[0] != 45,
        name.allSatisfy({ $0 > 32 && $0 < 127 })
      else { return nil }
      let text = String(decoding: name, as: UTF8.self).lowercased()
      paragraphs[paragraphs.count - 1].append((text, Array(line[(name.count + 1)...])))
    }
    func value(_ name: String, _ fields: [(name: String, value: [UInt8])]) -> String? {
      guard let field = fields.first(where: { $0.name == name }) else { return nil }
      let value = field.value.drop(while: \.isSpace).reversed().drop(while: \.isSpace).reversed()
      return value.isEmpty ? nil : String(decoding: Array(value), as: UTF8.self)
    }
    return paragraphs.filter { !$0.isEmpty }.map { (value("a", $0), value("b", $0)) }
  }

  @Test func drawnBytesAreReadAsTheObviousReaderReadsThem() throws {
    var stream = RandomStream(seed: printedSeed())
    let pieces = [
      "a", "b", "A", ":", ": ", " ", "\n", "\n", "\n\n", "\na: ", "\r", "#", "-", "\t", "ä", "x",
    ]
    var (right, wrong) = (0, 0)
    for _ in 0..<2000 {
      var bytes: [UInt8] = stream.next(below: 2) == 0 ? Array("a: ".utf8) : []
      for _ in 0..<stream.next(below: 24) {
        if stream.next(below: 40) == 0 {
          bytes.append(UInt8(truncatingIfNeeded: stream.next()))
        } else {
          bytes += Array(pieces[Int(stream.next(below: UInt64(pieces.count)))].utf8)
        }
      }
      // Files that look compressed are another matter.
      if bytes.starts(with: [0x1F, 0x8B]) { continue }
      if let expected = reference(bytes) {
        let read = try read(bytes)
        #expect(read.map(\.a) == expected.map(\.a), "\(bytes)")
        #expect(read.map(\.b) == expected.map(\.b), "\(bytes)")
        right += 1
      } else {
        #expect(throws: HedgerowError.self, "\(bytes)") { try read(bytes) }
        wrong += 1
      }
    }
    #expect(right > 200 && wrong > 200)
  }
}
