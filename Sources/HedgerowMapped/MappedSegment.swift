import CHedgerowKernels
import CHedgerowSystem
import Glibc
import HedgerowCore

/// A segment file mapped for reading: sections as plain memory, checked before the first use.
///
/// Opening reads one page and checks it (see `SegmentLayout.Header`): afterwards every section lies
/// inside the mapping. The contents of sections are not trusted: readers check row bounds and ids
/// as they go, and ``verifyPages(_:)`` proves every byte.
///
/// The mapping is read at random, so the kernel's read-ahead is off (it would read 8 MiB for a
/// row); ``ReadAhead`` asks for pages ahead of use instead.
public final class MappedSegment: @unchecked Sendable {
  public let path: String
  public let kind: SegmentKind
  public let generation: UInt64
  public let features: SegmentFeatures
  public let attributes: [UInt64]
  public let byteCount: Int
  private let sections: [SegmentLayout.Section]
  private let base: UnsafeRawPointer
  private let checksumOffset: Int
  private let device: dev_t
  private let inode: ino_t
  private var note: MappedFileNote?

  /// - Throws: `noInput` when there is no such file, `damaged` when it is not what it must be,
  ///   `newerFormat` when this build is too old for it.
  public init(path: String, kind: SegmentKind, identity: StoreIdentity) throws {
    let fd = open(path, O_RDONLY | O_CLOEXEC)
    guard fd >= 0 else { throw FileSystem.failure("open", path) }
    defer { close(fd) }
    var info = stat()
    guard fstat(fd, &info) == 0 else { throw FileSystem.failure("read", path) }
    let size = Int(info.st_size)
    guard size > SegmentLayout.pageByteCount else {
      throw HedgerowError(.damaged, "damaged segment: shorter than its header", at: path)
    }
    guard let address = mmap(nil, size, PROT_READ, MAP_SHARED, fd, 0), address != MAP_FAILED else {
      throw FileSystem.failure("map", path)
    }
    // Before the header is read, which would bring the begin of the file along.
    hr_advise_random(address, size)
    // Said first: the header may be gone by now, too.
    var note: MappedFileNote? = MappedFileNote(
      UnsafeRawBufferPointer(start: address, count: size), path: path)
    do {
      let header = try SegmentLayout.Header(
        page: UnsafeRawBufferPointer(start: address, count: size), fileByteCount: UInt64(size),
        path: path)
      guard header.identity == identity.bytes else {
        throw HedgerowError(.damaged, "this segment belongs to another store", at: path)
      }
      guard header.kind == kind.rawValue else {
        throw HedgerowError(
          .damaged, "damaged segment: kind \(header.kind) instead of \(kind.rawValue)", at: path)
      }
      self.path = path
      self.kind = kind
      generation = header.generation
      features = header.features
      attributes = header.attributes
      sections = header.sections
      checksumOffset = Int(header.checksumOffset)
    } catch {
      note = nil
      munmap(address, size)
      throw error
    }
    base = UnsafeRawPointer(address)
    byteCount = size
    (device, inode) = (info.st_dev, info.st_ino)
    self.note = note
  }

  deinit {
    note = nil
    munmap(UnsafeMutableRawPointer(mutating: base), byteCount)
  }

  /// The bytes of a section, or `nil` when the file has none of that id. They live as long as the
  /// segment does: keep it.
  public func section(_ id: UInt32) -> UnsafeRawBufferPointer? {
    guard let found = sections.first(where: { $0.id == id }) else { return nil }
    return UnsafeRawBufferPointer(start: base + Int(found.offset), count: Int(found.byteCount))
  }

  /// Where in the file a section lies, or `nil` when the file has none of that id.
  package func byteRange(of id: UInt32) -> Range<Int>? {
    sections.first { $0.id == id }.map { Int($0.offset)..<Int($0.offset) + Int($0.byteCount) }
  }

  /// Whether a file is the one that is mapped: another one may have its name by now.
  func isMapped(_ file: stat) -> Bool { file.st_dev == device && file.st_ino == inode }

  /// Bytes of one element of a section; 0 when there is no such section.
  public func elementByteCount(of id: UInt32) -> Int {
    sections.first { $0.id == id }.map { Int($0.elementByteCount) } ?? 0
  }

