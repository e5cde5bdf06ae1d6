package import CHedgerowKernels
import Glibc
import HedgerowCore

/// Some whole rows of a delimited file in one buffer, and where their fields are.
///
/// Fields are slices of the buffer. Rows that cannot be used are dropped from the table and kept in
/// ``faults`` with their place; ``ordinal(of:)`` still counts them.
package final class TextChunk {
  /// The longest row that is read.
  package static let longestRow = 16 << 20

  /// Why a row was dropped.
  package enum Cause: Sendable {
    /// What its line says.
    case line
    /// One of its nodes is not there.
    case missingNode
    /// It says nothing that was asked for.
    case unwanted
  }

  /// A row that was dropped. Every row of a chunk may be: it is small, and says no more than what its
  /// message is made of.
  package struct Fault {
    fileprivate var place: UInt32
    fileprivate var begin: UInt32
    fileprivate var reason: UInt32
    package fileprivate(set) var cause: Cause
    fileprivate var field: hr_field

    /// Among all rows of the chunk.
    package var ordinal: Int { Int(place) }
    /// Where the row begins in the chunk.
    var offset: Int { Int(begin) }
  }

  package private(set) var bytes: UnsafeMutablePointer<UInt8>
  /// Bytes of a file that the chunk takes.
  package private(set) var capacity: Int
  // What is allocated: made columns may take more.
  private var roomByteCount: Int
  package var count = 0
  /// The line of the file on which the chunk begins, from 1.
  package var firstLine = 1
  /// How far the input file had been read when the chunk was cut.
  package var filePosition = 0

  package private(set) var columnCount = 1
  package private(set) var rowCount = 0
  package private(set) var faults: [Fault] = []
  /// `rowCount * columnCount` fields, row by row.
  package private(set) var fields: UnsafeMutablePointer<hr_field>
  private var fieldCapacity = 0
  // The ordinals of the rows once some are gone; empty before.
  private var ordinals: [UInt32] = []
  private var marked: [Bool] = []
  // What is wrong with any row, once.
  private var reasons: [Reason] = []
  private var reasonNumbers: [Reason: UInt32] = [:]

  package init(capacity: Int) {
    self.capacity = capacity
    roomByteCount = capacity
    bytes = Self.allocate(capacity)
    fields = UnsafeMutablePointer.allocate(capacity: 1)
  }

  deinit {
    (bytes - HR_TEXT_PADDING).deallocate()
    fields.deallocate()
  }

  private static func allocate(_ capacity: Int) -> UnsafeMutablePointer<UInt8> {
    let padding = HR_TEXT_PADDING
    let start = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity + 2 * padding)
    start.initialize(repeating: 0, count: padding)
    (start + padding + capacity).initialize(repeating: 0, count: padding)
    return start + padding
  }

  /// Makes room for more bytes; what is there stays.
  package func grow(to capacity: Int) {
    makeRoom(capacity)
    self.capacity = capacity
  }

  private func makeRoom(_ byteCount: Int) {
    guard byteCount > roomByteCount else { return }
    let larger = Self.allocate(byteCount)
    memcpy(larger, bytes, count)
    (bytes - HR_TEXT_PADDING).deallocate()
    bytes = larger
    roomByteCount = byteCount
  }

  /// Adds bytes behind those of the file, where fields of made columns are.
  func append(_ more: [UInt8]) {
    makeRoom(count + more.count)
    more.withUnsafeBytes { if $0.count > 0 { memcpy(bytes + count, $0.baseAddress!, $0.count) } }
    count += more.count
  }

  /// Makes room for more columns in every row; their fields must be set.
  func widen(by count: Int) {
    let wide = columnCount + count
    let larger = UnsafeMutablePointer<hr_field>.allocate(capacity: max(1, rowCount * wide))
    for row in 0..<rowCount {
      (larger + row * wide).update(from: fields + row * columnCount, count: columnCount)
    }
    fields.deallocate()
    fields = larger
    fieldCapacity = max(1, rowCount * wide)
    columnCount = wide
  }

  func field(at offset: Int, count: Int, isQuoted: Bool) -> hr_field {
    hr_field(
      begin: UInt32(offset), end: UInt32(offset + count) | (isQuoted ? HR_FIELD_QUOTED : 0))
  }

  func set(_ row: Int, _ column: Int, _ field: hr_field) {
    fields[row * columnCount + column] = field
  }

  /// Cuts the rows. Once a chunk: doubled quotes are folded in place.
  ///
  /// - Parameter comment: begins lines that say nothing; 0 for none.
  package func split(delimiter: UInt8, comment: UInt8 = 0, columnCount: Int) {
    self.columnCount = columnCount
    rowCount = 0
    forgetFaults()
    ordinals.removeAll()
    let needed = count + columnCount
    if fieldCapacity < needed {
      fields.deallocate()
      // Untouched pages cost nothing: most rows have longer fields than one byte.
      fields = UnsafeMutablePointer.allocate(capacity: needed)
      fieldCapacity = needed
    }
    var split = hr_split()
    split.columns = UInt32(columnCount)
    split.delimiter = delimiter
    split.comment = comment
    while true {
      var status: Int32 = 0
      let rows = hr_split_rows(
        bytes, count, &split, fields + rowCount * columnCount, &status)
      if !faults.isEmpty {
        let first = rowCount + faults.count
        ordinals.append(contentsOf: (first..<(first + rows)).map { UInt32($0) })
      }
      rowCount += rows
      if status == Int32(HR_SPLIT_END) { return }
      if faults.isEmpty { ordinals = (0..<rowCount).map { UInt32($0) } }
      let reason: Reason =
        switch status {
        case Int32(HR_SPLIT_COLUMNS):
          """
          has \(split.found) column\(split.found == 1 ? "" : "s") where \(columnCount) \
          \(columnCount == 1 ? "is" : "are") expected
          """
        case Int32(HR_SPLIT_QUOTE):
          "has text after a closing quote: double the quotes inside a quoted field"
        default: "has a quote that never closes"
        }
      faults.append(
        Fault(
          place: UInt32(rowCount + faults.count), begin: UInt32(split.row_begin),
          reason: number(of: reason), cause: .line, field: hr_field()))
    }
  }

  private func number(of reason: Reason) -> UInt32 {
    if let known = reasonNumbers[reason] { return known }
    let number = UInt32(reasons.count)
    reasonNumbers[reason] = number
    reasons.append(reason)
    return number
  }

  /// What is wrong with a row that was dropped.
  package func message(of fault: Fault) -> String {
    reasons[Int(fault.reason)].text(quoting: text(fault.field))
  }

  /// Lets go of what is known of dropped rows.
  func forgetFaults() {
    faults.removeAll()
    reasons.removeAll()
    reasonNumbers.removeAll()
  }

  /// The line of the file on which a row begins.
  package func line(of row: Int) -> Int {
    let begin = Int(fields[row * columnCount].begin)
    return firstLine + hr_count_byte(bytes, begin, UInt8(ascii: "\n"))
  }

  /// A row's place among all rows of the chunk, dropped ones included.
  package func ordinal(of row: Int) -> Int { ordinals.isEmpty ? row : Int(ordinals[row]) }
  /// All rows of the chunk, dropped ones included.
  package var totalRowCount: Int { rowCount + faults.count }

  private func text(_ field: hr_field) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(
      start: bytes + Int(field.begin), count: Int(hr_field_end(field) - field.begin))
  }

  package func field(_ row: Int, _ column: Int) -> UnsafeBufferPointer<UInt8> {
    text(fields[row * columnCount + column])
  }

  /// Whether the field stood in quotes.
  package func isQuoted(_ row: Int, _ column: Int) -> Bool {
    fields[row * columnCount + column].end & HR_FIELD_QUOTED != 0
  }

  /// Whether the field is a text: nothing at all is null, and `""` the empty text.
  package func isText(_ row: Int, _ column: Int) -> Bool {
    field(row, column).count > 0 || isQuoted(row, column)
  }

  /// The field as a key: without the spaces around it, unless it stood in quotes.
  package func key(_ row: Int, _ column: Int) -> UnsafeBufferPointer<UInt8> {
    let text = field(row, column)
    return isQuoted(row, column) ? text : text.trimmed
  }

  /// The field as part of a message.
  package func quote(_ row: Int, _ column: Int) -> String { Reason.quote(field(row, column)) }

  /// Marks a row for ``dropMarked()``. The first reason given for a row stands.
  package func mark(_ row: Int, as cause: Cause = .line, _ reason: @autoclosure () -> Reason) {
    if marked.isEmpty { marked = [Bool](repeating: false, count: rowCount) }
    guard !marked[row] else { return }
    marked[row] = true
    let reason = reason()
    let start = fields + row * columnCount
    faults.append(
      Fault(
        place: UInt32(ordinal(of: row)), begin: start.pointee.begin, reason: number(of: reason),
        cause: cause, field: reason.column.map { start[$0] } ?? hr_field()))
  }

  /// Takes the marked rows out of the table.
  package func dropMarked() {
    guard !marked.isEmpty else { return }
    if ordinals.isEmpty { ordinals = (0..<rowCount).map { UInt32($0) } }
    var kept = 0
    for row in 0..<rowCount where !marked[row] {
      if kept != row {
        (fields + kept * columnCount).update(
          from: fields + row * columnCount, count: columnCount)
        ordinals[kept] = ordinals[row]
      }
      kept += 1
    }
    ordinals.removeLast(rowCount - kept)
    rowCount = kept
    marked.removeAll()
    faults.sort { $0.place < $1.place }
  }

  /// Drops rows with bytes that no text has: NUL outside of quotes, and what is not UTF-8.
  package func checkText() {
    let hasNul = memchr(bytes, 0, count) != nil
    if !hasNul && hr_is_ascii(bytes, count) != 0 { return }
    for row in 0..<rowCount {
      for column in 0..<columnCount {
        let text = field(row, column)
        guard let start = text.baseAddress else { continue }
        if hasNul && !isQuoted(row, column) && memchr(start, 0, text.count) != nil {
          mark(row, "has a NUL byte in column \(column + 1): is this a text file?")
        } else if hr_is_utf8(start, text.count) == 0 {
          mark(row, "has bytes in column \(column + 1) that are not UTF-8: convert the file")
        }
      }
    }
    dropMarked()
  }
}

extension UnsafeBufferPointer<UInt8> {
  /// Without the spaces and tabs around.
  package var trimmed: UnsafeBufferPointer<UInt8> {
    var low = 0
    var high = count
    func isSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
    while low < high, isSpace(self[low]) { low += 1 }
    while low < high, isSpace(self[high - 1]) { high -= 1 }
    return UnsafeBufferPointer(rebasing: self[low..<high])
  }
}
