import HedgerowCore
import HedgerowMapped

/// Puts null in the place of ranges of a column that are gone, and names in that of categories.
struct ColumnRepair {
  let builder: GenerationBuilder
  let state: StoreState

  /// - Parameter ranges: damaged segments of one column.
  func clear(_ ranges: [SegmentDamage], of column: ColumnRecord) throws {
    guard let first = ranges.first else { return }
    guard let kind = PropertyKind(column.kind) else {
      throw HedgerowError(
        .damaged, "column '\(column.name)' is of the unknown kind '\(column.kind)'",
        at: "data.mdb table catalog")
    }
    let isEdge = first.id.part == .edgeColumn
    let ends = EdgeRanges()
    var written: UInt64 = 0
    let sorted = ranges.sorted { $0.id.range < $1.id.range }
    if isEdge {
      for range in sorted {
        written += range.record.rowCount
        ends.leave(range.id.range, end: written)
      }
    }
    let writer = ColumnWriter(
      builder: builder, type: first.id.type, column: column.id,
      property: PropertySchema(column.name, kind), edgeRanges: isEdge ? ends : nil)
    for range in sorted {
      if !isEdge {
        try writer.begin(atRow: UInt64(range.id.range) << UInt64(state.record.rangeBits))
      }
      try appendNulls(Int(range.record.rowCount), kind, to: writer)
    }
    try writer.finishRanges()
  }

  private func appendNulls(_ count: Int, _ kind: PropertyKind, to writer: ColumnWriter) throws {
    if kind.hasVariableLength {
      for _ in 0..<count { try writer.append(text: nil) }
      return
    }
    let block = max(1, min(count, (1 << 20) / kind.byteWidth))
    let zeros = [UInt8](repeating: 0, count: block * kind.byteWidth)
    let flags = [Bool](repeating: false, count: block)
    for start in stride(from: 0, to: count, by: block) {
      let part = min(block, count - start)
      try zeros[..<(part * kind.byteWidth)].withUnsafeBytes { values in
        try flags[..<part].withUnsafeBufferPointer {
          try writer.append(fixed: values, count: part, isValid: $0)
        }
      }
    }
  }

  /// The texts of a dictionary, those that are gone by names of their own; and how many are gone.
  func texts(of damage: SegmentDamage) -> (texts: [String], lostCount: Int) {
    typealias Section = StoreLayout.KeySection
    let count = Int(damage.record.rowCount)
    var texts = [String?](repeating: nil, count: count)
    if let segment = damage.segment, let places = segment.byteRange(of: Section.bytes),
      let offsetPlaces = segment.byteRange(of: Section.offsets),
      let bytes = segment.section(Section.bytes),
      let offsets = try? segment.elements(Section.offsets, as: UInt64.self, count: count + 1)
    {
      for index in 0..<count {
        let at = offsetPlaces.lowerBound + 8 * index
        guard damage.isWhole(at..<at + 16), offsets[index] <= offsets[index + 1],
          offsets[index + 1] <= UInt64(bytes.count)
        else { continue }
        let (start, end) = (Int(offsets[index]), Int(offsets[index + 1]))
        if start < end, !damage.isWhole(places.lowerBound + start..<places.lowerBound + end) {
          continue
        }
        texts[index] = String(
          decoding: UnsafeRawBufferPointer(rebasing: bytes[start..<end]), as: UTF8.self)
      }
    }
    var names = Set(texts.compactMap { $0 })
    let lostCount = texts.count { $0 == nil }
    let whole = texts.enumerated().map { index, text in
      if let text { return text }
      var name = "lost-\(index)"
      while !names.insert(name).inserted { name += "-" }
      return name
    }
    return (whole, lostCount)
  }
}

/// Makes the sorted side of a key dictionary again of the side in id order.
struct KeyRepair {
  let builder: GenerationBuilder
  let damage: SegmentDamage

  /// Whether the keys themselves are all there.
  static func isPossible(_ damage: SegmentDamage) -> Bool {
    typealias Section = StoreLayout.KeySection
    return damage.segment != nil
      && [Section.integers, Section.uuids, Section.offsets, Section.bytes].allSatisfy(
        damage.isWhole)
  }

  /// Memory: 4 bytes a key.
  func run(onBlock: () throws -> Void) throws {
    typealias Section = StoreLayout.KeySection
    let segment = damage.segment!
    let count = Int(damage.record.rowCount)
    let writer = try builder.segmentWriter(damage.id, .keys)
    func copy(_ section: UInt32) throws {
      guard let bytes = segment.section(section) else { return }
      try writer.beginSection(section, elementByteCount: segment.elementByteCount(of: section))
      try writer.append(bytes)
    }
    for section in [Section.integers, Section.uuids, Section.bytes, Section.offsets] {
      try copy(section)
    }
    try onBlock()
    var order = Array(0..<UInt32(count))
    if segment.section(Section.integers) != nil {
      let keys = try segment.elements(Section.integers, as: Int64.self, count: count)
      order.sort { keys[Int($0)] < keys[Int($1)] }
      for place in 1..<max(1, count) where keys[Int(order[place - 1])] == keys[Int(order[place])] {
        throw twice
      }
    } else if segment.section(Section.uuids) != nil {
      let keys = try segment.elements(Section.uuids, as: UUIDKey.self, count: count)
      order.sort { keys[Int($0)] < keys[Int($1)] }
      for place in 1..<max(1, count) where keys[Int(order[place - 1])] == keys[Int(order[place])] {
        throw twice
      }
    } else {
      let texts = try StoredTexts(segment, count: count)
      try order.sort { StoredKeys.compare(try texts[Int($0)], try texts[Int($1)]) < 0 }
      for place in 1..<max(1, count) {
        let (before, after) = (try texts[Int(order[place - 1])], try texts[Int(order[place])])
        if StoredKeys.compare(before, after) == 0 { throw twice }
      }
    }
    try onBlock()
    try writer.beginSection(Section.order, elementByteCount: 4)
    try writer.append(order)
    let size = try writer.finish(attributes: [UInt64(count), segment.attributes[1], 1])
    var record = damage.record
    record.generation = builder.generation
    record.fileByteCount = size
    builder.add(record)
  }

  private var twice: HedgerowError {
    HedgerowError(.damaged, "two nodes have the same key", at: damage.fileName)
  }
}
