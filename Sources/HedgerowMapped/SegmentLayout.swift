import CHedgerowKernels
import HedgerowCore

/// What a segment file holds.
public enum SegmentKind: UInt32, Sendable, CaseIterable {
  case adjacency = 1
  case column = 2
  case keys = 3
  case dictionary = 4
  case index = 5
}

/// What a build must know of to read a segment file.
public struct SegmentFeatures: OptionSet, Sendable {
  public let rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Neighbors of an adjacency that take fewer bits than 32.
  public static let packedNeighbors = SegmentFeatures(rawValue: 1)

  /// Those that this build knows of, in files of a kind.
  static func known(of kind: UInt32) -> SegmentFeatures {
    kind == SegmentKind.adjacency.rawValue ? .packedNeighbors : []
  }
}

/// The identity of a store: 16 random bytes that every file of it carries.
public struct StoreIdentity: Hashable, Sendable {
  public let bytes: [UInt8]

  public init() {
    var generator = SystemRandomNumberGenerator()
    bytes = (0..<16).map { _ in UInt8.random(in: 0...255, using: &generator) }
  }

  public init?(bytes: [UInt8]) {
    guard bytes.count == 16 else { return nil }
    self.bytes = bytes
  }
}

extension StoreIdentity: CustomStringConvertible {
  /// As a UUID is written: `8-4-4-4-12` hexadecimal digits.
  public var description: String {
    bytes.withUnsafeBytes { $0.loadUnaligned(as: UUIDKey.self) }.description
  }
}

/// Where things stand in a segment file; `docs/format.md` draws it.
///
/// ```
/// page 0          header: identity, counts, table of sections, its own CRC-32C in the last 4 bytes
/// page 1 ...      sections, each from a page boundary, the gap after each filled with zeros
/// checksum table  one CRC-32C (u32) for each page from page 1 to here
/// last 4 bytes    CRC-32C of the checksum table
/// ```
/// All numbers are little-endian.
enum SegmentLayout {
  static let magic: [UInt8] = Array("HEDGESEG".utf8)
  /// Of segment files: a number of its own, that did not change when the store's did.
  static let format: UInt32 = 0
  static let pageByteCount = 4096
  static let attributeCount = 8
  /// Bits that stand for what a build must know of to read the file: ``SegmentFeatures``.
  static let featuresOffset = 60
  static let attributesOffset = 64
  static let sectionsOffset = 128
  static let sectionByteCount = 24
  static let maximalSectionCount = 64
  static let headerChecksumOffset = 4092

  struct Section: Equatable {
    var id: UInt32
    var elementByteCount: UInt32
    var offset: UInt64
    var byteCount: UInt64
  }

  struct Header {
    var kind: UInt32
    var identity: [UInt8]
    var generation: UInt64
    var fileByteCount: UInt64
    var checksumOffset: UInt64
    var features: SegmentFeatures
    var attributes: [UInt64]
    var sections: [Section]

    func encoded() -> [UInt8] {
      var page = [UInt8](repeating: 0, count: pageByteCount)
      func put(_ value: some FixedWidthInteger, at offset: Int) {
        withUnsafeBytes(of: value.littleEndian) { bytes in
          page.replaceSubrange(offset..<offset + bytes.count, with: bytes)
        }
      }
      page.replaceSubrange(0..<8, with: magic)
      put(format, at: 8)
      put(kind, at: 12)
      page.replaceSubrange(16..<32, with: identity)
      put(generation, at: 32)
      put(fileByteCount, at: 40)
      put(checksumOffset, at: 48)
      put(UInt32(sections.count), at: 56)
      put(features.rawValue, at: featuresOffset)
      for (index, value) in attributes.enumerated() { put(value, at: attributesOffset + 8 * index) }
      for (index, section) in sections.enumerated() {
        let offset = sectionsOffset + sectionByteCount * index
        put(section.id, at: offset)
        put(section.elementByteCount, at: offset + 4)
        put(section.offset, at: offset + 8)
        put(section.byteCount, at: offset + 16)
      }
      put(hr_crc32c(0, page, headerChecksumOffset), at: headerChecksumOffset)
      return page
    }