  /// A section that must be there, as `count` elements of a type.
  ///
  /// - Throws: `damaged` when it is missing or of another size.
  public func elements<T: BitwiseCopyable>(
    _ id: UInt32, as type: T.Type, count: Int
  ) throws -> UnsafeBufferPointer<T> {
    let wanted = count.multipliedReportingOverflow(by: MemoryLayout<T>.stride)
    guard let section = section(id), !wanted.overflow, section.count == wanted.partialValue,
      elementByteCount(of: id) == MemoryLayout<T>.stride
    else {
      throw HedgerowError(
        .damaged,
        "damaged segment: section \(id) does not hold \(count) elements of "
          + "\(MemoryLayout<T>.stride) bytes", at: path)
    }
    return section.assumingMemoryBound(to: T.self)
  }

  /// Starts reading bytes of a section that are about to be used in order.
  public func prefetch(_ bytes: UnsafeRawBufferPointer) {
    guard let start = bytes.baseAddress, bytes.count > 0 else { return }
    let page = UInt(SegmentLayout.pageByteCount)
    let lead = Int(UInt(bitPattern: start) % page)
    madvise(UnsafeMutableRawPointer(mutating: start - lead), bytes.count + lead, MADV_WILLNEED)
  }

  /// Checks every page and the checksum table against their checksums, reading the whole file in
  /// windows of 1 MiB asked for ahead.
  ///
  /// - Parameters:
  ///   - onProgress: called with the bytes checked since the last call; may throw to stop.
  ///   - visit: called for each damaged place with its byte offset and what is wrong.
  public func verifyPages(
    onProgress: (Int) throws -> Void = { _ in },
    visit: (_ offset: Int, _ what: String) -> Void
  ) throws {
    let page = SegmentLayout.pageByteCount
    let window = 1 << 20
    let table = base + checksumOffset
    let tableByteCount = byteCount - checksumOffset - 4
    let stored = (table + tableByteCount).loadUnaligned(as: UInt32.self)
    if hr_crc32c(0, table, tableByteCount) != stored {
      visit(checksumOffset, "the checksum table does not match its own checksum")
    }
    if hr_crc32c(0, base, SegmentLayout.headerChecksumOffset)
      != (base + SegmentLayout.headerChecksumOffset).loadUnaligned(as: UInt32.self)
    {
      visit(0, "the header's checksum does not match")
    }
    for offset in stride(from: page, to: checksumOffset, by: page) {
      if (offset - page) % window == 0 {
        // This window and the next; the first was asked for one window ago.
        let start = base + offset / page * page
        madvise(
          UnsafeMutableRawPointer(mutating: start), min(2 * window, byteCount - offset),
          MADV_WILLNEED)
        try onProgress(min(window, checksumOffset - offset))
      }
      let wanted = (table + 4 * (offset / page - 1)).loadUnaligned(as: UInt32.self)
      if hr_crc32c(0, base + offset, page) != wanted {
        visit(offset, "the page's checksum does not match")
      }
    }
    try onProgress(byteCount - checksumOffset + page)
  }
}

extension MappedSegment {
  /// Where pages lie whose bytes are not the ones that were written, and whether anything of the file
  /// is not: its table of checksums may be damaged and all that it speaks of whole.
  package func damage(
    onProgress: (Int) throws -> Void = { _ in }
  ) throws -> (pages: [Int], isDamaged: Bool) {
    var places: [Int] = []
    try verifyPages(onProgress: onProgress) { offset, _ in places.append(offset) }
    let pages = places.filter { $0 > 0 && $0 < checksumOffset }
    guard !pages.isEmpty, pages.count < places.count else { return (pages, !places.isEmpty) }
    // Is it the table alone? Then the checksums of the pages make up the table that was written.
    let page = SegmentLayout.pageByteCount
    let checksums = stride(from: page, to: checksumOffset, by: page).map {
      hr_crc32c(0, base + $0, page)
    }
    let stored = (base + byteCount - 4).loadUnaligned(as: UInt32.self)
    let isTableAlone =
      checksums.withUnsafeBytes { hr_crc32c(0, $0.baseAddress, $0.count) } == stored
    return (isTableAlone ? [] : pages, true)
  }

  /// The sections' ids, in the order of the file.
  package var sectionIDs: [UInt32] { sections.map(\.id) }
}
