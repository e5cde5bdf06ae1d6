import Glibc
import HedgerowCore

/// `data.mdb` as bytes on the disk.
///
/// Read by `pread` and never mapped: a page that lies beyond the end is a short read here, and not
/// a signal, even when somebody cuts the file while it is being read.
final class PageFile {
  let path: String
  private let descriptor: Int32

  init(directory: String) throws {
    path = "\(directory)/data.mdb"
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      let code = errno
      throw HedgerowError(code == ENOENT ? .noInput : .io, reason(code), at: path)
    }
  }

  deinit { close(descriptor) }

  func byteCount() throws -> Int {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw HedgerowError(.io, reason(errno), at: path) }
    return Int(status.st_size)
  }

  /// The bytes from `offset` on; fewer than asked for where the file ends.
  func bytes(at offset: Int, count: Int) throws -> [UInt8] {
    try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      while filled < count {
        let got = pread(descriptor, buffer.baseAddress! + filled, count - filled, offset + filled)
        if got == 0 { return }
        guard got > 0 else {
          if errno == EINTR { continue }
          throw HedgerowError(.io, "cannot be read: \(reason(errno))", at: path)
        }
        filled += got
      }
    }
  }
}

extension [UInt8] {
  /// A number in the machine's byte order, as LMDB writes it. The caller has checked the bounds;
  /// beyond them this traps.
  func number<T: FixedWidthInteger & BitwiseCopyable>(at offset: Int, as type: T.Type) -> T {
    span.bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: type)
  }
}
