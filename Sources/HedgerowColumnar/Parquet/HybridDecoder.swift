/// Small numbers as runs of one value and as packed bits: levels, and places in a dictionary.
///
/// (https://github.com/apache/parquet-format/blob/master/Encodings.md, "RLE/bit-packing hybrid")
struct HybridDecoder {
  // Behind them PageBuffer's padding, or more of the page.
  private let bytes: UnsafeRawBufferPointer
  private let bitWidth: Int
  private var position = 0
  private var runLeft = 0
  private var runValue: UInt32 = 0
  private var packedLeft = 0
  private var bit = 0

  init(_ bytes: UnsafeRawBufferPointer, bitWidth: Int) throws {
    guard (0...32).contains(bitWidth) else { throw PageFault("has numbers of \(bitWidth) bits") }
    self.bytes = bytes
    self.bitWidth = bitWidth
  }

  /// The next numbers, which must be there.
  mutating func read(_ count: Int, into out: UnsafeMutablePointer<UInt32>) throws {
    var done = 0
    while done < count {
      if runLeft > 0 {
        let part = min(runLeft, count - done)
        (out + done).update(repeating: runValue, count: part)
        runLeft -= part
        done += part
      } else if packedLeft > 0 {
        let part = min(packedLeft, count - done)
        unpack(part, into: out + done)
        packedLeft -= part
        done += part
        if packedLeft == 0 { position = min(bytes.count, (bit + 7) / 8) }
      } else {
        try readHeader()
      }
    }
  }

  private mutating func unpack(_ count: Int, into out: UnsafeMutablePointer<UInt32>) {
    guard bitWidth > 0, let start = bytes.baseAddress else {
      return out.update(repeating: 0, count: count)
    }
    let mask = UInt64(1) << UInt64(bitWidth) - 1
    for index in 0..<count {
      let word = (start + bit >> 3).loadUnaligned(as: UInt64.self).littleEndian
      out[index] = UInt32(truncatingIfNeeded: word >> UInt64(bit & 7) & mask)
      bit += bitWidth
    }
  }

  private mutating func readHeader() throws {
    let header = try bytes.varint(at: &position)
    if header & 1 == 0 {
      let width = (bitWidth + 7) / 8
      guard header >> 1 <= UInt64(Int32.max), width <= bytes.count - position else {
        throw PageFault("has a run that ends too early")
      }
      runLeft = Int(header >> 1)
      runValue = 0
      for index in 0..<width {
        runValue |= UInt32(bytes[position + index]) << UInt32(8 * index)
      }
      position += width
    } else {
      guard header >> 1 <= UInt64(Int32.max) else { throw PageFault("has a run without an end") }
      packedLeft = 8 * Int(header >> 1)
      // The last run may lack what nobody reads.
      if bitWidth > 0 { packedLeft = min(packedLeft, 8 * (bytes.count - position) / bitWidth) }
      bit = 8 * position
    }
  }
}

extension UnsafeRawBufferPointer {
  /// A number of seven bits a byte.
  func varint(at position: inout Int) throws -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      guard position < count else { throw PageFault("ends too early") }
      let byte = self[position]
      position += 1
      value |= UInt64(byte & 127) << shift
      if byte < 128 { return value }
    }
    throw PageFault("has a number that is too long")
  }
}
