import Glibc
import HedgerowCore

extension FileSystem {
  /// Reads a file from front to back: `body` gets its size, and what fills a buffer with the bytes that
  /// come next.
  ///
  /// - Throws: `ioError` when it cannot be read; filling past its end, `damaged`.
  public static func readFile<Result>(
    _ path: String,
    _ body: (_ byteCount: Int, _ fill: (UnsafeMutableRawBufferPointer) throws -> Void) throws ->
      Result
  ) throws -> Result {
    let fd = open(path, O_RDONLY | O_CLOEXEC)
    guard fd >= 0 else { throw failure("read", path) }
    defer { close(fd) }
    var info = stat()
    guard fstat(fd, &info) == 0 else { throw failure("read", path) }
    return try body(Int(info.st_size)) { buffer in
      var filled = 0
      while filled < buffer.count {
        let got = read(fd, buffer.baseAddress! + filled, buffer.count - filled)
        if got < 0 && errno == EINTR { continue }
        guard got >= 0 else { throw failure("read", path) }
        guard got > 0 else { throw HedgerowError(.damaged, "it ends too early", at: path) }
        filled += got
      }
    }
  }
}
