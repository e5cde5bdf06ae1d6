import Glibc
import Hedgerow

/// The bytes of a Packages file: plain or of gzip as they are, of other compressions through apt.
final class PackagesInput {
  let path: String
  /// The size of the file, when that says how far reading is.
  let fileByteCount: Int?

  private enum Source {
    case file(ByteSource)
    case helper(AptHelper)
  }
  private let source: Source

  private static let foreign: [(magic: [UInt8], name: String)] = [
    ([0x04, 0x22, 0x4D, 0x18], "lz4"), ([0xFD, 0x37, 0x7A, 0x58], "xz"),
    ([0x28, 0xB5, 0x2F, 0xFD], "zstd"), ([0x42, 0x5A, 0x68], "bzip2"),
  ]

  /// - Throws: `noInput` when there is no such file, `badData` when it cannot be decompressed.
  init(path: String, helper: String = AptHelper.usualPath) throws {
    self.path = path
    guard
      let compression = Self.foreign.first(where: { Self.start(of: path).starts(with: $0.magic) })
    else {
      let file = try ByteSource(path: path)
      source = .file(file)
      fileByteCount = file.fileByteCount
      return
    }
    guard access(helper, X_OK) == 0 else {
      throw HedgerowError(
        .badData,
        "is compressed with \(compression.name), which needs \(helper): install the package apt, "
          + "or decompress the file first",
        at: path)
    }
    source = .helper(
      try AptHelper(helper, file: path, compression: compression.name, magic: compression.magic))
    fileByteCount = nil
  }

  /// Bytes of the file used so far, while its size is known.
  var filePosition: Int {
    switch source {
    case .file(let file): file.filePosition
    case .helper: 0
    }
  }

  /// Fills the buffer as far as the input goes; fewer bytes than asked for means that it has ended.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    switch source {
    case .file(let file): try file.read(into: buffer)
    case .helper(let helper): try helper.read(into: buffer)
    }
  }

  private static func start(of path: String) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return [] }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 4)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    return Array(bytes.prefix(max(0, count)))
  }
}

/// A file as `apt-helper cat-file` decompresses it, through a pipe.
final class AptHelper {
  static let usualPath = "/usr/lib/apt/apt-helper"

  private let path: String
  private let compression: String
  private let magic: [UInt8]
  private let descriptor: Int32
  private var process: pid_t = 0
  private var isAtStart = true

  fileprivate init(_ helper: String, file path: String, compression: String, magic: [UInt8]) throws
  {
    self.path = path
    self.compression = compression
    self.magic = magic
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else {
      throw HedgerowError(.io, "no pipe: \(String(cString: strerror(errno)))", at: path)
    }
    descriptor = ends[0]
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    defer { close(ends[1]) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
    // What it complains of, we say in our own words.
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
    // A path that begins with a hyphen would be an option.
    let file = path.hasPrefix("/") ? path : "./\(path)"
    let words = [helper, "cat-file", file]
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    let status = posix_spawn(&process, helper, &actions, nil, &arguments, environ)
    guard status == 0 else {
      throw HedgerowError(.io, "cannot be run: \(String(cString: strerror(status)))", at: helper)
    }
  }

  deinit {
    close(descriptor)
    if process > 0 {
      kill(process, SIGTERM)
      _ = exitStatus()
    }
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    var done = 0
    while done < buffer.count {
      let count = Glibc.read(descriptor, buffer.baseAddress! + done, buffer.count - done)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else {
        throw HedgerowError(.io, "cannot be read: \(String(cString: strerror(errno)))", at: path)
      }
      if count == 0 { break }
      done += count
    }
    if isAtStart, buffer[..<done].starts(with: magic) {
      throw HedgerowError(
        .badData,
        "is compressed with \(compression), but its name does not say so: "
          + "apt goes by the name, rename it to \(path).\(compression == "zstd" ? "zst" : compression)",
        at: path)
    }
    isAtStart = false
    if done < buffer.count, process > 0, exitStatus() != 0 {
      throw HedgerowError(
        .badData,
        "cannot be decompressed by apt: the file is damaged or truncated, fetch it again", at: path)
    }
    return done
  }

  /// Waits for the process, once.
  private func exitStatus() -> Int32 {
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 && errno == EINTR {}
    process = 0
    return status
  }
}
