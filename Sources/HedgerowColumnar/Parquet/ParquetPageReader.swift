import CHedgerowZlib
import HedgerowCore

/// Reads the pages of a column chunk, one after the other.
final class ParquetPageReader {
  struct Header {
    enum Kind: Int { case data, index, dictionary, data2 }
    var kind = Kind.index
    var byteCount = 0
    var compressedByteCount = 0
    var checksum: UInt32?
    var valueCount = 0
    var encoding = 0
    // Of data pages, as their version has it: how levels are encoded, or how many bytes they have.
    var definitionEncoding = 3
    var repetitionEncoding = 3
    var definitionByteCount = 0
    var repetitionByteCount = 0
    var isCompressed = true
  }

  /// Statistics in a header hold values, which may be long.
  private static let longestHeader = 16 << 20
  private static let longestPage = 64 << 20

  private let file: FileBytes
  private let compressed: PageBuffer
  private var rest = 0..<0
  private var codec = PageCodec.none

  init(_ file: FileBytes, budget: MemoryBudget) {
    self.file = file
    compressed = PageBuffer("a compressed page of \(file.name)", budget: budget)
  }

  /// Goes to a chunk's beginning.
  func open(_ range: Range<Int>, codec: PageCodec) {
    rest = range
    self.codec = codec
  }

  /// The header of the next page; its bytes come next.
  func header() throws -> Header {
    var window = 1 << 9
    while true {
      let count = min(window, rest.count)
      guard count > 0 else { throw PageFault("has fewer values than it claims") }
      let bytes = try file.bytes(at: rest.lowerBound, count: count)
      do {
        return try bytes.withUnsafeBytes {
          var reader = ThriftReader($0)
          let header = try Self.read(&reader)
          try check(header, behind: reader.position)
          rest = (rest.lowerBound + reader.position)..<rest.upperBound
          return header
        }
      } catch ThriftReader.Failure.truncated where count < rest.count && window < Self.longestHeader
      {
        window *= 8
      } catch is ThriftReader.Failure {
        throw PageFault("has a page whose header cannot be read")
      }
    }
  }

  private func check(_ header: Header, behind position: Int) throws {
    guard header.compressedByteCount >= 0, header.byteCount >= 0, header.valueCount >= 0,
      header.compressedByteCount <= rest.count - position
    else { throw PageFault("has a page that goes on beyond its end") }
    guard max(header.compressedByteCount, header.byteCount) <= Self.longestPage else {
      throw PageFault(
        "has a page of \(ByteSize.format(max(header.compressedByteCount, header.byteCount))): up to "
          + "\(ByteSize.format(Self.longestPage)) are read; write it with smaller pages")
    }
    let levels = header.definitionByteCount + header.repetitionByteCount
    guard min(header.definitionByteCount, header.repetitionByteCount) >= 0,
      levels <= min(header.compressedByteCount, header.byteCount)
    else { throw PageFault("has a page whose levels are longer than it") }
    let codec = header.isCompressed ? codec : .none
    guard
      codec.canHold(header.byteCount - levels, in: header.compressedByteCount - levels)
        // Nothing needs no compression.
        || header.byteCount == levels
    else { throw PageFault("has a page whose sizes do not fit each other") }
  }

  /// Steps over the page whose header was read.
  func skip(_ header: Header) {
    rest = (rest.lowerBound + header.compressedByteCount)..<rest.upperBound
  }

  /// The page whose header was read, decompressed.
  func page(_ header: Header, into buffer: PageBuffer) throws -> UnsafeRawBufferPointer {
    let output = try buffer.prepare(header.byteCount)
    let isPlain = (header.isCompressed ? codec : .none) == .none
    let input = isPlain ? output : try compressed.prepare(header.compressedByteCount)
    guard input.count == header.compressedByteCount else {
      throw PageFault("has a page of two sizes")
    }
    try file.read(at: rest.lowerBound, into: input)
    skip(header)
    if let checksum = header.checksum {
      let sum = crc32(
        0, input.baseAddress?.assumingMemoryBound(to: UInt8.self), UInt32(input.count))
      guard UInt32(truncatingIfNeeded: sum) == checksum else {
        throw PageFault("has a page that is not what was written: fetch the file again")
      }
    }
    guard !isPlain else { return UnsafeRawBufferPointer(output) }
    let levels = header.definitionByteCount + header.repetitionByteCount
    UnsafeMutableRawBufferPointer(rebasing: output[..<levels])
      .copyMemory(from: UnsafeRawBufferPointer(rebasing: input[..<levels]))
    try codec.decompress(
      UnsafeRawBufferPointer(rebasing: input[levels...]),
      into: UnsafeMutableRawBufferPointer(rebasing: output[levels...]))
    return UnsafeRawBufferPointer(output)
  }

  private static func read(_ reader: inout ThriftReader) throws -> Header {
    var header = Header()
    try reader.structure { reader, field, kind in
      switch field {
      case 1: header.kind = Header.Kind(rawValue: try reader.integer(kind)) ?? .index
      case 2: header.byteCount = try reader.integer(kind)
      case 3: header.compressedByteCount = try reader.integer(kind)
      case 4: header.checksum = UInt32(truncatingIfNeeded: try reader.integer(kind))
      case 5:
        try reader.structure(kind) { reader, field, kind in
          switch field {
          case 1: header.valueCount = try reader.integer(kind)
          case 2: header.encoding = try reader.integer(kind)
          case 3: header.definitionEncoding = try reader.integer(kind)
          case 4: header.repetitionEncoding = try reader.integer(kind)
          default: try reader.skip(kind)
          }
        }
      case 7:
        try reader.structure(kind) { reader, field, kind in
          switch field {
          case 1: header.valueCount = try reader.integer(kind)
          case 2: header.encoding = try reader.integer(kind)
          default: try reader.skip(kind)
          }
        }
      case 8:
        try reader.structure(kind) { reader, field, kind in
          switch field {
          case 1: header.valueCount = try reader.integer(kind)
          case 4: header.encoding = try reader.integer(kind)
          case 5: header.definitionByteCount = try reader.integer(kind)
          case 6: header.repetitionByteCount = try reader.integer(kind)
          case 7: header.isCompressed = try reader.flag(kind)
          default: try reader.skip(kind)
          }
        }
      default: try reader.skip(kind)
      }
    }
    // What the other version says of levels is no part of this one.
    if header.kind != .data2 {
      header.definitionByteCount = 0
      header.repetitionByteCount = 0
      header.isCompressed = true
    }
    return header
  }
}
