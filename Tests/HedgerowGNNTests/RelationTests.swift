import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport
import Testing

/// Layers of several relations against their equations, and on blocks.
@Suite struct RelationTests {
  static let relations: [EdgeType] = [
    EdgeType("user", "follows", "user"), EdgeType("user", "rates", "item"),
    EdgeType("item", "rated_by", "user"),
  ]

  /// Blocks of all edges whose targets are the first of their type; the second relation has none when it is `emptied`.
  func graph(
    users: Int, items: Int, targets: Int, _ seed: UInt64, emptied: Bool = false
  ) -> HeteroBlock {
    var stream = RandomStream(seed: seed)
    let counts: PerNode<Int> = ["user": users, "item": items]
    var blocks = PerEdge<Block>()
    for (index, relation) in Self.relations.enumerated() {
      let (from, to) = (counts[relation.source], counts[relation.target])
      let edges = (0..<60).map { _ in
        (UInt32(stream.next(below: UInt64(from))), UInt32(stream.next(below: UInt64(to - 1))))
      }
      let kept = emptied && index == 1 ? [] : edges.filter { $0.1 < targets }
      blocks[relation] = Block(
        sources: kept.map(\.0), targets: kept.map(\.1), sourceCount: from,
        targetCount: min(to, targets))
    }
    return HeteroBlock(
      blocks: blocks, sourceCounts: counts,
      targetCounts: counts.mapValues { min($0, targets) })
  }

  func features(users: Int, items: Int) -> PerNode<Tensor> {
    ["user": Tensor.random([users, 6], seed: 1), "item": Tensor.random([items, 4], seed: 2)]
  }

  typealias Layer = (PerNode<Tensor>, HeteroBlock) -> PerNode<Tensor>

  static let layers: [@Sendable () -> Layer] = [
    {
      let layer = HGTConv(["user": 6, "item": 4], to: 6, relations: relations, heads: 2)
        .initialized(seed: 1)
      return { layer($0, $1) }
    },
    {
      var options = HANConv.Options()
      options.heads = 2
      let layer = HANConv(["user": 6, "item": 4], to: 6, relations: relations, options: options)
        .initialized(seed: 1)
      // One relation into items: shares of relations, which are of all targets, play no part.
      return { x, block in
        var items = PerNode<Tensor>()
        items["item"] = layer(x, block)["item"]
        return items
      }
    },
  ]

  @Test(arguments: layers.indices)
  func targetsOfASampledBlockHaveTheResultsOfTheGraph(_ index: Int) {
    let (seed, layer) = (printedSeed(), Self.layers[index]())
    let x = features(users: 15, items: 12)
    let whole = layer(x, graph(users: 15, items: 12, targets: 15, seed))
    let part = layer(x, graph(users: 15, items: 12, targets: 5, seed))
    for (type, result) in part {
      let same = zip(result.scalars, whole[type].prefix(rows: 5).scalars).allSatisfy {
        abs($0 - $1) <= 1e-5 * (1 + abs($1))
      }
      #expect(result.shape == [5, 6] && same, "\(type)")
    }
  }

  @Test(arguments: layers.indices) func aRelationWithoutEdgesGivesNumbers(_ index: Int) {
    let layer = Self.layers[index]()
    let result = layer(
      features(users: 15, items: 12),
      graph(users: 15, items: 12, targets: 15, printedSeed(), emptied: true))
    #expect(result["item"].shape == [12, 6])
    #expect(result.values.allSatisfy { $0.scalars.allSatisfy(\.isFinite) })
  }

  @Test func bitsAreTheSameForAnyNumberOfThreads() {
    let seed = printedSeed()
    for make in Self.layers {
      let results = [1, 2, 4].map { threads in
        Compute.with(ThreadPool(threadCount: threads)) {
          make()(
            features(users: 900, items: 700), graph(users: 900, items: 700, targets: 900, seed)
          )
          .values
        }
      }
      #expect(results[0] == results[1] && results[0] == results[2])
    }
  }

  @Test func missingFeaturesAreNamedByTheirRelation() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      let relation = EdgeType("user", "rates", "item")
      let layer = HGTConv(["user": 6, "item": 4], to: 6, relations: [relation]).initialized(seed: 1)
      let block = HeteroBlock(blocks: [:], sourceCounts: [:], targetCounts: [:])
      _ = layer(["user": Tensor.zeros([3, 6])], block)
    }
    let text = result.map { String(decoding: $0.standardErrorContent, as: UTF8.self) } ?? ""
    #expect(text.contains("rates") && text.contains("item"), "\(text)")
  }

  /// Relation by relation, target by target.
  @Test func relationalConvolutionIsItsEquation() throws {
    let seed = printedSeed()
    var stream = RandomStream(seed: seed)
    let edges = (0..<70).map { _ in
      (UInt32(stream.next(below: 20)), UInt32(stream.next(below: 8)))
    }
    let block = Block(
      sources: edges.map(\.0), targets: edges.map(\.1), sourceCount: 20, targetCount: 8)
    let types = edges.map { _ in UInt32(stream.next(below: 3)) }
    let layer = RGCNConv(5, 4, relations: 3).initialized(seed: seed)
    let x = Tensor.random([20, 5], seed: seed)
    let result = layer(x, block, types: types)
    let named = Dictionary(
      uniqueKeysWithValues: layer.namedParameters.map { ($0.path, $0.parameter.value) })
    let (weight, root) = (named["weight"]!, named["root"]!)
    for target in 0..<8 {
      for column in 0..<4 {
        var expected = 0.0
        for row in 0..<5 { expected += Double(x[target, row] * root[row, column]) }
        for type in 0..<3 {
          let entries = (Int(block.offsets[target])..<Int(block.offsets[target + 1])).filter {
            types[$0] == type
          }
          for entry in entries {
            for row in 0..<5 {
              expected +=
                Double(x[Int(block.sources[entry]), row] * weight[type, row, column])
                / Double(entries.count)
            }
          }
        }
        #expect(abs(Double(result[target, column]) - expected) < 1e-4)
      }
    }
  }

  @Test func rowsOfEachTypeHaveAMatrixOfTheirOwn() {
    let seed = printedSeed()
    var stream = RandomStream(seed: seed)
    let types = (0..<30).map { _ in UInt32(stream.next(below: 4)) }
    let layer = HeteroLinear(5, 3, types: 4).initialized(seed: seed)
    let x = Tensor.random([30, 5], seed: seed)
    let result = layer(x, types: types)
    for (row, type) in types.enumerated() {
      let matrix: Tensor = layer.weight.value[Int(type), 0..., 0...]
      let bias: Tensor = layer.bias!.value[Int(type), 0...]
      let own: Tensor = matmul(x[row..<row + 1, 0...], matrix) + bias
      let found: Tensor = result[row..<row + 1, 0...]
      #expect(zip(own.scalars, found.scalars).allSatisfy { abs($0 - $1) < 1e-5 })
    }
  }
}
