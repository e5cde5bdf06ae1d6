public import HedgerowCore
public import HedgerowGraph

/// Makes a subgraph around seeds: the one thing that a loader asks of a sampler.
///
/// A subgraph is a pure function of the graph, the sampler, the seeds and (epoch, batch): the same
/// bits on any thread, from any topology that holds the same graph.
public protocol SubgraphSampler: Sendable {
  /// Samples around seeds.
  ///
  /// - Parameter workspace: buffers that are kept from batch to batch; one a thread.
  /// - Throws: `damaged` from the topology; `usage` for seeds that the sampler cannot take; `badData`
  ///   for weights that are none.
  func sample(
    _ seeds: SamplingSeeds, epoch: Int, batch: Int, workspace: SamplingWorkspace
  ) throws -> SampledSubgraph
}

extension SubgraphSampler {
  /// Samples around seeds of one type.
  public func sample(
    seeds: [UInt32], of type: NodeType, epoch: Int, batch: Int, workspace: SamplingWorkspace
  ) throws -> SampledSubgraph {
    try sample(
      SamplingSeeds(seeds, of: type), epoch: epoch, batch: batch, workspace: workspace)
  }
}
