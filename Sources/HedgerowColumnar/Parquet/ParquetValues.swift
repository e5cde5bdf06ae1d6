import Glibc
import HedgerowCore

/// The values of a column's pages, as stretches have them.
final class ParquetValues {
  private let leaf: ParquetSchema.Leaf
  private let dictionaryPage: PageBuffer
  private let room: PageBuffer
  private let budget: MemoryBudget
  private let file: String
  private var hasDictionary = false
  private var dictionaryNumbers = UnsafeRawBufferPointer(start: nil, count: 0)
  private var dictionaryBytes: [UnsafeRawBufferPointer] = []
  private var dictionaryShare: MemoryBudget.Reservation?
  private var numbers: (any NumberDecoder)?
  private var texts: (any ByteDecoder)?
  private var found: [UnsafeRawBufferPointer] = []
  private var scratch = UnsafeMutableRawBufferPointer(start: nil, count: 0)

  init(_ leaf: ParquetSchema.Leaf, in file: String, budget: MemoryBudget) {
    self.leaf = leaf
    self.budget = budget
    self.file = file
    dictionaryPage = PageBuffer("a dictionary of \(file)", budget: budget)
    room = PageBuffer("texts of \(file)", budget: budget)
  }

  deinit { scratch.deallocate() }

  /// How many values may be asked for at a time.
  var limit: Int { texts?.limit ?? Int.max }

  // MARK: Opening

  /// Every chunk has a dictionary of its own, or none.
  func forgetDictionary() {
    hasDictionary = false
    dictionaryBytes = []
    dictionaryShare?.release()
  }

  func readDictionary(
    _ header: ParquetPageReader.Header, of pages: ParquetPageReader
  ) throws {
    guard !hasDictionary else { throw PageFault("has two dictionaries in a row group") }
    guard header.encoding == 0 || header.encoding == 2, leaf.physical != .boolean else {
      throw PageFault("has a dictionary of a form that is not known")
    }
    hasDictionary = true
    let bytes = try pages.page(header, into: dictionaryPage)
    if let width = leaf.physical.width {
      guard header.valueCount <= bytes.count / width else {
        throw PageFault("has fewer values in its dictionary than it claims")
      }
      dictionaryNumbers = UnsafeRawBufferPointer(rebasing: bytes[..<(header.valueCount * width)])
      return
    }
    // Each text has its length in front of it, or is one byte long at least.
    guard header.valueCount <= bytes.count else {
      throw PageFault("has fewer values in its dictionary than it claims")
    }
    dictionaryShare = try budget.reserve(16 * header.valueCount, for: "a dictionary of \(file)")
    var decoder = plainBytes(bytes)
    try decoder.read(header.valueCount, into: &dictionaryBytes)
  }

  private func plainBytes(_ bytes: UnsafeRawBufferPointer) -> any ByteDecoder {
    if case .fixed(let length) = leaf.physical { return FixedBytes(bytes, length: length) }
    return PlainBytes(bytes)
  }

  /// Goes to a page, of which the bytes behind the levels are given.
  func open(_ header: ParquetPageReader.Header, bytes: UnsafeRawBufferPointer) throws {
    numbers = nil
    texts = nil
    // A page of nulls.
    guard !bytes.isEmpty else { return }
    let isDictionary = header.encoding == 2 || header.encoding == 8
    guard !isDictionary || hasDictionary else {
      throw PageFault("has places in a dictionary that is not there")
    }
    let physical = leaf.physical
    switch (header.encoding, physical) {
    case (0, .boolean): numbers = PlainBits(bytes)
    case (3, .boolean): numbers = try RunBits(bytes)
    case (5, .int32), (5, .int64):
      numbers = try DeltaNumbers(bytes, width: physical == .int32 ? 4 : 8)
    case (9, .fixed(let length)): texts = SplitBytes(bytes, length: length, room: room)
    case (6, .bytes): texts = try DeltaLengthBytes(bytes)
    case (7, .bytes), (7, .fixed): texts = try DeltaBytes(bytes, room: room)
    case (0, .bytes), (0, .fixed): texts = plainBytes(bytes)
    case (2, .bytes), (2, .fixed), (8, .bytes), (8, .fixed):
      texts = try DictionaryBytes(bytes, dictionary: dictionaryBytes)
    default:
      guard let width = physical.width, physical != .boolean else { throw unknown(header) }
      switch header.encoding {
      case 0: numbers = PlainNumbers(bytes, width: width)
      case 2, 8:
        numbers = try DictionaryNumbers(bytes, dictionary: dictionaryNumbers, width: width)
      case 9 where physical != .int96: numbers = SplitNumbers(bytes, width: width)
      default: throw unknown(header)
      }
    }
  }

  private func unknown(_ header: ParquetPageReader.Header) -> PageFault {
    PageFault("has a page in encoding \(header.encoding), which is not known for its type")
  }

  // MARK: Values

  /// Appends the next values that are there, to the items from a place on that say so; the others get
  /// nothing's value.
  func append(present: Int, to stretch: ColumnStretch, from first: Int) throws {
    let items = Items(flags: stretch.isThere, first: first)
    if let width = leaf.physical.width {
      if scratch.count < present * width {
        scratch.deallocate()
        scratch = .allocate(byteCount: present * width, alignment: 16)
      }
      if present > 0 {
        guard numbers != nil else { throw PageFault("has an empty page of \(present) values") }
        try numbers?.read(present, into: scratch.baseAddress!)
      }
      if present == stretch.isThere.count - first, appendAll(present, to: stretch) { return }
      try appendNumbers(items, to: stretch)
    } else {
      found.removeAll(keepingCapacity: true)
      if present > 0 {
        guard texts != nil else { throw PageFault("has an empty page of \(present) values") }
        try texts?.read(present, into: &found)
      }
      try appendBytes(items, to: stretch)
    }
  }

