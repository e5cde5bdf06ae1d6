import CHedgerowKernels
import HedgerowCore
import HedgerowGraph
import HedgerowMapped
import Synchronization

/// One column over its mapped ranges.
final class StoredColumn: @unchecked Sendable {
  let kind: PropertyKind
  /// `type.column`, for errors.
  let name: String
  /// Texts of a categorical column's codes.
  let categories: [String]
  private let segments: [MappedSegment]
  /// The first row of each segment, and the end.
  let starts: [UInt64]
  let values: [UnsafeRawBufferPointer]
  let validity: [UnsafeBufferPointer<UInt64>?]
  private let offsets: [UnsafeBufferPointer<UInt64>?]
  let stride: Int
  private let rangeBits: Int
  // For node columns: what the gather kernel reads. The memory is the segments'.
  private let matrix: UnsafeMutableBufferPointer<hr_matrix_range>
  /// What stands for a row that is null.
  private let nullRow: UnsafeMutableRawBufferPointer
  private let ahead: ReadAhead?
  /// Of the rows of a node column of numbers.
  private let direct: DirectRows?
  /// By the addresses of values.
  let valuesAhead: ReadAhead?
  private let indexOpening: @Sendable (StoredColumn) throws -> StoredIndex?
  private let openedIndex = Mutex<StoredIndex?>(nil)

  init(
    files: StoreFiles, state: StoreState, part: SegmentID.Part, type: UInt16,
    column: ColumnRecord, name: String
  ) throws {
    typealias Section = StoreLayout.ColumnSection
    guard let kind = PropertyKind(column.kind) else {
      throw HedgerowError(
        .damaged, "column '\(name)' is of the unknown kind '\(column.kind)'",
        at: "data.mdb table catalog")
    }
    let stride = ColumnLayout.stride(rowByteCount: kind.byteWidth)
    var starts: [UInt64] = [0]
    var segments: [MappedSegment] = []
    var values: [UnsafeRawBufferPointer] = []
    var validity: [UnsafeBufferPointer<UInt64>?] = []
    var offsets: [UnsafeBufferPointer<UInt64>?] = []
    for record in state.segments(part, type: type, column: column.id) {
      let segment = try state.openSegment(record, .column, in: files)
      func damaged(_ what: String) -> HedgerowError {
        HedgerowError(.damaged, "damaged segment: \(what)", at: segment.path)
      }
      guard let rows = Int(exactly: record.rowCount), rows <= 1 << 44 else {
        throw damaged("\(record.rowCount) rows")
      }
      if part == .nodeColumn,
        starts[starts.count - 1] != UInt64(record.id.range) << UInt64(state.record.rangeBits)
      {
        throw damaged("the range before it is missing")
      }
      guard let bytes = segment.section(Section.values) else { throw damaged("no values") }
      switch kind {
      case .string, .bytes:
        offsets.append(try segment.elements(Section.offsets, as: UInt64.self, count: rows + 1))
      case .categorical:
        let width = segment.elementByteCount(of: Section.values)
        guard [1, 2, 4].contains(width), bytes.count == rows * width else {
          throw damaged("codes of \(width) bytes")
        }
        offsets.append(nil)
      default:
        guard bytes.count == rows * stride, segment.attributes[1] == UInt64(stride) else {
          throw damaged("\(bytes.count) bytes for \(rows) rows of \(stride)")
        }
        offsets.append(nil)
      }
      validity.append(
        segment.section(Section.validity) == nil
          ? nil
          : try segment.elements(Section.validity, as: UInt64.self, count: (rows + 63) / 64))
      values.append(bytes)
      segments.append(segment)
      starts.append(starts[starts.count - 1] + UInt64(rows))
    }
    self.kind = kind
    self.name = name
    self.starts = starts
    self.segments = segments
    self.values = values
    self.validity = validity
    self.offsets = offsets
    self.stride = stride
    rangeBits = state.record.rangeBits
    matrix = .allocate(capacity: segments.count)
    nullRow = .allocate(byteCount: max(1, kind.byteWidth), alignment: 16)
    nullRow.initializeMemory(as: UInt8.self, repeating: 0)
    for index in segments.indices {
      matrix.initializeElement(
        at: index,
        to: hr_matrix_range(
          rows: values[index].baseAddress, validity: validity[index]?.baseAddress,
          row_count: Int(starts[index + 1] - starts[index])))
    }
    categories =
      kind == .categorical
      ? try Self.dictionary(files, state, part, type, column.id, isNew: segments.isEmpty) : []
    // Codes may be wider in some ranges than in others: then nothing is asked for.
    let codeWidths = Set(segments.map { $0.elementByteCount(of: Section.values) })
    let rowWidth: (stride: Int, width: Int)? =
      kind.element.isNumeric
      ? (stride, kind.byteWidth)
      : kind == .categorical && codeWidths.count == 1 ? (codeWidths.first!, codeWidths.first!) : nil
    ahead =
      part != .nodeColumn
      ? nil
      : rowWidth.map {
        ReadAhead(
          segments, section: Section.values, positionBits: state.record.rangeBits, scale: $0.stride,
          width: $0.width)
      }
    direct =
      part != .nodeColumn || !kind.element.isNumeric
      ? nil
      : DirectRows(
        segments, section: Section.values, positionBits: state.record.rangeBits, scale: stride,
        width: kind.byteWidth)
    valuesAhead =
      kind.hasVariableLength || kind == .categorical
      ? nil
      : ReadAhead(
        segments, section: Section.values, positionBits: Self.rowBits, scale: stride,
        width: kind.byteWidth)
    let indices =
      part == .nodeColumn ? state.segments(.nodeIndex, type: type, column: column.id) : []
    indexOpening = { column in
      try indices.first.map {
        try StoredIndex(state.openSegment($0, .index, in: files), record: $0, of: column)
      }
    }
  }

