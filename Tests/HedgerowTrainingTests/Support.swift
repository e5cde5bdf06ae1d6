import Glibc
import HedgerowCore
import HedgerowGraph
import HedgerowRoaring
import HedgerowStore
import HedgerowTestSupport

/// A store of a stochastic block graph, as options of a test ask for.
struct BlockStore {
  var options = StochasticBlock.Options()
  /// The label column as categories, else as integers.
  var hasCategories = false
  /// Adds a node type without features, each of whose nodes is tied to nodes of one class.
  var hasTags = false
  /// Sets that are left out.
  var omittedSets: Set<String> = []
  /// Changes what is written.
  var changeFeatures: (inout [Float]) -> Void = { _ in }
  var changeLabels: (inout [Int64?]) -> Void = { _ in }

  static let node: NodeType = "node"
  static let tag: NodeType = "tag"
  static let links = EdgeType(node, "links", node)
  static let has = EdgeType(node, "has", tag)

  init(nodes: Int = 600, classes: Int = 3, width: Int = 8) {
    options.nodeCount = nodes
    options.classCount = classes
    options.featureWidth = width
    options.trainFraction = 0.4
    options.validFraction = 0.2
  }

  func make(at path: String, seed: UInt64) throws -> GraphStore {
    let graph = try StochasticBlock(options, seed: seed)
    let count = options.nodeCount
    let store = try GraphStore.create(at: path, rangeBits: 8)
    let build = try store.beginBuild()
    try build.declare(
      NodeSchema(
        Self.node,
        properties: [
          PropertySchema("x", .vector(element: .float32, width: options.featureWidth)),
          PropertySchema("label", hasCategories ? .categorical : .int64),
          PropertySchema("score", .float32),
        ]), count: count)
    try build.keyWriter(of: Self.node, .identity).finish()
    try writeColumns(graph, build)

    for split in StochasticBlock.Split.allCases where !omittedSets.contains(split.rawValue) {
      let members = (0..<count).filter { graph.split(of: $0) == split }.map { UInt32($0) }
      try build.setMembers(split.rawValue, of: Self.node, RoaringBitmap(members))
    }

    // Both arcs of every edge.
    var edges: [(UInt32, UInt32)] = []
    for index in 0..<graph.edgeCount {
      let (a, b) = graph.edge(index)
      edges.append((a, b))
      if a != b { edges.append((b, a)) }
    }
    try build.write(edges, as: EdgeSchema(Self.links, isUndirected: true))
    if hasTags {
      let tags = 10 * options.classCount
      try build.declare(NodeSchema(Self.tag), count: tags)
      try build.keyWriter(of: Self.tag, .identity).finish()
      var random = RandomStream(seed: seed).derive("tags")
      let ties = (0..<count).map { node in
        (
          UInt32(node),
          UInt32(Int(random.next(below: 10)) * options.classCount + graph.label(of: node))
        )
      }
      try build.write(ties, as: EdgeSchema(Self.has))
    }
    try build.publish()
    return store
  }

  private func writeColumns(_ graph: StochasticBlock, _ build: GenerationBuilder) throws {
    let count = options.nodeCount
    let width = options.featureWidth
    var features = [Float](repeating: 0, count: count * width)
    features.withUnsafeMutableBufferPointer { all in
      for node in 0..<count {
        graph.features.fill(
          UnsafeMutableBufferPointer(rebasing: all[node * width..<(node + 1) * width]), node: node,
          label: graph.label(of: node))
      }
    }
    changeFeatures(&features)
    let x = try build.columnWriter(of: Self.node, "x")
    try features.withUnsafeBytes { try x.append(fixed: $0, count: count) }
    try x.finish()

    var labels = (0..<count).map { Int64?(Int64(graph.label(of: $0))) }
    changeLabels(&labels)
    let label = try build.columnWriter(of: Self.node, "label")
    let valid = labels.map { $0 != nil }
    func write<T: BitwiseCopyable>(_ values: [T]) throws {
      try values.withUnsafeBytes { bytes in
        try valid.withUnsafeBufferPointer {
          try label.append(fixed: bytes, count: count, isValid: $0)
        }
      }
    }
    if hasCategories {
      try write(labels.map { UInt32($0 ?? 0) })
      try label.finish(categories: (0..<options.classCount).map { "class \($0)" })
    } else {
      try write(labels.map { $0 ?? 0 })
      try label.finish()
    }
    let score = try build.columnWriter(of: Self.node, "score")
    let scores = [Float](repeating: 1, count: count)
    try scores.withUnsafeBytes { try score.append(fixed: $0, count: count) }
    try score.finish()
  }
}

