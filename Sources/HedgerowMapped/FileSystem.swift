import CHedgerowSystem
import Glibc
public import HedgerowCore

/// Files and directories with errors that name them, and renames that last.
public enum FileSystem {
  /// The last system call's failure as an error: a full disk is said plainly.
  public static func failure(_ doing: String, _ path: String, code: Int32? = nil) -> HedgerowError {
    let code = code ?? errno
    return switch code {
    case ENOENT, ENOTDIR:
      HedgerowError(.noInput, "cannot \(doing): no such file or directory", at: path)
    case ENOSPC, EDQUOT:
      HedgerowError(
        .io, "cannot \(doing): the disk is full; free some space and try again", at: path)
    case EMFILE:
      HedgerowError(
        .io,
        "cannot \(doing): this process has \(openFilesLimit) files open, as many as it may: raise that "
          + "(ulimit -n)", at: path)
    default:
      HedgerowError(.io, "cannot \(doing): \(String(cString: strerror(code)))", at: path)
    }
  }

  /// The files that this process may have open at a time.
  public static var openFilesLimit: Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return .max }
    return Int(clamping: limit.rlim_cur)
  }

  /// Those that it can open beside the ones it has.
  public static var openFilesLeft: Int {
    openFilesLimit - ((try? names(in: "/proc/self/fd").count) ?? 0)
  }

  public static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  public static func isDirectory(_ path: String) -> Bool {
    var info = stat()
    return stat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFDIR
  }

  public static func byteCount(of path: String) throws -> Int {
    var info = stat()
    guard stat(path, &info) == 0 else { throw failure("read", path) }
    return Int(info.st_size)
  }

  /// Bytes that there is room for on the device of a directory.
  public static func freeByteCount(in path: String) throws -> Int {
    var status = statvfs()
    guard statvfs(path, &status) == 0 else { throw failure("look into", path) }
    return Int(status.f_bavail) * Int(status.f_frsize)
  }

  public static func makeDirectory(_ path: String) throws {
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
      throw failure("make the directory", path)
    }
  }

  /// Names in a directory, sorted, without `.` and `..`.
  public static func names(in path: String) throws -> [String] {
    guard let directory = opendir(path) else { throw failure("list", path) }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  public static func removeFile(_ path: String) throws {
    guard unlink(path) == 0 || errno == ENOENT else { throw failure("remove", path) }
  }

  /// Removes a directory with all that is in it. Links are removed, never followed.
  public static func removeTree(_ path: String) throws {
    var info = stat()
    guard lstat(path, &info) == 0 else { return }
    if info.st_mode & S_IFMT == S_IFDIR {
      for name in try names(in: path) { try removeTree("\(path)/\(name)") }
      guard rmdir(path) == 0 || errno == ENOENT else { throw failure("remove", path) }
    } else {
      try removeFile(path)
    }
  }

  /// Makes earlier renames and removals in a directory durable.
  public static func syncDirectory(_ path: String) throws {
    let fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard fd >= 0 else { throw failure("open", path) }
    defer { close(fd) }
    guard fsync(fd) == 0 else { throw failure("write", path) }
  }

  public static func rename(_ from: String, to path: String) throws {
    guard Glibc.rename(from, path) == 0 else { throw failure("rename to \(path)", from) }
  }

  /// Renames unless something is there already; `false` when it is.
  public static func renameIfNew(_ from: String, to path: String) throws -> Bool {
    let code = hr_rename_new(from, path)
    if code == 0 { return true }
    if code == EEXIST || code == ENOTEMPTY { return false }
    throw failure("rename to \(path)", from, code: code)
  }

  /// Writes all bytes to an open file; `path` is for messages.
  public static func write(_ bytes: UnsafeRawBufferPointer, to fd: Int32, at path: String) throws {
    var rest = bytes
    while let base = rest.baseAddress, rest.count > 0 {
      let written = Glibc.write(fd, base, rest.count)
      if written < 0 && errno == EINTR { continue }
      guard written > 0 else { throw failure("write", path) }
      rest = UnsafeRawBufferPointer(rebasing: rest[written...])
    }
  }

  /// Writes a whole file beside `path`, makes it durable and renames it to `path`: whoever looks,
  /// now or after a crash, finds the old file or the new one.
  public static func replaceFile(
    _ path: String, _ body: (_ write: (UnsafeRawBufferPointer) throws -> Void) throws -> Void
  ) throws {
    let draft = "\(path).new"
    let fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard fd >= 0 else { throw failure("write", draft) }
    do {
      defer { close(fd) }
      try body { try write($0, to: fd, at: draft) }
      guard fsync(fd) == 0 else { throw failure("write", draft) }
    } catch {
      unlink(draft)
      throw error
    }
    try rename(draft, to: path)
    try syncDirectory(parent(of: path))
  }

  /// Gives the place of a range of an open file on the disk back, where the file system can.
  package static func releaseSpace(_ range: Range<Int>, of fd: Int32) {
    hr_release_range(fd, Int64(range.lowerBound), Int64(range.count))
  }

  /// All bytes of a small file.
  public static func contents(of path: String) throws -> [UInt8] {
    let fd = open(path, O_RDONLY | O_CLOEXEC)
    guard fd >= 0 else { throw failure("read", path) }
    defer { close(fd) }
    var info = stat()
    guard fstat(fd, &info) == 0 else { throw failure("read", path) }
    let size = Int(info.st_size)
    return try [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      while count < size {
        let got = read(fd, buffer.baseAddress! + count, size - count)
        if got < 0 && errno == EINTR { continue }
        guard got >= 0 else { throw failure("read", path) }
        if got == 0 { break }
        count += got
      }
    }
  }

  /// The directory part of a path, `.` when it has none.
  public static func parent(of path: String) -> String {
    var path = path[...]
    while path.count > 1 && path.hasSuffix("/") { path = path.dropLast() }
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// The last part of a path.
  public static func name(of path: String) -> String {
    var path = path[...]
    while path.count > 1 && path.hasSuffix("/") { path = path.dropLast() }
    return String(
      path[(path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex)...])
  }

  /// Drops a file's clean pages from the page cache, for measurements from cold.
  public static func dropCache(of path: String) {
    let fd = open(path, O_RDONLY | O_CLOEXEC)
    guard fd >= 0 else { return }
    hr_drop_cache(fd)
    close(fd)
  }
}

/// A lock on an open file that the kernel drops when its holder closes it or dies.
public final class FileLock: Sendable {
  private let descriptor: Int32
  private let process = getpid()

  /// `nil` when another holder is in the way.
  public init?(at path: String, exclusive: Bool) throws {
    var usable = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    if usable < 0 && [EACCES, EPERM, EROFS].contains(errno) {
      usable = open(path, O_RDONLY | O_CLOEXEC)
    }
    guard usable >= 0 else { throw FileSystem.failure("open", path) }
    switch hr_lock(usable, exclusive ? 1 : 0) {
    case 0:
      descriptor = usable
    case EWOULDBLOCK:
      close(usable)
      return nil
    case let code:
      close(usable)
      throw FileSystem.failure("lock", path, code: code)
    }
  }

  deinit {
    // A process that is being spawned has a copy of the descriptor until it runs its program, and
    // the lock would outlive `close` so long. A child of fork must leave its parent's lock alone.
    if process == getpid() { hr_unlock(descriptor) }
    close(descriptor)
  }
}
