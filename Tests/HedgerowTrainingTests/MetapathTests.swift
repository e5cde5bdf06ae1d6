import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowStore
import HedgerowTestSupport
import Testing

@testable import HedgerowTraining

private let node = BlockStore.node

@Suite struct MetapathTests {
  private let forth = EdgeType("a", "to", "b")
  private let back = EdgeType("b", "from", "a")

  @Test(arguments: [0, 1, 7, 40]) func edgesAreThePairsThatAPathJoins(edgeCount: Int) throws {
    var random = RandomStream(seed: printedSeed())
    let counts: PerNode<Int> = ["a": 9, "b": 5]
    var matrices: [EdgeType: Set<[UInt32]>] = [:]
    var blocks = PerEdge<Block>()
    for type in [forth, back] {
      let (sources, targets) = (counts[type.source], counts[type.target])
      let edges = (0..<edgeCount).map { _ in
        [UInt32(random.next(below: UInt64(sources))), UInt32(random.next(below: UInt64(targets)))]
      }
      matrices[type] = Set(edges)
      blocks[type] = Block(
        sources: edges.map { $0[0] }, targets: edges.map { $0[1] }, sourceCount: sources,
        targetCount: targets)
    }
    let graph = HeteroBlock(blocks: blocks, sourceCounts: counts, targetCounts: counts)
    for relations in [[forth, back], [forth, back, forth, back]] {
      var expected = Set((0..<9).map { [UInt32($0), UInt32($0)] })
      for relation in relations {
        expected = Set(
          expected.flatMap { path in
            matrices[relation]!.filter { $0[0] == path[1] }.map { [path[0], $0[1]] }
          })
      }
      let block = try Metapath(relations).block(in: graph, limit: 81)
      var found: [[UInt32]] = []
      for target in 0..<9 {
        let row = block.sources[Int(block.offsets[target])..<Int(block.offsets[target + 1])]
        #expect(row.sorted() == Array(row))
        found += row.map { [$0, UInt32(target)] }
      }
      #expect(found.count == expected.count && Set(found) == expected)
      #expect(block.sourceCount == 9 && block.targetCount == 9)
      guard !expected.isEmpty else { continue }
      let error = #expect(throws: HedgerowError.self) {
        try Metapath(relations).block(in: graph, limit: expected.count - 1)
      }
      #expect(error?.message.contains("--metapaths") == true)
    }
  }

  @Test func textsComeBackAndOthersAreRefused() throws {
    for text in ["paper:cites:paper", "paper:has:author:rev_has:paper"] {
      #expect("\(try Metapath(validating: text))" == text)
    }
    #expect(
      try Metapath(validating: "a:to:b:from:a").relations == [forth, back])
    for text in ["", "paper", "paper:cites", "paper:has:author", "a:to:b:from", "a::a", ":::"] {
      let error = #expect(throws: HedgerowError.self) { try Metapath(validating: text) }
      #expect(error?.code == .usage, "\(text)")
    }
  }

  @Test func theDefaultsAreThoseOfTwoRelations() {
    let cites = EdgeType("a", "cites", "a")
    let metapaths = Metapath.ofLengthTwo(from: "a", along: [cites, forth, back])
    #expect(metapaths.map { "\($0)" } == ["a:cites:a:cites:a", "a:to:b:from:a"])
  }

  private func message(_ change: (inout TrainingOptions) -> Void) async throws -> String {
    let directory = TemporaryDirectory()
    var blocks = BlockStore(nodes: 150)
    blocks.hasTags = true
    let store = try blocks.make(at: directory("s"), seed: 5)
    var options = TrainingOptions(model: .han, mode: .fullBatch)
    (options.hiddenWidth, options.epochs) = (16, 1)
    change(&options)
    let error = await #expect(throws: HedgerowError.self) { try await train(store, options) }
    #expect(error?.code == .usage)
    return error?.message ?? ""
  }

  @Test func whatCannotBeIsSaidSo() async throws {
    #expect(try await message { $0.mode = .sampled }.contains("--full-batch"))
    #expect(try await message { $0.metapaths = ["node:has:tag"] }.contains("no metapath"))
    #expect(
      try await message { $0.metapaths = ["tag:rev_has:node:has:tag"] }.contains("none of 'node'"))
    #expect(
      try await message { $0.metapaths = ["node:had:tag:rev_had:node"] }
        .contains("node:links:node, node:has:tag, tag:rev_has:node"))
    #expect(
      try await message {
        $0.model = .sage
        $0.metapaths = ["node:links:node"]
      }.contains("--model han"))
    #expect(
      try await message {
        $0.model = .sage
        $0.bases = 3
      }.contains("--model rgcn"))
    #expect(try await message { $0.hiddenWidth = 12 }.contains("8 heads"))
  }

  @Test func givenMetapathsAreThoseOfTheModel() async throws {
    let directory = TemporaryDirectory()
    var blocks = BlockStore(nodes: 150)
    blocks.hasTags = true
    let store = try blocks.make(at: directory("s"), seed: 5)
    var options = TrainingOptions(model: .han, mode: .fullBatch)
    (options.hiddenWidth, options.epochs, options.layerCount) = (16, 2, 1)
    options.metapaths = ["node:has:tag:rev_has:node"]
    let model = try await train(store, options).model
    #expect(model.specification.metapaths == options.metapaths)
    #expect(model.specification.relations == ["node:has:tag", "tag:rev_has:node"])
    // Types on the way have no inputs.
    #expect(model.specification.inputs.map(\.type) == ["node"])
    let paths = model.network.namedParameters.map(\.path)
    #expect(paths.contains("layers.0.conv.lin_src.node__metapath_0__node"))
    #expect(!paths.contains { $0.contains("metapath_1") })
    options.metapaths = nil
    let all = try await train(store, options).model.specification
    #expect(all.metapaths == ["node:links:node:links:node", "node:has:tag:rev_has:node"])
    #expect(try ModelSpecification(decoding: all.encoded(), name: "m") == all)
    for change: (inout ModelSpecification) -> Void in [
      { $0.metapaths = nil }, { $0.metapaths = [] }, { $0.metapaths = ["node:x:node"] },
      { $0.metapaths?[0] = "tag:rev_has:node:has:tag" }, { $0.metapaths?[0] = "node" },
      { $0.options.model = .pna },
    ] {
      var hostile = all
      change(&hostile)
      let bytes = try hostile.encoded()
      let error = #expect(throws: HedgerowError.self) {
        try ModelSpecification(decoding: bytes, name: "m")
      }
      #expect(error?.code == .damaged)
    }
  }
}
