import HedgerowCore
import HedgerowLMDB

/// One thing that a commit changed, by numbers: what the log keeps, and what compaction does again.
enum LoggedChange: Sendable {
  /// A node that was deleted before may come again, under its id.
  case insertNode(type: UInt16, id: UInt32, key: String, again: Bool)
  case deleteNode(type: UInt16, id: UInt32)
  case setCell(type: UInt16, column: UInt16, id: UInt32, PropertyValue?)
  case connect(type: UInt16, source: UInt32, target: UInt32, [(column: UInt16, PropertyValue?)])
  /// `parallel` counts among the edges between the two nodes, in the order of rows.
  case disconnect(type: UInt16, source: UInt32, target: UInt32, parallel: UInt32)
  case setEdgeCell(
    type: UInt16, source: UInt32, target: UInt32, parallel: UInt32, column: UInt16, PropertyValue?)
  case insertMember(type: UInt16, id: UInt32, set: String)
  case removeMember(type: UInt16, id: UInt32, set: String)
  case makeSet(type: UInt16, set: String)
  case dropSet(type: UInt16, set: String)
  /// A build published a generation.
  case build(generation: UInt64)
  /// Types or columns changed.
  case schema(String)
}

extension LoggedChange {
  private enum Code: UInt8 {
    case insertNode = 1
    case deleteNode, setCell, connect, disconnect, setEdgeCell, insertMember, removeMember
    case makeSet, dropSet, build, schema
  }

  func encode(into bytes: inout [UInt8]) {
    func put(_ code: Code) { bytes.append(code.rawValue) }
    func put(_ number: some FixedWidthInteger) { appendBigEndian(number, to: &bytes) }
    func put(_ text: String) {
      put(UInt32(text.utf8.count))
      bytes += text.utf8
    }
    func put(_ value: PropertyValue?) { Self.encode(value, into: &bytes) }
    switch self {
    case .insertNode(let type, let id, let key, let again):
      put(.insertNode)
      put(type)
      put(id)
      put(key)
      put(UInt8(again ? 1 : 0))
    case .deleteNode(let type, let id):
      put(.deleteNode)
      put(type)
      put(id)
    case .setCell(let type, let column, let id, let value):
      put(.setCell)
      put(type)
      put(column)
      put(id)
      put(value)
    case .connect(let type, let source, let target, let values):
      put(.connect)
      put(type)
      put(source)
      put(target)
      put(UInt16(values.count))
      for (column, value) in values {
        put(column)
        put(value)
      }
    case .disconnect(let type, let source, let target, let parallel):
      put(.disconnect)
      put(type)
      put(source)
      put(target)
      put(parallel)
    case .setEdgeCell(let type, let source, let target, let parallel, let column, let value):
      put(.setEdgeCell)
      put(type)
      put(source)
      put(target)
      put(parallel)
      put(column)
      put(value)
    case .insertMember(let type, let id, let set):
      put(.insertMember)
      put(type)
      put(id)
      put(set)
    case .removeMember(let type, let id, let set):
      put(.removeMember)
      put(type)
      put(id)
      put(set)
    case .makeSet(let type, let set):
      put(.makeSet)
      put(type)
      put(set)
    case .dropSet(let type, let set):
      put(.dropSet)
      put(type)
      put(set)
    case .build(let generation):
      put(.build)
      put(generation)
    case .schema(let text):
      put(.schema)
      put(text)
    }
  }

  private static func encode(_ value: PropertyValue?, into bytes: inout [UInt8]) {
    switch value {
    case nil: bytes.append(0)
    case .bool(let flag): bytes += [1, flag ? 1 : 0]
    case .int(let number):
      bytes.append(2)
      appendBigEndian(number, to: &bytes)
    case .float(let number):
      bytes.append(3)
      appendBigEndian(number.bitPattern, to: &bytes)
    case .text(let text):
      bytes.append(4)
      appendBigEndian(UInt32(text.utf8.count), to: &bytes)
      bytes += text.utf8
    case .bytes(let content):
      bytes.append(6)
      appendBigEndian(UInt32(content.count), to: &bytes)
      bytes += content
    case .vector(let numbers):
      bytes.append(5)
      appendBigEndian(UInt32(numbers.count), to: &bytes)
      for number in numbers { appendBigEndian(number.bitPattern, to: &bytes) }
    }
  }

