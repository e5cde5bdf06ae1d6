import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowTensor

/// A graph that is drawn, and its neighborhoods as sampled blocks.
struct DrawnGraph {
  let nodes: Int
  let block: Block

  /// - Parameter edges: none, or four for each node, a repeated one and self-loops among them; the last node has
  ///   none.
  init(nodes: Int, edges: Edges = .some, seed: UInt64) {
    var stream = RandomStream(seed: seed).derive("graph")
    func end() -> UInt32 { UInt32(stream.next(below: UInt64(nodes - 1))) }
    var ends = edges == .none ? [] : (0..<4 * nodes).map { _ in (end(), end()) }
    if let first = ends.first { ends += [first, (1, 1)] }
    self.nodes = nodes
    block = Block(
      sources: ends.map(\.0), targets: ends.map(\.1), sourceCount: nodes, targetCount: nodes)
  }

  enum Edges { case none, some }

  /// The edges that lead to the first of some nodes, and the nodes at their ends: those first.
  ///
  /// - Returns: the block, the nodes of its sources and the entries of the graph that its own are.
  func neighborhood(of targets: [UInt32]) -> (block: Block, nodes: [UInt32], entries: [UInt32]) {
    var (nodes, places) = (targets, [UInt32: UInt32]())
    for (place, node) in targets.enumerated() { places[node] = UInt32(place) }
    var (offsets, sources, entries): ([UInt32], [UInt32], [UInt32]) = ([0], [], [])
    for target in targets {
      for entry in block.offsets[Int(target)]..<block.offsets[Int(target) + 1] {
        let source = block.sources[Int(entry)]
        if places[source] == nil {
          places[source] = UInt32(nodes.count)
          nodes.append(source)
        }
        sources.append(places[source]!)
        entries.append(entry)
      }
      offsets.append(UInt32(sources.count))
    }
    let part = Block(
      offsets: offsets, sources: sources, sourceCount: nodes.count, targetCount: targets.count)
    return (part, nodes, entries)
  }

  /// Blocks of all neighbors of the first nodes, of theirs and so on, the farthest first.
  func sampled(first count: Int, layers: Int) -> (
    blocks: [Block], nodes: [UInt32], entries: [[UInt32]]
  ) {
    var (blocks, entries): ([Block], [[UInt32]]) = ([], [])
    var nodes = (0..<UInt32(count)).map { $0 }
    for _ in 0..<layers {
      let found = neighborhood(of: nodes)
      blocks.insert(found.block, at: 0)
      entries.insert(found.entries, at: 0)
      nodes = found.nodes
    }
    return (blocks, nodes, entries)
  }
}

/// Whether numbers are the same but for rounding.
func isClose(_ a: Tensor, _ b: Tensor, _ tolerance: Float = 1e-4) -> Bool {
  a.shape == b.shape
    && zip(a.scalars, b.scalars).allSatisfy { abs($0 - $1) <= tolerance * (1 + abs($1)) }
}
