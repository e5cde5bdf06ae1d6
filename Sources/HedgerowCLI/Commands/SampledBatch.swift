import Hedgerow

/// What `sample` shows of a batch, whatever it was made around.
protocol SampledBatch: Sendable {
  var subgraph: SampledSubgraph { get }
  var features: PerNode<Tensor> { get }
  var seconds: StageSeconds { get }
  var rows: RowCounts { get }

  /// Folds what it has beside these into a digest.
  func foldRest(into digest: inout BatchDigest)
}

extension SampledBatch {
  /// Folds the whole content into a digest, but for ids of edges: they are there for audits and for
  /// what makes weights.
  func fold(into digest: inout BatchDigest) {
    var subgraph = subgraph
    for place in subgraph.edges.indices { subgraph.edges[place].ids = [] }
    subgraph.fold(into: &digest)
    for tensor in features.values {
      tensor.withUnsafeBufferPointer { digest.fold(UnsafeRawBufferPointer($0)) }
    }
    foldRest(into: &digest)
  }
}

extension Batch: SampledBatch {
  func foldRest(into digest: inout BatchDigest) {
    for weights in weights.values { digest.fold(weights) }
  }
}

extension LinkBatch: SampledBatch {
  func foldRest(into digest: inout BatchDigest) {
    digest.fold(edges)
    for pairs in [links.positives, links.negatives] {
      digest.fold(pairs.sources)
      digest.fold(pairs.targets)
    }
    if let times = links.times { digest.fold(times) }
  }
}
