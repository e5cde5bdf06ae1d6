import Glibc

/// The files that the process may have open at a time.
enum OpenFiles {
  /// Allows as many as the system lets a process have: shells begin with 1,024, and a table is written with
  /// a file open for each of its columns.
  static func raiseLimit() {
    var limit = rlimit()
    let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    guard getrlimit(files, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
    limit.rlim_cur = limit.rlim_max
    setrlimit(files, &limit)
  }
}
