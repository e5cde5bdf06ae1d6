import CHedgerowLMDB
import Glibc
import HedgerowCore

/// What a status of LMDB or of the system means to whoever called.
func failure(_ status: Int32, _ action: String, _ path: String) -> HedgerowError {
  let data = "\(path)/data.mdb"
  switch status {
  case MDB_INVALID, MDB_VERSION_MISMATCH, MDB_CORRUPTED, MDB_PAGE_NOTFOUND, MDB_INCOMPATIBLE:
    return HedgerowError(
      .damaged, "is not the database that was written (\(reason(status))): restore a copy",
      at: data)
  case ENOENT:
    return HedgerowError(.noInput, "there is no database here", at: path)
  case ENOSPC,
    _ where status == EIO && isDiskFull(path):
    return HedgerowError(
      .io, "the disk is full: make room and try again, nothing was changed", at: data)
  case EDQUOT:
    return HedgerowError(
      .io, "the disk quota is used up: make room and try again, nothing was changed", at: data)
  case MDB_MAP_FULL, MDB_MAP_RESIZED:
    return HedgerowError(
      .io, "is larger than the address space that this process may have: raise `ulimit -v`",
      at: data)
  case MDB_PANIC:
    return HedgerowError(
      .io, "an earlier commit did not reach the disk: close it and open it again", at: data)
  case MDB_READERS_FULL:
    return HedgerowError(.locked, "too many processes are reading at once: try again", at: data)
  case MDB_DBS_FULL:
    return HedgerowError(.usage, "holds more tables than it was opened for", at: data)
  case MDB_BAD_TXN:
    return HedgerowError(
      .io, "cannot \(action): an error before has ended this transaction", at: data)
  default:
    return HedgerowError(.io, "cannot \(action): \(reason(status))", at: data)
  }
}

func reason(_ status: Int32) -> String {
  String(cString: mdb_strerror(status))
}

/// LMDB reports a short write as EIO; a full disk is one that has no room for a few pages.
func isDiskFull(_ path: String) -> Bool {
  var status = statvfs()
  guard statvfs(path, &status) == 0 else { return false }
  return status.f_bavail * UInt(status.f_frsize) < 1 << 20
}
