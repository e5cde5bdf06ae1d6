import CHedgerowLMDB
import Glibc
import HedgerowCore

extension LMDBEnvironment {
  /// Opens the database in the directory `path`; for writing, makes it when there is none.
  ///
  /// Reading works from read-only media and from files of others, there without locks: nobody may
  /// write to it meanwhile.
  ///
  /// LMDB gets to see a file of up to ``checkedByteCountLimit`` bytes only when its structure holds
  /// (``LMDBFileCheck``); a larger one it takes as it is.
  ///
  /// - Parameter maxTables: how many tables there may be. The first opening in a process decides.
  /// - Throws: `noInput` when there is nothing at `path`, `damaged` when it is no LMDB database or
  ///   not a whole one, `io` when the file system cannot be trusted with one.
  public static func open(
    _ path: String, _ access: Access, maxTables: Int = 32
  ) throws -> LMDBEnvironment {
    let shared = try OpenEnvironments.open(path, access, maxTables: maxTables)
    return LMDBEnvironment(path: path, access: access, shared: shared)
  }

  /// The largest file that is walked whenever it is opened: some tens of milliseconds.
  public static var checkedByteCountLimit: Int { 64 << 20 }
}

/// Throws when LMDB would trip over the file.
func refuseDamage(in path: String) throws {
  let data = "\(path)/data.mdb"
  var status = stat()
  guard stat(data, &status) == 0, status.st_size > 0,
    status.st_size <= LMDBEnvironment.checkedByteCountLimit
  else { return }
  // Where commits come too fast for a walk, somebody has it open, and so has checked it.
  guard let check = try LMDBFileCheck.attempt(PageFile(directory: path), .structure),
    let first = check.problems.first
  else { return }
  throw HedgerowError(
    .damaged,
    "is not the database that was written (at byte \(first.offset): \(first.what)):"
      + " restore a copy", at: data)
}

