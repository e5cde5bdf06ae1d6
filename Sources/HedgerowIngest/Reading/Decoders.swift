import CHedgerowZlib
import CHedgerowZstd
import HedgerowCore

/// Undoes the compression of a file.
protocol Decoder {
  /// Fills the buffer as far as the input goes; `refill` brings compressed bytes, none at the end.
  func read(
    into buffer: UnsafeMutableRawBufferPointer,
    refill: (UnsafeMutableRawBufferPointer) throws -> Int
  ) throws -> Int
}

/// A gzip decoder with its input buffer.
final class GzipDecoder: Decoder {
  private let name: String
  private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
  private let input = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
  private enum State { case insideMember, betweenMembers, ended }
  private var state = State.insideMember

  init(name: String) throws {
    self.name = name
    stream.initialize(to: z_stream())
    // 31: the largest window, with a gzip header.
    guard inflateInit2_(stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
      throw HedgerowError(.io, "zlib cannot be started", at: name)
    }
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
    input.deallocate()
  }

  func read(
    into buffer: UnsafeMutableRawBufferPointer,
    refill: (UnsafeMutableRawBufferPointer) throws -> Int
  ) throws -> Int {
    stream.pointee.next_out = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_out = UInt32(buffer.count)
    while stream.pointee.avail_out > 0, state != .ended {
      if stream.pointee.avail_in == 0 {
        let count = try refill(input)
        stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_in = UInt32(count)
        if count == 0 {
          guard state == .betweenMembers else {
            throw HedgerowError(
              .badData, "ends inside its gzip data: the file is truncated, fetch it again",
              at: name)
          }
          state = .ended
          break
        }
      }
      if state == .betweenMembers {
        // Zero bytes may pad the end, as tapes leave them; anything else must be a member.
        if stream.pointee.next_in.pointee == 0 {
          stream.pointee.next_in += 1
          stream.pointee.avail_in -= 1
          continue
        }
        inflateReset(stream)
        state = .insideMember
      }
      switch inflate(stream, Z_NO_FLUSH) {
      case Z_OK, Z_BUF_ERROR: break
      case Z_STREAM_END: state = .betweenMembers
      default:
        let cause = stream.pointee.msg.map { String(cString: $0) } ?? "unknown"
        throw HedgerowError(
          .badData, "has damaged gzip data (\(cause)): fetch the file again", at: name)
      }
    }
    return buffer.count - Int(stream.pointee.avail_out)
  }
}

/// A zstd decoder with its input buffer.
final class ZstdDecoder: Decoder {
  /// What every level up to 19 needs; more would not be within small memory budgets.
  private static let maximumWindowBits: Int32 = 23

  private let name: String
  private let stream: OpaquePointer
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
  private var input = ZSTD_inBuffer()
  /// Whether a frame has begun that did not end.
  private var isInsideFrame = true

  init(name: String) throws {
    self.name = name
    guard let stream = ZSTD_createDStream() else {
      throw HedgerowError(.io, "zstd cannot be started", at: name)
    }
    self.stream = stream
    ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, Self.maximumWindowBits)
  }

  deinit {
    ZSTD_freeDStream(stream)
    buffer.deallocate()
  }

  func read(
    into out: UnsafeMutableRawBufferPointer,
    refill: (UnsafeMutableRawBufferPointer) throws -> Int
  ) throws -> Int {
    var output = ZSTD_outBuffer(dst: out.baseAddress, size: out.count, pos: 0)
    while output.pos < output.size {
      if input.pos == input.size {
        let count = try refill(buffer)
        input = ZSTD_inBuffer(src: buffer.baseAddress, size: count, pos: 0)
        if count == 0 {
          // What is left in the decoder comes out without input.
          let before = output.pos
          if isInsideFrame { try decode(&output) }
          if output.pos > before { continue }
          guard !isInsideFrame else {
            throw HedgerowError(
              .badData, "ends inside its zstd data: the file is truncated, fetch it again",
              at: name)
          }
          break
        }
      }
      try decode(&output)
    }
    return output.pos
  }

  private func decode(_ output: inout ZSTD_outBuffer) throws {
    let result = ZSTD_decompressStream(stream, &output, &input)
    guard ZSTD_isError(result) == 0 else {
      let cause = String(cString: ZSTD_getErrorName(result))
      let advice =
        ZSTD_getErrorCode(result) == ZSTD_error_frameParameter_windowTooLarge
        ? "its window is larger than 8 MiB: decompress it first with zstd -d --long=31"
        : "fetch the file again"
      throw HedgerowError(
        .badData, "has zstd data that cannot be read (\(cause)): \(advice)", at: name)
    }
    isInsideFrame = result != 0
  }
}
