public import HedgerowCore
public import HedgerowGraph
import HedgerowSampling

/// Batches of many small graphs, side by side as one graph of several parts, made ahead on threads of
/// its own.
///
/// Graphs are the nodes of a type, to which edges lead from the nodes that belong to them, as the
/// import of TU collections writes it: `node:in:graph`.
/// ```swift
/// var options = LoaderOptions()
/// options.labels = "label"                            // a column of the graphs' type
/// let loader = GraphLoader(graph, graphs: .nodes("graph", in: "train"), size: .graphs(64),
///   layers: 4, seed: 7, options: options)
/// for try await batch in loader.epoch(0) {
///   batch.subgraph.trees["node"]                      // for each node the place of its graph
/// }
/// ```
/// The graphs are the seeds of a batch; of each type the nodes of the first graph come first, then those
/// of the second, and no edge leads from one to another. Each layer of a batch is the whole of it, and
/// as the edges of membership are among its relations, pooling is a layer like others; one that is
/// not to have them leaves them out of `options.relations`.
public struct GraphLoader<Graph: Topology & FeatureSource>: BatchLoader {
  /// How large batches are.
  public enum BatchSize: Hashable, Sendable {
    /// So many graphs.
    case graphs(Int)
    /// So many nodes at most, as far as no graph alone has more. An epoch looks at the sizes of all
    /// graphs when it begins, and keeps where batches do.
    case nodes(Int)
  }

  public let graph: Graph
  public let graphs: Seeds
  public let size: BatchSize
  public let layerCount: Int
  public let members: [EdgeType]?
  public let seed: UInt64
  public let options: LoaderOptions
  private let knownSeeds = Memo<ResolvedSeeds>()

  /// - Parameters:
  ///   - layers: of the model that takes the batches.
  ///   - members: edge types that lead from the nodes of a graph to it; by default all of them.
  public init(
    _ graph: Graph, graphs: Seeds, size: BatchSize, layers: Int, members: [EdgeType]? = nil,
    seed: UInt64 = 0, options: LoaderOptions = LoaderOptions()
  ) {
    let limit =
      switch size {
      case .graphs(let count), .nodes(let count): count
      }
    require(limit > 0 && layers > 0, "batches of \(limit) for \(layers) layers")
    self.graph = graph
    self.graphs = graphs
    self.size = size
    layerCount = layers
    self.members = members
    self.seed = seed
    self.options = options
  }

  public func plan(epoch: Int) throws -> EpochPlan<Batch> {
    let resolved = try knownSeeds.value { try graphs.resolved(in: graph) }
    var batchSize = 1
    if case .graphs(let count) = size { batchSize = count }
    let order = EpochOrder(
      count: resolved.count, batchSize: batchSize, seed: seed, epoch: epoch, options)
    let membership = try Membership(graph, of: graphs.type, along: members)
    var starts: [Int]?
    if case .nodes(let limit) = size {
      guard resolved.classes == nil else {
        throw HedgerowError(.usage, "graphs that are drawn by class come by their number")
      }
      starts = try membership.starts(resolved, order, nodeLimit: limit)
      if order.lastBatch == .dropped { starts!.removeLast() }
    }
    let batches = try InducedBatches(
      graph, layers: layerCount, seed: seed, epoch: epoch, options)
    let (seed, cuts) = (seed, starts)
    @Sendable func chosen(_ index: Int) -> [UInt32] {
      guard let cuts else { return resolved.nodes(of: index, order, seed: seed, epoch: epoch) }
      return (cuts[index]..<cuts[index + 1]).map { resolved.node(atRank: order[$0]) }
    }
    return EpochPlan(
      batchCount: cuts.map { max(0, $0.count - 1) } ?? order.batchCount,
      byteCount: { $0.byteCount },
      make: { index, workspace in
        let (nodes, places) = try membership.nodes(of: chosen(index))
        return try batches.batch(index, of: nodes, workspace: workspace) {
          $0.trees = places
          $0.removeEdgesBetweenTrees()
        }
      })
  }
}

extension GraphLoader where Graph == MemoryGraph {
  /// Batches of graphs in memory, of node type `graph` and its edges `in`; see
  /// ``HedgerowGraph/MemoryGraph/init(unionOf:as:labels:)``.
  ///
  /// - Parameter labels: a class for each graph, -1 for none.
  public init(
    _ graphs: [MemoryGraph], labels: [Int32] = [], size: BatchSize, layers: Int, seed: UInt64 = 0,
    options: LoaderOptions = LoaderOptions()
  ) {
    var options = options
    if !labels.isEmpty { options.labels = "label" }
    self.init(
      MemoryGraph(unionOf: graphs, as: "graph", labels: labels), graphs: .nodes("graph"),
      size: size, layers: layers, seed: seed, options: options)
  }
}

