import HedgerowCore
import HedgerowGraph
import HedgerowLoader
import HedgerowRoaring
import HedgerowSampling
import HedgerowStore

/// A graph whose links are divided into sets, and what a model may see of it: of every edge type that has the column of
/// the split, the edges of the training set.
///
/// Samples, negatives and degrees are those of ``seen``, which is as it would be if nobody had ever stored the
/// others: by construction nothing that is learned depends on them.
struct DividedLinks: Sendable {
  let graph: Snapshot
  let seen: EdgeSubgraph<Snapshot>
  /// The links'.
  let type: EdgeType
  /// Stored types that hold links the other way round, left out of neighborhoods with the links that are asked for.
  let reverseTypes: [EdgeType]
  private let column: String
  private let share: MemoryBudget.Reservation

  /// - Throws: `usage` for a type, or a column, that is not there, and where no link is of the training set.
  init(
    _ graph: Snapshot, _ type: EdgeType, column: String, resources: TrainingResources
  ) throws {
    self.graph = graph
    self.type = type
    self.column = column
    let kept = try Self.trainingEdges(of: graph, checking: [type], column)
    reverseTypes = kept.keys.filter { $0.source == type.target && $0.target == type.source }
    (seen, share) = try Self.subgraph(of: graph, kept, resources)
  }

  /// Of every type with the column, the edges of the training set.
  ///
  /// - Parameter types: those that must have some.
  static func trainingEdges(
    of graph: Snapshot, checking types: [EdgeType], _ column: String
  ) throws -> PerEdge<RoaringBitmap> {
    for type in types {
      guard let schema = graph.schema.edge(type) else {
        let known = graph.schema.edges.map { "\($0.type)" }.joined(separator: ", ")
        throw HedgerowError(
          .usage,
          "no edge type '\(type)': " + (known.isEmpty ? "there are none" : "there are \(known)"))
      }
      guard let property = schema.property(column) else {
        throw HedgerowError(
          .usage,
          "'\(type)' has no column '\(column)' that says which edges are held out: hedgerow split "
            + "STORE \(type)\(column == "split" ? "" : " --write \(column)") writes one")
      }
      guard property.kind == .categorical || property.kind == .string else {
        throw HedgerowError(
          .usage,
          "'\(type).\(column)' is of kind \(property.kind): a split is a category, as hedgerow split "
            + "writes it")
      }
    }
    var kept = PerEdge<RoaringBitmap>()
    for edge in graph.schema.edges {
      guard let kind = edge.property(column)?.kind, kind == .categorical || kind == .string else {
        continue
      }
      kept[edge.type] = try graph.edges(of: edge.type, where: .column(column) == .text("train"))
    }
    for type in types where kept[type].isEmpty {
      throw HedgerowError(
        .usage, "no edge of '\(type)' is 'train' by its column '\(column)': split it anew")
    }
    return kept
  }

  static func subgraph(
    of graph: Snapshot, _ kept: PerEdge<RoaringBitmap>, _ resources: TrainingResources
  ) throws -> (EdgeSubgraph<Snapshot>, MemoryBudget.Reservation) {
    let size = EdgeSubgraph.byteCount(of: graph, keepingSomeOf: kept.keys)
    let purpose = "what says which edges are seen"
    let share = try resources.budget.reserve(size.held, for: purpose)
    let making = try resources.budget.reserve(size.whileMade, for: purpose)
    defer { making.release() }
    return (
      try EdgeSubgraph(
        graph, keeping: kept, checkInterruption: resources.checkInterruption), share
    )
  }

  /// Bytes of the store that were read and that batches do not read again: of each type with the column its codes,
  /// where it has times which edges the entries of the in index are, and what is of a relation that batches do not go
  /// along.
  func byteCountRead(beside relations: [Relation]) -> Int {
    graph.schema.edges.enumerated().reduce(0) { sum, edge in
      let (index, type) = (edge.offset, edge.element.type)
      guard seen.isPartial(type) else { return sum }
      let hasTimes = edge.element.timeColumn != nil
      let others = [Relation.Direction.forward, .backward].map { Relation(type, $0, index: index) }
        .filter { !relations.contains($0) }
      let indices = others.reduce(0) { sum, relation in
        sum + graph.extentByteCount(along: relation)
          + (relation.direction == .backward && !hasTimes
            ? graph.neighborByteCount(along: relation) : 0)
      }
      return sum + indices + graph.count(of: type) * (hasTimes ? 5 : 1)
    }
  }

  /// The links of a set, by their places in the order of the graph's edges; `nil` for none.
  func members(of set: String) throws -> RoaringBitmap? {
    let names = set == "valid" ? ["valid", "val", "validation"] : [set]
    for name in names {
      let members = try graph.edges(of: type, where: .column(column) == .text(name))
      if !members.isEmpty { return members }
    }
    return nil
  }

  /// The ends of links at some ranks of a set.
  func pairs(_ ranks: Range<Int>, of members: RoaringBitmap) throws -> LinkSample.Pairs {
    let places = members.values(in: ranks).map { UInt64($0) }
    let (sources, targets) = try graph.endpoints(of: places.span, type)
    return LinkSample.Pairs(sources: sources, targets: targets)
  }
}
