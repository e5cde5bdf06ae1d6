import CHedgerowLMDB
import Glibc

/// The meta page that a commit is about to overwrite: that of the commit before the last one.
///
/// When LMDB cannot write its meta page it puts the number of the commit back that stood there, but
/// not that commit's trees. Such a page says what never was, and a check of the file has to take it
/// for damage: a flipped bit in a commit's number looks the same. So the page is read before, and
/// put back as it was when the commit has failed.
struct OverwrittenMetaPage {
  private let file: Int32
  private let offset: off_t
  private var bytes: [UInt8]

  /// `nil` where there is no such page yet, or it cannot be read: then the commit will say why.
  init?(_ environment: OpaquePointer, _ transaction: OpaquePointer) {
    var file: Int32 = -1
    var stat = MDB_stat()
    guard mdb_env_get_fd(environment, &file) == 0, mdb_env_stat(environment, &stat) == 0 else {
      return nil
    }
    self.file = file
    offset = off_t(UInt64(mdb_txn_id(transaction)) % 2 * UInt64(stat.ms_psize))
    bytes = [UInt8](repeating: 0, count: MetaPage.byteCount)
    guard Self.read(file, offset, into: &bytes) else { return nil }
  }

  /// Puts the page back after a failed commit, unless another process has committed since. Nothing
  /// is lost where that fails, too.
  func putBack() {
    var now = [UInt8](repeating: 0, count: bytes.count)
    guard Self.read(file, offset, into: &now), now != bytes,
      MetaPage(now).commit == MetaPage(bytes).commit
    else { return }
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes {
        pwrite(file, $0.baseAddress! + done, bytes.count - done, offset + off_t(done))
      }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return }
      done += count
    }
    _ = fdatasync(file)
  }

  private static func read(_ file: Int32, _ offset: off_t, into bytes: inout [UInt8]) -> Bool {
    let count = bytes.count
    return bytes.withUnsafeMutableBytes { pread(file, $0.baseAddress!, count, offset) } == count
  }
}
