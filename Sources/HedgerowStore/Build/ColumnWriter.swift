public import HedgerowCore
import HedgerowMapped

/// Writes one column from its values in row order, range by range.
///
/// For an edge type, rows are edges in out order, and the out index must have been given the same
/// edges before: the column's files follow its ranges. Memory: one range's codes, offsets and
/// validity, at most 9 bytes a row of one range, and fixed buffers.
public final class ColumnWriter {
  public let kind: PropertyKind
  private let builder: GenerationBuilder
  private let type: UInt16
  private let column: UInt16
  private let edgeRanges: EdgeRanges?
  private let name: String

  private var range: UInt32 = 0
  private var rangeEnd: UInt64?
  private var segment: SegmentWriter?
  private var rangeRowCount = 0
  private var validity: [UInt64] = []
  private var nullCount: UInt64 = 0
  private var codes: [UInt32] = []
  private var offsets: [UInt64] = []
  private var rowByteCount: Int
  private var stride: Int
  /// Rows so far: those that were appended, and those of an extended type that were there.
  public private(set) var rowCount: UInt64 = 0

  init(
    builder: GenerationBuilder, type: UInt16, column: UInt16, property: PropertySchema,
    edgeRanges: EdgeRanges?
  ) {
    self.builder = builder
    self.type = type
    self.column = column
    self.edgeRanges = edgeRanges
    kind = property.kind
    name = property.name
    rowByteCount = property.kind.byteWidth
    stride = ColumnLayout.stride(rowByteCount: rowByteCount)
  }

  /// Goes on behind the rows that the column has in the store. Its full ranges stay as they are; a
  /// last one that is not full is written anew.
  func resume(after stored: LayeredColumn) throws {
    require(rowCount == 0 && edgeRanges == nil && stored.kind == kind)
    let end = stored.rowCount
    try begin(atRow: end - end % (1 << UInt64(builder.rangeBits)))
    try copy(rowCount..<end, from: stored)
  }

  /// Goes to the first row of a range of nodes; ranges that are passed over stay as they are.
  func begin(atRow row: UInt64) throws {
    require(edgeRanges == nil && row >= rowCount && row % (1 << UInt64(builder.rangeBits)) == 0)
    if row > rowCount { try finishRange() }
    rowCount = row
  }

  /// Appends rows of a stored column.
  func copy(_ rows: Range<UInt64>, from stored: LayeredColumn) throws {
    if kind.hasVariableLength {
      return try stored.visitTexts(rows) { try append(text: $0) }
    }
    let block = max(1, min(rows.count, (1 << 20) / rowByteCount))
    let values = UnsafeMutableRawBufferPointer.allocate(
      byteCount: block * rowByteCount, alignment: 16)
    let isValid = UnsafeMutableBufferPointer<Bool>.allocate(capacity: block)
    defer {
      values.deallocate()
      isValid.deallocate()
    }
    var start = rows.lowerBound
    while start < rows.upperBound {
      let count = min(block, Int(rows.upperBound - start))
      let part = UnsafeMutableRawBufferPointer(rebasing: values[..<(count * rowByteCount)])
      let flags = UnsafeMutableBufferPointer(rebasing: isValid[..<count])
      try stored.copy(start..<start + UInt64(count), into: part, isValid: flags)
      try append(
        fixed: UnsafeRawBufferPointer(part), count: count, isValid: UnsafeBufferPointer(flags))
      start += UInt64(count)
    }
  }

