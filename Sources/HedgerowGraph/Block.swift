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
  /// For each entry, which edge it is of those that the block was made from, or ``noEdge``: where
  /// its weight and attributes are. Empty when entry e is edge e.
  public let edges: [UInt32]
  private let derived = DerivedBlocks()

  /// Stands among ``edges`` for a self-loop that was added.
  public static let noEdge = UInt32.max

  /// - Parameters:
  ///   - offsets: not falling, beginning with 0; only the first `targetCount + 1` are used.
  ///   - sources: each below `sourceCount`; only the first `offsets[targetCount]` are used.
  ///   The sampler and the graph guarantee both; callers with arrays of their own use
  ///   ``init(sources:targets:sourceCount:targetCount:)``.
  public init(
    offsets: [UInt32], sources: [UInt32], edges: [UInt32] = [], sourceCount: Int, targetCount: Int
  ) {
    require(
      offsets.count > targetCount && Int(offsets[targetCount]) <= sources.count,
      "offsets of \(offsets.count) and sources of \(sources.count) hold no \(targetCount) targets")
    self.offsets = offsets
    self.sources = sources
    self.edges = edges
    self.sourceCount = sourceCount
    self.targetCount = targetCount
  }

  /// A block of single edges, in any order; each target's sources keep the order given, and
  /// ``edges`` says where each was.
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
    var edges = ordered
    for (edge, (source, target)) in zip(sources, targets).enumerated() {
      require(source < sourceCount, "source \(source) is not below \(sourceCount)")
      ordered[Int(next[Int(target)])] = source
      edges[Int(next[Int(target)])] = UInt32(edge)
      next[Int(target)] += 1
    }
    self.init(
      offsets: offsets, sources: ordered, edges: edges, sourceCount: sourceCount,
      targetCount: targetCount)
  }

  public var edgeCount: Int { Int(offsets[targetCount]) }

  /// The same edges with sources as rows: what the pullback of a gather-and-reduce walks.
  ///
  /// Row r lists, in rising order, the targets that source `places[r]` sends to, or source r where
  /// `places` is `nil`: rows are left out when most sources send nothing.
  public struct Transposed: Sendable {
    public let offsets: [UInt32]
    public let targets: [UInt32]
    /// For each entry, which entry of the block it is; empty unless asked for.
    public let entries: [UInt32]
    /// Rising.
    public let places: [UInt32]?
    public var rowCount: Int { offsets.count - 1 }
  }

  /// Whether a transposed block says which entry each of its own is.
  public enum EntryNumbers: Sendable { case absent, present }

  /// The edges by source; made once, then kept. Time O(edges + sources).
  public func transposed(entryNumbers: EntryNumbers = .absent) -> Transposed {
    derived.value.withLock { derived in
      if let made = derived.transposed, entryNumbers == .absent || made.entries.count == edgeCount {
        return made
      }
      // First how many entries each source has, then where its next one goes.
      var next = [UInt32](repeating: 0, count: sourceCount)
      var places: [UInt32]?
      var offsets: [UInt32]
      for edge in 0..<edgeCount { next[Int(sources[edge])] += 1 }
      let sending = next.count { $0 > 0 }
      if 2 * sending < sourceCount {
        var rows: [UInt32] = []
        rows.reserveCapacity(sending)
        offsets = [0]
        offsets.reserveCapacity(sending + 1)
        for source in 0..<sourceCount where next[source] > 0 {
          rows.append(UInt32(truncatingIfNeeded: source))
          let begin = offsets[offsets.count - 1]
          offsets.append(begin + next[source])
          next[source] = begin
        }
        places = rows
      } else {
        offsets = [UInt32](repeating: 0, count: sourceCount + 1)
        for source in 0..<sourceCount {
          offsets[source + 1] = offsets[source] + next[source]
          next[source] = offsets[source]
        }
      }
      var targets = [UInt32](repeating: 0, count: edgeCount)
      var entries = [UInt32](repeating: 0, count: entryNumbers == .present ? edgeCount : 0)
      for target in 0..<targetCount {
        for edge in Int(self.offsets[target])..<Int(self.offsets[target + 1]) {
          let source = Int(sources[edge])
          let place = Int(next[source])
          targets[place] = UInt32(truncatingIfNeeded: target)
          if entryNumbers == .present { entries[place] = UInt32(truncatingIfNeeded: edge) }
          next[source] += 1
        }
      }
      let made = Transposed(offsets: offsets, targets: targets, entries: entries, places: places)
      derived.transposed = made
      return made
    }
  }

  /// The targets that have edges, rising, and a block of them alone; `nil` when they are the most.
  ///
  /// Between many types of nodes a target has edges along few relations: the others need no row of
  /// zeros. Made once, then kept. Time O(targets).
  public var reached: (targets: [UInt32], block: Block)? {
    derived.value.withLock { derived in
      if let made = derived.reached { return made }
      let count = (0..<targetCount).count { offsets[$0] < offsets[$0 + 1] }
      guard 4 * count < 3 * targetCount else {
        derived.reached = .some(nil)
        return nil
      }
      var (targets, ends): ([UInt32], [UInt32]) = ([], [0])
      targets.reserveCapacity(count)
      ends.reserveCapacity(count + 1)
      for target in 0..<targetCount where offsets[target] < offsets[target + 1] {
        targets.append(UInt32(truncatingIfNeeded: target))
        ends.append(offsets[target + 1])
      }
      let made = (
        targets: targets,
        block: Block(
          offsets: ends, sources: sources, edges: edges, sourceCount: sourceCount,
          targetCount: count)
      )
      derived.reached = made
      return made
    }
  }

  /// Which targets ``addingSelfLoops(_:)`` gives an edge from itself.
  public enum SelfLoops: Sendable {
    /// All, beside those that they have.
    case everywhere
    /// Each has one in the end: those that it has count as one.
    case whereMissing
  }

  /// The same edges and one from each target to itself, the last of its row.
  ///
  /// For blocks within one type of nodes, where target t is source t; targets beyond the sources get none.
  /// Made once for each kind, then kept. Time O(edges + targets).
  public func addingSelfLoops(_ kind: SelfLoops = .whereMissing) -> Block {
    derived.value.withLock { derived in
      if let made = derived.withSelfLoops[kind] { return made }
      var offsets: [UInt32] = [0]
      var sources: [UInt32] = []
      var edges: [UInt32] = []
      offsets.reserveCapacity(targetCount + 1)
      sources.reserveCapacity(edgeCount + targetCount)
      edges.reserveCapacity(edgeCount + targetCount)
      for target in 0..<targetCount {
        var loop = Self.noEdge
        for entry in Int(self.offsets[target])..<Int(self.offsets[target + 1]) {
          let edge = self.edges.isEmpty ? UInt32(truncatingIfNeeded: entry) : self.edges[entry]
          if kind == .whereMissing && self.sources[entry] == target {
            loop = edge
            continue
          }
          sources.append(self.sources[entry])
          edges.append(edge)
        }
        if target < sourceCount {
          sources.append(UInt32(truncatingIfNeeded: target))
          edges.append(loop)
        }
        require(sources.count < UInt32.max, "a block holds at most 2^32 - 1 edges")
        offsets.append(UInt32(truncatingIfNeeded: sources.count))
      }
      let made = Block(
        offsets: offsets, sources: sources, edges: edges, sourceCount: sourceCount,
        targetCount: targetCount)
      derived.withSelfLoops[kind] = made
      return made
    }
  }

  /// The same edges the other way: each target sends to its sources.
  ///
  /// Its ``edges`` are the entries of this block, in which they rise. Made once, then kept. Time O(edges +
  /// sources).
  public func reversed() -> Block {
    let rows = transposed(entryNumbers: .present)
    return derived.value.withLock { derived in
      if let made = derived.reversed { return made }
      var offsets = rows.offsets
      if let places = rows.places {
        // Sources that send nothing have a row, too.
        offsets = [UInt32](repeating: 0, count: sourceCount + 1)
        for (row, place) in places.enumerated() {
          offsets[Int(place) + 1] = rows.offsets[row + 1] - rows.offsets[row]
        }
        for source in 0..<sourceCount { offsets[source + 1] += offsets[source] }
      }
      let made = Block(
        offsets: offsets, sources: rows.targets, edges: rows.entries, sourceCount: targetCount,
        targetCount: sourceCount)
      derived.reversed = made
      return made
    }
  }

  /// What was made of a block and is asked for again in each step.
  private final class DerivedBlocks: Sendable {
    struct Made {
      var transposed: Transposed?
      /// `nil` when nobody has asked, an empty value when most targets are reached.
      var reached: (targets: [UInt32], block: Block)??
      var withSelfLoops: [SelfLoops: Block] = [:]
      var reversed: Block?
    }
    let value = Mutex(Made())
  }
}

/// One layer over all relations: a block for each, and how many rows each node type has.
public struct HeteroBlock: Sendable {
  /// By the relation's name as models know it, backward readings as `rev_...`.
  public let blocks: PerEdge<Block>
  /// Rows that the layer takes in, and rows that it gives, by node type.
  public let sourceCounts: PerNode<Int>
  public let targetCounts: PerNode<Int>
  /// What the messages along a relation's entries are to be multiplied by, of those relations where they do not all
  /// count alike. Arrays may be longer than the block, as those of ``Block``.
  public let weights: PerEdge<[Float]>

  public init(
    blocks: PerEdge<Block>, sourceCounts: PerNode<Int>, targetCounts: PerNode<Int>,
    weights: PerEdge<[Float]> = PerEdge()
  ) {
    self.blocks = blocks
    self.sourceCounts = sourceCounts
    self.targetCounts = targetCounts
    self.weights = weights
  }

  public subscript(type: EdgeType) -> Block? { blocks[optional: type] }
  public var edgeCount: Int { blocks.values.reduce(0) { $0 + $1.edgeCount } }
}
