import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport
import Testing

/// What holds for every model, whatever it computes.
@Suite struct ModelTests {
  /// A model, and what it makes of features of width 5 of a drawn graph.
  struct Row: Sendable, CustomStringConvertible {
    typealias Run = (_ x: Tensor, _ block: Block) -> Tensor
    let name: String
    let make: @Sendable (_ nodes: Int) -> (any Module, Run)
    var description: String { name }

    init(_ name: String, _ make: @escaping @Sendable (_ nodes: Int) -> (any Module, Run)) {
      (self.name, self.make) = (name, make)
    }

    static func encoder(
      _ name: String, _ make: @escaping @Sendable () -> any NodeEncoder
    ) -> Row {
      Row(name) { _ in
        let model = make()
        return (model, { model($0, $1) })
      }
    }
  }

  static let rows: [Row] =
    [
      .encoder("GCN") { GCN(5, 8, layers: 2, outputs: 3) },
      .encoder("GCN that jumps") {
        var options = GraphNetworkOptions()
        options.jumping = .lstm
        options.norm = { GraphNorm($0) }
        return GCN(5, 8, layers: 3, outputs: 3, options: options)
      },
      .encoder("GraphSAGE") { GraphSAGE(5, 8, layers: 2, outputs: 3) },
      .encoder("GAT") {
        var heads = GATConv.Options()
        heads.heads = 2
        return GAT(5, 8, layers: 2, outputs: 3, convolution: heads)
      },
      .encoder("GATv2") { GATv2(5, 8, layers: 2, outputs: 3) },
      .encoder("GIN") { GIN(5, 8, layers: 2, outputs: 3) },
      .encoder("PNA") { PNA(5, 8, layers: 2, outputs: 3, degrees: [1, 2, 3]) },
      .encoder("EdgeCNN") { EdgeCNN(5, 8, layers: 2, outputs: 3) },
      .encoder("GraphUNet") { GraphUNet(5, 8, outputs: 3, depth: 2) },
      .encoder("VGAE") { VGAE(encoder: VariationalGCN(5, 8, outputs: 3)) },
      Row("DeepGraphInfomax") { _ in
        let model = DeepGraphInfomax(encoder: GCN(5, 8, layers: 1), width: 8)
        return (
          model,
          { x, block in
            let views = model.views(x, block, shufflingBy: RandomStream(seed: 3))
            return concatenated(
              views.real, views.shuffled, model.loss(of: views).broadcast(to: [x.rowCount, 1]))
          }
        )
      },
      Row("LINKX") { nodes in
        var options = LINKX.Options()
        options.edgeLayers = 2
        let model = LINKX(nodes: nodes, width: 5, hiddenWidth: 8, outputs: 3, options: options)
        return (model, { model($0, $1) })
      },
      Row("LightGCN") { nodes in
        let model = LightGCN(nodes: nodes, width: 5, layers: 3)
        return (model, { model.embeddings($1) + $0 })
      },
      Row("SIGN") { _ in
        let model = SIGN(5, 8, hops: 2, outputs: 3)
        return (model, { model(SIGN.hops(of: $0, 2, along: $1)) })
      },
      Row("GraphGPS") { _ in
        var options = GraphGPS.Options()
        (options.layers, options.hiddenWidth, options.encodedWidth) = (2, 8, 3)
        let model = GraphGPS(5, encodingWidth: 2, outputs: 3, options: options)
        return (model, { model($0, encodings: $0.sliced(0..<2, along: 1), $1) })
      },
      Row("SchNet") { _ in
        var options = SchNet.Options()
        (options.hiddenWidth, options.filters) = (8, 6)
        (options.interactions, options.gaussians, options.cutoff) = (2, 5, 1)
        let model = SchNet(options: options)
        return (
          model,
          { x, _ in
            let atoms = (0..<UInt32(x.rowCount)).map { 1 + $0 % 7 }
            return model(atoms, places: x.sliced(0..<3, along: 1))
          }
        )
      },
      Row("PointNet2") { _ in
        let model = PointNet2(outputs: 3, options: Self.points)
        return (model, { x, _ in model(PointClouds(x.columns(3...4), places: x.columns(0...2))) })
      },
      Row("PointNet2Segmentation") { _ in
        let model = PointNet2Segmentation(outputs: 3, options: Self.points)
        return (model, { x, _ in model(PointClouds(x.columns(3...4), places: x.columns(0...2))) })
      },
      Row("DGCNN") { _ in
        var options = DGCNN.Options()
        (options.neighbors, options.width) = (4, 4)
        let model = DGCNN(5, outputs: 3, options: options)
        return (model, { x, _ in model(x) })
      },
      Row("RelationalAutoencoder") { nodes in
        let decoder = ComplEx(nodes: 0, relations: 3, width: 4)
        let model = RelationalAutoencoder(nodes: nodes, relations: 3, decoder: decoder)
        return (
          model,
          { x, block in
            let types = (0..<UInt32(block.edgeCount)).map { $0 % 3 }
            let encoded = model.encoded(block, types: types)
            let numbers = (0..<UInt32(nodes)).map { $0 }
            let scores = encoded.score(
              Triples(
                heads: numbers, relations: numbers.map { $0 % 3 }, tails: numbers.reversed()))
            return scores.reshaped(to: [nodes, 1]) + x
          }
        )
      },
    ]

