import HedgerowCore
import HedgerowStore

/// A graph of one edge type that is written in one bulk build: what a store that changed for long is
/// held against.
struct BulkGraph {
  static let user: NodeType = "user"
  static let follows = EdgeType("user", "follows", "user")
  /// Two nodes whose cells say what the edges of the version are.
  static let witness: NodeType = "witness"

  var nodeCount: Int
  /// In out order.
  var sources: [UInt32] = []
  var targets: [UInt32] = []
  var weights: [Int64] = []

  static func key(_ user: Int) -> String { "u\(user)" }

  /// Random edges.
  init(nodeCount: Int, edgeCount: Int, seed: UInt64) {
    self.nodeCount = nodeCount
    var random = RandomStream(seed: seed)
    let degree = edgeCount / nodeCount
    for source in 0..<nodeCount {
      let row = (0..<degree).map { _ in UInt32(random.next(below: UInt64(nodeCount))) }
      sources += [UInt32](repeating: UInt32(source), count: degree)
      targets += row.sorted()
      weights += row.map { Int64($0 % 100) }
    }
  }

  /// The edges that a snapshot has.
  init(_ graph: Snapshot) throws {
    nodeCount = graph.count(of: Self.user)
    var cursor = try graph.edges(of: Self.follows, .out)
    while try cursor.advance() {
      sources += cursor.rows
      targets += cursor.neighbors
    }
    weights = try Self.weights(graph)
  }

  /// The weights of all edges, in out order.
  static func weights(_ graph: Snapshot) throws -> [Int64] {
    let reader = try graph.columnReader(of: follows, "weight")
    var weights = [Int64](repeating: 0, count: reader.rowCount)
    var isValid = [Bool](repeating: false, count: reader.rowCount)
    try weights.withUnsafeMutableBytes { bytes in
      try isValid.withUnsafeMutableBufferPointer {
        try reader.read(0..<reader.rowCount, into: bytes, isValid: $0)
      }
    }
    return weights
  }

  var hash: UInt64 {
    zip(sources, targets).reduce(0) { $0 &+ KillFlood.hash($1.0, $1.1) }
  }

  /// Makes a store of it.
  func makeStore(at path: String) throws -> GraphStore {
    let store = try GraphStore.create(at: path)
    let build = try store.beginBuild()
    try build.declare(NodeSchema(Self.user), count: nodeCount)
    let keys = try build.keyWriter(of: Self.user, .string)
    let texts = (0..<nodeCount).map { Array(Self.key($0).utf8) }
    for text in texts { try text.withUnsafeBytes { try keys.append(text: $0) } }
    for id in texts.indices.sorted(by: { texts[$0].lexicographicallyPrecedes(texts[$1]) }) {
      try keys.appendSorted(id: UInt32(id))
    }
    try keys.finish()
    try build.declare(
      EdgeSchema(Self.follows, properties: [PropertySchema("weight", .int64)]))
    let out = try build.adjacencyWriter(of: Self.follows, .out)
    try sources.withUnsafeBufferPointer { rows in
      try targets.withUnsafeBufferPointer { try out.append(rows: rows, neighbors: $0) }
    }
    try out.finish()
    let column = try build.columnWriter(of: Self.follows, "weight")
    try weights.withUnsafeBytes { try column.append(fixed: $0, count: weights.count) }
    try column.finish()

    var starts = [Int](repeating: 0, count: nodeCount + 1)
    for target in targets { starts[Int(target) + 1] += 1 }
    for row in 0..<nodeCount { starts[row + 1] += starts[row] }
    var rows = [UInt32](repeating: 0, count: targets.count)
    var neighbors = rows
    var positions = [UInt64](repeating: 0, count: targets.count)
    for place in targets.indices {
      let row = Int(targets[place])
      rows[starts[row]] = targets[place]
      neighbors[starts[row]] = sources[place]
      positions[starts[row]] = UInt64(place)
      starts[row] += 1
    }
    let into = try build.adjacencyWriter(of: Self.follows, .in, storesPositions: true)
    try rows.withUnsafeBufferPointer { rows in
      try neighbors.withUnsafeBufferPointer { neighbors in
        try positions.withUnsafeBufferPointer {
          try into.append(rows: rows, neighbors: neighbors, positions: $0)
        }
      }
    }
    try into.finish()
    try build.publish()

    try store.changeSchema { change in
      try change.add(
        NodeSchema(
          Self.witness,
          properties: [
            PropertySchema("count", .int64), PropertySchema("hash", .int64),
            PropertySchema("weight", .int64), PropertySchema("token", .string),
          ]))
    }
    try store.write { txn in
      for key in ["a", "b"] {
        try txn.insert(
          Self.witness, key: key,
          [
            "count": .int(Int64(sources.count)), "hash": .int(Int64(bitPattern: hash)),
            "weight": .int(weights.reduce(0, +)), "token": .text("0"),
          ])
      }
    }
    return store
  }
}
