import CHedgerowKernels
import Foundation
import HedgerowCore
import Testing

/// Bytes with the padding that the text kernels want.
private final class Padded {
  let memory: UnsafeMutablePointer<UInt8>
  let count: Int
  var bytes: UnsafeMutablePointer<UInt8> { memory + HR_TEXT_PADDING }

  init(_ bytes: [UInt8]) {
    count = bytes.count
    memory = .allocate(capacity: count + 2 * HR_TEXT_PADDING)
    // Digits, which must not leak in.
    memory.initialize(repeating: 0x39, count: count + 2 * HR_TEXT_PADDING)
    for (index, byte) in bytes.enumerated() { memory[HR_TEXT_PADDING + index] = byte }
  }

  convenience init(_ text: String) { self.init(Array(text.utf8)) }
  deinit { memory.deallocate() }
}

private func split(
  _ text: String, delimiter: Character, columns: Int, comment: Character? = nil
) -> (
  rows: [[String]], status: Int32, found: Int
) {
  let padded = Padded(text)
  let fields = UnsafeMutablePointer<hr_field>.allocate(capacity: padded.count + columns)
  defer { fields.deallocate() }
  var split = hr_split()
  split.delimiter = delimiter.asciiValue!
  split.columns = UInt32(columns)
  split.comment = comment?.asciiValue ?? 0
  var status: Int32 = 0
  let rows = hr_split_rows(padded.bytes, padded.count, &split, fields, &status)
  let result = (0..<rows).map { row in
    (0..<columns).map { column in
      let field = fields[row * columns + column]
      return String(
        decoding: UnsafeBufferPointer(
          start: padded.bytes + Int(field.begin), count: Int(hr_field_end(field) - field.begin)),
        as: UTF8.self)
    }
  }
  return (result, status, Int(split.found))
}

