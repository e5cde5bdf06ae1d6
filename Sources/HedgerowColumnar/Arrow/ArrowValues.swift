import Glibc
import HedgerowCore

/// Values of one column, of the elements of its lists or of its dictionary, in a record batch: read in
/// order and appended to stretches.
struct ArrowValues {
  private let form: ArrowSchema.Form
  private let validity: ArrowBuffer?
  private let data: ArrowBuffer
  private var offsets: ArrowOffsets?
  /// For bytes, which stay there until the next call.
  var room: PageBuffer
  /// The rows that are left.
  private(set) var left: Int
  private static let textByteCount = 1 << 20
  private static let valueLimit = 4096

  /// - Parameter buffers: in the order of the format, the first of them at `next`.
  init(
    _ form: ArrowSchema.Form, count: Int, nullCount: Int, buffers: ArrowBuffers,
    from next: Int, room: PageBuffer
  ) throws {
    self.form = form
    self.room = room
    left = count
    validity = try buffers.validity(next, nullCount: nullCount)
    if case .texts(let width) = form {
      offsets = try ArrowOffsets(buffers.buffer(next + 1), width: width, count: count)
      data = try buffers.buffer(next + 2)
      // A part of another column may begin anywhere.
      if let first = offsets?.first { try data.skip(first) }
    } else {
      data = try buffers.buffer(next + 1)
    }
  }

  /// Steps over values.
  mutating func skip(_ count: Int) throws {
    guard count > 0 else { return }
    guard count <= left else { throw PageFault("has lists that go on beyond their elements") }
    left -= count
    try validity?.skip(bits: count)
    guard let width = form.byteCount else {
      throw PageFault("has lists of a form that is not known")
    }
    try data.skip(count * width)
  }

  /// Appends the next values, up to a limit and as many as there is room for, one at least; says how many.
  mutating func append(_ limit: Int, to stretch: ColumnStretch) throws -> Int {
    var count = min(limit, left, Self.valueLimit)
    guard count > 0 else { throw PageFault("has lists that go on beyond their elements") }
    let first = stretch.isThere.count
    var ends: [Int] = []
    if var offsets {
      ends = try offsets.next(count) { $0 <= Self.textByteCount }
      self.offsets = offsets
      count = ends.count
    }
    left -= count
    if let validity {
      try validity.read(bits: count, into: &stretch.isThere)
    } else {
      stretch.isThere.append(contentsOf: repeatElement(true, count: count))
    }
    if case .bits = form {
      var flags: [Bool] = []
      try data.read(bits: count, into: &flags)
      stretch.integers.append(contentsOf: flags.lazy.map { $0 ? 1 : 0 })
      return count
    }
    let byteCount = form.byteCount.map { count * $0 } ?? ends.last ?? 0
    guard byteCount <= 64 << 20 else { throw PageFault("has a value of more than 64 MiB") }
    let bytes = try room.prepare(byteCount)
    try data.read(into: bytes)
    try append(UnsafeRawBufferPointer(bytes), ends, count, from: first, to: stretch)
    return count
  }