  deinit {
    matrix.deallocate()
    nullRow.deallocate()
  }

  /// The index of the column's values, when there is one; opened at its first use.
  func index() throws -> StoredIndex? {
    try openedIndex.withLock { opened in
      if opened == nil { opened = try indexOpening(self) }
      return opened
    }
  }

  var rowCount: UInt64 { starts[starts.count - 1] }
  var segmentCount: Int { segments.count }

  /// Starts reading rows of a segment that are about to be looked at in order.
  func prefetch(_ segment: Int, _ local: Range<Int>) {
    var bytes: Range<Int>
    if let offsets = offsets[segment] {
      segments[segment].prefetch(
        UnsafeRawBufferPointer(
          UnsafeBufferPointer(rebasing: offsets[local.lowerBound...local.upperBound])))
      let end = Int(clamping: offsets[local.upperBound])
      bytes = min(Int(clamping: offsets[local.lowerBound]), end)..<end
    } else {
      let width = values[segment].count / max(1, Int(starts[segment + 1] - starts[segment]))
      bytes = local.lowerBound * width..<local.upperBound * width
    }
    bytes = bytes.clamped(to: 0..<values[segment].count)
    segments[segment].prefetch(UnsafeRawBufferPointer(rebasing: values[segment][bytes]))
  }

  private static func dictionary(
    _ files: StoreFiles, _ state: StoreState, _ part: SegmentID.Part, _ type: UInt16,
    _ column: UInt16, isNew: Bool
  ) throws -> [String] {
    let part: SegmentID.Part = part == .nodeColumn ? .nodeDictionary : .edgeDictionary
    guard let record = state.segments(part, type: type, column: column).first else {
      if isNew { return [] }
      throw HedgerowError(
        .damaged, "a categorical column has no dictionary", at: "data.mdb table manifest")
    }
    let segment = try state.openSegment(record, .dictionary, in: files)
    let texts = try StoredTexts(segment, count: Int(record.rowCount))
    return try (0..<Int(record.rowCount)).map { String(decoding: try texts[$0], as: UTF8.self) }
  }

