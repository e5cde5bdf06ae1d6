import CHedgerowLMDB
import Glibc
import HedgerowCore

extension LMDBEnvironment {
  /// Copies the state of one commit to a new directory's `data.mdb`, without free pages, and makes it
  /// durable. Readers and the writer go on meanwhile.
  ///
  /// - Throws: `io` when it cannot be written; what there is of the copy stays.
  public func copy(toDirectory directory: String) throws {
    try shared.checkUsable(path)
    let copy = "\(directory)/data.mdb"
    let file = Glibc.open(copy, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw HedgerowError(.io, "cannot be made: \(reason(errno))", at: copy) }
    defer { close(file) }
    let status = mdb_env_copyfd2(shared.environment, file, UInt32(MDB_CP_COMPACT))
    guard status == 0 else {
      // What is wrong with what is read is not a matter of where it is written.
      let isReading = [MDB_CORRUPTED, MDB_PAGE_NOTFOUND, MDB_INCOMPATIBLE, MDB_PANIC]
        .contains(status)
      throw isReading ? failure(status, "copy", path) : failure(status, "write", directory)
    }
    guard fsync(file) == 0 else { throw failure(errno, "write", directory) }
  }

  /// Runs `body` over a copy that nobody else knows of yet, without a lock file: on a full disk there
  /// would be no room for one.
  package static func read<T>(
    copyIn directory: String, maxTables: Int = 32,
    _ body: (borrowing ReadTransaction) throws -> T
  ) throws -> T {
    try refuseDamage(in: directory)
    let file = try identify(directory, .readOnly)
    var status = stat()
    guard stat("\(directory)/data.mdb", &status) == 0 else {
      throw failure(errno, "read", directory)
    }
    var made: OpaquePointer?
    var code = mdb_env_create(&made)
    guard code == 0, let environment = made else { throw failure(code, "open", directory) }
    defer { mdb_env_close(environment) }
    let mapByteCount = max(1 << 20, Int(status.st_size))
    mdb_env_set_mapsize(environment, mapByteCount)
    mdb_env_set_maxdbs(environment, UInt32(maxTables))
    code = mdb_env_open(
      environment, directory, UInt32(MDB_RDONLY | MDB_NOTLS | MDB_NOLOCK), 0o600)
    guard code == 0 else { throw failure(code, "open", directory) }
    let shared = SharedEnvironment(
      environment: environment, file: file, isReadOnly: true, mapByteCount: mapByteCount)
    return try LMDBEnvironment(path: directory, access: .readOnly, shared: shared).read(body)
  }

  /// The memory that `data.mdb` is mapped to, or `nil` where the system does not tell.
  package var mapping: UnsafeRawBufferPointer? {
    guard let maps = fopen("/proc/self/maps", "re") else { return nil }
    defer { fclose(maps) }
    var line: UnsafeMutablePointer<CChar>?
    var capacity = 0
    defer { free(line) }
    // `start-end permissions offset device inode path`, as in proc(5).
    while getline(&line, &capacity, maps) > 0, let text = line {
      let fields = String(cString: text).split(separator: " ", maxSplits: 5)
      guard fields.count == 6, UInt(fields[4]) == shared.file.inode,
        fields[5].contains("/data.mdb")
      else { continue }
      let ends = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
      guard ends.count == 2, ends[0] < ends[1] else { return nil }
      return UnsafeRawBufferPointer(
        start: UnsafeRawPointer(bitPattern: ends[0]), count: Int(ends[1] - ends[0]))
    }
    return nil
  }
}