/// Which nodes belong to which graph.
private struct Membership<Graph: Topology>: Sendable {
  let graph: Graph
  let type: NodeType
  let relations: [Relation]

  /// - Throws: `usage` where no edges, or others than to the graphs' type, say what belongs to a graph.
  init(_ graph: Graph, of type: NodeType, along members: [EdgeType]?) throws {
    self.graph = graph
    self.type = type
    let known = graph.schema.relations(includingReverse: false)
    relations =
      try members.map { members in
        try members.map { member in
          guard let relation = known.first(where: { $0.stored == member }), member.target == type
          else {
            throw HedgerowError(.usage, "there are no edges '\(member)' that lead to '\(type)'")
          }
          return relation
        }
      } ?? known.filter { $0.target == type && $0.source != type }
    guard !relations.isEmpty else {
      throw HedgerowError(
        .usage, "no edge type leads to '\(type)': its nodes are no graphs to which others belong")
    }
  }

  /// Of each type the nodes of the graphs, and for each the place of its graph; the graphs come first.
  func nodes(
    of graphs: [UInt32]
  ) throws -> (nodes: PerNode<[UInt32]>, places: PerNode<[UInt32]>) {
    var nodes: PerNode<[UInt32]> = [type: graphs]
    var places: PerNode<[UInt32]> = [type: graphs.indices.map { UInt32($0) }]
    for relation in relations {
      let extents = try graph.extents(of: graphs.span, along: relation)
      let addresses = extents.flatMap { extent in
        (0..<UInt64(extent.count)).map { extent.start + $0 }
      }
      let owners = extents.enumerated().flatMap { place, extent in
        repeatElement(UInt32(place), count: Int(extent.count))
      }
      let found = try graph.neighbors(at: addresses.span, along: relation)
      guard let before = nodes[optional: relation.source] else {
        nodes[relation.source] = found
        places[relation.source] = owners
        continue
      }
      // Two edge types tell of one type's nodes: graph by graph again.
      let all = zip(places[relation.source] + owners, before + found).sorted { $0.0 < $1.0 }
      places[relation.source] = all.map(\.0)
      nodes[relation.source] = all.map(\.1)
    }
    return (nodes, places)
  }

  /// Where batches begin in an order of graphs, and its end.
  func starts(_ graphs: ResolvedSeeds, _ order: EpochOrder, nodeLimit: Int) throws -> [Int] {
    guard graphs.count > 0 else { return [0] }
    var starts = [0]
    var size = 0
    for first in stride(from: 0, to: graphs.count, by: 1 << 12) {
      let block = (first..<min(graphs.count, first + 1 << 12)).map {
        graphs.node(atRank: order[$0])
      }
      var sizes = [Int](repeating: 0, count: block.count)
      for relation in relations {
        let extents = try graph.extents(of: block.span, along: relation)
        for (place, extent) in extents.enumerated() { sizes[place] += Int(extent.count) }
      }
      for (place, count) in sizes.enumerated() {
        if size > 0 && size + count > nodeLimit {
          starts.append(first + place)
          size = 0
        }
        size += count
      }
    }
    return starts + [graphs.count]
  }
}

extension SampledSubgraph {
  /// Leaves the edges within trees.
  mutating func removeEdgesBetweenTrees() {
    for place in edges.indices {
      let relation = edges[place].relation
      guard let targets = trees[optional: relation.target],
        let sources = trees[optional: relation.source]
      else { continue }
      var kept = Edges(relation: relation)
      for row in 0..<edges[place].offsets.count - 1 {
        for entry in Int(edges[place].offsets[row])..<Int(edges[place].offsets[row + 1])
        where sources[Int(edges[place].sources[entry])] == targets[row] {
          kept.sources.append(edges[place].sources[entry])
          if !edges[place].ids.isEmpty { kept.ids.append(edges[place].ids[entry]) }
          if !edges[place].weights.isEmpty { kept.weights.append(edges[place].weights[entry]) }
        }
        kept.offsets.append(UInt32(kept.sources.count))
      }
      edges[place] = kept
    }
  }
}
