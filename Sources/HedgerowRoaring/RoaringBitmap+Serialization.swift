import CHedgerowRoaring
import HedgerowCore

/// The portable format that all Roaring libraries read
/// (https://github.com/RoaringBitmap/RoaringFormatSpec).
extension RoaringBitmap {
  /// The set's bytes, with runs where they are smaller.
  ///
  /// Equal sets may differ in bytes: a block that is as long one way as the other stays as it is.
  public func serialized() -> [UInt8] {
    let copy = RoaringBitmap(adopting: roaring_bitmap_copy(pointer))
    // Its counterpart, `roaring_bitmap_remove_run_compression`, must not be used: in 0.2.66 a run
    // that ends with its block makes it write beyond its memory.
    roaring_bitmap_run_optimize(copy.pointer)
    let byteCount = roaring_bitmap_portable_size_in_bytes(copy.pointer)
    return [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
      count = buffer.withMemoryRebound(to: CChar.self) {
        roaring_bitmap_portable_serialize(copy.pointer, $0.baseAddress)
      }
    }
  }

  /// Reads what ``serialized()`` of any Roaring library wrote; every byte is checked first.
  ///
  /// - Throws: `damaged`, saying what is wrong, when the bytes are not exactly one set.
  public init(serialized bytes: UnsafeRawBufferPointer) throws {
    var layout = PortableLayout(bytes: bytes)
    try layout.validate()
    let pointer = bytes.withMemoryRebound(to: CChar.self) {
      roaring_bitmap_portable_deserialize_safe($0.baseAddress, $0.count)
    }
    guard let pointer else { throw PortableLayout.damage("no memory for it") }
    self.init(adopting: pointer)
  }

  public init(serialized bytes: [UInt8]) throws {
    self = try bytes.withUnsafeBytes { try RoaringBitmap(serialized: $0) }
  }

  public init(serialized bytes: RawSpan) throws {
    self = try bytes.withUnsafeBytes { try RoaringBitmap(serialized: $0) }
  }
}

/// Walks the portable format with every bound checked: the library reads it on trust.
private struct PortableLayout {
  static let cookieWithoutRuns: UInt32 = 12346
  static let cookieWithRuns: UInt32 = 12347
  /// With runs and fewer blocks than this there are no offsets.
  static let offsetThreshold = 4
  /// Blocks with more members than this, and no runs, are bit sets.
  static let arrayLimit = 4096
  static let bitSetByteCount = 8192

  let bytes: UnsafeRawBufferPointer
  var position = 0

  static func damage(_ what: String) -> HedgerowError {
    HedgerowError(.damaged, "a set of numbers is not as it was written: \(what)")
  }

  /// Reserves the next bytes, or throws when there are not that many.
  mutating func take(_ byteCount: Int) throws -> Int {
    guard byteCount <= bytes.count - position else { throw Self.damage("it is cut short") }
    defer { position += byteCount }
    return position
  }

  func word(_ offset: Int) -> Int {
    Int(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt16.self)))
  }

  mutating func takeLong() throws -> UInt32 {
    let offset = try take(4)
    return UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }

  mutating func validate() throws {
    let cookie = try takeLong()
    let blockCount: Int
    var runFlags: Int?
    if cookie & 0xFFFF == Self.cookieWithRuns {
      blockCount = Int(cookie >> 16) + 1
      runFlags = try take((blockCount + 7) / 8)
    } else if cookie == Self.cookieWithoutRuns {
      let count = try takeLong()
      guard count <= 1 << 16 else { throw Self.damage("it claims \(count) blocks") }
      blockCount = Int(count)
    } else {
      throw Self.damage("it begins with \(cookie)")
    }
    func isRun(_ block: Int) -> Bool {
      runFlags.map { bytes[$0 + block / 8] >> UInt8(block % 8) & 1 == 1 } ?? false
    }
    if let runFlags, blockCount % 8 != 0 {
      guard bytes[runFlags + blockCount / 8] >> UInt8(blockCount % 8) == 0 else {
        throw Self.damage("it flags runs beyond its blocks")
      }
    }
    let heads = try take(4 * blockCount)
    let hasOffsets = runFlags == nil || blockCount >= Self.offsetThreshold
    let offsets = hasOffsets ? try take(4 * blockCount) : nil
    for block in 0..<blockCount {
      let key = word(heads + 4 * block)
      guard block == 0 || word(heads + 4 * (block - 1)) < key else {
        throw Self.damage("its blocks do not rise")
      }
      if let offsets {
        let low = word(offsets + 4 * block)
        let high = word(offsets + 4 * block + 2)
        guard high << 16 | low == position else { throw Self.damage("an offset is wrong") }
      }
      let count = word(heads + 4 * block + 2) + 1
      if isRun(block) {
        try validateRuns(count)
      } else if count <= Self.arrayLimit {
        try validateArray(count)
      } else {
        try validateBitSet(count)
      }
    }
    guard position == bytes.count else {
      throw Self.damage("\(bytes.count - position) bytes follow it")
    }
  }

  private mutating func validateRuns(_ count: Int) throws {
    let runCount = word(try take(2))
    let runs = try take(4 * runCount)
    var end = -1  // the last member so far
    var members = 0
    for run in 0..<runCount {
      let start = word(runs + 4 * run)
      let length = word(runs + 4 * run + 2)
      guard run == 0 || start > end + 1 else { throw Self.damage("its runs touch or overlap") }
      end = start + length
      guard end <= 0xFFFF else { throw Self.damage("a run leaves its block") }
      members += length + 1
    }
    guard members == count else {
      throw Self.damage("a block of \(members) members claims \(count)")
    }
  }

  private mutating func validateArray(_ count: Int) throws {
    let values = try take(2 * count)
    for index in 1..<count
    where word(values + 2 * (index - 1)) >= word(values + 2 * index) {
      throw Self.damage("its members do not rise")
    }
  }

  private mutating func validateBitSet(_ count: Int) throws {
    let words = try take(Self.bitSetByteCount)
    var members = 0
    for word in 0..<Self.bitSetByteCount / 8 {
      members +=
        bytes.loadUnaligned(fromByteOffset: words + 8 * word, as: UInt64.self).nonzeroBitCount
    }
    guard members == count else {
      throw Self.damage("a block of \(members) members claims \(count)")
    }
  }
}
