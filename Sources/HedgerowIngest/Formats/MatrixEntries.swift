import CHedgerowKernels
import HedgerowCore

/// Reads the entries of a matrix and writes edges with their values, mirrored ones included.
struct MatrixEntries {
  let table: TableSpool.Table
  /// What integers are held to; nil for other numbers.
  let bounds: ClosedRange<Int>?
  let symmetry: MatrixMarket.Symmetry
  let reader: LineReader

  private typealias Word = UnsafeBufferPointer<UInt8>

  func readCoordinates(_ rows: Int, _ columns: Int, count: Int, valueCount: Int) throws {
    // Of larger matrices the sorted edges tell, but not on which line.
    var seen: Set<UInt64>? = count <= 1 << 20 ? [] : nil
    var words: [Word] = []
    for index in 0..<count {
      guard let line = try reader.nextEntry() else {
        throw HedgerowError(
          .badData, "ends after \(index) of \(count) entries", at: "\(reader.name):\(reader.number)"
        )
      }
      try split(line, into: &words, count: 2 + valueCount)
      guard let row = Self.integer(words[0]), let column = Self.integer(words[1]) else {
        throw reader.wrong(
          "has '\(String(words[0])) \(String(words[1]))' where a row and a column belong")
      }
      guard row > 0, row <= rows, column > 0, column <= columns else {
        throw reader.wrong("is entry (\(row), \(column)) of a \(rows) x \(columns) matrix")
      }
      if symmetry == .skew && row == column {
        throw reader.wrong("is on the diagonal, which a skew-symmetric matrix does not list")
      }
      if seen?.insert(UInt64(row - 1) << 32 | UInt64(column - 1)).inserted == false {
        throw reader.wrong("lists entry (\(row), \(column)) again")
      }
      try append(row, column, words[2...])
    }
  }

  func readArray(_ rows: Int, _ columns: Int, valueCount: Int) throws {
    var words: [Word] = []
    for column in stride(from: 1, through: columns, by: 1) {
      let first = symmetry == .general ? 1 : symmetry == .skew ? column + 1 : column
      for row in stride(from: first, through: rows, by: 1) {
        guard let line = try reader.nextEntry() else {
          throw HedgerowError(
            .badData, "ends before entry (\(row), \(column)) of \(rows) x \(columns)",
            at: "\(reader.name):\(reader.number)")
        }
        try split(line, into: &words, count: valueCount)
        try append(row, column, words[...])
      }
    }
  }

  /// Cuts a line at spaces and tabs.
  private func split(
    _ line: UnsafeRawBufferPointer, into words: inout [Word], count: Int
  ) throws {
    words.removeAll(keepingCapacity: true)
    let bytes = line.assumingMemoryBound(to: UInt8.self)
    var found = 0
    var position = 0
    while true {
      while position < bytes.count, bytes[position] == 32 || bytes[position] == 9 { position += 1 }
      if position == bytes.count { break }
      let start = position
      while position < bytes.count, bytes[position] != 32, bytes[position] != 9 { position += 1 }
      found += 1
      if found <= count { words.append(Word(rebasing: bytes[start..<position])) }
    }
    guard found == count else {
      throw reader.wrong("has \(found) numbers where \(count) are expected")
    }
  }

  // The lines of a reader have room around them, as these functions want it.
  private static func integer(_ word: Word) -> Int? {
    var number: Int64 = 0
    return hr_parse_int64(word.baseAddress!, word.count, &number) != 0 ? Int(number) : nil
  }

  private static func decimal(_ word: Word) -> Double? {
    var number = 0.0
    return hr_parse_double(word.baseAddress!, word.count, &number) != 0 ? number : nil
  }

  private func append(_ row: Int, _ column: Int, _ values: ArraySlice<Word>) throws {
    try put(row, column, values, isNegated: false)
    if row == column {
      if symmetry == .hermitian, Self.decimal(values.last!) != 0 {
        throw reader.wrong("is on the diagonal of a hermitian matrix and not real")
      }
      return
    }
    switch symmetry {
    case .general, .symmetric: break
    case .skew, .hermitian: try put(column, row, values, isNegated: true)
    }
  }

  /// - Parameter isNegated: of complex values only the imaginary part is.
  private func put(
    _ row: Int, _ column: Int, _ values: ArraySlice<Word>, isNegated: Bool
  ) throws {
    table.append(row)
    table.append(column)
    for (place, word) in values.enumerated() {
      try append(word, isNegated: isNegated && (symmetry == .skew || place == 1))
    }
    try table.endRow(line: reader.number)
  }

  /// Checks what the column would refuse with a line of another file.
  private func append(_ word: Word, isNegated: Bool) throws {
    guard let bounds else {
      guard Self.decimal(word) != nil else {
        throw reader.wrong("has the value '\(String(word))': no number")
      }
      guard isNegated else { return table.append(UnsafeRawBufferPointer(word)) }
      let minus = UInt8(ascii: "-")
      let digits =
        word.first == minus || word.first == UInt8(ascii: "+") ? word.dropFirst() : word[...]
      let negated = (word.first == minus ? [] : [minus]) + digits
      return negated.withUnsafeBytes { table.append($0) }
    }
    let number = Self.integer(word) ?? Self.decimal(word).flatMap { Int(exactly: $0) }
    guard let number, let stored = isNegated ? Self.negated(number) : number,
      bounds.contains(stored)
    else {
      throw reader.wrong(
        "has the value '\(String(word))' where an integer from \(bounds.lowerBound) to "
          + "\(bounds.upperBound) belongs")
    }
    table.append(stored)
  }

  private static func negated(_ number: Int) -> Int? {
    let (result, isTooLarge) = 0.subtractingReportingOverflow(number)
    return isTooLarge ? nil : result
  }
}

extension LineReader {
  /// The next line that is not blank and no comment.
  func nextEntry() throws -> UnsafeRawBufferPointer? {
    while let line = try next() {
      guard let first = line.first(where: { $0 != 32 && $0 != 9 }) else { continue }
      if first != UInt8(ascii: "%") { return line }
    }
    return nil
  }
}
