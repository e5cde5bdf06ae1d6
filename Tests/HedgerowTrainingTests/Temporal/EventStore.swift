import HedgerowCore
import HedgerowGraph
import HedgerowStore
import HedgerowTestSupport

/// A store of events in time, each with a mark: nodes whose last event was marked are those that others turn to.
struct EventStore {
  struct Event: Hashable {
    var source: UInt32
    var target: UInt32
    var time: Int64
    var mark: Float
    /// train, valid, test; `nil` for none.
    var part: UInt32?
  }

  var nodes = 100
  /// Whether targets are nodes of a type of their own.
  var isOfTwoTypes = false
  var splitColumn: String? = "split"
  var timeKind: PropertyKind? = .int64
  var declaresTimes = true

  static let user: NodeType = "user"
  static let item: NodeType = "item"
  var type: EdgeType { EdgeType(Self.user, "calls", isOfTwoTypes ? Self.item : Self.user) }

  /// Events in the order of time. Of the next targets 19 in 20, of two types 17, are among those whose last event was
  /// marked, about a fifth or a fourth of all.
  func events(count: Int, seed: UInt64) -> [Event] {
    var random = RandomStream(seed: seed).derive("events")
    let (anyShare, markedShare) = isOfTwoTypes ? (0.2, 0.85) : (0.05, 0.6)
    var isMarked = (0..<nodes).map { _ in random.nextUnit() < 0.2 }
    var time: Int64 = 1_000_000
    return (0..<count).map { number in
      let source = Int(random.next(below: UInt64(nodes)))
      let marked = isMarked.indices.filter { isMarked[$0] }
      let isAny = marked.isEmpty || random.nextUnit() < anyShare
      let target =
        isAny
        ? Int(random.next(below: UInt64(nodes)))
        : marked[Int(random.next(below: UInt64(marked.count)))]
      let mark = random.nextUnit() < markedShare
      if !isOfTwoTypes { isMarked[source] = mark }
      isMarked[target] = mark
      // Some at equal times.
      time += Int64(random.next(below: 3))
      let part: UInt32 = number * 10 < count * 7 ? 0 : number * 20 < count * 17 ? 1 : 2
      return Event(
        source: UInt32(source), target: UInt32(target), time: time, mark: mark ? 1 : 0, part: part)
    }
  }

  func make(at path: String, _ events: [Event]) throws -> GraphStore {
    // As edges lie; events of equal ends keep their order.
    let events = events.enumerated().sorted {
      ($0.element.source, $0.element.target, $0.offset)
        < ($1.element.source, $1.element.target, $1.offset)
    }.map(\.element)
    let store = try GraphStore.create(at: path, rangeBits: 8)
    let build = try store.beginBuild()
    for type in isOfTwoTypes ? [Self.user, Self.item] : [Self.user] {
      try build.declare(NodeSchema(type), count: nodes)
      try build.keyWriter(of: type, .identity).finish()
    }
    var properties = [PropertySchema("mark", .float32)]
    if let timeKind { properties.append(PropertySchema("time", timeKind)) }
    if let splitColumn { properties.append(PropertySchema(splitColumn, .categorical)) }
    try build.write(
      events.map { ($0.source, $0.target) },
      as: EdgeSchema(
        type, properties: properties,
        timeColumn: declaresTimes && timeKind != nil ? "time" : nil))
    func write<Value: BitwiseCopyable>(_ name: String, _ values: [Value]) throws -> ColumnWriter {
      let writer = try build.columnWriter(of: type, name)
      try values.withUnsafeBytes { try writer.append(fixed: $0, count: values.count) }
      return writer
    }
    try write("mark", events.map(\.mark)).finish()
    if let timeKind {
      try timeKind == .float64
        ? write("time", events.map { Double($0.time) }).finish()
        : write("time", events.map(\.time)).finish()
    }
    if let splitColumn {
      let writer = try build.columnWriter(of: type, splitColumn)
      let codes = events.map { $0.part ?? 0 }
      try codes.withUnsafeBytes { codes in
        try events.map { $0.part != nil }.withUnsafeBufferPointer {
          try writer.append(fixed: codes, count: events.count, isValid: $0)
        }
      }
      try writer.finish(categories: ["train", "valid", "test"])
    }
    try build.publish()
    return store
  }
}
