import CHedgerowKernels
import CHedgerowSystem
import Glibc
import HedgerowCore

/// Writes one segment file: sections streamed one after the other, a checksum for each page.
///
/// The file grows under a temporary name. ``finish(attributes:)`` writes the header, syncs and
/// renames; until then, and after a crash, there is no file of the final name. The caller syncs the
/// directory once for many files. Holds one buffer of 256 KiB, or of 2 MiB for large pages.
public final class SegmentWriter {
  public let path: String
  private let temporaryPath: String
  private let kind: SegmentKind
  private let identity: StoreIdentity
  private let generation: UInt64
  private let descriptor: Int32
  private var isOpen = true
  private var buffer = [UInt8]()
  private var flushedByteCount: UInt64
  private var writebackByteCount: UInt64
  private var checksums: [UInt32] = []
  private var sections: [SegmentLayout.Section] = []
  private var isInSection = false
  /// Writes end at multiples of it in the file, and the buffer holds as much.
  private let chunkByteCount: UInt64

  public static let temporarySuffix = ".partial"

  /// - Parameter inLargePages: for rows that will be read at random. The kernel keeps what is written at once in one
  ///   piece where the file system lets it (ext4 from Linux 6.16 on, XFS): a write of 2 MiB at a multiple of that is one
  ///   entry of the page table, and rows of it are found without a walk through the table.
  public init(
    path: String, kind: SegmentKind, identity: StoreIdentity, generation: UInt64,
    inLargePages: Bool = false
  ) throws {
    self.path = path
    self.kind = kind
    self.identity = identity
    self.generation = generation
    temporaryPath = path + Self.temporarySuffix
    let fd = open(temporaryPath, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard fd >= 0 else { throw FileSystem.failure("create", temporaryPath) }
    descriptor = fd
    flushedByteCount = UInt64(SegmentLayout.pageByteCount)
    writebackByteCount = flushedByteCount
    chunkByteCount = inLargePages ? 2 << 20 : 256 << 10
    buffer.reserveCapacity(Int(chunkByteCount))
  }

  deinit { abandon() }

  /// Begins a section; the one before ends. Ids are the segment kind's own and must not repeat.
  public func beginSection(_ id: UInt32, elementByteCount: Int) throws {
    try endSection()
    sections.append(
      .init(
        id: id, elementByteCount: UInt32(elementByteCount), offset: position, byteCount: 0))
    isInSection = true
  }

  private var position: UInt64 { flushedByteCount + UInt64(buffer.count) }

  /// Appends bytes to the section that was begun last.
  public func append(_ bytes: UnsafeRawBufferPointer) throws {
    require(isInSection, "begin a section first")
    var rest = bytes[...]
    while !rest.isEmpty {
      let room = Int(chunkByteCount - position % chunkByteCount)
      let count = min(rest.count, room)
      buffer.append(contentsOf: UnsafeRawBufferPointer(rebasing: rest.prefix(count)))
      rest = rest.dropFirst(count)
      if count == room { try flush() }
    }
    sections[sections.count - 1].byteCount += UInt64(bytes.count)
  }

  public func append<T: BitwiseCopyable>(_ values: [T]) throws {
    try values.withUnsafeBytes { try append($0) }
  }

  private func endSection() throws {
    guard isInSection else { return }
    let page = SegmentLayout.pageByteCount
    let overhang = buffer.count % page
    if overhang > 0 { buffer.append(contentsOf: repeatElement(0, count: page - overhang)) }
    try flush()
    isInSection = false
  }

  /// Writes out the buffer, which is whole pages.
  private func flush() throws {
    let page = SegmentLayout.pageByteCount
    buffer.withUnsafeBytes { bytes in
      for start in stride(from: 0, to: bytes.count, by: page) {
        checksums.append(hr_crc32c(0, bytes.baseAddress! + start, page))
      }
    }
    try buffer.withUnsafeBytes { try write($0, at: flushedByteCount) }
    flushedByteCount += UInt64(buffer.count)
    buffer.removeAll(keepingCapacity: true)
    // Little by little, so that the sync at the end is short and few pages are dirty at a time.
    if flushedByteCount - writebackByteCount >= 8 << 20 {
      hr_start_writeback(
        descriptor, Int64(writebackByteCount), Int64(flushedByteCount - writebackByteCount))
      writebackByteCount = flushedByteCount
    }
  }

  private func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws {
    var done = 0
    while done < bytes.count {
      let count = pwrite(
        descriptor, bytes.baseAddress! + done, bytes.count - done, off_t(offset) + off_t(done))
      if count < 0 {
        if errno == EINTR { continue }
        throw FileSystem.failure("write", temporaryPath)
      }
      done += count
    }
  }

  /// Writes checksums and header, syncs, and gives the file its name.
  ///
  /// - Parameters:
  ///   - attributes: up to eight numbers of the segment kind's own.
  ///   - features: what a build must know of to read the file.
  /// - Returns: the file's size in bytes.
  @discardableResult
  public func finish(attributes: [UInt64], features: SegmentFeatures = []) throws -> UInt64 {
    require(attributes.count <= SegmentLayout.attributeCount)
    require(sections.count <= SegmentLayout.maximalSectionCount)
    try endSection()
    let checksumOffset = flushedByteCount
    var tail = checksums
    tail.append(checksums.withUnsafeBytes { hr_crc32c(0, $0.baseAddress, $0.count) })
    try tail.withUnsafeBytes { try write($0, at: checksumOffset) }
    let total = checksumOffset + UInt64(4 * tail.count)
    let header = SegmentLayout.Header(
      kind: kind, identity: identity, generation: generation, fileByteCount: total,
      checksumOffset: checksumOffset, features: features, attributes: attributes,
      sections: sections)
    try header.encoded().withUnsafeBytes { try write($0, at: 0) }
    guard fdatasync(descriptor) == 0 else { throw FileSystem.failure("write", temporaryPath) }
    close(descriptor)
    isOpen = false
    try FileSystem.rename(temporaryPath, to: path)
    return total
  }

  /// Removes the unfinished file.
  public func abandon() {
    guard isOpen else { return }
    isOpen = false
    close(descriptor)
    unlink(temporaryPath)
  }
}