  // MARK: Single values

  func locate(_ row: UInt64) -> (segment: Int, local: Int) {
    require(row < rowCount, "row \(row) of \(rowCount) in column \(name)")
    var low = 0
    var high = segments.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if starts[middle] <= row { low = middle } else { high = middle }
    }
    return (low, Int(row - starts[low]))
  }

  func isNull(_ row: UInt64) -> Bool {
    let (segment, local) = locate(row)
    return isNull(segment, local)
  }

  func isNull(_ segment: Int, _ local: Int) -> Bool {
    guard let bits = validity[segment] else { return false }
    return bits[local / 64] >> UInt64(local % 64) & 1 == 0
  }

  /// The value of a row, or `nil` for null.
  func value(_ row: UInt64) throws -> PropertyValue? {
    if isNull(row) { return nil }
    let (segment, local) = locate(row)
    let bytes = values[segment]
    func load<T: BitwiseCopyable>(_ type: T.Type) -> T {
      bytes.loadUnaligned(fromByteOffset: local * stride, as: T.self)
    }
    func number(_ kind: PropertyKind, at index: Int) -> Double {
      self.number(kind, bytes, at: local * stride + index * kind.byteWidth)
    }
    switch kind {
    case .bool: return .bool(load(UInt8.self) != 0)
    case .int8, .int16, .int32, .uint8: return .int(Int64(number(kind, at: 0)))
    case .int64, .timestamp: return .int(load(Int64.self))
    case .float16, .bfloat16, .float32, .float64, .scaledInt8: return .float(number(kind, at: 0))
    case .vector(let element, let width):
      return .vector((0..<width).map { Float(number(element, at: $0)) })
    case .categorical: return .text(categories[Int(try code(segment, local))])
    case .string: return .text(String(decoding: try text(segment, local), as: UTF8.self))
    case .bytes: return .bytes(Array(try text(segment, local)))
    }
  }

  func text(_ segment: Int, _ local: Int) throws -> UnsafeRawBufferPointer {
    let bytes = values[segment]
    let offsets = offsets[segment]!
    let (start, end) = (offsets[local], offsets[local + 1])
    guard start <= end, end <= UInt64(bytes.count) else {
      throw HedgerowError(
        .damaged, "the offsets of row \(starts[segment] + UInt64(local)) make no sense",
        at: segments[segment].path)
    }
    return UnsafeRawBufferPointer(rebasing: bytes[Int(start)..<Int(end)])
  }

  func code(_ segment: Int, _ local: Int) throws -> UInt32 {
    let bytes = values[segment]
    let code: UInt32
    switch segments[segment].elementByteCount(of: StoreLayout.ColumnSection.values) {
    case 1: code = UInt32(bytes[local])
    case 2: code = UInt32(bytes.loadUnaligned(fromByteOffset: 2 * local, as: UInt16.self))
    default: code = bytes.loadUnaligned(fromByteOffset: 4 * local, as: UInt32.self)
    }
    guard Int(code) < categories.count else {
      throw HedgerowError(
        .damaged, "category \(code) of \(categories.count)", at: segments[segment].path)
    }
    return code
  }

  // MARK: Rows in order

  /// Calls `body` with the text, or the bytes, of each row; `nil` for null.
  func visitTexts(
    _ rows: Range<UInt64>, _ body: (UnsafeRawBufferPointer?) throws -> Void
  ) throws {
    for row in rows {
      let (segment, local) = locate(row)
      try body(isNull(row) ? nil : text(segment, local))
    }
  }

  /// Copies values of a fixed width, without what pads them; a category as its UInt32 code.
  func copy(
    _ rows: Range<UInt64>, into values: UnsafeMutableRawBufferPointer,
    isValid: UnsafeMutableBufferPointer<Bool>
  ) throws {
    let width = kind.byteWidth
    require(
      !kind.hasVariableLength && values.count == rows.count * width && isValid.count == rows.count,
      "\(values.count) bytes for \(rows.count) rows of column \(name)")
    for row in rows { isValid[Int(row - rows.lowerBound)] = !isNull(row) }
    var row = rows.lowerBound
    while row < rows.upperBound {
      let (segment, local) = locate(row)
      let count = Int(min(rows.upperBound, starts[segment + 1]) - row)
      let done = Int(row - rows.lowerBound)
      let out = values.baseAddress! + done * width
      if kind == .categorical {
        for index in 0..<count {
          // A null row holds code 0, which an empty dictionary lacks.
          let code = isValid[done + index] ? try code(segment, local + index) : 0
          out.storeBytes(of: code, toByteOffset: 4 * index, as: UInt32.self)
        }
      } else {
        let start = self.values[segment].baseAddress! + local * stride
        segments[segment].prefetch(UnsafeRawBufferPointer(start: start, count: count * stride))
        if stride == width {
          out.copyMemory(from: start, byteCount: count * width)
        } else {
          for index in 0..<count {
            (out + index * width).copyMemory(from: start + index * stride, byteCount: width)
          }
        }
      }
      row += UInt64(count)
    }
  }

  // MARK: Many rows

  /// How rows are kept; `nil` when the column is not made of numbers.
  var layout: RowLayout? { RowLayout(kind) }

  func prefetch(_ rows: Span<UInt32>) { ahead?.willNeed(rows) }
  func release(_ rows: Span<UInt32>) { ahead?.release(rows) }

  func gather(_ rows: Span<UInt32>, into out: UnsafeMutableBufferPointer<Float>) throws {
    let layout = try featureLayout
    require(
      out.count == rows.count * kind.width, "\(out.count) places for \(rows.count) x \(kind.width)")
    if rows.isEmpty { return }
    let bad = rows.withUnsafeBufferPointer { rows in
      hr_gather_rows(
        matrix.baseAddress, matrix.count, UInt32(rangeBits), stride, layout.element, layout.scale,
        kind.width, rows.baseAddress, nil, rows.count, out.baseAddress)
    }
    require(bad < 0, "row \(rows[bad]) of \(rowCount) in column \(name)")
  }

  /// Where rows are, of a column of numbers that sums read as they are kept, if it fits into memory.
  func rowsInPlace(_ rows: Span<UInt32>) throws -> RowsInPlace? {
    guard let element = try RowsInPlace.Element(featureLayout), ahead?.fitsIntoMemory == true else {
      return nil
    }
    let (count, zeros) = (rows.count, nullRow.baseAddress)
    let places = [UnsafeRawPointer](unsafeUninitializedCapacity: count) { places, initialized in
      let bad = rows.withUnsafeBufferPointer { rows in
        UnsafeMutableRawPointer(places.baseAddress!).withMemoryRebound(
          to: UnsafeRawPointer?.self, capacity: count
        ) {
          hr_find_rows(
            matrix.baseAddress, matrix.count, UInt32(rangeBits), stride, rows.baseAddress, count,
            zeros, $0)
        }
      }
      require(bad < 0, "row \(rows[bad]) of \(rowCount) in column \(name)")
      initialized = count
    }
    return RowsInPlace(places, of: element, width: kind.width, owner: self)
  }

  /// Rows as they are kept, one after the other; null ones are zeros.
  func copy(_ rows: Span<UInt32>, into out: UnsafeMutableRawBufferPointer) throws {
    let width = try featureLayout.byteCount
    require(out.count == rows.count * width, "\(out.count) bytes for \(rows.count) x \(width)")
    if rows.isEmpty { return }
    let bad = rows.withUnsafeBufferPointer { rows in
      hr_copy_rows(
        matrix.baseAddress, matrix.count, UInt32(rangeBits), stride, width, rows.baseAddress,
        rows.count, out.baseAddress)
    }
    require(bad < 0, "row \(rows[bad]) of \(rowCount) in column \(name)")
  }

  /// The same, past the page cache; whether that can be done.
  func readDirectly(_ rows: Span<UInt32>, into out: UnsafeMutableRawBufferPointer) throws -> Bool {
    let width = try featureLayout.byteCount
    guard let direct, try direct.read(rows, into: out) else { return false }
    guard validity.contains(where: { $0 != nil }) else { return true }
    for place in 0..<rows.count where isNull(UInt64(rows[place])) {
      UnsafeMutableRawBufferPointer(rebasing: out[place * width..<(place + 1) * width])
        .initializeMemory(as: UInt8.self, repeating: 0)
    }
    return true
  }

  private var featureLayout: RowLayout {
    get throws {
      guard let layout else {
        throw HedgerowError(.usage, "column '\(name)' is of kind \(kind), which is no feature")
      }
      return layout
    }
  }

  /// Class labels: codes, or the values of an integer column; null, empty and negative ones are -1.
  func labels(_ rows: Span<UInt32>) throws -> [Int32] {
    var labels = [Int32](repeating: -1, count: rows.count)
    for index in 0..<rows.count {
      let row = UInt64(rows[index])
      if isNull(row) { continue }
      if kind == .categorical {
        let (segment, local) = locate(row)
        let code = try code(segment, local)
        labels[index] = categories[Int(code)].isEmpty ? -1 : Int32(clamping: code)
      } else if case .int(let value)? = try value(row) {
        labels[index] = value < 0 ? -1 : Int32(clamping: value)
      } else {
        throw HedgerowError(
          .usage, "column '\(name)' is of kind \(kind): labels are integers or categories")
      }
    }
    return labels
  }

  /// Checks what hot paths do not: every offset, every code. For `verify`.
  func verifyContents() throws {
    for row in 0..<rowCount where kind.hasVariableLength || kind == .categorical {
      _ = try value(row)
    }
  }
}

