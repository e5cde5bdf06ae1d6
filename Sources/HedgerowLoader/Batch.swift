public import HedgerowCore
public import HedgerowGraph
public import HedgerowTensor

/// One mini-batch: the sampled neighborhood of some seeds, with features and labels.
public struct Batch: Sendable {
  public let epoch: Int
  /// The place in the epoch, from 0.
  public let index: Int
  public let subgraph: SampledSubgraph
  /// Features of every node of the subgraph, by type: count x width. Types without inputs are
  /// not there.
  public let features: PerNode<Tensor>
  /// Class labels of the seeds, -1 for none; empty when no label column was asked for.
  public let labels: [Int32]
  /// What the loss of each node is to be multiplied by, by type; empty where all count alike.
  public var weights = PerNode<[Float]>()
  /// External keys of nodes, in their order; none unless they were asked for.
  public let keys: PerNode<[String]>
  /// The source of randomness that belongs to this batch: dropout draws from it.
  public let randomness: RandomStream
  /// Seconds that making it took on its thread.
  public let seconds: StageSeconds
  /// Where its rows of features came from.
  public let rows: RowCounts

  /// One layer a hop, the first layer first.
  public var blocks: [HeteroBlock] { subgraph.blocks }
  public var seedCount: Int { subgraph.seedCount }

  var byteCount: Int { subgraph.byteCount(with: features) }
}

extension SampledSubgraph {
  /// The memory that a batch of this and its features holds.
  func byteCount(with features: PerNode<Tensor>) -> Int {
    4 * (features.values.reduce(0) { $0 + $1.count } + nodeCount)
      + edges.reduce(0) {
        $0 + 4 * ($1.offsets.count + $1.sources.count) + 8 * $1.ids.count + 4 * $1.weights.count
      }
  }
}