@Suite struct TextKernelTests {
  @Test func rowsAreCutAtDelimitersLineEndsAndQuotes() {
    #expect(
      split("1\t2\n3\t4\r\n", delimiter: "\t", columns: 2).rows == [["1", "2"], ["3", "4"]])
    #expect(
      split("\"a,b\",\"c\"\"d\"\n\"x\ny\",\n", delimiter: ",", columns: 2).rows
        == [["a,b", "c\"d"], ["x\ny", ""]])
    #expect(split("\n\r\n1,2\n\n", delimiter: ",", columns: 2).rows == [["1", "2"]])
    #expect(
      split("  1   2 \n3 4\n", delimiter: " ", columns: 2).rows == [["1", "2"], ["3", "4"]])
    #expect(split("a\"b,c\n", delimiter: ",", columns: 2).rows == [["a\"b", "c"]])
  }

  @Test func wrongRowsStopTheSplitterAndSayWhy() {
    let few = split("1,2\n3\n", delimiter: ",", columns: 2)
    #expect(few.status == HR_SPLIT_COLUMNS && few.found == 1 && few.rows.count == 1)
    let many = split("1,2,3\n", delimiter: ",", columns: 2)
    #expect(many.status == HR_SPLIT_COLUMNS && many.found == 3)
    #expect(split("\"a\"b,c\n", delimiter: ",", columns: 2).status == HR_SPLIT_QUOTE)
    #expect(split("1,\"2\n", delimiter: ",", columns: 2).status == HR_SPLIT_UNTERMINATED)
  }

  @Test func randomTablesSplitAsTheyWereWritten() {
    let seed: UInt64 = 41
    print("seed \(seed)")
    var random = RandomStream(seed: seed)
    let alphabet: [Character] = ["a", "7", ",", "\"", "\n", "é", "\r", " ", "x"]
    for _ in 0..<300 {
      let columns = 1 + Int(random.next(below: 5))
      let table = (0..<Int(random.next(below: 40))).map { _ in
        (0..<columns).map { _ in
          String(
            (0..<Int(random.next(below: 30))).map { _ in
              alphabet[Int(random.next(below: UInt64(alphabet.count)))]
            })
        }
      }
      let text = table.map { row in
        row.map { "\"" + $0.replacing("\"", with: "\"\"") + "\"" }.joined(separator: ",") + "\n"
      }.joined()
      let result = split(text, delimiter: ",", columns: columns)
      #expect(result.rows == table && result.status == HR_SPLIT_END)
      // The last row end is the end of the text, also when it is cut inside the last row.
      let padded = Padded(text)
      #expect(hr_last_row_end(padded.bytes, 0, padded.count, 44, 0) == padded.count)
    }
  }

  @Test func linesThatBeginLikeCommentsAreSkipped() {
    let text = "# a, \"b\n1,2\n#\n#3,4\n\"#5\",#6\n# end"
    let result = split(text + "\n", delimiter: ",", columns: 2, comment: "#")
    #expect(result.rows == [["1", "2"], ["#5", "#6"]] && result.status == HR_SPLIT_END)
    var random = RandomStream(seed: 11)
    for _ in 0..<200 {
      var text = ""
      var rows: [[String]] = []
      for row in 0..<random.next(below: 40) {
        if random.next(below: 2) == 0 {
          text += "%" + String(repeating: "\",x", count: Int(random.next(below: 50))) + "\n"
        } else {
          let field = String(repeating: "ab%", count: Int(random.next(below: 40)))
          rows.append(["\(row)", field])
          text += "\(row),\(field)\n"
        }
      }
      let result = split(text, delimiter: ",", columns: 2, comment: "%")
      #expect(result.rows == rows && result.status == HR_SPLIT_END)
    }
  }

  @Test func theLastRowEndIsNotInsideQuotes() {
    func end(_ text: String, comment: UInt8 = 0) -> Int {
      let padded = Padded(text)
      return hr_last_row_end(padded.bytes, 0, padded.count, 44, comment)
    }
    #expect(end("1,2\n3,") == 4)
    #expect(end("1,2") == 0)
    #expect(end("1,\"a\nb\"\n2,\"c\n") == 8)
    #expect(end("1,\"a\nb\"") == 0)
    #expect(end("1,\"a\"\"\n\"\n") == 9)
    #expect(end("a\"b\n") == 4)
    // A quote in a comment is none.
    #expect(end("#\"\n1,2\n3", comment: 35) == 7)
    #expect(end("1,\"2\"\n#\"\n3", comment: 35) == 9)
    #expect(end("1,\"2\"\n#\"", comment: 35) == 6)
    #expect(end("1,#\n2", comment: 35) == 4)
  }

  @Test func keysAreCanonicalIntegersOnly() {
    func key(_ text: String) -> Int64? {
      let padded = Padded(text)
      var field = hr_field(begin: 0, end: UInt32(padded.count))
      var value: Int64 = 0
      return hr_parse_keys(padded.bytes, &field, 1, 1, &value) == 1 ? value : nil
    }
    for good: Int64 in [
      0, 7, -7, 12_345_678, 123_456_789, 1_234_567_890_123_456, 12_345_678_901_234_567, .max, .min,
    ] {
      #expect(key("\(good)") == good)
      #expect(key(" \(good)\t") == good)
    }
    for bad in [
      "", " ", "-", "07", "+7", "-0", "1x", "x1", "1.0", "1e3", "9223372036854775808",
      "-9223372036854775809", "99999999999999999999", "1 2", "0x1",
    ] {
      #expect(key(bad) == nil, "\(bad)")
    }
    let seed: UInt64 = 42
    print("seed \(seed)")
    var random = RandomStream(seed: seed)
    for _ in 0..<20_000 {
      let value = Int64(bitPattern: random.next()) >> Int64(random.next(below: 64))
      #expect(key("\(value)") == value)
    }
  }

  @Test func doublesAreRoundedAsTheCLibraryDoes() {
    let seed: UInt64 = 43
    print("seed \(seed)")
    var random = RandomStream(seed: seed)
    func check(_ text: String) {
      let padded = Padded(text)
      var double = 0.0
      var float: Float = 0
      #expect(hr_parse_double(padded.bytes, padded.count, &double) == 1, "\(text)")
      #expect(hr_parse_float(padded.bytes, padded.count, &float) == 1, "\(text)")
      #expect(double.bitPattern == strtod(text, nil).bitPattern, "\(text)")
      #expect(float.bitPattern == strtof(text, nil).bitPattern, "\(text)")
    }
    for _ in 0..<20_000 {
      check(
        "\(Double(bitPattern: random.next() & ~(0x7FF << 52) | (1 + random.next(below: 2046)) << 52))"
      )
      let digits = (0..<(1 + Int(random.next(below: 25)))).map { _ in "\(random.next(below: 10))" }
      let point = Int(random.next(below: UInt64(digits.count + 1)))
      let text = digits[..<point].joined() + "." + digits[point...].joined()
      check((random.next(below: 2) == 0 ? "-" : "") + text + "e\(Int(random.next(below: 80)) - 40)")
      check(text)
    }
    for text in ["1e400", "-1e400", "1e-400", "0.0000000000000000000000000001", ".5", "5.", "1E5"] {
      check(text)
    }
  }

  @Test func whatIsNoNumberIsRefused() {
    for text in [
      "", ".", "-", "e5", "1e", "1e+", "1.2.3", "0x10", "1f", "nanx", "in", "1,5", "--1",
    ] {
      let padded = Padded(text)
      var value = 0.0
      #expect(hr_parse_double(padded.bytes, padded.count, &value) == 0, "\(text)")
    }
    for (text, expected) in [("inf", Double.infinity), ("-Infinity", -.infinity)] {
      let padded = Padded(text)
      var value = 0.0
      #expect(hr_parse_double(padded.bytes, padded.count, &value) == 1 && value == expected)
    }
  }

  @Test func fieldsAreClassified() {
    let expected: [(String, Int)] = [
      ("", HR_CLASS_EMPTY), ("  ", HR_CLASS_EMPTY), ("12", HR_CLASS_INTEGER),
      (" -3 ", HR_CLASS_INTEGER), ("1.5", HR_CLASS_DECIMAL), ("1e9", HR_CLASS_DECIMAL),
      ("99999999999999999999", HR_CLASS_LONG), ("nan", HR_CLASS_SPECIAL),
      ("True", HR_CLASS_BOOL), ("007", HR_CLASS_TEXT), ("+1", HR_CLASS_TEXT),
      ("a", HR_CLASS_TEXT), ("-0", HR_CLASS_TEXT), ("-", HR_CLASS_TEXT), ("1 2", HR_CLASS_TEXT),
    ]
    for (text, wanted) in expected {
      let padded = Padded(text)
      #expect(hr_classify(padded.bytes, padded.count) == UInt32(wanted), "\(text)")
    }
  }

  @Test func utf8IsToldFromOtherBytesAsTheStandardLibraryDoes() {
    let seed: UInt64 = 44
    print("seed \(seed)")
    var random = RandomStream(seed: seed)
    let edges: [UInt8] = [
      0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xED,
      0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF,
    ]
    var good = 0
    for _ in 0..<100_000 {
      let bytes = (0..<(1 + Int(random.next(below: 5)))).map { _ in
        edges[Int(random.next(below: UInt64(edges.count)))]
      }
      let expected = String(validating: bytes, as: UTF8.self) != nil
      good += expected ? 1 : 0
      #expect((hr_is_utf8(bytes, bytes.count) != 0) == expected, "\(bytes)")
    }
    #expect(good > 100)
  }

  @Test func bytesAreCounted() {
    let bytes = (0..<5000).map { UInt8($0 % 7) }
    #expect(hr_count_byte(bytes, bytes.count, 3) == bytes.count { $0 == 3 })
    #expect(hr_is_ascii(bytes, bytes.count) == 1)
    #expect(hr_is_ascii(bytes + [0x80], bytes.count + 1) == 0)
  }
}
