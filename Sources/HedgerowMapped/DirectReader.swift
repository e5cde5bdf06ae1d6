import CHedgerowSystem
import Glibc
import HedgerowCore
import Synchronization

/// Reads rows of files past the page cache, with many requests under way, where the kernel and the file system
/// offer it (`docs/decisions/0030`).
///
/// For rows that will not be needed again soon: they push nothing out of the page cache, and a page takes a
/// third of the processor time that one takes there. Memory: at most 4 MiB, from the first row on.
package final class DirectReader: Sendable {
  /// Of a row, at most.
  let rowByteCount: Int
  private let state = Mutex(State.unknown)

  private enum State {
    case unknown
    case ready(Ring)
    case notOffered
  }

  /// Used under the lock alone.
  private final class Ring: @unchecked Sendable {
    let pointer: OpaquePointer

    init?(requests: Int, slotByteCount: Int) {
      guard let pointer = hr_direct_reader_create(UInt32(requests), slotByteCount) else {
        return nil
      }
      self.pointer = pointer
    }

    deinit { hr_direct_reader_destroy(pointer) }
  }

  private static var mostRequests: Int { 64 }
  private static var slotByteCount: Int { 64 << 10 }
  private static var mostByteCount: Int { 4 << 20 }

  package init(rowByteCount: Int) { self.rowByteCount = rowByteCount }

  /// Writes the `width` bytes at each offset one after the other, or to places; those that rise and lie close together are
  /// read at once. One thread at a time; others wait.
  ///
  /// - Parameters:
  ///   - path: of the file, opened anew for each call.
  ///   - places: for each offset which row of `out` it becomes.
  ///   - isRight: whether the file that was opened is the one that is meant.
  /// - Returns: whether it could be done; if not, what was written so far means nothing.
  /// - Throws: `io` when reading fails, `damaged` for a file that ends within a row.
  func read(
    _ offsets: UnsafeBufferPointer<UInt64>, of path: String, width: Int,
    into out: UnsafeMutableRawPointer, at places: UnsafePointer<UInt32>? = nil,
    where isRight: (stat) -> Bool = { _ in true }
  ) throws -> Bool {
    require(width <= rowByteCount, "a row of \(width) bytes where \(rowByteCount) are the most")
    return try state.withLock { state in
      if case .unknown = state { state = makeRing() }
      guard case .ready(let ring) = state else { return false }
      let file = hr_open_direct(path)
      guard file >= 0 else { return false }
      defer { close(file) }
      var info = stat()
      guard fstat(file, &info) == 0, isRight(info) else { return false }
      let code = hr_direct_read(
        ring.pointer, file, offsets.baseAddress, width, offsets.count, out, places)
      switch code {
      case 0: return true
      case EINVAL, EOPNOTSUPP, ENOSYS, EPERM:
        state = .notOffered
        return false
      case Int32(hr_file_ended):
        throw HedgerowError(.damaged, "damaged file: it ends within a row", at: path)
      default: throw FileSystem.failure("read", path, code: code)
      }
    }
  }

  private func makeRing() -> State {
    let page = SegmentLayout.pageByteCount
    let slot = max(Self.slotByteCount, (rowByteCount + 2 * page - 1) / page * page)
    var requests = Self.mostRequests
    while requests > 1 && requests * slot > Self.mostByteCount { requests /= 2 }
    guard requests * slot <= Self.mostByteCount,
      let ring = Ring(requests: requests, slotByteCount: slot)
    else { return .notOffered }
    return .ready(ring)
  }
}
