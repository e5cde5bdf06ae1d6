import HedgerowCore
import HedgerowGraph
import HedgerowLoader
import HedgerowSampling
import HedgerowTestSupport
import Testing

private typealias G = ReferenceGraph

/// Loaders of clusters and of GraphSAINT's subgraphs.
@Suite struct PartLoaderTests {
  private func digests<L: BatchLoader>(
    _ loader: L, from first: Int = 0
  ) async throws -> [BatchDigest] where L.Batch == Batch {
    var digests: [BatchDigest] = []
    for try await batch in loader.epoch(1, from: first) {
      var digest = BatchDigest()
      batch.subgraph.fold(into: &digest)
      for weights in batch.weights.values { digest.fold(weights) }
      for tensor in batch.features.values {
        tensor.withUnsafeBufferPointer { digest.fold(UnsafeRawBufferPointer($0)) }
      }
      digests.append(digest)
    }
    return digests
  }

  @Test func clustersComeOnceAnEpochWithAllEdgesWithinTheirBatch() async throws {
    let graph = G(seed: printedSeed()).memoryGraph
    let partition = try StreamingPartitioner().partition(
      graph, into: 11, relations: graph.schema.relations())
    var options = LoaderOptions()
    var expected: [BatchDigest]?
    for threads in [1, 3] {
      options.threads = threads
      let loader = ClusterLoader(
        graph, partition, partsPerBatch: 3, layers: 2, target: G.item, seed: 5, options: options)
      let found = try await digests(loader)
      #expect(found.count == 4 && found == expected ?? found)
      #expect(try await digests(loader, from: 2) == Array(found.dropFirst(2)))
      expected = found
      var seen: [UInt32] = []
      for try await batch in loader.epoch(0) {
        seen += batch.subgraph.nodes[G.item]
        #expect(batch.seedCount == batch.subgraph.nodes[G.item].count)
        let edges = batch.subgraph.edges.first { $0.relation.name == G.rates }!
        let users = Set(batch.subgraph.nodes[G.user])
        for (row, node) in batch.subgraph.nodes[G.item].enumerated() {
          let all = try graph.neighbors(of: NodeID(node), along: edges.relation)
          #expect(
            Int(edges.offsets[row + 1] - edges.offsets[row]) == all.count(where: users.contains))
        }
      }
      #expect(seen.sorted() == (0..<UInt32(graph.count(of: G.item))).map { $0 })
    }
  }

  @Test func subgraphsHaveTheirWeights() async throws {
    let seed = printedSeed()
    let graph = G(seed: seed).memoryGraph
    let sampler = SAINTSampler(graph, .walks(roots: 30, of: G.user, length: 2), seed: seed)
    let normalization = try SAINTNormalization(sampler, coverage: 2)
    var options = LoaderOptions()
    var expected: [BatchDigest]?
    for threads in [1, 4] {
      options.threads = threads
      let loader = SAINTLoader(
        sampler, batchesPerEpoch: 6, layers: 2, normalization: normalization, seed: seed,
        options: options)
      let found = try await digests(loader)
      #expect(found.count == 6 && Set(found).count == 6 && found == expected ?? found)
      expected = found
      for try await batch in loader.epoch(0) {
        for type in [G.user, G.item] {
          #expect(
            batch.weights[type]
              == normalization.lossWeights(of: batch.subgraph.nodes[type], type))
        }
        #expect(batch.subgraph.edges.allSatisfy { $0.weights.count == $0.sources.count })
      }
    }
  }
}
