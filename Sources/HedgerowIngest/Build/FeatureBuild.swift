import Glibc
import HedgerowCore
import HedgerowMapped
import HedgerowStore

/// A NumPy array that becomes a column of a node type, a block of rows at a time.
///
/// Two dimensions make a vector column: float32, float16, uint8 and int8 as they are, bool as uint8,
/// wider integers as float32 if every element is exact, float64 as the nearest float32. One dimension
/// makes a scalar column of the array's own kind. Where another element is asked for, numbers become the nearest ones of it; an int8 array is taken as the
/// codes of a kind with a scale. A vector with an element that is not finite is refused: one would
/// spoil every layer that sees it.
struct FeatureBuild {
  let column: String
  let file: NPYFile
  /// The kind that the column gets.
  let kind: PropertyKind
  private let normalization: IngestOptions.Normalization

  /// - Parameters:
  ///   - element: what the elements are to become, if not what they are.
  ///   - stored: the kind that the column has in the store, when it is there.
  init(
    _ column: String, path: String, called name: String? = nil,
    normalization: IngestOptions.Normalization,
    element: PropertyKind? = nil, stored: PropertyKind? = nil
  ) throws {
    self.column = column
    self.normalization = normalization
    file = try NPYFile(path: path, called: name)
    if let width = file.columnCount, !(1...1 << 24).contains(width) {
      throw HedgerowError(
        .badData,
        width == 0 ? "has rows of no elements" : "has rows of \(width) elements; the limit is 2^24",
        at: file.name)
    }
    var own = Self.kind(of: file, normalization)
    if let element {
      guard Self.targets.contains(element) || element.isScaled || element == own.element else {
        throw HedgerowError(
          .usage,
          "--features makes float32, float16, bfloat16 and int8*SCALE of arrays, not \(element)",
          at: file.name)
      }
      own = own.with(element, in: file)
    }
    if let stored {
      // What float32 takes exactly can be read as it; what arrays cannot hold is made of float32.
      let isMade =
        element == nil && own.with(stored.element, in: file) == stored
        && (stored.element == .float32 && ![.int64, .float64].contains(own.element)
          || stored.element == .bfloat16 || stored.element.isScaled)
      guard own == stored || isMade else {
        throw HedgerowError(
          .badData, "holds \(own), but column '\(column)' is \(stored) in the store", at: file.name)
      }
    }
    kind = stored ?? own
  }

  /// What elements may become, beside codes with a scale.
  private static let targets: [PropertyKind] = [.float32, .float16, .bfloat16]

  private static func kind(
    of file: NPYFile, _ normalization: IngestOptions.Normalization
  ) -> PropertyKind {
    guard let width = file.columnCount else { return file.element }
    switch file.element {
    case .float32, .float16, .uint8, .int8: break
    case .bool where normalization == .none: return .vector(element: .uint8, width: width)
    default: return .vector(element: .float32, width: width)
    }
    return .vector(element: normalization == .row ? .float32 : file.element, width: width)
  }

  /// Writes the rows of the lines that became nodes; null for the nodes before and after them.
  ///
  /// - Parameter pairs: lines whose key an earlier line has, by that: the last one's row counts.
  func write(
    to writer: ColumnWriter, keys: NodeKeys, replacing pairs: RowPairs?, runner: PassRunner
  ) throws {
    try writer.appendNulls(keys.storedCount - Int(writer.rowCount))
    let blocks = try blocks(runner)
    // A line that was left out takes its row of features with it.
    var start = 0
    func append(_ stretch: Range<Int>) throws {
      try blocks.forEach(in: stretch) { rows, bytes in
        try writer.append(fixed: bytes, count: rows.count)
      }
    }
    var isThere = try pairs?.advance() ?? false
    func write(upTo end: Int) throws {
      while isThere, let pair = pairs?.current, pair.high - keys.storedCount < end {
        let row = pair.high - keys.storedCount
        var last = pair.low - keys.storedCount
        while true {
          isThere = try pairs!.advance()
          guard isThere, let next = pairs!.current, next.high == pair.high else { break }
          last = next.low - keys.storedCount
        }
        try append(start..<row)
        try append(last..<last + 1)
        start = row + 1
      }
      try append(start..<end)
      start = end + 1
    }
    try keys.visitDroppedRows { try write(upTo: $0 - keys.storedCount) }
    try write(upTo: file.rowCount)
    try writer.appendNulls(keys.createdCount)
    try writer.finish()
  }

