import HedgerowCore
import HedgerowGraph

/// What a batch asks of its seeds.
extension NeighborSampler {
  /// The seeds' types and all that relations lead to, in the order of the schema.
  func involvedTypes(_ seedTypes: Set<NodeType>) -> [NodeType] {
    var reached = seedTypes
    for _ in 0..<fanouts.hopCount {
      for relation in relations where reached.contains(relation.target) {
        reached.insert(relation.source)
      }
    }
    return nodeTypes.filter(reached.contains)
  }

  func number(
    _ seeds: [UInt32], of type: NodeType, firstTree: UInt32, in table: NodeTable
  ) throws {
    let count = graph.count(of: type)
    if let wrong = seeds.first(where: { Int($0) >= count }) {
      throw HedgerowError(.usage, "seed \(wrong) is not among the \(count) nodes of type '\(type)'")
    }
    if isDisjoint {
      let trees = (0..<UInt32(seeds.count)).map { firstTree + $0 }
      seeds.withUnsafeBufferPointer { nodes in
        trees.withUnsafeBufferPointer { table.number(nodes, in: $0.baseAddress, into: nil) }
      }
      return
    }
    seeds.withUnsafeBufferPointer { table.number($0, into: nil) }
    guard table.count == seeds.count else {
      throw HedgerowError(.usage, "the seeds of a batch must be distinct")
    }
  }

  /// The times that each tree sees; empty without a constraint.
  func bounds(of seeds: SamplingSeeds) throws -> [(first: Int64, last: Int64)] {
    try times(of: seeds).map { options.time!.bounds(of: $0) }
  }

  /// The time of each seed; empty without a constraint.
  func times(of seeds: SamplingSeeds) throws -> [Int64] {
    guard let constraint = options.time else {
      guard seeds.times == nil else {
        throw HedgerowError(.usage, "seeds have times, and the sampler has no constraint by time")
      }
      return []
    }
    var all: [Int64] = []
    for (type, nodes) in seeds.nodes {
      if let given = seeds.times {
        let times = given[optional: type] ?? []
        guard times.count == nodes.count else {
          throw HedgerowError(
            .usage, "\(times.count) times for \(nodes.count) seeds of type '\(type)'")
        }
        all += times
      } else {
        all += try times(of: nodes, type, constraint)
      }
    }
    return all
  }

  /// The times that seeds have in the graph.
  private func times(
    of seeds: [UInt32], _ type: NodeType, _ constraint: TemporalConstraint
  ) throws -> [Int64] {
    var column = constraint.seedTimes
    if column == nil, case .column(let own)? = constraint.nodes?[type] { column = own }
    guard let column else {
      throw HedgerowError(
        .usage, "seeds of type '\(type)' have no time of their own: give each one")
    }
    let times = try graph.integers(of: column, of: type, at: seeds, null: .max)
    if let place = times.firstIndex(of: .max) {
      throw HedgerowError(
        .badData, "seed \(seeds[place]) of type '\(type)' has no time in column '\(column)'")
    }
    return times
  }

  /// For each relation the neighbors that rows leave out, by tree and row.
  func exclusions(_ seeds: SamplingSeeds) throws -> [[UInt64: [UInt32]]] {
    guard !seeds.excluded.isEmpty else { return [] }
    var excluded = [[UInt64: [UInt32]]](repeating: [:], count: relations.count)
    let schema = graph.schema
    for edge in seeds.excluded {
      guard let known = schema.edge(edge.type) else {
        throw HedgerowError(.usage, "there is no edge type '\(edge.type)' to leave edges out of")
      }
      for tree in isDisjoint ? edge.trees : [0] {
        let tree = UInt64(tree) << 32
        for (index, relation) in relations.enumerated() where relation.stored == edge.type {
          let (from, to) = (edge.source, edge.target)
          if relation.direction == .forward || known.isUndirected {
            excluded[index][tree | UInt64(to), default: []].append(from)
          }
          if relation.direction == .backward || known.isUndirected {
            excluded[index][tree | UInt64(from), default: []].append(to)
          }
        }
      }
    }
    return excluded
  }

  /// The numbers of sources that rows share, by type.
  func sharedNumbers(_ epoch: Int, _ batch: Int) -> (NodeType) -> EntryScan.SharedNumbers? {
    guard case .shared(let period) = options.coupling else { return { _ in nil } }
    let stream = stream.derive("shared").derive(UInt64(epoch))
    return { type in
      let stream = stream.derive(type.name)
      let turn = UInt64(batch / period)
      return EntryScan.SharedNumbers(
        keys: (stream.derive(turn).key, stream.derive(turn + 1).key), step: UInt64(batch % period),
        period: UInt64(period))
    }
  }
}
