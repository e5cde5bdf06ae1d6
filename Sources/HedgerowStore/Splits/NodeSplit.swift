import HedgerowCore
import HedgerowGraph
import HedgerowRoaring

/// The parts of a split of nodes, as sets. Goes over nodes in blocks.
struct NodeSplit {
  private let graph: Snapshot
  private let type: NodeType
  private let split: Split
  private let nodes: RoaringBitmap
  private static let blockCount = 1 << 14

  init(_ graph: Snapshot, _ type: NodeType, _ split: Split) {
    self.graph = graph
    self.type = type
    self.split = split
    var nodes = RoaringBitmap()
    if graph.count(of: type) > 0 {
      nodes.insert(contentsOf: 0...UInt32(graph.count(of: type) - 1))
      nodes.subtract(graph.deletedNodes(of: type))
    }
    self.nodes = nodes
  }

  var nodeCount: Int { nodes.count }

  /// - Throws: `usage` for a column that is not there or holds something else.
  func sets() throws -> [RoaringBitmap] {
    var sets = [RoaringBitmap](repeating: RoaringBitmap(), count: split.parts.count)
    switch split.method {
    case .random: deal(nodes, split.stream, to: &sets)
    case .stratified(let column):
      for (label, members) in try classes(by: column) {
        deal(members, split.stream.derive(UInt64(label)), to: &sets)
      }
    case .byTime(let column):
      guard let column else {
        throw HedgerowError(.usage, "node types declare no time: name the column of '\(type)'")
      }
      let cuts = try TimeCuts(split) { visit in
        try forEachBlock { nodes in
          for time in try times(of: nodes, column) where time != .max { visit(time) }
        }
      }
      try assign(to: &sets) { nodes in
        try times(of: nodes, column).map { $0 == .max ? nil : cuts.part(of: $0) }
      }
    case .byKey:
      try assign(to: &sets) { nodes in
        try graph.keys(nodes.span, of: type).map { key in
          var stream = split.stream.derive(key)
          return split.part(of: stream.nextUnit())
        }
      }
    }
    return sets
  }

  /// Each part its share, in an order drawn from the stream.
  private func deal(
    _ members: RoaringBitmap, _ stream: RandomStream, to sets: inout [RoaringBitmap]
  ) {
    let order = ShuffledRange(count: members.count, stream: stream)
    var start = 0
    for (part, end) in split.counts(of: members.count).enumerated() {
      while start < end {
        let block = start..<min(end, start + Self.blockCount)
        sets[part].insert(contentsOf: block.map { members.select(order[$0])! }.sorted())
        start = block.upperBound
      }
    }
  }

  private func classes(by column: String) throws -> [(label: Int32, members: RoaringBitmap)] {
    var classes: [Int32: RoaringBitmap] = [:]
    try forEachBlock { nodes in
      var found: [Int32: [UInt32]] = [:]
      for (node, label) in zip(nodes, try graph.labels(nodes.span, of: type, column: column))
      where label >= 0 {
        found[label, default: []].append(node)
      }
      for (label, nodes) in found {
        classes[label, default: RoaringBitmap()].insert(contentsOf: nodes)
      }
    }
    return classes.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  private func times(of nodes: [UInt32], _ column: String) throws -> [Int64] {
    try graph.integers(of: column, of: type, at: nodes, null: .max)
  }

  private func assign(
    to sets: inout [RoaringBitmap], by parts: ([UInt32]) throws -> [Int?]
  ) throws {
    try forEachBlock { nodes in
      var found = [[UInt32]](repeating: [], count: sets.count)
      for (node, part) in zip(nodes, try parts(nodes)) {
        if let part { found[part].append(node) }
      }
      for (part, nodes) in found.enumerated() { sets[part].insert(contentsOf: nodes) }
    }
  }

  private func forEachBlock(_ body: ([UInt32]) throws -> Void) throws {
    for start in stride(from: 0, to: nodes.count, by: Self.blockCount) {
      try body(nodes.values(in: start..<min(nodes.count, start + Self.blockCount)))
    }
  }
}
