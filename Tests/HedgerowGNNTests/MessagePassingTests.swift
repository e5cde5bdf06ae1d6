import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport
import Testing

/// x_i' = sum over j in N(i) + {i} of W x_j / sqrt(d_i d_j)
private struct NormalizedConv: MessagePassing {
  let linear: Linear
  let aggregation = Aggregation.sum
  func callAsFunction(_ x: Tensor, _ block: Block) -> Tensor {
    propagate(linear(x), along: block.addingSelfLoops())
  }
  func message(_ edge: EdgeInputs) -> Message {
    .scaledSource(by: rsqrt(edge.sourceDegree * edge.targetDegree))
  }
}

private struct GatedConv: MessagePassing {
  let gate: Linear
  let aggregation = Aggregation.mean
  func message(_ edge: EdgeInputs) -> Message {
    .dense(sigmoid(gate(concatenated(edge.target, edge.source))) * edge.source)
  }
  func update(_ aggregated: Tensor, target: Tensor) -> Tensor { relu(target + aggregated) }
}

/// The same messages in every form that they can be given in.
private struct Scaled: MessagePassing {
  enum Form: CaseIterable { case fused, dense }
  let aggregation: Aggregation
  let factors: Tensor
  let form: Form
  func message(_ edge: EdgeInputs) -> Message {
    switch form {
    case .fused: .scaledSource(by: factors)
    case .dense: .dense(factors.reshaped(to: [edge.count, 1]) * edge.source)
    }
  }
}

private struct Copied: MessagePassing {
  let aggregation: Aggregation
}

/// x_t' = sum over the edges of w e relu(features) x_s where the type is 1, in either direction.
private struct Carrying: MessagePassing {
  let aggregation = Aggregation.sum
  let direction: MessageDirection
  let attributes: EdgeAttributes
  func callAsFunction(source: Tensor, target: Tensor, _ block: Block) -> Tensor {
    propagate(source: source, target: target, along: block, carrying: attributes)
  }
  func message(_ edge: EdgeInputs) -> Message {
    let isOne = Tensor(edge.types.map { $0 == 1 ? 1 : 0 })
    return .dense(
      (edge.weights * isOne).reshaped(to: [edge.count, 1]) * edge.features * edge.source)
  }
}