  /// Where the values go.
  private struct Items {
    var flags: [Bool]
    var first: Int

    func append<T>(to out: inout [T], null: T, _ value: (Int) throws -> T) rethrows {
      out.reserveCapacity(flags.count)
      var next = 0
      for item in first..<flags.count {
        if flags[item] {
          out.append(try value(next))
          next += 1
        } else {
          out.append(null)
        }
      }
    }
  }

  /// Appends numbers that are all there and lie in pages as they do in stretches; false for others.
  private func appendAll(_ count: Int, to stretch: ColumnStretch) -> Bool {
    guard let start = scratch.baseAddress else { return false }
    func numbers<T>(_ type: T.Type) -> UnsafeBufferPointer<T> {
      UnsafeBufferPointer(start: start.assumingMemoryBound(to: T.self), count: count)
    }
    switch (leaf.physical, leaf.conversion) {
    case (.int64, .none), (.int64, .unsigned):
      stretch.integers.append(contentsOf: numbers(Int64.self))
    case (.float, _): stretch.floats.append(contentsOf: numbers(Float.self))
    case (.double, _): stretch.doubles.append(contentsOf: numbers(Double.self))
    default: return false
    }
    return true
  }

  private func appendNumbers(_ items: Items, to stretch: ColumnStretch) throws {
    let raw = UnsafeRawBufferPointer(scratch)
    func load<T: BitwiseCopyable>(_ index: Int, _ type: T.Type) -> T {
      raw.loadUnaligned(fromByteOffset: index * MemoryLayout<T>.stride, as: T.self)
    }
    switch (leaf.physical, leaf.conversion) {
    case (.boolean, _):
      items.append(to: &stretch.integers, null: 0) { Int64(load($0, UInt8.self)) }
    case (.int32, .unsigned):
      items.append(to: &stretch.integers, null: 0) { Int64(load($0, UInt32.self)) }
    case (.int32, .days):
      items.append(to: &stretch.integers, null: 0) { Int64(load($0, Int32.self)) * 86_400 }
    case (.int32, .decimal(let scale)):
      items.append(to: &stretch.doubles, null: 0) {
        Self.decimal(Int64(load($0, Int32.self)), scale)
      }
    case (.int32, _):
      items.append(to: &stretch.integers, null: 0) { Int64(load($0, Int32.self)) }
    case (.int64, .decimal(let scale)):
      items.append(to: &stretch.doubles, null: 0) { Self.decimal(load($0, Int64.self), scale) }
    case (.int96, _):
      try items.append(to: &stretch.integers, null: 0) { index in
        let nanoseconds = raw.loadUnaligned(fromByteOffset: 12 * index, as: Int64.self)
        let day = raw.loadUnaligned(fromByteOffset: 12 * index + 8, as: Int32.self)
        return try Self.timestamp(day: Int64(day), nanoseconds)
      }
    case (.float, _): items.append(to: &stretch.floats, null: 0) { load($0, Float.self) }
    case (.double, _): items.append(to: &stretch.doubles, null: 0) { load($0, Double.self) }
    default: items.append(to: &stretch.integers, null: 0) { load($0, Int64.self) }
    }
  }

  private func appendBytes(_ items: Items, to stretch: ColumnStretch) throws {
    let found = found
    switch leaf.conversion {
    case .half:
      items.append(to: &stretch.floats, null: 0) {
        Float(Float16(bitPattern: found[$0].loadUnaligned(as: UInt16.self).littleEndian))
      }
    case .decimal(let scale):
      try items.append(to: &stretch.doubles, null: 0) {
        Self.decimal(try Self.integer(found[$0]), scale)
      }
    default:
      items.append(to: &stretch.bytes, null: UnsafeRawBufferPointer(start: nil, count: 0)) {
        found[$0]
      }
    }
  }

  // MARK: Conversions

  private static let powers: [Double] = (0...18).map { pow(10, Double($0)) }

  private static func decimal(_ value: Int64, _ scale: Int) -> Double {
    Double(value) / powers[scale]
  }

  /// Of bytes with the greatest first.
  private static func integer(_ bytes: UnsafeRawBufferPointer) throws -> Int64 {
    let sign: UInt8 = (bytes.first ?? 0) >= 128 ? 255 : 0
    var value: Int64 = sign == 0 ? 0 : -1
    for byte in bytes.suffix(8) { value = value << 8 | Int64(byte) }
    let isShort = bytes.dropLast(8).allSatisfy { $0 == sign } && (value < 0) == (sign == 255)
    guard isShort else { throw PageFault("has a decimal of more digits than its type") }
    return value
  }

  /// Of the days since noon of the first of January 4713 BC, as INT96 counts them.
  private static func timestamp(day: Int64, _ nanoseconds: Int64) throws -> Int64 {
    let (days, isFar) = (day - 2_440_588).multipliedReportingOverflow(by: 86_400_000_000_000)
    let (ticks, isBeyond) = days.addingReportingOverflow(nanoseconds)
    guard !isFar, !isBeyond else {
      throw PageFault("has a time that int64 nanoseconds do not reach: write it in microseconds")
    }
    return ticks
  }
}
