public import HedgerowCore
public import HedgerowGraph
import HedgerowRoaring
public import HedgerowStore

/// A small heterogeneous graph in plain arrays: what stores and samplers are held against.
public struct ReferenceGraph: Sendable {
  public static let user: NodeType = "user"
  public static let item: NodeType = "item"
  public static let rates = EdgeType("user", "rates", "item")
  public static let follows = EdgeType("user", "follows", "user")

  public var counts: PerNode<Int>
  public var edges: PerEdge<EdgeList>
  /// Width 5, for items.
  public var features: [Float]
  public static let width = 5
  /// A value for each `rates` edge in the order of the list.
  public var stars: [Int32?]
  public var titles: [String?]
  public var train: [UInt32]

  /// Edges with repeats, self-loops, isolated nodes and one hub.
  public init(seed: UInt64, users: Int = 300, items: Int = 500, edgeCount: Int = 4000) {
    var random = RandomStream(seed: seed)
    func draw(_ bound: Int) -> UInt32 { UInt32(random.next(below: UInt64(bound))) }
    counts = [Self.user: users, Self.item: items]
    var ratings = EdgeList(sources: [], targets: [])
    var following = EdgeList(sources: [], targets: [])
    for edge in 0..<edgeCount {
      ratings.sources.append(draw(users))
      // A third goes to item 3; the last tenth of the items has no edge.
      ratings.targets.append(edge % 3 == 0 ? 3 : draw(items * 9 / 10))
      following.sources.append(draw(users))
      following.targets.append(edge % 50 == 0 ? following.sources[edge] : draw(users))
    }
    edges = PerEdge()
    edges[Self.rates] = ratings
    edges[Self.follows] = following
    features = (0..<items * Self.width).map { _ in Float(random.nextUnit()) - 0.5 }
    stars = (0..<edgeCount).map { $0 % 7 == 0 ? nil : Int32(draw(5)) }
    titles = (0..<items).map { $0 % 11 == 0 ? nil : "title \($0) \(draw(1000))" }
    train = (0..<UInt32(items)).filter { $0 % 3 != 1 }
  }

  /// The same graph in memory.
  public var memoryGraph: MemoryGraph {
    var graph = MemoryGraph()
    for (type, count) in counts { graph[type].count = count }
    graph[Self.item].features["x"] = FeatureMatrix(width: Self.width, values: features)
    graph[Self.item].sets["train"] = RoaringBitmap(train)
    for (type, list) in edges { graph[type].edges = list }
    return graph
  }

  /// Edge places in the out order: by source, then target, then place in the list.
  public func outOrder(_ type: EdgeType) -> [Int] {
    let list = edges[type]
    return list.sources.indices.sorted {
      (list.sources[$0], list.targets[$0], $0) < (list.sources[$1], list.targets[$1], $1)
    }
  }

  /// Makes a store of the graph by one bulk build, in small batches.
  public func makeStore(at path: String, rangeBits: Int = 7) throws -> GraphStore {
    let store = try GraphStore.create(at: path, rangeBits: rangeBits)
    try write(to: store)
    return store
  }

  /// One bulk build of everything, published.
  public func write(to store: GraphStore) throws {
    let build = try store.beginBuild()
    try build.declare(NodeSchema(Self.user), count: counts[Self.user])
    try build.declare(
      NodeSchema(
        Self.item,
        properties: [
          PropertySchema("x", .vector(element: .float32, width: Self.width)),
          PropertySchema("title", .string), PropertySchema("parity", .categorical),
        ]), count: counts[Self.item])
    try build.keyWriter(of: Self.user, .identity).finish()
    try writeKeys(build)
    try writeItemColumns(build)
    try build.setMembers("train", of: Self.item, RoaringBitmap(train))
    for type in edges.keys {
      let hasStars = type == Self.rates
      try build.declare(
        EdgeSchema(type, properties: hasStars ? [PropertySchema("stars", .int32)] : []))
      try writeEdges(type, hasStars: hasStars, build)
    }
    try build.publish()
  }

  /// Items are named "item-<n>", so that bytewise order is not the order of ids.
  public static func key(_ item: Int) -> String { "item-\(item)" }

  private func writeKeys(_ build: GenerationBuilder) throws {
    let keys = (0..<counts[Self.item]).map { Self.key($0) }
    let writer = try build.keyWriter(of: Self.item, .string)
    for key in keys { try Array(key.utf8).withUnsafeBytes { try writer.append(text: $0) } }
    let sorted = keys.indices.sorted {
      Array(keys[$0].utf8).lexicographicallyPrecedes(Array(keys[$1].utf8))
    }
    for id in sorted { try writer.appendSorted(id: UInt32(id)) }
    try writer.finish()
  }

  private func writeItemColumns(_ build: GenerationBuilder) throws {
    let x = try build.columnWriter(of: Self.item, "x")
    try features.withUnsafeBytes { bytes in
      let row = 4 * Self.width
      var start = 0
      while start < bytes.count {
        let end = min(bytes.count, start + 37 * row)
        try x.append(
          fixed: UnsafeRawBufferPointer(rebasing: bytes[start..<end]), count: (end - start) / row)
        start = end
      }
    }
    try x.finish()
    let title = try build.columnWriter(of: Self.item, "title")
    for text in titles {
      if let text {
        try Array(text.utf8).withUnsafeBytes { try title.append(text: $0) }
      } else {
        try title.append(text: nil)
      }
    }
    try title.finish()
    let parity = try build.columnWriter(of: Self.item, "parity")
    let codes = (0..<UInt32(counts[Self.item])).map { $0 % 2 }
    try codes.withUnsafeBytes { try parity.append(fixed: $0, count: codes.count) }
    try parity.finish(categories: ["even", "odd"])
  }

  private func writeEdges(
    _ type: EdgeType, hasStars: Bool, _ build: GenerationBuilder
  ) throws {
    let list = edges[type]
    let order = outOrder(type)
    let out = try build.adjacencyWriter(of: type, .out)
    let column = hasStars ? try build.columnWriter(of: type, "stars") : nil
    for start in stride(from: 0, to: order.count, by: 97) {
      let part = order[start..<min(order.count, start + 97)]
      let sources = part.map { list.sources[$0] }
      let targets = part.map { list.targets[$0] }
      try sources.withUnsafeBufferPointer { rows in
        try targets.withUnsafeBufferPointer { try out.append(rows: rows, neighbors: $0) }
      }
      if let column {
        let values = part.map { stars[$0] ?? 0 }
        let valid = part.map { stars[$0] != nil }
        try values.withUnsafeBytes { bytes in
          try valid.withUnsafeBufferPointer {
            try column.append(fixed: bytes, count: values.count, isValid: $0)
          }
        }
      }
    }
    try out.finish()
    try column?.finish()
    let positions = order.indices.sorted { a, b in
      (list.targets[order[a]], list.sources[order[a]], a)
        < (list.targets[order[b]], list.sources[order[b]], b)
    }
    let into = try build.adjacencyWriter(of: type, .in, storesPositions: hasStars)
    let rows = positions.map { list.targets[order[$0]] }
    let neighbors = positions.map { list.sources[order[$0]] }
    let places = positions.map { UInt64($0) }
    try rows.withUnsafeBufferPointer { rows in
      try neighbors.withUnsafeBufferPointer { neighbors in
        try places.withUnsafeBufferPointer {
          try into.append(rows: rows, neighbors: neighbors, positions: hasStars ? $0 : nil)
        }
      }
    }
    try into.finish()
  }
}