@Suite struct MessagePassingTests {
  @Test(arguments: [MessageDirection.alongEdges, .againstEdges])
  func messagesSeeWhatEdgesBringAlongInEitherDirection(_ direction: MessageDirection) {
    var random = RandomStream(seed: printedSeed())
    let rows = RandomRows(sources: 30, targets: 12, from: &random)
    let block = Block(
      sources: rows.edges.map { UInt32($0.source) }, targets: rows.edges.map { UInt32($0.target) },
      sourceCount: 30, targetCount: 12)
    let count = rows.edges.count
    let attributes = EdgeAttributes(
      weights: .random([count], seed: 1), features: .random([count, 4], seed: 2),
      types: (0..<count).map { _ in UInt32(random.next(below: 3)) })
    let (x, y) = (Tensor.random([30, 4], seed: 3), Tensor.random([12, 4], seed: 4))
    let layer = Carrying(direction: direction, attributes: attributes)
    let isAlong = direction == .alongEdges
    let senders = isAlong ? x : y
    var expected = [Double](repeating: 0, count: (isAlong ? 12 : 30) * 4)
    for (entry, edge) in rows.edges.enumerated() where attributes.types![entry] == 1 {
      let (from, to) = isAlong ? (edge.source, edge.target) : (edge.target, edge.source)
      for column in 0..<4 {
        let product = attributes.features![entry, column] * senders[from, column]
        expected[to * 4 + column] += Double(attributes.weights!.scalars[entry] * product)
      }
    }
    let result =
      isAlong ? layer(source: x, target: y, block) : layer(source: y, target: x, block)
    #expect(isClose(result, expected))
    // And it is a convolution like any other.
    let convolution: any Convolution = layer
    #expect(
      convolution(source: senders, target: isAlong ? y : x, block).scalars == result.scalars)
  }

  func isClose(_ a: Tensor, _ b: [Double]) -> Bool {
    a.count == b.count
      && zip(a.scalars, b).allSatisfy { abs(Double($0) - $1) < 1e-4 * (1 + abs($1)) }
  }

  /// A graph of its own nodes without self-loops, and its edges.
  func square(_ random: inout RandomStream, nodes: Int) -> (block: Block, edges: [(Int, Int)]) {
    var edges: Set<[Int]> = []
    for _ in 0..<4 * nodes {
      let (a, b) = (Int(random.next(below: UInt64(nodes))), Int(random.next(below: UInt64(nodes))))
      if a != b { edges.insert([a, b]) }
    }
    let list = edges.sorted { $0.lexicographicallyPrecedes($1) }.map { ($0[0], $0[1]) }
    let block = Block(
      sources: list.map { UInt32($0.0) }, targets: list.map { UInt32($0.1) }, sourceCount: nodes,
      targetCount: nodes)
    return (block, list)
  }

  @Test func theNormalizedConvolutionIsThatOfTheArticle() {
    var random = RandomStream(seed: printedSeed())
    let (block, edges) = square(&random, nodes: 40)
    let layer = NormalizedConv(linear: Linear(6, 5)).initialized(seed: 3)
    let x = Tensor.random([40, 6], seed: 4)
    let all = edges + (0..<40).map { ($0, $0) }
    let degrees = (0..<40).map { node in Double(all.count { $0.1 == node }) }
    let transformed = layer.linear(x)
    var expected = [Double](repeating: 0, count: 40 * 5)
    for (source, target) in all {
      for column in 0..<5 {
        expected[target * 5 + column] +=
          Double(transformed[source, column]) / (degrees[source] * degrees[target]).squareRoot()
      }
    }
    #expect(isClose(layer(x, block), expected))
    // And it is GCNConv, whose bias comes after the sum.
    let gcn = GCNConv(6, 5)
    gcn.parameters[0].value = layer.linear.weight.value
    gcn.parameters[1].value = .zeros([5])
    layer.linear.bias!.value = .zeros([5])
    #expect(isClose(gcn(x, block), layer(x, block).scalars.map(Double.init)))
  }

  @Test func theGatedConvolutionIsWhatItsEquationsSay() {
    var random = RandomStream(seed: printedSeed())
    let rows = RandomRows(sources: 30, targets: 12, from: &random)
    let block = Block(
      sources: rows.edges.map { UInt32($0.source) }, targets: rows.edges.map { UInt32($0.target) },
      sourceCount: 30, targetCount: 12)
    let layer = GatedConv(gate: Linear(8, 4)).initialized(seed: 3)
    let x = Tensor.random([30, 4], seed: 4)
    var expected = [Double](repeating: 0, count: 12 * 4)
    for target in 0..<12 {
      let sources = rows.edges.filter { $0.target == target }.map(\.source)
      for column in 0..<4 {
        var sum = 0.0
        for source in sources {
          var gate = Double(layer.gate.bias!.value[column])
          for input in 0..<4 {
            gate += Double(layer.gate.weight.value[column, input] * x[target, input])
            gate += Double(layer.gate.weight.value[column, input + 4] * x[source, input])
          }
          sum += Double(x[source, column]) / (1 + exp(Tensor(Float(-gate))).scalarAsDouble)
        }
        let mean = sources.isEmpty ? 0 : sum / Double(sources.count)
        expected[target * 4 + column] = max(0, Double(x[target, column]) + mean)
      }
    }
    #expect(isClose(layer(x, block), expected))
  }

  /// Fused messages are never stored; they must come to the same as those that are, on blocks of
  /// sampled layers (arrays longer than the block) and of whole graphs, forward and backward.
  @Test(arguments: Aggregation.allCases) func fusedMessagesAreTheDenseOnes(_ way: Aggregation) {
    var random = RandomStream(seed: printedSeed())
    for (sources, targets) in [(40, 40), (60, 9), (12, 0)] {
      let rows = RandomRows(sources: sources, targets: targets, from: &random)
      let block = Block(
        offsets: rows.targets.offsets, sources: rows.targets.indices, sourceCount: sources,
        targetCount: targets)
      let x = Parameter(Tensor.random([sources, 5], seed: 1))
      let factors = Parameter(Tensor.random([block.edgeCount], seed: 2))
      let weights = Tensor.random([targets, 5], seed: 3)
      func run(_ layer: (Tensor, Tensor) -> Tensor) -> [[Double]] {
        var y: Tensor?
        let (_, gradients) = valueWithGradients(at: [x, factors]) {
          y = layer(x.value, factors.value)
          return sum(y! * weights)
        }
        return [y!, gradients[x] ?? .zeros(x.shape), gradients[factors] ?? .zeros(factors.shape)]
          .map { $0.scalars.map(Double.init) }
      }
      let results = Scaled.Form.allCases.map { form in
        run { x, factors in
          Scaled(aggregation: way, factors: factors, form: form)(x, block)
        }
      }
      for (fused, dense) in zip(results[0], results[1]) {
        #expect(zip(fused, dense).allSatisfy { abs($0 - $1) < 1e-5 * (1 + abs($1)) })
      }
      let ones = Tensor.ones([block.edgeCount])
      let copied = run { x, _ in Copied(aggregation: way)(x, block) }
      let scaledByOne = run { x, _ in
        Scaled(aggregation: way, factors: ones, form: .dense)(x, block)
      }
      for (a, b) in zip(copied, scaledByOne) {
        #expect(zip(a, b).allSatisfy { abs($0 - $1) < 1e-5 * (1 + abs($1)) })
      }
    }
  }

  /// Most targets have no edges: those that have some are computed alone.
  @Test(arguments: Aggregation.allCases) func targetsWithoutEdgesCostNothing(_ way: Aggregation) {
    var random = RandomStream(seed: printedSeed())
    for width in [3, 40] {
      let edges = (0..<50).map { _ in
        (UInt32(random.next(below: 300)), UInt32(random.next(below: 200)))
      }
      let block = Block(
        sources: edges.map(\.0), targets: edges.map(\.1), sourceCount: 300, targetCount: 200)
      #expect(block.reached != nil)
      var options = SAGEConv.Options()
      options.aggregation = way
      let layer = SAGEConv(width, 6, options: options).initialized(seed: 1)
      let x = Parameter(Tensor.random([300, width], seed: 2))
      let weights = Tensor.random([200, 6], seed: 3)
      let named = Dictionary(
        uniqueKeysWithValues: layer.namedParameters.map { ($0.path, $0.parameter) })
      func run(_ layer: () -> Tensor) -> [Tensor] {
        var y: Tensor?
        let (_, gradients) = valueWithGradients(at: [x] + layerParameters) {
          y = layer()
          return sum(y! * weights)
        }
        return [y!] + ([x] + layerParameters).map { gradients[$0]! }
      }
      let layerParameters = layer.parameters
      let fast = run { layer(x.value, block) }
      let slow = run {
        let aggregated = aggregate(x.value, along: block, by: way)
        return matmul(aggregated, named["lin_l.weight"]!.value.transposed())
          + named["lin_l.bias"]!.value
          + matmul(x.value.prefix(rows: 200), named["lin_r.weight"]!.value.transposed())
      }
      for (a, b) in zip(fast, slow) { #expect(isClose(a, b.scalars.map(Double.init))) }
    }
  }
}

extension Tensor {
  fileprivate var scalarAsDouble: Double { Double(scalar) }
}
