import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowLoader
import HedgerowTensor

/// All links that are seen, in both directions between nodes that are numbered together, for models that smooth rows
/// over the whole graph.
struct WholeLinks {
  let block: Block
  /// The number of each type's first node.
  let offsets: PerNode<UInt32>
  private let share: MemoryBudget.Reservation

  init(_ links: DividedLinks, width: Int, layers: Int, resources: TrainingResources) throws {
    let (type, seen) = (links.type, links.seen)
    let isOneType = type.source == type.target
    let nodeCount = seen.count(of: type.source) + (isOneType ? 0 : seen.count(of: type.target))
    // Entries of both directions, their shares and, on the way back, the same by source; rows of each layer and their
    // gradients.
    share = try resources.budget.reserve(
      2 * seen.count(of: type) * 24 + nodeCount * (16 + 4 * width * (2 * layers + 4)),
      for: "rows of all nodes in each of \(layers) layers")
    let index = seen.schema.edges.firstIndex { $0.type == type }!
    let isUndirected = seen.schema.edges[index].isUndirected
    let forward = Relation(type, .forward, index: index)
    let backward = Relation(type, .backward, index: index)
    let whole = try WholeGraph(
      seen, types: isOneType ? [type.source] : [type.source, type.target],
      relations: isUndirected ? [forward] : [forward, backward], inputs: [:],
      checkInterruption: resources.checkInterruption)
    var offsets: PerNode<UInt32> = [type.source: 0]
    if !isOneType { offsets[type.target] = UInt32(seen.count(of: type.source)) }
    self.offsets = offsets
    var ends: [UInt32] = [0]
    var sources: [UInt32] = []
    for (node, _) in offsets {
      let relations = [forward, backward].filter { $0.target == node }
      let blocks = relations.compactMap { relation in
        whole.block.blocks[optional: relation.name].map { (relation.source, $0) }
      }
      for row in 0..<seen.count(of: node) {
        for (source, block) in blocks {
          let entries = Int(block.offsets[row])..<Int(block.offsets[row + 1])
          for entry in entries { sources.append(offsets[source] + block.sources[entry]) }
        }
        ends.append(UInt32(sources.count))
      }
    }
    block = Block(
      offsets: ends, sources: sources, sourceCount: nodeCount, targetCount: nodeCount)
  }

  /// The rows of some nodes by type, of those of all.
  func rows(_ table: Tensor, of nodes: PerNode<[UInt32]>) -> PerNode<Tensor> {
    var rows = PerNode<Tensor>()
    for (type, first) in offsets {
      rows[type] = table.gathered(rows: (nodes[optional: type] ?? []).map { first + $0 })
    }
    return rows
  }

  /// The numbers of all of some nodes.
  func numbers(of nodes: PerNode<[UInt32]>) -> [UInt32] {
    offsets.flatMap { type, first in (nodes[optional: type] ?? []).map { first + $0 } }
  }
}
