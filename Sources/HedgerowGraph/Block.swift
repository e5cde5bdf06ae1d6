public import HedgerowCore
import Synchronization

/// One bipartite layer of a graph: for each target, the sources whose messages reach it.
///
/// Rows are targets, in compressed form: the sources of target `t` are
/// `sources[offsets[t]..<offsets[t + 1]]`. Targets come first among the sources: target `t` *is*
/// source `t` when both are of one type. Full graphs, sampled layers and subgraphs all reach a
/// layer as a block, so that one layer serves them all.
///
/// The arrays may be longer than the block: the layers of one sampled batch are prefixes of the
/// same arrays and share them without a copy.
public struct Block: Sendable {
  public let targetCount: Int
  public let sourceCount: Int
  /// At least `targetCount + 1` positions in `sources`, not falling, from 0.
  public let offsets: [UInt32]
  /// At least `edgeCount` rows, each below `sourceCount`.
  public let sources: [UInt32]
  private let transpose = TransposeCache()

  /// - Parameters:
  ///   - offsets: not falling, beginning with 0; only the first `targetCount + 1` are used.
  ///   - sources: each below `sourceCount`; only the first `offsets[targetCount]` are used.
  ///   The sampler and the graph guarantee both; callers with arrays of their own use
  ///   ``init(sources:targets:sourceCount:targetCount:)``.
  public init(offsets: [UInt32], sources: [UInt32], sourceCount: Int, targetCount: Int) {
    require(
      offsets.count > targetCount && Int(offsets[targetCount]) <= sources.count,
      "offsets of \(offsets.count) and sources of \(sources.count) hold no \(targetCount) targets")
    self.offsets = offsets
    self.sources = sources
    self.sourceCount = sourceCount
    self.targetCount = targetCount
  }

  /// A block of single edges, in any order; each target's sources keep the order given.
  ///
  /// Time and space O(edges + targets). Traps when an index is out of range.
  public init(sources: [UInt32], targets: [UInt32], sourceCount: Int, targetCount: Int) {
    require(
      sources.count == targets.count, "\(sources.count) sources for \(targets.count) targets")
    require(sources.count <= Int(UInt32.max), "a block holds at most 2^32 - 1 edges")
    var offsets = [UInt32](repeating: 0, count: targetCount + 1)
    for target in targets { offsets[Int(target) + 1] += 1 }
    for row in 0..<targetCount { offsets[row + 1] += offsets[row] }
    var next = offsets
    var ordered = [UInt32](repeating: 0, count: sources.count)
    for (source, target) in zip(sources, targets) {
      require(source < sourceCount, "source \(source) is not below \(sourceCount)")
      ordered[Int(next[Int(target)])] = source
      next[Int(target)] += 1
    }
    self.init(
      offsets: offsets, sources: ordered, sourceCount: sourceCount, targetCount: targetCount)
  }

  public var edgeCount: Int { Int(offsets[targetCount]) }

  /// The same edges with sources as rows: what the pullback of a gather-and-reduce walks.
  ///
  /// Row `s` lists, in rising order, the targets that `s` sends to. Made once, then kept.
  public var transposed: Block {
    transpose.value.withLock { cached in
      if let cached { return cached }
      var offsets = [UInt32](repeating: 0, count: sourceCount + 1)
      for edge in 0..<edgeCount { offsets[Int(sources[edge]) + 1] += 1 }
      for row in 0..<sourceCount { offsets[row + 1] += offsets[row] }
      var next = offsets
      var targets = [UInt32](repeating: 0, count: edgeCount)
      for target in 0..<targetCount {
        for edge in Int(self.offsets[target])..<Int(self.offsets[target + 1]) {
          let source = Int(sources[edge])
          targets[Int(next[source])] = UInt32(truncatingIfNeeded: target)
          next[source] += 1
        }
      }
      let made = Block(
        offsets: offsets, sources: targets, sourceCount: targetCount, targetCount: sourceCount)
      cached = made
      return made
    }
  }

  private final class TransposeCache: Sendable {
    let value = Mutex<Block?>(nil)
  }
}

/// One layer over all relations: a block for each, and how many rows each node type has.
public struct HeteroBlock: Sendable {
  /// By the relation's name as models know it, backward readings as `rev_...`.
  public let blocks: PerEdge<Block>
  /// Rows that the layer takes in, and rows that it gives, by node type.
  public let sourceCounts: PerNode<Int>
  public let targetCounts: PerNode<Int>

  public init(blocks: PerEdge<Block>, sourceCounts: PerNode<Int>, targetCounts: PerNode<Int>) {
    self.blocks = blocks
    self.sourceCounts = sourceCounts
    self.targetCounts = targetCounts
  }

  public subscript(type: EdgeType) -> Block? { blocks[optional: type] }
  public var edgeCount: Int { blocks.values.reduce(0) { $0 + $1.edgeCount } }
}
