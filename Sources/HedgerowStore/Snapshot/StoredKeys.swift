import CHedgerowKernels
import Glibc
import HedgerowCore
import HedgerowMapped

/// The dictionary of a node type's external keys, in both directions.
///
/// From id to key O(1); from key to id by binary search over the sorted side, O(log nodes).
final class StoredKeys: @unchecked Sendable {
  let kind: KeyKind
  let count: Int
  private let segment: MappedSegment?
  // All lie in the mapping, which stays as long as the segment does.
  private let texts: StoredTexts?
  private let integers: UnsafeBufferPointer<Int64>
  private let uuids: UnsafeBufferPointer<UUIDKey>
  /// Ids by rising key, or `nil` when they are the same order.
  private let order: UnsafeBufferPointer<UInt32>?
  private let fences: SearchFences?

  init(files: StoreFiles, state: StoreState, node: NodeTypeRecord) throws {
    kind = node.keys
    count = Int(node.dictionaryCount)
    // Nothing is stored of keys that are their ids, nor of a type that has got none by a build.
    guard kind != .identity, count > 0 || !state.segments(.keys, type: node.id).isEmpty else {
      segment = nil
      (texts, order, fences) = (nil, nil, nil)
      integers = UnsafeBufferPointer(start: nil, count: 0)
      uuids = UnsafeBufferPointer(start: nil, count: 0)
      return
    }
    guard let record = state.segments(.keys, type: node.id).first else {
      throw HedgerowError(
        .damaged, "node type '\(node.name)' has no key dictionary", at: "data.mdb table manifest")
    }
    let segment = try state.openSegment(record, .keys, in: files)
    guard record.rowCount == node.dictionaryCount, segment.attributes[1] == UInt64(kind.rawValue)
    else {
      throw HedgerowError(
        .damaged, "damaged segment: its counts do not fit the catalog", at: segment.path)
    }
    let count = count
    func elements<T: BitwiseCopyable>(_ section: UInt32, if isThere: Bool) throws
      -> UnsafeBufferPointer<T>
    {
      try isThere
        ? segment.elements(section, as: T.self, count: count)
        : UnsafeBufferPointer(start: nil, count: 0)
    }
    typealias Section = StoreLayout.KeySection
    let hasOrder = segment.attributes[2] == 1
    let ids: UnsafeBufferPointer<UInt32> = try elements(Section.order, if: hasOrder)
    order = hasOrder ? ids : nil
    integers = try elements(Section.integers, if: kind == .int64)
    uuids = try elements(Section.uuids, if: kind == .uuid)
    texts = kind == .string ? try StoredTexts(segment, count: count) : nil
    self.segment = segment
    if let texts, count > 0 {
      let ends = try [0, count - 1].map { [count, order] place in
        try texts[Self.id(at: place, of: count, order, in: segment)]
      }
      fences = SearchFences(textCount: count, first: ends[0], last: ends[1])
    } else {
      fences = nil
    }
  }

  /// The id at a place of the sorted side, checked.
  private static func id(
    at place: Int, of count: Int, _ order: UnsafeBufferPointer<UInt32>?, in segment: MappedSegment?
  ) throws -> Int {
    guard let order else { return place }
    let id = Int(order[place])
    guard id < count else {
      throw HedgerowError(.damaged, "id \(id) of \(count) in the sorted keys", at: segment!.path)
    }
    return id
  }

  private func id(at place: Int) throws -> Int {
    try Self.id(at: place, of: count, order, in: segment)
  }

  /// The id at a place in the order of keys.
  func sortedID(at place: Int) throws -> UInt32 { try UInt32(id(at: place)) }

  /// The external key of an id, as text.
  func key(of id: UInt32) throws -> String {
    require(Int(id) < count, "node \(id) of \(count)")
    return switch kind {
    case .identity: String(id)
    case .int64: String(integers[Int(id)])
    case .string: String(decoding: try texts![Int(id)], as: UTF8.self)
    case .uuid: uuids[Int(id)].description
    }
  }

  /// The key of an id that is there, of a type with integer keys.
  func integer(of id: Int) -> Int64 { kind == .identity ? Int64(id) : integers[id] }

  /// The key of an id that is there, of a type with UUIDs.
  func uuid(of id: Int) -> UUIDKey { uuids[id] }

