import CHedgerowKernels
public import HedgerowCore

/// What a sampler found around its seeds: the nodes of each type in order of discovery, and for
/// each relation the sampled edges by target.
///
/// Node numbers inside the batch are places in ``nodes``: the seeds are the first, then come the
/// nodes of hop 1, of hop 2, and so on. Because targets are rows in that order, the edges that a
/// layer needs are a prefix of the arrays: all layers share them.
public struct SampledSubgraph: Sendable {
  /// The sampled edges of one relation: row t is target number t.
  public struct Edges: Sendable {
    public let relation: Relation
    /// One for each row and one more, from 0.
    public var offsets: [UInt32] = [0]
    /// Numbers of the source nodes.
    public var sources: [UInt32] = []
    /// Which edge each is: its place in the order of its type's edges, by which columns of edges are
    /// read. Empty unless the sampler was asked.
    public var ids: [UInt64] = []
    /// What the message along each is to be multiplied by. Empty where all count alike.
    public var weights: [Float] = []

    public init(relation: Relation) { self.relation = relation }
  }

  /// The type of the seeds, the first where they are of several.
  public let seedType: NodeType
  public let hopCount: Int
  /// Node ids by type, in order of discovery.
  public var nodes: PerNode<[UInt32]>
  /// By type, how many nodes were known after each hop; entry 0 counts the seeds.
  public var knownCounts: PerNode<[Int]>
  public var edges: [Edges]
  /// By type, the tree of each node, which is the number of its seed; empty where seeds share nodes.
  public var trees: PerNode<[UInt32]>

  public init(
    seedType: NodeType, hopCount: Int, nodes: PerNode<[UInt32]>, knownCounts: PerNode<[Int]>,
    edges: [Edges], trees: PerNode<[UInt32]> = PerNode()
  ) {
    self.seedType = seedType
    self.hopCount = hopCount
    self.nodes = nodes
    self.knownCounts = knownCounts
    self.edges = edges
    self.trees = trees
  }

  public var seedCount: Int { knownCounts[seedType][0] }
  public var nodeCount: Int { nodes.values.reduce(0) { $0 + $1.count } }
  public var edgeCount: Int { edges.reduce(0) { $0 + $1.sources.count } }

  /// One layer a hop, the first layer first: layer 0 takes every node in and the last gives the
  /// seeds. Shares the arrays, so it costs no copy.
  public var blocks: [HeteroBlock] {
    (0..<hopCount).map { layer in
      let targets = knownCounts.mapValues { $0[hopCount - 1 - layer] }
      let sources = knownCounts.mapValues { $0[hopCount - layer] }
      var blocks = PerEdge<Block>()
      var weights = PerEdge<[Float]>()
      for edges in edges {
        if !edges.weights.isEmpty { weights[edges.relation.name] = edges.weights }
        blocks[edges.relation.name] = Block(
          offsets: edges.offsets, sources: edges.sources,
          sourceCount: sources[edges.relation.source], targetCount: targets[edges.relation.target])
      }
      return HeteroBlock(
        blocks: blocks, sourceCounts: sources, targetCounts: targets, weights: weights)
    }
  }

  /// Folds the whole content into a running digest: equal digests over a run mean equal batches.
  public func fold(into digest: inout BatchDigest) {
    for (type, ids) in nodes {
      digest.fold(type.name)
      digest.fold(ids)
    }
    for edges in edges {
      digest.fold(edges.relation.name.description)
      digest.fold(edges.offsets)
      digest.fold(edges.sources)
      if !edges.ids.isEmpty { digest.fold(edges.ids) }
      if !edges.weights.isEmpty { digest.fold(edges.weights) }
    }
    for trees in trees.values { digest.fold(trees) }
  }
}

/// A 64-bit digest of a sequence of arrays: two CRC-32C over different cuts of the same words.
public struct BatchDigest: Hashable, Sendable, CustomStringConvertible {
  private var value: UInt64 = 0

  public init() {}

  public mutating func fold(_ bytes: UnsafeRawBufferPointer) {
    let half = bytes.count / 2
    let first = hr_crc32c(UInt32(truncatingIfNeeded: value), bytes.baseAddress, bytes.count)
    var second = hr_crc32c(~first, bytes.baseAddress.map { $0 + half }, bytes.count - half)
    second = hr_crc32c(second, bytes.baseAddress, half)
    value = RandomStream.mix(value ^ (UInt64(first) << 32 | UInt64(second)) &+ UInt64(bytes.count))
  }

  public mutating func fold<T: BitwiseCopyable>(_ values: [T]) {
    values.withUnsafeBytes { fold($0) }
  }

  public mutating func fold(_ text: String) {
    var text = text
    text.withUTF8 { fold(UnsafeRawBufferPointer($0)) }
  }

  /// Sixteen hexadecimal digits.
  public var description: String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
