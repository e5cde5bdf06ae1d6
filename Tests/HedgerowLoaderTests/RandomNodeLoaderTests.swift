import HedgerowCore
import HedgerowGraph
import HedgerowLoader
import HedgerowStore
import HedgerowTestSupport
import Testing

private typealias G = ReferenceGraph

@Suite struct RandomNodeLoaderTests {
  @Test func partsAreApartWithAllEdgesWithin() async throws {
    let reference = G(seed: printedSeed())
    let graph = reference.memoryGraph
    let loader = RandomNodeLoader(graph, parts: 7, layers: 3, target: G.item, seed: 3)
    var parts: [[UInt32]] = []
    for epoch in 0..<2 {
      var seen: PerNode<[UInt32]> = [G.user: [], G.item: []]
      for try await batch in loader.epoch(epoch) {
        let subgraph = batch.subgraph
        #expect(subgraph.seedType == G.item && batch.blocks.count == 3)
        #expect(batch.features[G.item].shape == [batch.seedCount, G.width])
        for (type, nodes) in subgraph.nodes {
          #expect(abs(nodes.count - reference.counts[type] / 7) <= 1)
          seen[type] += nodes
        }
        if batch.index == 0 { parts.append(subgraph.nodes[G.user]) }
        for edges in subgraph.edges {
          let relation = edges.relation
          let (from, to) = (subgraph.nodes[relation.source], subgraph.nodes[relation.target])
          let known = Set(from)
          for (row, node) in to.enumerated() {
            let entries = Int(edges.offsets[row])..<Int(edges.offsets[row + 1])
            #expect(
              entries.map { from[Int(edges.sources[$0])] }
                == (try graph.neighbors(of: NodeID(node), along: relation)).filter(known.contains))
          }
        }
      }
      for (type, nodes) in seen {
        #expect(nodes.sorted() == (0..<UInt32(reference.counts[type])).map { $0 })
      }
    }
    #expect(parts[0] != parts[1])
  }

  @Test func morePartsThanNodesAreRefused() async throws {
    let reference = G(seed: printedSeed())
    let count = reference.counts.values.reduce(0, +)
    func batchCount(parts: Int) async throws -> Int {
      let loader = RandomNodeLoader(reference.memoryGraph, parts: parts, layers: 1)
      var batches = 0
      for try await _ in loader.epoch(0) { batches += 1 }
      return batches
    }
    #expect(try await batchCount(parts: count) == count)
    let error = await #expect(throws: HedgerowError.self) { try await batchCount(parts: count + 1) }
    #expect(error?.code == .usage)
  }

  @Test func theSamePartsForAnyThreadsAndHome() async throws {
    let reference = G(seed: printedSeed())
    let directory = TemporaryDirectory()
    let store = try reference.makeStore(at: directory("s"))
    func digest(_ graph: some Topology & FeatureSource, threads: Int) async throws -> String {
      var options = LoaderOptions()
      options.threads = threads
      let loader = RandomNodeLoader(graph, parts: 9, layers: 1, seed: 3, options: options)
      var digest = BatchDigest()
      for try await batch in loader.epoch(4) { batch.subgraph.fold(into: &digest) }
      return "\(digest)"
    }
    let memory = try await digest(reference.memoryGraph, threads: 1)
    #expect(try await digest(store.snapshot(), threads: 2) == memory)
    #expect(try await digest(reference.memoryGraph, threads: 5) == memory)
  }
}
