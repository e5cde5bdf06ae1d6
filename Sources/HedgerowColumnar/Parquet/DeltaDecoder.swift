/// Integers as differences of packed bits: DELTA_BINARY_PACKED.
struct DeltaDecoder {
  /// Numbers that are still to be read.
  private(set) var left: Int
  private let bytes: UnsafeRawBufferPointer
  private var position = 0
  private let miniblockCount: Int
  /// Numbers in a miniblock.
  private let size: Int
  private var value: Int64
  private var isFirst = true
  private var leastDelta: Int64 = 0
  private var widths = 0..<0
  private var bitWidth = 0
  private var bit = 0
  /// Numbers that are left in the miniblock.
  private var packedLeft = 0

  private static let greatestBlock: UInt64 = 1 << 20

  init(_ bytes: UnsafeRawBufferPointer) throws {
    self.bytes = bytes
    let blockSize = try bytes.varint(at: &position)
    let count = try bytes.varint(at: &position)
    let total = try bytes.varint(at: &position)
    guard blockSize > 0, blockSize <= Self.greatestBlock, count > 0, blockSize % count == 0,
      blockSize / count % 8 == 0, total <= UInt64(Int32.max)
    else { throw PageFault("has differences in blocks of a form that is not known") }
    miniblockCount = Int(count)
    size = Int(blockSize / count)
    left = Int(total)
    value = Self.signed(try bytes.varint(at: &position))
  }

  private static func signed(_ value: UInt64) -> Int64 {
    Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
  }

  /// The next numbers, which must be there.
  mutating func read(_ count: Int, into out: UnsafeMutablePointer<Int64>) throws {
    guard count <= left else { throw PageFault("has fewer differences than values") }
    left -= count
    var done = 0
    if isFirst, count > 0 {
      out[0] = value
      isFirst = false
      done = 1
    }
    while done < count {
      if packedLeft == 0 { try openMiniblock() }
      let part = min(packedLeft, count - done)
      for index in 0..<part {
        value &+= leastDelta &+ Int64(bitPattern: bits())
        out[done + index] = value
      }
      packedLeft -= part
      done += part
      if packedLeft == 0 { position = (bit + 7) / 8 }
    }
  }

  private mutating func bits() -> UInt64 {
    guard bitWidth > 0 else { return 0 }
    let start = bytes.baseAddress! + bit >> 3
    let shift = UInt64(bit & 7)
    // The page's padding covers both words.
    var word = start.loadUnaligned(as: UInt64.self).littleEndian >> shift
    if bitWidth > 56, shift > 0 {
      word |= (start + 8).loadUnaligned(as: UInt64.self).littleEndian << (64 - shift)
    }
    bit += bitWidth
    return bitWidth == 64 ? word : word & (1 << UInt64(bitWidth) - 1)
  }

  private mutating func openMiniblock() throws {
    if widths.isEmpty {
      leastDelta = Self.signed(try bytes.varint(at: &position))
      guard miniblockCount <= bytes.count - position else {
        throw PageFault("has differences that end too early")
      }
      widths = position..<position + miniblockCount
      position += miniblockCount
    }
    bitWidth = Int(bytes[widths.lowerBound])
    widths = widths.dropFirst()
    guard bitWidth <= 64, bitWidth * size / 8 <= bytes.count - position else {
      throw PageFault("has differences that end too early")
    }
    bit = 8 * position
    packedLeft = size
  }

  /// Steps over all numbers; says where their bytes end.
  mutating func skip() throws -> Int {
    var rest = isFirst ? max(0, left - 1) : left
    while rest > 0 {
      if packedLeft == 0 { try openMiniblock() }
      position = bit / 8 + bitWidth * size / 8
      rest -= packedLeft
      packedLeft = 0
    }
    left = 0
    return position
  }
}
