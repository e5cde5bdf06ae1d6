import CHedgerowSnappy
import CHedgerowZlib
import CHedgerowZstd
import Glibc

/// What is wrong with a page; whoever reads it says of which column and file.
struct PageFault: Error {
  var message: String
  init(_ message: String) { self.message = message }
}

/// How a page is compressed.
enum PageCodec: Int {
  case none = 0
  case snappy = 1
  case gzip = 2
  case zstd = 6
  /// Blocks of LZ4; in Arrow, frames of them.
  case lz4 = 7

  /// More bytes than that come out of none that go in: of DEFLATE's longest copies, of Snappy's and LZ4's,
  /// and of zstd's blocks of one byte.
  private var greatestRatio: Int {
    switch self {
    case .none: 1
    case .snappy: 22
    case .gzip: 1040
    case .zstd: 1 << 16
    case .lz4: LZ4.greatestRatio
    }
  }

  /// Whether so many bytes can become so many others: asked before there is room made for them.
  func canHold(_ count: Int, in compressedCount: Int) -> Bool {
    self == .none
      ? count == compressedCount
      : count <= greatestRatio * compressedCount + (self == .snappy ? 64 : 0)
  }

  /// Fills the output to its last byte.
  func decompress(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws {
    // An empty buffer may have no address, which libraries do not like.
    guard output.count > 0 else { return }
    guard let start = input.baseAddress, input.count > 0 else {
      throw PageFault("has an empty page where \(output.count) bytes belong")
    }
    var count = output.count
    switch self {
    case .none:
      guard input.count == output.count else { throw PageFault("has a page of two sizes") }
      memcpy(output.baseAddress!, start, count)
    case .snappy:
      let text = start.assumingMemoryBound(to: CChar.self)
      var length = 0
      guard snappy_uncompressed_length(text, input.count, &length) == SNAPPY_OK,
        length == output.count,
        snappy_uncompress(
          text, input.count, output.baseAddress!.assumingMemoryBound(to: CChar.self), &count)
          == SNAPPY_OK, count == output.count
      else { throw PageFault("has damaged Snappy data") }
    case .zstd:
      count = ZSTD_decompress(output.baseAddress, output.count, start, input.count)
      guard ZSTD_isError(count) == 0, count == output.count else {
        throw PageFault("has damaged zstd data")
      }
    case .gzip: try Self.unzip(input, into: output)
    case .lz4:
      guard try LZ4.decompress(input, into: output) == output.count else { throw LZ4.damage }
    }
  }

  private static func unzip(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws {
    var stream = z_stream()
    // 47: the largest window, and a header of gzip or zlib.
    guard
      inflateInit2_(&stream, 47, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
    else { throw PageFault("needs zlib, which cannot be started") }
    defer { inflateEnd(&stream) }
    stream.next_in = UnsafeMutablePointer(
      mutating: input.baseAddress!.assumingMemoryBound(to: UInt8.self))
    stream.avail_in = UInt32(input.count)
    stream.next_out = output.baseAddress!.assumingMemoryBound(to: UInt8.self)
    stream.avail_out = UInt32(output.count)
    while stream.avail_out > 0 {
      let code = inflate(&stream, Z_NO_FLUSH)
      if code == Z_OK { continue }
      // Some writers make several members of a page.
      guard code == Z_STREAM_END, stream.avail_in > 0 || stream.avail_out == 0 else {
        throw PageFault("has damaged gzip data")
      }
      if stream.avail_out > 0 { inflateReset(&stream) }
    }
  }
}