  /// The key of an id that is there, of a type with texts; it stays as long as the dictionary does.
  func text(of id: Int) throws -> UnsafeRawBufferPointer { try texts![id] }

  /// Integer keys of ids that follow each other.
  func integers(of ids: Range<Int>) -> [Int64] {
    require(
      (kind == .int64 || kind == .identity) && ids.upperBound <= count, "nodes \(ids) of \(count)")
    return kind == .identity ? ids.map { Int64($0) } : Array(integers[ids])
  }

  /// Text keys of ids that follow each other; they stay as long as the dictionary does.
  func texts(of ids: Range<Int>) throws -> [UnsafeRawBufferPointer] {
    require(kind == .string && ids.upperBound <= count, "nodes \(ids) of \(count)")
    return try ids.map { try texts![$0] }
  }

  /// UUIDs of ids that follow each other.
  func uuids(of ids: Range<Int>) -> [UUIDKey] {
    require(kind == .uuid && ids.upperBound <= count, "nodes \(ids) of \(count)")
    return Array(uuids[ids])
  }

  /// The id of an external key, or `nil`.
  func id(of key: String) throws -> UInt32? {
    if kind == .string {
      guard let texts, let fences else { return nil }
      var key = key
      let place = try key.withUTF8 { wanted in
        try fences.place(of: UnsafeRawBufferPointer(wanted)) { places in
          if let order {
            hr_prefetch(order.baseAddress! + places.lowerBound, 4 * places.count)
          } else {
            texts.prefetch(places)
          }
        } text: { place in
          try texts[try id(at: place)]
        }
      }
      return try place.map(sortedID)
    }
    if kind == .uuid {
      guard let wanted = UUIDKey(key) else { return nil }
      return try search { uuids[$0] < wanted ? -1 : uuids[$0] == wanted ? 0 : 1 }
    }
    guard let wanted = Int64(key) else { return nil }
    if kind == .identity { return wanted >= 0 && wanted < count ? UInt32(wanted) : nil }
    return try search { integers[$0] < wanted ? -1 : integers[$0] == wanted ? 0 : 1 }
  }

  private func search(_ compare: (Int) throws -> Int) throws -> UInt32? {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      let id = try id(at: middle)
      let order = try compare(id)
      if order == 0 { return UInt32(id) }
      if order < 0 { low = middle + 1 } else { high = middle }
    }
    return nil
  }

  /// Hands over text keys that begin with a prefix, in their order, until `body` says to stop.
  func visit(
    beginningWith prefix: [UInt8], _ body: ([UInt8], UInt32) throws -> Bool
  ) throws {
    require(kind == .string, "keys of kind \(kind) have no beginnings")
    guard let texts else { return }
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      let order = try prefix.withUnsafeBytes {
        Self.compare(try texts[try id(at: middle)], $0)
      }
      if order < 0 { low = middle + 1 } else { high = middle }
    }
    while low < count {
      let id = try id(at: low)
      let key = try [UInt8](texts[id])
      guard key.starts(with: prefix), try body(key, UInt32(id)) else { return }
      low += 1
    }
  }

  static func compare(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
    let shared = min(a.count, b.count)
    if shared > 0 {
      let order = memcmp(a.baseAddress!, b.baseAddress!, shared)
      if order != 0 { return Int(order) }
    }
    return a.count - b.count
  }

  /// Checks that the sorted side rises strictly and names every id once. For `verify`.
  func verifyContents() throws {
    guard kind != .identity, count > 0 else { return }
    var seen = [Bool](repeating: false, count: count)
    var previous: Int?
    for place in 0..<count {
      let id = try id(at: place)
      guard !seen[id] else {
        throw HedgerowError(.damaged, "id \(id) is twice in the sorted keys", at: segment!.path)
      }
      seen[id] = true
      if let previous {
        let rises =
          switch kind {
          case .identity: true
          case .int64: integers[previous] < integers[id]
          case .uuid: uuids[previous] < uuids[id]
          case .string: Self.compare(try texts![previous], try texts![id]) < 0
          }
        guard rises else {
          throw HedgerowError(.damaged, "keys \(previous) and \(id) do not rise", at: segment!.path)
        }
      }
      previous = id
    }
  }
}
