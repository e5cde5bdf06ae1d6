import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport
import Testing

/// What holds for every layer of the table, whatever its equation.
@Suite struct ConvolutionTests {
  /// A layer with features and edges that are drawn for it.
  struct Case {
    let layer: any Convolution
    let x: Parameter
    let block: Block
    let data: EdgeData

    init(
      _ row: GoldenConvolution, _ example: GoldenConvolution.Example, seed: UInt64,
      edges: [(UInt32, UInt32)], nodes: Int, targets: Int
    ) throws {
      let printed = try PrintedModule("\(row.name)(\(example.arguments))")
      layer = try row.layer(printed.settings).layer.initialized(seed: seed)
      let width = 5
      x = Parameter(Tensor.random([nodes, width], seed: seed + 1))
      let kept = edges.filter { $0.1 < targets }
      let block = Block(
        sources: kept.map(\.0), targets: kept.map(\.1), sourceCount: nodes, targetCount: targets)
      var data = EdgeData()
      // An edge's data are a function of its ends, so that they are the same in every block.
      let ends = (0..<targets).flatMap { target in
        block.sources[Int(block.offsets[target])..<Int(block.offsets[target + 1])].map {
          (Int($0), target)
        }
      }
      func draw(_ shape: [Int], _ salt: UInt64) -> Tensor {
        Tensor.random(shape, in: 0.1..<1, seed: seed + salt)
      }
      if layer is any EdgeWeightedConvolution {
        data.weights = draw([nodes * nodes], 2).gathered(
          rows: ends.map { UInt32($0.0 * nodes + $0.1) })
      }
      if let edgeWidth = example.edgeWidth, layer is any EdgeFeaturedConvolution {
        data.features = draw([nodes * nodes, edgeWidth], 3).gathered(
          rows: ends.map { UInt32($0.0 * nodes + $0.1) })
      }
      if layer is any EdgeTypedConvolution {
        data.types = ends.map { UInt32(($0.0 + 2 * $0.1) % 3) }
      }
      self.block = block
      self.data = data
    }

    /// The result, and the gradients of a sum of its squares.
    func run() throws -> (result: Tensor, gradients: [Tensor]) {
      func forward() throws -> Tensor {
        try data.result(
          of: layer, source: x.value, target: x.value.prefix(rows: block.targetCount), block)
      }
      let parameters = [x] + layer.parameters
      let (_, gradients) = try valueWithGradients(at: parameters) {
        sum(square(try forward()))
      }
      return (try forward(), parameters.map { gradients[$0] ?? .zeros($0.shape) })
    }
  }

  /// A step along the gradient raises the sum of squares by its length, as far as single precision shows.
  @Test(arguments: rows) func gradientsAreTheSlopesOfResults(_ row: GoldenConvolution) throws {
    let seed = printedSeed()
    let edges = edges(nodes: 20, RandomStream(seed: seed))
    for example in row.examples {
      let drawn = try Case(row, example, seed: seed, edges: edges, nodes: 20, targets: 20)
      let parameters = [drawn.x] + drawn.layer.parameters
      let gradients = try drawn.run().gradients
      func squares(_ x: Tensor) -> Double { x.scalars.reduce(0) { $0 + Double($1) * Double($1) } }
      let length = gradients.reduce(0) { $0 + squares($1) }.squareRoot()
      let starts = parameters.map(\.value)
      func value(after step: Double) throws -> Double {
        for (index, parameter) in parameters.enumerated() {
          parameter.value = starts[index] + Float(step / max(length, 1e-9)) * gradients[index]
        }
        return squares(try drawn.run().result)
      }
      // A kink that lies within one step, or a sharp bend, may lie outside a shorter one.
      let slopes = try [4e-3, 1e-3, 2.5e-4].map {
        (try value(after: $0) - (try value(after: -$0))) / (2 * $0)
      }
      #expect(
        slopes.contains { abs($0 - length) <= 0.02 * length + 1e-3 },
        "\(example.arguments): \(slopes) and \(length)")
    }
  }

  static let rows = GoldenOperation.layers

  /// Some edges, repeated ones and self-loops among them; the last node has none.
  func edges(nodes: Int, _ stream: RandomStream) -> [(UInt32, UInt32)] {
    var stream = stream
    let drawn = (0..<4 * nodes).map { _ in
      (
        UInt32(stream.next(below: UInt64(nodes - 1))), UInt32(stream.next(below: UInt64(nodes - 1)))
      )
    }
    return drawn + [drawn[0], (1, 1)]
  }

  @Test(arguments: rows) func noEdgesAndIsolatedNodesGiveNumbers(_ row: GoldenConvolution) throws {
    let seed = printedSeed()
    for example in row.examples {
      for edges in [[], edges(nodes: 12, RandomStream(seed: seed))] {
        let (result, gradients) = try Case(
          row, example, seed: seed, edges: edges, nodes: 12, targets: 12
        ).run()
        #expect(result.shape[0] == 12)
        #expect(([result] + gradients).allSatisfy { $0.scalars.allSatisfy(\.isFinite) })
      }
    }
  }

  @Test(arguments: rows) func resultsAreTheSameBitsForAnyNumberOfThreads(
    _ row: GoldenConvolution
  ) throws {
    let seed = printedSeed()
    let edges = edges(nodes: 600, RandomStream(seed: seed))
    for example in row.examples {
      let results = try [1, 2, 4].map { threads in
        try Compute.with(ThreadPool(threadCount: threads)) {
          let (result, gradients) = try Case(
            row, example, seed: seed, edges: edges, nodes: 600, targets: 600
          ).run()
          return [result] + gradients
        }
      }
      #expect(results[0] == results[1] && results[0] == results[2], "\(example.arguments)")
    }
  }

  @Test(arguments: rows.filter { $0.reach == .neighbors })
  func targetsOfASampledBlockHaveTheResultsOfTheGraph(_ row: GoldenConvolution) throws {
    let seed = printedSeed()
    let edges = edges(nodes: 30, RandomStream(seed: seed))
    for example in row.examples {
      func result(targets: Int) throws -> Tensor {
        try Case(row, example, seed: seed, edges: edges, nodes: 30, targets: targets).run().result
      }
      let (whole, part) = (try result(targets: 30), try result(targets: 11))
      let same = zip(whole.prefix(rows: 11).scalars, part.scalars).allSatisfy {
        abs($0 - $1) <= 1e-5 * (1 + abs($1))
      }
      #expect(part.shape == [11, whole.shape[1]] && same, "\(example.arguments)")
    }
  }
}