/// Texts behind an `offsets` and a `bytes` section.
struct StoredTexts: @unchecked Sendable {
  private let segment: MappedSegment
  // In the mapping, which stays as long as the segment does.
  private let offsets: UnsafeBufferPointer<UInt64>
  private let bytes: UnsafeRawBufferPointer
  let count: Int

  init(_ segment: MappedSegment, count: Int) throws {
    self.segment = segment
    self.count = count
    offsets = try segment.elements(
      StoreLayout.KeySection.offsets, as: UInt64.self, count: count + 1)
    guard let bytes = segment.section(StoreLayout.KeySection.bytes) else {
      throw HedgerowError(.damaged, "damaged segment: no texts", at: segment.path)
    }
    self.bytes = bytes
  }

  /// Asks for a few texts that follow each other.
  func prefetch(_ indices: Range<Int>) {
    guard let first = indices.first else { return }
    let asked = 1024
    hr_prefetch(offsets.baseAddress! + first, min(asked, indices.count * 8))
    // Wherever a damaged offset leads to, nothing is read from there.
    let start = Int(truncatingIfNeeded: min(offsets[first], UInt64(bytes.count)))
    hr_prefetch(bytes.baseAddress! + start, min(asked, bytes.count - start))
  }

  subscript(index: Int) -> UnsafeRawBufferPointer {
    get throws {
      let (start, end) = (offsets[index], offsets[index + 1])
      guard start <= end, end <= UInt64(bytes.count) else {
        throw HedgerowError(
          .damaged, "the offsets of text \(index) make no sense", at: segment.path)
      }
      return UnsafeRawBufferPointer(rebasing: bytes[Int(start)..<Int(end)])
    }
  }
}

extension RowsInPlace.Element {
  /// `nil` for numbers that sums do not read as they are kept.
  fileprivate init?(_ layout: RowLayout) {
    switch layout.element {
    case hr_float32: self = .float32
    case hr_float16: self = .float16
    case hr_bfloat16: self = .bfloat16
    default: return nil
    }
  }
}