  /// The changes of one part of the log.
  static func decode(_ bytes: [UInt8]) throws -> [LoggedChange] {
    var reader = LogReader(bytes: bytes)
    var changes: [LoggedChange] = []
    while !reader.isAtEnd { changes.append(try reader.change()) }
    return changes
  }

  private struct LogReader {
    let bytes: [UInt8]
    var place = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { place == bytes.count }
    var wrong: HedgerowError {
      HedgerowError(.damaged, "a change in the log makes no sense", at: "data.mdb table log")
    }

    mutating func number<T: FixedWidthInteger>(_ type: T.Type = T.self) throws -> T {
      guard bytes.count - place >= MemoryLayout<T>.size else { throw wrong }
      var value: T = 0
      for _ in 0..<MemoryLayout<T>.size {
        value = value << 8 | T(truncatingIfNeeded: bytes[place])
        place += 1
      }
      return value
    }
    mutating func text() throws -> String {
      let count = Int(try number(UInt32.self))
      guard bytes.count - place >= count else { throw wrong }
      defer { place += count }
      return String(decoding: bytes[place..<place + count], as: UTF8.self)
    }
    mutating func value() throws -> PropertyValue? {
      switch try number(UInt8.self) {
      case 0: return nil
      case 1: return .bool(try number(UInt8.self) != 0)
      case 2: return .int(try number())
      case 3: return .float(Double(bitPattern: try number()))
      case 4: return .text(try text())
      case 5:
        let count = Int(try number(UInt32.self))
        guard (bytes.count - place) / 4 >= count else { throw wrong }
        return .vector(try (0..<count).map { _ in Float(bitPattern: try number()) })
      case 6:
        let count = Int(try number(UInt32.self))
        guard bytes.count - place >= count else { throw wrong }
        defer { place += count }
        return .bytes(Array(bytes[place..<place + count]))
      default: throw wrong
      }
    }
    mutating func change() throws -> LoggedChange {
      guard let code = Code(rawValue: try number()) else { throw wrong }
      switch code {
      case .insertNode:
        return .insertNode(
          type: try number(), id: try number(), key: try text(),
          again: try number(UInt8.self) != 0)
      case .deleteNode: return .deleteNode(type: try number(), id: try number())
      case .setCell:
        return .setCell(type: try number(), column: try number(), id: try number(), try value())
      case .connect:
        let (type, source, target) = (
          try number(UInt16.self), try number(UInt32.self), try number(UInt32.self)
        )
        let values = try (0..<Int(try number(UInt16.self))).map { _ in
          (column: try number(UInt16.self), try value())
        }
        return .connect(type: type, source: source, target: target, values)
      case .disconnect:
        return .disconnect(
          type: try number(), source: try number(), target: try number(), parallel: try number())
      case .setEdgeCell:
        return .setEdgeCell(
          type: try number(), source: try number(), target: try number(), parallel: try number(),
          column: try number(), try value())
      case .insertMember:
        return .insertMember(type: try number(), id: try number(), set: try text())
      case .removeMember:
        return .removeMember(type: try number(), id: try number(), set: try text())
      case .makeSet: return .makeSet(type: try number(), set: try text())
      case .dropSet: return .dropSet(type: try number(), set: try text())
      case .build: return .build(generation: try number())
      case .schema: return .schema(try text())
      }
    }
  }
}

/// Gathers the changes of one commit into parts that LMDB keeps well.
struct LogWriter {
  private var part: UInt32 = 0
  private var bytes: [UInt8] = []
  private(set) var isEmpty = true

  /// Values of 2,048 bytes and more may take twice their space.
  static let partByteCount = 1_900

  mutating func append(
    _ change: LoggedChange, version: UInt64, to txn: KeptTransaction
  ) throws {
    isEmpty = false
    let before = bytes.count
    change.encode(into: &bytes)
    if bytes.count > Self.partByteCount && before > 0 {
      let last = Array(bytes[before...])
      bytes.removeLast(bytes.count - before)
      try flush(version: version, to: txn)
      bytes = last
    }
  }

  /// Writes all changes of one commit.
  static func write(
    _ changes: [LoggedChange], version: UInt64, to txn: KeptTransaction
  ) throws {
    var log = LogWriter()
    for change in changes { try log.append(change, version: version, to: txn) }
    try log.flush(version: version, to: txn)
  }

  mutating func flush(version: UInt64, to txn: KeptTransaction) throws {
    guard !bytes.isEmpty else { return }
    try txn.append(bytes, for: LogKey(version, part), in: StoreTables().log)
    part += 1
    bytes = []
  }
}