  static var points: PointNet2.Options {
    var options = PointNet2.Options()
    (options.width, options.featureWidth, options.radii) = (8, 2, (0.7, 1.4))
    return options
  }

  /// A model on a drawn graph, with parameters of its own.
  struct Case {
    let model: any Module
    let x: Parameter
    let run: () -> Tensor

    init(_ row: Row, nodes: Int, edges: DrawnGraph.Edges = .some, seed: UInt64) {
      let (model, run) = row.make(nodes)
      self.model = model.initialized(seed: seed)
      let graph = DrawnGraph(nodes: nodes, edges: edges, seed: seed)
      let x = Parameter(Tensor.random([nodes, 5], seed: seed + 1))
      self.x = x
      self.run = { run(x.value, graph.block) }
    }

    var parameters: [Parameter] { [x] + model.parameters }

    /// The result, and the gradients of the sum of its squares.
    func results() -> [Tensor] {
      let (_, gradients) = valueWithGradients(at: parameters) { sum(square(run())) }
      return [run()] + parameters.map { gradients[$0] ?? .zeros($0.shape) }
    }
  }

  @Test(arguments: rows) func noEdgesAndIsolatedNodesGiveNumbers(_ row: Row) {
    let seed = printedSeed()
    for edges in [DrawnGraph.Edges.none, .some] {
      let results = Case(row, nodes: 12, edges: edges, seed: seed).results()
      #expect(results.allSatisfy { $0.scalars.allSatisfy(\.isFinite) })
    }
  }

  @Test(arguments: rows) func resultsAreTheSameBitsForAnyNumberOfThreads(_ row: Row) {
    let seed = printedSeed()
    let results = [1, 2, 4].map { threads in
      Compute.with(ThreadPool(threadCount: threads)) {
        Case(row, nodes: 300, seed: seed).results()
      }
    }
    #expect(results[0] == results[1] && results[0] == results[2])
  }

  /// A step along the gradient raises the sum of squares by its length, as far as single precision shows.
  ///
  /// A kink that lies within one step may lie outside a shorter one, and where there is one close by in one
  /// drawn case, there is none in the next.
  @Test(arguments: rows) func gradientsAreTheSlopesOfResults(_ row: Row) {
    let seed = printedSeed()
    var found: [String] = []
    for draw in 0..<5 {
      let (slopes, length) = slopes(Case(row, nodes: 20, seed: seed &+ UInt64(draw)))
      if slopes.contains(where: { abs($0 - length) <= 0.02 * length + 1e-3 }) { return }
      found.append("\(slopes) and \(length)")
    }
    Issue.record("\(row): \(found)")
  }

  /// Slopes along the gradient by differences over ever shorter steps, and the gradient's length.
  private func slopes(_ drawn: Case) -> ([Double], Double) {
    func squares(_ x: Tensor) -> Double { x.scalars.reduce(0) { $0 + Double($1) * Double($1) } }
    let gradients = drawn.results().dropFirst()
    let length = gradients.reduce(0) { $0 + squares($1) }.squareRoot()
    let starts = drawn.parameters.map(\.value)
    func value(after step: Double) -> Double {
      for (index, gradient) in gradients.enumerated() {
        drawn.parameters[index].value =
          starts[index] + Float(step / Swift.max(length, 1e-9)) * gradient
      }
      return squares(drawn.run())
    }
    return (
      [4e-3, 1e-3, 2.5e-4].map { (value(after: $0) - value(after: -$0)) / (2 * $0) }, length
    )
  }

  /// A model's own state loads into another of the same shape, and that gives the same.
  @Test(arguments: rows) func statesLoadByName(_ row: Row) throws {
    let seed = printedSeed()
    let drawn = Case(row, nodes: 12, seed: seed)
    let other = Case(row, nodes: 12, seed: seed + 7)
    try other.model.load(ModelState(decoding: drawn.model.state.encoded()))
    other.x.value = drawn.x.value
    let (run, graph) = (row.make(12), DrawnGraph(nodes: 12, seed: seed))
    try run.0.load(drawn.model.state)
    #expect(run.1(drawn.x.value, graph.block) == drawn.run())
  }
}

extension Tensor {
  fileprivate func columns(_ range: ClosedRange<Int>) -> Tensor {
    sliced(Range(range), along: 1)
  }
}
