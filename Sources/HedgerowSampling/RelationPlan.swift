import HedgerowCore
import HedgerowGraph
import HedgerowRoaring

/// What a sampler looks at along one relation, checked against the schema.
struct RelationPlan: Sendable {
  let relation: Relation
  /// The edge column of weights, where they count.
  var weight: String?
  /// The columns by which entries are seen or not.
  var edgeTime: String?
  var nodeTime: String?
  /// Rows are sorted by the time of edges.
  var isSortedByTime = false
  /// The nodes that may be taken; `nil` for all.
  var members: RoaringBitmap?

  /// Along a timeless relation nothing is more recent than the rest.
  var hasTime: Bool { edgeTime != nil || nodeTime != nil }

  /// Nothing but the number of a row's entries counts.
  var isEmpty: Bool { weight == nil && !hasTime && members == nil }

  /// Neither weights nor times count.
  init(_ relation: Relation) { self.relation = relation }

  /// - Throws: `usage` for a column that is not there or holds something else, and for a type
  ///   without a time where samples respect it.
  init(_ relation: Relation, in graph: some Topology, _ options: SamplingOptions) throws {
    self.relation = relation
    let schema = graph.schema
    guard let edge = schema.edge(relation.stored) else {
      throw HedgerowError(.usage, "there is no edge type '\(relation.stored)'")
    }
    if case .weighted(let column) = options.selection {
      guard let name = column ?? edge.weightColumn else {
        throw HedgerowError(
          .usage, "edge type '\(edge.type)' declares no weight column: name one, or leave it out")
      }
      guard let property = edge.property(name), property.kind.isNumeric else {
        throw HedgerowError(.usage, "'\(edge.type).\(name)' is no column of numbers to weight by")
      }
      weight = name
    }
    if let set = options.within {
      members = try graph.set(named: set, of: relation.source)
      guard try schema.nodes.contains(where: { try graph.set(named: set, of: $0.type) != nil })
      else {
        throw HedgerowError(.usage, "no node type has a set named '\(set)' to stay within")
      }
    }
    guard let time = options.time else { return }
    if let clocks = time.edges {
      switch clocks[edge.type] ?? edge.timeColumn.map({ .column($0) }) {
      case .column(let name)?:
        try Self.checkTime(edge.property(name), name, of: "\(edge.type)")
        edgeTime = name
      case .timeless?: break
      case nil: throw Self.noTime("edge type '\(edge.type)'")
      }
    }
    if let clocks = time.nodes {
      switch clocks[relation.source] {
      case .column(let name)?:
        try Self.checkTime(
          schema.node(relation.source)?.property(name), name, of: "\(relation.source)")
        nodeTime = name
      case .timeless?: break
      case nil: throw Self.noTime("node type '\(relation.source)'")
      }
    }
    isSortedByTime = edgeTime != nil && graph.timeColumn(sortingRowsAlong: relation) == edgeTime
  }

  static func checkTime(_ property: PropertySchema?, _ name: String, of owner: String) throws {
    switch property?.kind {
    case .int8?, .int16?, .int32?, .int64?, .uint8?, .timestamp?: break
    default:
      throw HedgerowError(.usage, "'\(owner).\(name)' is no column of integers or timestamps")
    }
  }

  private static func noTime(_ type: String) -> HedgerowError {
    HedgerowError(
      .usage, "\(type) has no time: name its column, or say that it is timeless")
  }
}

extension SamplingOptions {
  /// Throws `usage` for options that do not go together.
  func check(_ fanouts: Fanouts) throws {
    func refuse(_ text: String) throws { throw HedgerowError(.usage, text) }
    let takesAll =
      fanouts.general.contains { $0 < 0 } || fanouts.overrides.values.joined().contains { $0 < 0 }
    if time != nil && trees == .merged {
      try refuse("samples that respect time need disjoint trees: a node is seen at many times")
    }
    if selection == .mostRecent && time == nil {
      try refuse("the most recent neighbors are of a temporal sample: give a constraint by time")
    }
    if replacement == .with && takesAll {
      try refuse("a fanout of -1 takes all neighbors, which has no meaning with replacement")
    }
    if replacement == .with && (selection == .mostRecent || coupling != .independent) {
      try refuse("only uniform and weighted choices of single rows can be with replacement")
    }
    switch edges {
    case .sampled: break
    case .induced(let layers), .bidirectional(let layers):
      if layers < 1 { try refuse("whole subgraphs are for 1 layer or more, not \(layers)") }
    }
    if case .bidirectional = edges, edgeIDs == .present {
      try refuse("edges that are taken in both readings do not say which they are")
    }
    if case .shared(let batches) = coupling {
      guard batches >= 1, batches <= Int(UInt32.max) else {
        return try refuse("sources share numbers for 1 batch to 2^32 - 1 of them, not \(batches)")
      }
      if selection == .mostRecent { try refuse("the most recent neighbors are no random choice") }
    }
  }
}