extension GenerationBuilder {
  /// Declares an edge type and writes its edges.
  func write(_ edges: [(UInt32, UInt32)], as schema: EdgeSchema) throws {
    try declare(schema)
    for index in AdjacencyIndex.allCases {
      let writer = try adjacencyWriter(of: schema.type, index)
      let pairs = edges.map { index == .out ? $0 : ($0.1, $0.0) }.sorted { $0 < $1 }
      let rows = pairs.map(\.0)
      let neighbors = pairs.map(\.1)
      try rows.withUnsafeBufferPointer { rows in
        try neighbors.withUnsafeBufferPointer { try writer.append(rows: rows, neighbors: $0) }
      }
      try writer.finish()
    }
  }
}

/// A store of small graphs: a wheel's rim (0) or a star (1), of 5 to 12 nodes, whose features say nothing; their places
/// are on a circle, and the middle of a star in its own.
struct GraphsStore {
  var count = 120
  /// Without nodes, after the others.
  var emptyCount = 0
  /// Changes the places, x and y of each node.
  var changePlaces: (inout [Float]) -> Void = { _ in }
  static let graph: NodeType = "graph"
  static let node: NodeType = "node"

  func make(at path: String, seed: UInt64) throws -> GraphStore {
    var random = RandomStream(seed: seed).derive("graphs")
    var (edges, members): ([(UInt32, UInt32)], [(UInt32, UInt32)]) = ([], [])
    var labels: [Int64] = []
    var places: [Float] = []
    var turns = RandomStream(seed: seed).derive("turns")
    for graph in 0..<count {
      let first = UInt32(members.count)
      let size = 5 + UInt32(random.next(below: 8))
      let isStar = random.next(below: 2) == 1
      labels.append(isStar ? 1 : 0)
      let turn = Double(turns.next(below: 1000)) / 1000
      for node in 0..<size {
        let angle = 2 * Double.pi * (turn + Double(node) / Double(size))
        places += isStar && node == 0 ? [0, 0] : [Float(cos(angle)), Float(sin(angle))]
        members.append((first + node, UInt32(graph)))
        if isStar && node == 0 { continue }
        let other = isStar ? first : first + (node + 1) % size
        edges += [(first + node, other), (other, first + node)]
      }
    }
    let count = count + emptyCount
    labels += [Int64](repeating: 0, count: emptyCount)
    changePlaces(&places)
    let store = try GraphStore.create(at: path, rangeBits: 8)
    let build = try store.beginBuild()
    try build.declare(
      NodeSchema(
        Self.node,
        properties: [
          PropertySchema("one", .float32),
          PropertySchema("place", .vector(element: .float32, width: 2)),
        ]), count: members.count)
    try build.keyWriter(of: Self.node, .identity).finish()
    let one = try build.columnWriter(of: Self.node, "one")
    let ones = [Float](repeating: 1, count: members.count)
    try ones.withUnsafeBytes { try one.append(fixed: $0, count: members.count) }
    try one.finish()
    let place = try build.columnWriter(of: Self.node, "place")
    try places.withUnsafeBytes { try place.append(fixed: $0, count: members.count) }
    try place.finish()
    try build.declare(
      NodeSchema(Self.graph, properties: [PropertySchema("label", .int64)]), count: count)
    try build.keyWriter(of: Self.graph, .identity).finish()
    let label = try build.columnWriter(of: Self.graph, "label")
    try labels.withUnsafeBytes { try label.append(fixed: $0, count: count) }
    try label.finish()
    for (place, set) in ["train", "train", "valid", "test"].enumerated() where place != 1 {
      let places = set == "train" ? [0, 1] : [place]
      try build.setMembers(
        set, of: Self.graph,
        RoaringBitmap((0..<count).filter { places.contains($0 % 4) }.map { UInt32($0) }))
    }
    try build.write(
      edges, as: EdgeSchema(EdgeType(Self.node, "edge", Self.node), isUndirected: true))
    try build.write(members, as: EdgeSchema(EdgeType(Self.node, "in", Self.graph)))
    try build.publish()
    return store
  }
}
