import HedgerowCore
import HedgerowGraph

/// The parts of a split of edges, as values of a column. Goes over edges in blocks.
struct EdgeSplit {
  private let graph: Snapshot
  private let type: EdgeType
  private let split: Split
  private let cuts: TimeCuts?
  private let timeColumn: String?

  /// - Throws: `usage` for a method that is not for edges, and for a time column that is not there.
  init(_ graph: Snapshot, _ type: EdgeType, _ split: Split) throws {
    guard let schema = graph.schema.edge(type) else {
      throw HedgerowError(.usage, "no edge type '\(type)' in \(graph.path)")
    }
    self.graph = graph
    self.type = type
    self.split = split
    switch split.method {
    case .random, .byKey: (timeColumn, cuts) = (nil, nil)
    case .stratified:
      throw HedgerowError(.usage, "edges have no classes: split them at random, by time or by key")
    case .byTime(let named):
      guard let column = named ?? schema.timeColumn else {
        throw HedgerowError(
          .usage, "edge type '\(type)' declares no time column: name one to split it by")
      }
      timeColumn = column
      cuts = try TimeCuts(split) { visit in
        var first = 0
        while first < graph.count(of: type) {
          let end = min(graph.count(of: type), first + EdgeCursor.blockCount)
          for time in try Self.times(of: type, first..<end, column, graph) where time != .max {
            visit(time)
          }
          first = end
        }
      }
    }
  }

  private static func times(
    of type: EdgeType, _ edges: Range<Int>, _ column: String, _ graph: Snapshot
  ) throws -> [Int64] {
    let places = edges.map { UInt64($0) }
    return try graph.integers(of: column, of: .edges(type), at: places.span, null: .max)
  }

  /// Throws `usage` unless a type's edges lead from where those of the split lead to.
  func checkReverse(_ reverse: EdgeType) throws {
    guard graph.schema.edge(reverse) != nil else {
      throw HedgerowError(.usage, "no edge type '\(reverse)' in \(graph.path)")
    }
    guard reverse != type, reverse.source == type.target, reverse.target == type.source else {
      throw HedgerowError(
        .usage, "'\(reverse)' does not hold the edges of '\(type)' the other way round")
    }
  }

  /// Calls `body` with the parts of some edges after those of others, in out order.
  ///
  /// - Parameter stored: the type of the split, or one that holds its edges the other way round.
  func forEachBlock(of stored: EdgeType, _ body: ([Int?]) throws -> Void) throws {
    let isReverse = stored != type
    var cursor = try graph.edges(of: stored, .out)
    var first = 0
    var keys = EndKeys(graph, stored, split.stream)
    while try cursor.advance() {
      let edges = first..<first + cursor.rows.count
      first = edges.upperBound
      if let cuts, let timeColumn {
        try body(
          try Self.times(of: stored, edges, timeColumn, graph).map {
            $0 == .max ? nil : cuts.part(of: $0)
          })
        continue
      }
      let isByKey = split.method == .byKey
      try body(
        try zip(cursor.rows, cursor.neighbors).map { source, target in
          var ends =
            isByKey
            ? (try keys.source(source), try keys.target(target)) : (UInt64(source), UInt64(target))
          if isReverse { swap(&ends.0, &ends.1) }
          // Within one type an edge and the one back are a pair.
          if type.source == type.target && ends.0 > ends.1 { swap(&ends.0, &ends.1) }
          var stream = split.stream.derive(ends.0, ends.1)
          return split.part(of: stream.nextUnit())
        })
    }
  }

  /// Hashes of the keys of edges' ends. Sources come one after the other.
  private struct EndKeys {
    private let graph: Snapshot
    private let type: EdgeType
    private let stream: RandomStream
    private var last: (node: UInt32, hash: UInt64)?

    init(_ graph: Snapshot, _ type: EdgeType, _ stream: RandomStream) {
      self.graph = graph
      self.type = type
      self.stream = stream
    }

    mutating func source(_ node: UInt32) throws -> UInt64 {
      if let last, last.node == node { return last.hash }
      let hash = try hash(node, type.source)
      last = (node, hash)
      return hash
    }

    func target(_ node: UInt32) throws -> UInt64 { try hash(node, type.target) }

    private func hash(_ node: UInt32, _ type: NodeType) throws -> UInt64 {
      stream.derive(try graph.key(of: NodeID(node), of: type)).key
    }
  }
}
