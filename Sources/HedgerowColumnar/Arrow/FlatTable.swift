/// A table of a FlatBuffer (https://flatbuffers.dev/internals), of which the metadata of Arrow is made.
///
/// Every offset is held against the bytes that are there before it is followed, and offsets lead forward
/// only but for that to a table's layout, so that nothing goes in circles.
struct FlatTable {
  /// Something does not lie within the bytes.
  struct Failure: Error {}

  private let bytes: UnsafeRawBufferPointer
  private let position: Int
  private let layout: Int
  private let layoutByteCount: Int

  /// The table at the root.
  init(root bytes: UnsafeRawBufferPointer) throws {
    try self.init(bytes, at: Int(Self.load(UInt32.self, bytes, 0)))
  }

  private init(_ bytes: UnsafeRawBufferPointer, at position: Int) throws {
    self.bytes = bytes
    self.position = position
    layout = position - Int(try Self.load(Int32.self, bytes, position))
    layoutByteCount = Int(try Self.load(UInt16.self, bytes, layout))
    guard layoutByteCount >= 4, layoutByteCount <= bytes.count - layout else { throw Failure() }
  }

  private static func load<T: FixedWidthInteger & BitwiseCopyable>(
    _ type: T.Type, _ bytes: UnsafeRawBufferPointer, _ offset: Int
  ) throws -> T {
    guard offset >= 0, offset <= bytes.count - MemoryLayout<T>.size else { throw Failure() }
    return bytes.loadUnaligned(fromByteOffset: offset, as: T.self).littleEndian
  }

  /// Of all that is in the buffer.
  var byteCount: Int { bytes.count }

  /// Where a field is; `nil` for one that is left out.
  private func place(_ field: Int) throws -> Int? {
    guard 4 + 2 * field + 2 <= layoutByteCount else { return nil }
    let offset = Int(try Self.load(UInt16.self, bytes, layout + 4 + 2 * field))
    return offset == 0 ? nil : position + offset
  }

  /// What an offset at a place leads to.
  private func target(_ place: Int) throws -> Int {
    let offset = Int(try Self.load(UInt32.self, bytes, place))
    guard offset > 0 else { throw Failure() }
    return place + offset
  }

  func integer<T: FixedWidthInteger & BitwiseCopyable>(
    _ field: Int, _ type: T.Type, default value: T = 0
  ) throws -> T {
    try place(field).map { try Self.load(T.self, bytes, $0) } ?? value
  }

  func table(_ field: Int) throws -> FlatTable? {
    try place(field).map { try FlatTable(bytes, at: target($0)) }
  }

  func text(_ field: Int) throws -> String? {
    guard let place = try place(field) else { return nil }
    let start = try target(place)
    let count = Int(try Self.load(UInt32.self, bytes, start))
    guard count <= bytes.count - start - 4 else { throw Failure() }
    return String(decoding: bytes[(start + 4)..<(start + 4 + count)], as: UTF8.self)
  }

  /// The number of elements of a vector and where they begin; none where it is left out.
  private func vector(_ field: Int, width: Int) throws -> (count: Int, start: Int) {
    guard let place = try place(field) else { return (0, 0) }
    let start = try target(place)
    let count = Int(try Self.load(UInt32.self, bytes, start))
    guard count <= (bytes.count - start - 4) / width else { throw Failure() }
    return (count, start + 4)
  }

  /// More than anybody has columns; several may be one and the same.
  private static let tableLimit = 1 << 16

  func tables(_ field: Int) throws -> [FlatTable] {
    let (count, start) = try vector(field, width: 4)
    guard count <= Self.tableLimit else { throw Failure() }
    return try (0..<count).map { try FlatTable(bytes, at: target(start + 4 * $0)) }
  }

  /// A vector of structures of two numbers, or of numbers.
  func integers(_ field: Int, each: Int) throws -> [Int64] {
    let (count, start) = try vector(field, width: 8 * each)
    return try (0..<count * each).map { try Self.load(Int64.self, bytes, start + 8 * $0) }
  }
}