    /// Reads and checks a header page against the file's real size.
    ///
    /// Everything that is later used as an offset or a length is checked here, with arithmetic that
    /// cannot overflow.
    init(page: UnsafeRawBufferPointer, fileByteCount actual: UInt64, path: String) throws {
      func damaged(_ what: String) -> HedgerowError {
        HedgerowError(.damaged, "damaged segment: \(what)", at: path)
      }
      func get<T: FixedWidthInteger>(_ offset: Int, as: T.Type) -> T {
        T(littleEndian: page.loadUnaligned(fromByteOffset: offset, as: T.self))
      }
      guard page.count >= pageByteCount else { throw damaged("shorter than its header") }
      guard page.prefix(8).elementsEqual(magic) else { throw damaged("this is no segment file") }
      guard
        get(headerChecksumOffset, as: UInt32.self)
          == hr_crc32c(0, page.baseAddress, headerChecksumOffset)
      else { throw damaged("the header's checksum does not match") }
      let version = get(8, as: UInt32.self)
      guard version <= format else {
        throw HedgerowError(
          .newerFormat, "segment format \(version) is newer than this build's \(format)", at: path)
      }
      features = SegmentFeatures(rawValue: get(featuresOffset, as: UInt32.self))
      kind = get(12, as: UInt32.self)
      let unknown = features.subtracting(.known(of: kind))
      guard unknown.isEmpty else {
        throw HedgerowError(
          .newerFormat,
          "the segment needs features \(unknown.rawValue), which this build does not know: use a newer"
            + " hedgerow", at: path)
      }
      identity = Array(page[16..<32])
      generation = get(32, as: UInt64.self)
      fileByteCount = get(40, as: UInt64.self)
      checksumOffset = get(48, as: UInt64.self)
      guard fileByteCount == actual else {
        throw damaged("\(actual) bytes long where the header says \(fileByteCount)")
      }
      let pages = checksumOffset / UInt64(pageByteCount)
      guard checksumOffset % UInt64(pageByteCount) == 0, pages >= 1, checksumOffset < actual,
        actual - checksumOffset == 4 * (pages - 1) + 4
      else { throw damaged("the checksum table is not where it must be") }
      let count = get(56, as: UInt32.self)
      guard count <= maximalSectionCount else { throw damaged("\(count) sections") }
      attributes = (0..<attributeCount).map { get(attributesOffset + 8 * $0, as: UInt64.self) }
      var sections: [Section] = []
      var end = UInt64(pageByteCount)
      for index in 0..<Int(count) {
        let at = sectionsOffset + sectionByteCount * index
        let section = Section(
          id: get(at, as: UInt32.self), elementByteCount: get(at + 4, as: UInt32.self),
          offset: get(at + 8, as: UInt64.self), byteCount: get(at + 16, as: UInt64.self))
        guard section.offset >= end, section.offset % UInt64(pageByteCount) == 0,
          section.offset <= checksumOffset, section.byteCount <= checksumOffset - section.offset,
          section.elementByteCount > 0,
          section.byteCount % UInt64(section.elementByteCount) == 0
        else { throw damaged("section \(section.id) lies outside the file or over another") }
        end = section.offset + section.byteCount
        sections.append(section)
      }
      self.sections = sections
    }

    init(
      kind: SegmentKind, identity: StoreIdentity, generation: UInt64, fileByteCount: UInt64,
      checksumOffset: UInt64, features: SegmentFeatures, attributes: [UInt64], sections: [Section]
    ) {
      self.kind = kind.rawValue
      self.identity = identity.bytes
      self.generation = generation
      self.fileByteCount = fileByteCount
      self.checksumOffset = checksumOffset
      self.features = features
      self.attributes = attributes
      self.sections = sections
    }
  }
}