  /// Writes the rows of the nodes whose keys they are numbered by.
  ///
  /// - Parameters:
  ///   - stored: the column as the store has it; its rows must be those of the array.
  ///   - writer: nil when the column is there and no node is new.
  func write(
    to writer: ColumnWriter?, keyed: KeyedRows, stored: ColumnReader?, runner: PassRunner
  ) throws {
    let blocks = try blocks(runner)
    var next = 0
    try keyed.visitStored { stretch in
      try blocks.forEach(in: stretch) { rows, bytes in
        if let stored {
          try compare(bytes, rows, with: stored, from: next)
        } else {
          try writer!.append(fixed: bytes, count: rows.count)
        }
        next += rows.count
      }
    }
    guard let writer else { return }
    try keyed.visitMade { stretch in
      try blocks.forEach(in: stretch) { rows, bytes in
        try writer.append(fixed: bytes, count: rows.count)
      }
    }
    try writer.finish()
  }

  private func compare(
    _ bytes: UnsafeRawBufferPointer, _ rows: Range<Int>, with stored: ColumnReader, from first: Int
  ) throws {
    let width = kind.byteWidth
    let values = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 16)
    let isValid = UnsafeMutableBufferPointer<Bool>.allocate(capacity: rows.count)
    defer {
      values.deallocate()
      isValid.deallocate()
    }
    try stored.read(first..<first + rows.count, into: values, isValid: isValid)
    for index in 0..<rows.count {
      let part = index * width..<(index + 1) * width
      guard isValid[index], bytes[part].elementsEqual(values[part]) else {
        throw HedgerowError(
          .badData,
          "row \(rows.lowerBound + index) is not what node '\(rows.lowerBound + index)' has in "
            + "column '\(column)' of the store, and what is there never changes", at: file.name)
      }
    }
  }

  // MARK: Rows as they are stored

  private func blocks(_ runner: PassRunner) throws -> Blocks {
    let isNormalized = file.columnCount != nil && normalization == .row
    return try Blocks(build: self, runner: runner, isNormalized: isNormalized)
  }

  /// Reads stretches of rows through one buffer and converts them.
  private final class Blocks {
    private let build: FeatureBuild
    private let runner: PassRunner
    private let buffer: UnsafeMutableRawBufferPointer
    private let rowLimit: Int
    private let isNormalized: Bool
    private var least = Float.infinity
    private var done = 0

    init(build: FeatureBuild, runner: PassRunner, isNormalized: Bool) throws {
      self.build = build
      self.runner = runner
      self.isNormalized = isNormalized
      rowLimit = max(1, (1 << 20) / build.file.rowByteCount)
      buffer = .allocate(byteCount: rowLimit * build.file.rowByteCount, alignment: 16)
      guard isNormalized else { return }
      var least = Float.infinity
      try read(0..<build.file.rowCount) { rows, bytes in
        try build.checkFinite(rows, bytes)
        for value in try build.floats(rows, bytes) { least = min(least, value) }
      }
      self.least = least
      done = 0
    }

    deinit { buffer.deallocate() }

    /// Calls `body` with rows as they are stored, some at a time.
    func forEach(
      in stretch: Range<Int>, _ body: (Range<Int>, UnsafeRawBufferPointer) throws -> Void
    ) throws {
      try read(stretch) { rows, bytes in
        if build.file.columnCount != nil { try build.checkFinite(rows, bytes) }
        guard isNormalized || !build.isAsStored else { return try body(rows, bytes) }
        var floats = try build.floats(rows, bytes)
        if isNormalized { build.normalize(&floats, least: least) }
        try build.withElements(rows, floats) { try body(rows, $0) }
      }
    }

    private func read(
      _ stretch: Range<Int>, _ body: (Range<Int>, UnsafeRawBufferPointer) throws -> Void
    ) throws {
      let file = build.file
      var row = stretch.lowerBound
      while row < stretch.upperBound {
        try runner.checkCancelled()
        let rows = row..<min(row + rowLimit, stretch.upperBound)
        let part = UnsafeMutableRawBufferPointer(
          rebasing: buffer[..<(rows.count * file.rowByteCount)])
        try file.read(rows: rows, into: part)
        try body(rows, UnsafeRawBufferPointer(part))
        row = rows.upperBound
        done += rows.count
        runner.progress(
          IngestProgress(phase: .features, subject: file.name, done: done, total: file.rowCount))
      }
    }
  }

  /// Whether elements of the file are those of the column.
  private var isAsStored: Bool {
    switch (file.element, kind.element) {
    case (.int8, .scaledInt8), (.bool, .uint8): true
    case (let element, let own): element == own
    }
  }

  private func checkFinite(_ rows: Range<Int>, _ bytes: UnsafeRawBufferPointer) throws {
    // Infinities and NaN have every bit of the exponent.
    func check<Word: FixedWidthInteger & BitwiseCopyable>(
      exponent: Word, _ value: (Word) -> Float
    ) throws {
      let words = bytes.assumingMemoryBound(to: Word.self)
      var count = 0
      for word in words { count &+= word & exponent == exponent ? 1 : 0 }
      guard count > 0 else { return }
      let place = words.firstIndex { $0 & exponent == exponent }!
      let width = file.columnCount!
      throw HedgerowError(
        .badData,
        "row \(rows.lowerBound + place / width), column \(place % width) is \(value(words[place])): "
          + "features must be finite",
        at: file.name)
    }
    switch file.element {
    case .float32: try check(exponent: UInt32(0x7F80_0000)) { Float(bitPattern: $0) }
    case .float16: try check(exponent: UInt16(0x7C00)) { Float(Float16(bitPattern: $0)) }
    case .float64:
      try check(exponent: UInt64(0x7FF0_0000_0000_0000)) { Float(Double(bitPattern: $0)) }
    default: break
    }
  }

  private func floats(_ rows: Range<Int>, _ bytes: UnsafeRawBufferPointer) throws -> [Float] {
    func floats<T: BitwiseCopyable>(_ type: T.Type, _ float: (T) -> Float?) throws -> [Float] {
      try bytes.assumingMemoryBound(to: T.self).enumerated().map { index, value in
        guard let float = float(value) else {
          let advice = file.element == .float64 ? "" : " exactly: save the array as float32"
          throw HedgerowError(
            .badData,
            "\(place(index, rows)) is \(value), which float32 does not hold\(advice)", at: file.name
          )
        }
        return float
      }
    }
    switch file.element {
    case .float32: return Array(bytes.assumingMemoryBound(to: Float.self))
    case .float16: return bytes.assumingMemoryBound(to: Float16.self).map { Float($0) }
    case .uint8, .bool: return bytes.map { Float($0) }
    case .int8: return bytes.map { Float(Int8(bitPattern: $0)) }
    case .int16: return try floats(Int16.self) { Float($0) }
    case .int32: return try floats(Int32.self) { Float(exactly: $0) }
    case .float64:
      return try floats(Double.self) {
        let float = Float($0)
        return float.isFinite || !$0.isFinite ? float : nil
      }
    default: return try floats(Int64.self) { Float(exactly: $0) }
    }
  }

  private func place(_ index: Int, _ rows: Range<Int>) -> String {
    guard let width = file.columnCount else { return "row \(rows.lowerBound + index)" }
    return "row \(rows.lowerBound + index / width), column \(index % width)"
  }

  /// Calls `body` with numbers as elements of the column's kind.
  private func withElements(
    _ rows: Range<Int>, _ values: [Float], _ body: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    func convert<T>(_ element: (Float) -> T?) throws {
      let elements = try values.enumerated().map { index, value in
        guard let element = element(value) else {
          throw HedgerowError(
            .badData, "\(place(index, rows)) is \(value), which \(kind.element) does not hold",
            at: file.name)
        }
        return element
      }
      try elements.withUnsafeBytes(body)
    }
    // In a vector nothing may become infinite.
    let isVector = file.columnCount != nil
    switch kind.element {
    case .float16:
      try convert { value in
        let half = Float16(value)
        return isVector && !half.isFinite ? nil : half
      }
    case .bfloat16:
      try convert { value in
        let half = BFloat16(value)
        return isVector && !Float(half).isFinite ? nil : half
      }
    case .scaledInt8(let scale): try convert { ColumnCodec.code(Double($0), scale: scale) }
    default: try values.withUnsafeBytes(body)
    }
  }

  private func normalize(_ values: inout [Float], least: Float) {
    let width = file.columnCount!
    for start in stride(from: 0, to: values.count, by: width) {
      var sum = 0.0
      for index in start..<(start + width) {
        values[index] -= least
        sum += Double(values[index])
      }
      let scale = Float(max(sum, 1))
      for index in start..<(start + width) { values[index] /= scale }
    }
  }
}

extension PropertyKind {
  /// Whether values are codes with a scale.
  fileprivate var isScaled: Bool { if case .scaledInt8 = self { true } else { false } }

  /// The kind that an array's column has when its elements are of another one.
  fileprivate func with(_ element: PropertyKind, in file: NPYFile) -> PropertyKind {
    file.columnCount == nil ? element : .vector(element: element, width: width)
  }
}