/// Finds the data file, and for writing makes it: without it there is no inode to go by.
func identify(_ path: String, _ access: LMDBEnvironment.Access) throws -> FileIdentity {
  let data = "\(path)/data.mdb"
  var status = stat()
  guard stat(path, &status) == 0 else {
    let code = errno
    if code == ENOENT || code == ENOTDIR {
      throw HedgerowError(.noInput, "there is no such directory", at: path)
    }
    throw HedgerowError(.io, reason(code), at: path)
  }
  if let kind = networkFileSystem(device: UInt(status.st_dev)) {
    throw HedgerowError(
      .io,
      "is on a network file system (\(kind)), where the locks and the memory map of a store cannot"
        + " be relied on: keep it on a local disk", at: path)
  }
  if access == .readWrite {
    let file = Glibc.open(data, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    if file >= 0 {
      close(file)
      // The commit to come is durable only if the file's name is.
      try synchronizeDirectory(path)
    } else if errno != EEXIST {
      throw HedgerowError(.io, "cannot be made: \(reason(errno))", at: data)
    }
  }
  guard stat(data, &status) == 0 else {
    let code = errno
    if code == ENOENT { throw HedgerowError(.noInput, "there is no database here", at: path) }
    throw HedgerowError(.io, reason(code), at: data)
  }
  return FileIdentity(device: UInt(status.st_dev), inode: UInt(status.st_ino))
}

private func synchronizeDirectory(_ path: String) throws {
  let directory = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
  guard directory >= 0 else { throw HedgerowError(.io, reason(errno), at: path) }
  defer { close(directory) }
  guard fsync(directory) == 0 else { throw HedgerowError(.io, reason(errno), at: path) }
}

/// - Parameter taken: bytes of address space that the other environments of this process take.
func makeEnvironment(
  _ path: String, _ access: LMDBEnvironment.Access, _ file: FileIdentity, maxTables: Int,
  beside taken: Int
) throws -> SharedEnvironment {
  // A reader takes what a writer of this process could share, where it may write at all.
  var flags = MDB_NOTLS
  let data = "\(path)/data.mdb"
  var isReadOnly = false
  if access == .readOnly {
    var status = stat()
    let isEmpty = stat(data, &status) == 0 && status.st_size == 0
    isReadOnly = isEmpty || Glibc.access(data, W_OK) != 0 || Glibc.access(path, W_OK) != 0
  }
  if isReadOnly { flags |= MDB_RDONLY }

  if !isReadOnly { try allocateLocks(in: path) }

  var status = stat()
  let fileByteCount = stat(data, &status) == 0 ? Int(status.st_size) : 0
  // Address space costs nothing, unless somebody limits it.
  var mapByteCount = mapShare(of: fileByteCount, beside: taken)
  while true {
    var made: OpaquePointer?
    var status = mdb_env_create(&made)
    guard status == 0, let environment = made else { throw failure(status, "open", path) }
    mdb_env_set_mapsize(environment, mapByteCount)
    mdb_env_set_maxdbs(environment, UInt32(maxTables))
    mdb_env_set_maxreaders(environment, maximumReaderCount)
    status = mdb_env_open(environment, path, UInt32(flags), 0o600)
    if status == 0 {
      var cleared: Int32 = 0
      mdb_reader_check(environment, &cleared)
      return SharedEnvironment(
        environment: environment, file: file, isReadOnly: isReadOnly, mapByteCount: mapByteCount)
    }
    mdb_env_close(environment)
    if status == ENOMEM && mapByteCount > 1 << 26 {
      mapByteCount /= 2
    } else if isReadOnly && flags & MDB_NOLOCK == 0 && [EACCES, EPERM, EROFS].contains(status) {
      flags |= MDB_NOLOCK
    } else {
      throw failure(status, "open", path)
    }
  }
}

/// How many bytes a database may grow to: a power of two, 1 TiB where few are open.
///
/// A process has 128 TiB of addresses at most. Each database takes a 64th of what the others leave
/// of half of that, and not less than 4 GiB or four times its file: so thousands may be open, and
/// whatever else the process needs finds its place beside them.
func mapShare(of fileByteCount: Int, beside taken: Int) -> Int {
  let share = max((64 << 40) - taken, 0) / 64
  let wanted = min(max(share, 4 << 30, 4 * min(fileByteCount, 1 << 40)), 1 << 40)
  return 1 << (Int.bitWidth - 1 - wanted.leadingZeroBitCount)
}

/// 64 bytes for each, and LMDB's header of 128 before them, make 32 KiB.
private let maximumReaderCount: UInt32 = 510
private let lockByteCount: off_t = 32 << 10

/// Gives `lock.mdb` its place on the disk: LMDB leaves it a hole and writes to it through a mapping,
/// and on a full disk that would end the process.
private func allocateLocks(in path: String) throws {
  let lock = "\(path)/lock.mdb"
  let file = Glibc.open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
  guard file >= 0 else { throw failure(errno, "open", path) }
  defer { close(file) }
  var status = stat()
  guard fstat(file, &status) == 0 else { throw failure(errno, "open", path) }
  if off_t(status.st_blocks) * 512 >= lockByteCount { return }
  var code = EINTR
  while code == EINTR { code = posix_fallocate(file, 0, lockByteCount) }
  guard code == 0 else { throw failure(code, "open", path) }
}

/// The kind of a file system that is shared over a network, or `nil` for one that is not.
func networkFileSystem(device: UInt) -> String? {
  guard let mounts = fopen("/proc/self/mountinfo", "re") else { return nil }
  defer { fclose(mounts) }
  var line: UnsafeMutablePointer<CChar>?
  var capacity = 0
  defer { free(line) }
  while getline(&line, &capacity, mounts) > 0, let text = line {
    let kind = kindOfNetworkMount(
      String(cString: text), device: deviceNumber(device))
    if let kind { return kind }
  }
  return nil
}

/// `major:minor`, taken apart as glibc does.
package func deviceNumber(_ device: UInt) -> String {
  let major = device >> 8 & 0xFFF | device >> 32 & ~0xFFF
  let minor = device & 0xFF | device >> 12 & ~0xFF
  return "\(major):\(minor & 0xFFFF_FFFF)"
}

/// `36 35 98:0 /root /mount options - type source options`, as in proc(5).
package func kindOfNetworkMount(_ line: String, device: String) -> String? {
  let fields = line.split(separator: " ")
  guard fields.count > 2, fields[2] == device, let dash = fields.firstIndex(of: "-"),
    dash + 1 < fields.count
  else { return nil }
  let kind = String(fields[dash + 1])
  return networkKinds.contains(kind) ? kind : nil
}

private let networkKinds: Set<String> = [
  "nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "ncpfs", "afs", "coda", "ceph", "lustre",
  "gfs2", "ocfs2", "beegfs", "gpfs", "orangefs", "pvfs2", "fuse.sshfs", "fuse.glusterfs",
  "fuse.ceph", "fuse.s3fs", "fuse.rclone", "fuse.curlftpfs", "fuse.davfs", "fuse.gcsfuse",
  "fuse.juicefs", "fuse.moosefs", "fuse.smbnetfs",
]
