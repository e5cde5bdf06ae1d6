public import HedgerowCore
import HedgerowMapped

/// How a node type's external keys are kept.
public enum KeyKind: UInt8, Codable, Sendable {
  /// The keys are exactly 0..<n, each its own id: nothing is stored.
  case identity = 0
  case int64 = 1
  case string = 2
  /// 16 bytes each; as text in lower case, read in either.
  case uuid = 3
}

/// Writes the dictionary of a node type: every key in id order, then the ids by rising key.
///
/// The second part may be left out when the keys rise with the ids. Integers rise numerically,
/// strings and UUIDs by their bytes.
public final class KeyWriter {
  private let builder: GenerationBuilder
  private let type: UInt16
  private let kind: KeyKind
  private let nodeCount: Int
  private var segment: SegmentWriter?
  private var offsets: Spool?
  private var byteCount: UInt64 = 0
  private var isOrdered = false
  private var keyCount = 0
  private var orderedCount = 0

  init(builder: GenerationBuilder, type: UInt16, kind: KeyKind, nodeCount: Int) throws {
    self.builder = builder
    self.type = type
    self.kind = kind
    self.nodeCount = nodeCount
    guard kind != .identity else { return }
    let segment = try builder.segmentWriter(SegmentID(part: .keys, type: type), .keys)
    typealias Section = StoreLayout.KeySection
    switch kind {
    case .identity: break
    case .int64: try segment.beginSection(Section.integers, elementByteCount: 8)
    case .uuid: try segment.beginSection(Section.uuids, elementByteCount: 16)
    case .string:
      try segment.beginSection(Section.bytes, elementByteCount: 1)
      offsets = Spool(in: builder.scratchDirectory)
      try offsets?.append(UInt64(0))
    }
    self.segment = segment
  }

  /// The next id's key.
  public func append(key: Int64) throws {
    require(kind == .int64 && !isOrdered)
    try withUnsafeBytes(of: key) { try segment!.append($0) }
    keyCount += 1
  }

  /// The next id's key.
  public func append(uuid: UUIDKey) throws {
    require(kind == .uuid && !isOrdered)
    try withUnsafeBytes(of: uuid) { try segment!.append($0) }
    keyCount += 1
  }

  /// The next id's key.
  public func append(text: UnsafeRawBufferPointer) throws {
    require(kind == .string && !isOrdered)
    try segment!.append(text)
    byteCount += UInt64(text.count)
    try offsets!.append(byteCount)
    keyCount += 1
  }

  /// The id of the next key in rising order. All ids, once each, after all keys; or none.
  public func appendSorted(id: UInt32) throws {
    require(Int(id) < nodeCount)
    if !isOrdered {
      try writeOffsets()
      try segment!.beginSection(StoreLayout.KeySection.order, elementByteCount: 4)
      isOrdered = true
    }
    try withUnsafeBytes(of: id) { try segment!.append($0) }
    orderedCount += 1
  }

  private func writeOffsets() throws {
    guard let offsets else { return }
    try segment!.beginSection(StoreLayout.KeySection.offsets, elementByteCount: 8)
    try offsets.drain { try segment!.append($0) }
    self.offsets = nil
  }

  /// Ends the dictionary. Must be called once.
  public func finish() throws {
    if let segment {
      require(
        keyCount == nodeCount && (!isOrdered || orderedCount == nodeCount),
        "\(keyCount) keys and \(orderedCount) in order for \(nodeCount) nodes")
      try writeOffsets()
      let size = try segment.finish(
        attributes: [UInt64(keyCount), UInt64(kind.rawValue), isOrdered ? 1 : 0])
      builder.add(
        SegmentRecord(
          id: SegmentID(part: .keys, type: type), generation: builder.generation,
          rowCount: UInt64(keyCount), edgeCount: 0, fileByteCount: size))
    }
    builder.finishKeys(type, kind)
  }
}
