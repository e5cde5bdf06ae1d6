import Glibc
import Hedgerow

/// The files of a data set, all of which appear under their names when the last is written, or
/// none.
struct DatasetDirectory {
  let path: String

  /// Makes sure that nothing will be overwritten against the user's will.
  init(_ options: DatasetOptions, files: [String]) throws {
    path = options.directory
    if options.force { return }
    for file in files where access("\(path)/\(file)", F_OK) == 0 {
      throw HedgerowError(
        .usage, "exists already: add --force to replace it", at: "\(path)/\(file)")
    }
  }

  /// Makes the directory, hands `body` a way to make files there, and names them when it returns.
  func write(_ body: (_ makeFile: (String) throws -> BufferedFile) throws -> Void) throws {
    let isNew = mkdir(path, 0o777) == 0
    if !isNew, errno != EEXIST {
      throw HedgerowError(.io, "cannot be made: \(String(cString: strerror(errno)))", at: path)
    }
    var files: [BufferedFile] = []
    do {
      try body { name in
        let file = try BufferedFile(final: "\(path)/\(name)")
        files.append(file)
        return file
      }
      for file in files { try file.close() }
      for file in files { try file.publish() }
    } catch {
      for file in files { file.discard() }
      if isNew { rmdir(path) }
      throw error
    }
  }
}

/// A file that is written from front to back under a temporary name.
final class BufferedFile {
  private static let bufferByteCount = 1 << 16

  private let final: String
  private let temporary: String
  private var descriptor: Int32
  private var buffer: [UInt8] = []

  init(final: String) throws {
    self.final = final
    temporary = "\(final).\(getpid()).partial"
    descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    if descriptor < 0 { throw failure("made") }
  }

  deinit {
    if descriptor >= 0 { Glibc.close(descriptor) }
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    guard buffer.count + bytes.count > Self.bufferByteCount else {
      buffer.append(contentsOf: bytes)
      return
    }
    try flush()
    try writeOut(bytes)
  }

  func write(_ text: String) throws {
    var text = text
    try text.withUTF8 { try write(UnsafeRawBufferPointer($0)) }
  }

  func close() throws {
    try flush()
    let status = Glibc.close(descriptor)
    descriptor = -1
    if status != 0 { throw failure("written") }
  }

  private func flush() throws {
    try buffer.withUnsafeBytes { try writeOut($0) }
    buffer.removeAll(keepingCapacity: true)
  }

  private func writeOut(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes
    while !rest.isEmpty {
      let written = Glibc.write(descriptor, rest.baseAddress, rest.count)
      if written < 0 && errno == EINTR { continue }
      if written < 0 { throw failure("written") }
      rest = UnsafeRawBufferPointer(rebasing: rest[written...])
    }
  }

  func publish() throws {
    if rename(temporary, final) != 0 { throw failure("renamed") }
  }

  func discard() { unlink(temporary) }

  private func failure(_ action: String) -> HedgerowError {
    let reason = errno == ENOSPC ? "the disk is full" : String(cString: strerror(errno))
    return HedgerowError(.io, "cannot be \(action): \(reason)", at: final)
  }
}
