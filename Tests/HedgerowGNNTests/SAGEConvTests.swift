import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport
import Testing

@Suite struct SAGEConvTests {
  static func block(sources: Int, targets: Int, from stream: inout RandomStream) -> Block {
    let rows = RandomRows(sources: sources, targets: targets, from: &stream)
    return Block(
      offsets: rows.targets.offsets, sources: rows.targets.indices, sourceCount: sources,
      targetCount: targets)
  }

  /// The equation, target by target.
  func reference(
    _ source: Tensor, _ target: Tensor, _ block: Block, _ neighbors: Tensor, _ bias: Tensor,
    _ root: Tensor
  ) -> [Double] {
    var result: [Double] = []
    for t in 0..<block.targetCount {
      let sources = block.sources[Int(block.offsets[t])..<Int(block.offsets[t + 1])]
      for output in 0..<bias.count {
        var y = Double(bias[output])
        for column in 0..<source.shape[1] {
          let total = sources.reduce(0.0) { $0 + Double(source[Int($1), column]) }
          y += Double(neighbors[output, column]) * total / Double(max(sources.count, 1))
        }
        for column in 0..<target.shape[1] {
          y += Double(root[output, column]) * Double(target[t, column])
        }
        result.append(y)
      }
    }
    return result
  }

  @Test(arguments: UInt64(0)..<12) func aLayerIsItsEquation(seed: UInt64) {
    var stream = RandomStream(seed: seed)
    let targets = Int(stream.next(below: 40))
    let sources = 1 + Int(stream.next(below: 60))
    // Narrow and wide outputs: both orders of mean and product are taken.
    let (sourceWidth, targetWidth) = (1 + Int(stream.next(below: 30)), Int(stream.next(below: 9)))
    let outputWidth = seed % 2 == 0 ? 1 : 20
    let block = Self.block(sources: sources, targets: targets, from: &stream)
    let layer = SAGEConv(source: sourceWidth, target: targetWidth, to: outputWidth)
      .initialized(seed: seed)
    let weights = Dictionary(
      uniqueKeysWithValues: layer.namedParameters.map { ($0.path, $0.parameter.value) })
    let source = Tensor.random([sources, sourceWidth], seed: seed + 1)
    let target = Tensor.random([targets, targetWidth], seed: seed + 2)
    let expected = reference(
      source, target, block, weights["lin_l.weight"]!, weights["lin_l.bias"]!,
      weights["lin_r.weight"]!)
    let result = layer(source: source, target: target, block)
    #expect(result.shape == [targets, outputWidth])
    #expect(zip(result.scalars, expected).allSatisfy { abs(Double($0) - $1) < 1e-5 })
  }

  @Test func bothOrdersOfMeanAndProductAreTakenAndAgree() {
    // Targets are all sources: an output narrower than the input is cheaper to make first.
    var stream = RandomStream(seed: 2)
    let block = Self.block(sources: 30, targets: 30, from: &stream)
    let x = Tensor.random([30, 50], seed: 1)
    for outputWidth in [3, 200] {
      let layer = SAGEConv(50, outputWidth).initialized(seed: 4)
      let weights = layer.parameters.map(\.value)
      let expected = reference(x, x, block, weights[0], weights[1], weights[2])
      #expect(zip(layer(x, block).scalars, expected).allSatisfy { abs(Double($0) - $1) < 1e-5 })
    }
  }

  @Test func optionsDecideWhatIsLearned() {
    var options = SAGEConv.Options()
    options.bias = false
    options.rootWeight = false
    options.projection = true
    #expect(
      SAGEConv(4, 3, options: options).namedParameters.map(\.path)
        == ["lin.weight", "lin.bias", "lin_l.weight"])
    #expect(
      SAGEConv(4, 3).namedParameters.map(\.path) == ["lin_l.weight", "lin_l.bias", "lin_r.weight"])
  }

  @Test(arguments: UInt64(0)..<8) func gradientsOfTwoLayers(seed: UInt64) {
    var stream = RandomStream(seed: seed)
    func extent(_ limit: UInt64) -> Int { Int(stream.next(below: limit)) }
    let seeds = extent(5)
    let inner = seeds + extent(6)
    let sources = inner + extent(6)
    let first = Self.block(sources: sources, targets: inner, from: &stream)
    let second = Self.block(sources: inner, targets: seeds, from: &stream)
    let (width, hidden, classes) = (1 + extent(6), 1 + extent(6), 1 + extent(4))
    let labels = (0..<seeds).map { _ in Int32(extent(UInt64(classes) + 1)) - 1 }
    let inputs = [
      [sources, width], [hidden, width], [hidden], [hidden, width], [classes, hidden], [classes],
      [classes, hidden],
    ].map { NDTensor<Double>.random($0, seed: stream.next()) }
    let error = GradientCheck.error(
      at: inputs, seed: seed, randomness: RandomStream(seed: seed)
    ) { w in
      let h = SAGEConv.terms(
        source: w[0], target: w[0].prefix(rows: inner), along: first, neighborWeight: w[1],
        bias: w[2], rootWeight: w[3]
      ).evaluated(activation: .relu, dropout: 0.3)
      let logits = SAGEConv.terms(
        source: h, target: h.prefix(rows: seeds), along: second, neighborWeight: w[4], bias: w[5],
        rootWeight: w[6]
      ).evaluated()
      return crossEntropy(logits, labels)
    }
    #expect(error < 1e-7, "\(sources) sources, \(inner) and \(seeds) targets")
  }
}