  private func append(
    _ bytes: UnsafeRawBufferPointer, _ ends: [Int], _ count: Int, from first: Int,
    to stretch: ColumnStretch
  ) throws {
    func load<T: BitwiseCopyable>(_ index: Int, _ type: T.Type = T.self) -> T {
      bytes.loadUnaligned(fromByteOffset: index * MemoryLayout<T>.stride, as: T.self)
    }
    func integers<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type) {
      stretch.integers.append(
        contentsOf: (0..<count).lazy.map { Int64(truncatingIfNeeded: load($0, T.self)) })
    }
    switch form {
    case .bits: break
    case .integer(1, true): integers(Int8.self)
    case .integer(2, true): integers(Int16.self)
    case .integer(4, true): integers(Int32.self)
    case .integer(1, false): integers(UInt8.self)
    case .integer(2, false): integers(UInt16.self)
    case .integer(4, false): integers(UInt32.self)
    case .integer: integers(Int64.self)
    case .days:
      stretch.integers.append(
        contentsOf: (0..<count).lazy.map { Int64(load($0, Int32.self)) * 86_400 })
    case .half:
      stretch.floats.append(
        contentsOf: (0..<count).lazy.map { Float(Float16(bitPattern: load($0))) })
    case .float: stretch.floats.append(contentsOf: (0..<count).lazy.map { load($0) })
    case .double: stretch.doubles.append(contentsOf: (0..<count).lazy.map { load($0) })
    case .decimal(let byteCount, let scale):
      for index in 0..<count {
        let value = bytes[(index * byteCount)..<((index + 1) * byteCount)]
        let isThere = stretch.isThere[first + index]
        stretch.doubles.append(isThere ? try Self.decimal(value, scale) : 0)
      }
    case .fixed(let width):
      for index in 0..<count {
        stretch.bytes.append(
          UnsafeRawBufferPointer(rebasing: bytes[(index * width)..<((index + 1) * width)]))
      }
    case .texts:
      var start = 0
      for end in ends {
        stretch.bytes.append(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
        start = end
      }
    }
  }

  /// Of bytes with the least first.
  private static func decimal(_ bytes: Slice<UnsafeRawBufferPointer>, _ scale: Int) throws -> Double
  {
    let isNegative = (bytes.last ?? 0) >= 128
    var value: Int64 = isNegative ? -1 : 0
    for byte in bytes.prefix(8).reversed() { value = value << 8 | Int64(byte) }
    let isShort =
      bytes.dropFirst(8).allSatisfy { $0 == (isNegative ? 255 : 0) } && (value < 0) == isNegative
    guard isShort else { throw PageFault("has a decimal of more digits than its type") }
    return Double(value) / pow(10, Double(scale))
  }
}

extension ArrowSchema.Form {
  /// Of a value; `nil` for bits and texts.
  var byteCount: Int? {
    switch self {
    case .bits, .texts: nil
    case .integer(let byteCount, _), .decimal(let byteCount, _): byteCount
    case .half: 2
    case .float, .days: 4
    case .double: 8
    case .fixed(let width): width
    }
  }
}

/// Where texts and lists end, read in order.
struct ArrowOffsets {
  /// Where the first begins.
  let first: Int
  private let buffer: ArrowBuffer
  private let width: Int
  private var last: Int
  /// Some that were read ahead.
  private var ahead: [Int] = []
  private var used = 0
  private var left: Int

  init(_ buffer: ArrowBuffer, width: Int, count: Int) throws {
    self.buffer = buffer
    self.width = width
    left = count
    // Of nothing there may be no offsets at all.
    first = count == 0 ? 0 : try Self.read(buffer, width)
    last = first
    guard first >= 0 else { throw PageFault("has offsets that do not rise") }
  }

  private static func read(_ buffer: ArrowBuffer, _ width: Int) throws -> Int {
    var value: Int64 = 0
    if width == 8 {
      try withUnsafeMutableBytes(of: &value) { try buffer.read(into: $0) }
      return Int(value.littleEndian)
    }
    var narrow: Int32 = 0
    try withUnsafeMutableBytes(of: &narrow) { try buffer.read(into: $0) }
    return Int(narrow.littleEndian)
  }

  /// The ends of the next ones, counted from where the first of them begins: so many, or as many as do not
  /// come to too much, and one at least.
  mutating func next(_ limit: Int, while isEnough: (Int) -> Bool) throws -> [Int] {
    let start = last
    var ends: [Int] = []
    while ends.count < limit {
      if used == ahead.count { try readAhead() }
      let end = ahead[used]
      guard end >= last else { throw PageFault("has offsets that do not rise") }
      if !ends.isEmpty, !isEnough(end - start) { break }
      used += 1
      last = end
      ends.append(end - start)
    }
    return ends
  }

  private mutating func readAhead() throws {
    let count = min(left, 4096)
    guard count > 0 else { throw PageFault("has too few offsets") }
    left -= count
    ahead = try (0..<count).map { _ in try Self.read(buffer, width) }
    used = 0
  }
}