  /// Appends `count` values of the kind's ``PropertyKind/byteWidth``, little-endian: a bool in one
  /// byte, a category as its UInt32 code, codes with a scale as the codes, a vector as its elements.
  /// Null rows must hold zeros.
  public func append(
    fixed values: UnsafeRawBufferPointer, count: Int, isValid: UnsafeBufferPointer<Bool>? = nil
  ) throws {
    require(!kind.hasVariableLength, "\(kind) go in by append(text:)")
    require(
      values.count == count * rowByteCount && (isValid.map { $0.count == count } ?? true),
      "\(values.count) bytes for \(count) values of \(rowByteCount)")
    var start = 0
    while start < count {
      let part = min(count - start, try roomInRange())
      let bytes = UnsafeRawBufferPointer(
        rebasing: values[start * rowByteCount..<(start + part) * rowByteCount])
      if kind == .categorical {
        for index in 0..<part {
          codes.append(bytes.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self))
        }
      } else {
        try appendRows(bytes, count: part)
      }
      for index in start..<start + part { mark(isValid?[index] ?? true) }
      start += part
    }
  }

  /// Appends one text, or one value of a column of bytes, or null.
  public func append(text: UnsafeRawBufferPointer?) throws {
    require(kind.hasVariableLength, "a column of \(kind) takes no text")
    _ = try roomInRange()
    if let text { try segment!.append(text) }
    offsets.append(offsets[offsets.count - 1] + UInt64(text?.count ?? 0))
    mark(text != nil)
  }

  private func appendRows(_ bytes: UnsafeRawBufferPointer, count: Int) throws {
    guard stride != rowByteCount else { return try segment!.append(bytes) }
    let padding = [UInt8](repeating: 0, count: stride - rowByteCount)
    for row in 0..<count {
      try segment!.append(
        UnsafeRawBufferPointer(rebasing: bytes[row * rowByteCount..<(row + 1) * rowByteCount]))
      try segment!.append(padding)
    }
  }

  private func mark(_ isValid: Bool) {
    if rangeRowCount % 64 == 0 { validity.append(0) }
    if isValid {
      validity[validity.count - 1] |= 1 << UInt64(rangeRowCount % 64)
    } else {
      nullCount += 1
    }
    rangeRowCount += 1
    rowCount += 1
  }

  /// Rows that still fit into the range of the next row, which is entered when it is new.
  private func roomInRange() throws -> Int {
    if let edgeRanges {
      // A range's end is known as soon as the index has gone on to the next.
      if segment != nil, rangeEnd == nil {
        let found = edgeRanges.range(of: rowCount)
        if found.range != range { rangeEnd = rowCount } else { rangeEnd = found.end }
      }
      if segment == nil || rangeEnd == rowCount {
        let found = edgeRanges.range(of: rowCount)
        try enter(found.range)
        rangeEnd = found.end
      }
      return rangeEnd.map { Int($0 - rowCount) } ?? Int.max
    }
    let next = UInt32(rowCount >> UInt64(builder.rangeBits))
    if segment == nil || next != range { try enter(next) }
    return Int((UInt64(range) + 1) << UInt64(builder.rangeBits) - rowCount)
  }

  /// Features: batches read their rows at random.
  private var isVector: Bool {
    if case .vector = kind { true } else { false }
  }

  private var part: SegmentID.Part { edgeRanges == nil ? .nodeColumn : .edgeColumn }

  private func enter(_ range: UInt32) throws {
    try finishRange()
    self.range = range
    let segment = try builder.segmentWriter(
      SegmentID(part: part, type: type, column: column, range: range), .column,
      inLargePages: isVector)
    if kind != .categorical {
      try segment.beginSection(
        StoreLayout.ColumnSection.values,
        elementByteCount: kind.hasVariableLength ? 1 : kind.element.byteWidth)
    }
    self.segment = segment
    rangeRowCount = 0
    nullCount = 0
    validity.removeAll(keepingCapacity: true)
    codes.removeAll(keepingCapacity: true)
    offsets = [0]
  }

  private func finishRange() throws {
    guard let segment else { return }
    if kind == .categorical {
      let largest = codes.max() ?? 0
      let width = largest < 1 << 8 ? 1 : largest < 1 << 16 ? 2 : 4
      try segment.beginSection(StoreLayout.ColumnSection.values, elementByteCount: width)
      switch width {
      case 1: try segment.append(codes.map { UInt8(truncatingIfNeeded: $0) })
      case 2: try segment.append(codes.map { UInt16(truncatingIfNeeded: $0) })
      default: try segment.append(codes)
      }
    }
    if kind.hasVariableLength {
      try segment.beginSection(StoreLayout.ColumnSection.offsets, elementByteCount: 8)
      try segment.append(offsets)
    }
    if nullCount > 0 {
      try segment.beginSection(StoreLayout.ColumnSection.validity, elementByteCount: 8)
      try segment.append(validity)
    }
    let isFixed = !kind.hasVariableLength && kind != .categorical
    let byteCount = try segment.finish(
      attributes: [UInt64(rangeRowCount), UInt64(isFixed ? stride : 0), nullCount, UInt64(range)])
    builder.add(
      SegmentRecord(
        id: SegmentID(part: part, type: type, column: column, range: range),
        generation: builder.generation, rowCount: UInt64(rangeRowCount),
        edgeCount: edgeRanges == nil ? 0 : UInt64(rangeRowCount), fileByteCount: byteCount))
    self.segment = nil
  }

  /// Ends the column's last range and nothing else: for whoever rewrites some ranges.
  func finishRanges() throws { try finishRange() }

  /// Ends the column. Must be called once.
  ///
  /// - Parameter categories: the texts of a categorical column's codes.
  public func finish(categories: [String] = []) throws {
    try finishRanges()
    if kind == .categorical {
      try builder.writeDictionary(
        SegmentID(
          part: edgeRanges == nil ? .nodeDictionary : .edgeDictionary, type: type, column: column),
        texts: categories)
    }
    builder.finishColumn(part, type, column, name: name, rowCount: rowCount)
  }
}

/// How rows of a fixed size lie in a column's segment.
enum ColumnLayout {
  /// Bytes from one row to the next. Rows that come close to a power of two up to a page, or to
  /// whole pages, are padded to it, so that none straddles more pages than it must; where that
  /// would cost more than an eighth, rows are packed.
  static func stride(rowByteCount: Int) -> Int {
    guard rowByteCount > 64 else { return rowByteCount }
    var padded = 4096
    if rowByteCount > 4096 {
      padded = (rowByteCount + 4095) / 4096 * 4096
    } else {
      while padded / 2 >= rowByteCount { padded /= 2 }
    }
    return padded - rowByteCount <= padded / 8 ? padded : rowByteCount
  }
}
