import Glibc
import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport
import Testing

/// A network whose layers take weights of edges, and whose outputs are of all of them side by side.
private struct WeightedNetwork: Module {
  let layers: [GraphConv]
  let head: Linear
  private let activation: Activation

  init(
    _ width: Int, _ hidden: Int, _ classes: Int, depth: Int, _ activation: Activation = .tanh
  ) {
    self.activation = activation
    layers = (0..<depth).map { GraphConv($0 == 0 ? width : hidden, hidden) }
    head = Linear(depth * hidden, classes)
  }

  func callAsFunction(_ x: Tensor, _ block: Block, _ weights: Tensor) -> Tensor {
    var rows = [x]
    for layer in layers { rows.append(activation(layer(rows.last!, block, weights: weights))) }
    return head(concatenated(Array(rows.dropFirst())))
  }
}

@Suite struct ExplanationTests {
  private func drawn(_ seed: UInt64, nodes: Int, edges: Int) -> Block {
    var stream = RandomStream(seed: seed)
    func ends() -> [UInt32] {
      (0..<edges).map { _ in UInt32(stream.next(below: UInt64(nodes))) }
    }
    return Block(sources: ends(), targets: ends(), sourceCount: nodes, targetCount: nodes)
  }

  private func prediction(_ seed: UInt64) -> ExplainedPrediction {
    let model = WeightedNetwork(4, 8, 3, depth: 2).initialized(seed: seed)
    let block = drawn(seed, nodes: 12, edges: 40)
    return ExplainedPrediction(
      of: [3, 7], Tensor.random([12, 4], seed: seed + 1), block,
      weights: Tensor.random([40], in: 0.5..<1.5, seed: seed + 2)
    ) { model($0, $1, $2) }
  }

  /// The sum of the logits of the classes that are explained.
  private func score(_ prediction: ExplainedPrediction, _ x: Tensor, _ weights: Tensor) -> Double {
    let logits = prediction.model(x, prediction.block, weights)
    return zip(prediction.rows, prediction.classes).reduce(0) {
      $0 + Double(logits[Int($1.0), Int($1.1)])
    }
  }

  @Test func saliencyIsTheSizeOfDifferenceQuotients() {
    let seed = printedSeed()
    let prediction = prediction(seed)
    let explanation = saliency(of: prediction)
    let step: Float = 1e-2
    for place in 0..<48 {
      var (more, less) = (prediction.x, prediction.x)
      more.withUnsafeMutableBufferPointer { $0[place] += step }
      less.withUnsafeMutableBufferPointer { $0[place] -= step }
      let quotient =
        (score(prediction, more, prediction.weights) - score(prediction, less, prediction.weights))
        / Double(2 * step)
      #expect(abs(abs(quotient) - Double(explanation.features!.scalars[place])) < 2e-3)
    }
    for edge in 0..<40 {
      var (more, less) = (prediction.weights, prediction.weights)
      more.withUnsafeMutableBufferPointer { $0[edge] += step }
      less.withUnsafeMutableBufferPointer { $0[edge] -= step }
      let quotient =
        (score(prediction, prediction.x, more) - score(prediction, prediction.x, less))
        / Double(2 * step)
      #expect(abs(abs(quotient) - Double(explanation.edges!.scalars[edge])) < 2e-3)
    }
  }

  @Test func integratedGradientsAddToTheDifferenceOfScores() {
    let seed = printedSeed()
    let prediction = prediction(seed)
    let (x, weights) = (prediction.x, prediction.weights)
    let nothing = (Tensor.zeros(x.shape), Tensor.zeros(weights.shape))
    for (inputs, start) in [
      (ExplainedInputs.both, nothing), (.features, (nothing.0, weights)), (.edges, (x, nothing.1)),
    ] {
      let explanation = integratedGradients(of: prediction, over: inputs, stepCount: 200)
      let sum =
        (explanation.edges?.scalars ?? []).reduce(0.0) { $0 + Double($1) }
        + (explanation.features?.scalars ?? []).reduce(0.0) { $0 + Double($1) }
      let difference = score(prediction, x, weights) - score(prediction, start.0, start.1)
      #expect(abs(sum - difference) < 1e-3 * (1 + abs(difference)))
      #expect((explanation.edges == nil) == (inputs == .features))
      #expect((explanation.features == nil) == (inputs == .edges))
    }
  }

  @Test func edgesThatReachNoExplainedRowMatterNothing() {
    let seed = printedSeed()
    // 0 -> 1 -> 2, and 3 -> 4 apart.
    let block = Block(sources: [0, 1, 3], targets: [1, 2, 4], sourceCount: 5, targetCount: 5)
    let model = WeightedNetwork(2, 6, 2, depth: 2).initialized(seed: seed)
    let prediction = ExplainedPrediction(
      of: [2], Tensor.random([5, 2], seed: seed), block, by: { model($0, $1, $2) })
    for explanation in [
      saliency(of: prediction), integratedGradients(of: prediction),
      GNNExplainer()(prediction, seed: seed),
    ] {
      let (edges, features) = (explanation.edges!.scalars, explanation.features!.scalars)
      #expect(edges[0] != 0 && edges[1] != 0 && edges[2] == 0)
      #expect(features[6...] == [0, 0, 0, 0] && features[0] != 0)
    }
    // The same seed, the same masks.
    let explainer = GNNExplainer()
    #expect(
      explainer(prediction, seed: 1).edges == explainer(prediction, seed: 1).edges
        && explainer(prediction, seed: 1).edges != explainer(prediction, seed: 2).edges)
    var quiet = explainer
    quiet.noise = 0
    #expect(quiet(prediction, seed: 1).edges == quiet(prediction, seed: 2).edges)
    var columns = explainer
    columns.features = .columns
    let mask = columns(prediction, seed: 1).features!
    #expect(mask.shape == [5, 2] && mask[0, 0] == mask[4, 0])
    columns.features = .none
    #expect(columns(prediction, seed: 1).features == nil)
  }

  @Test func attentionIsThatOfTheLayersEquation() {
    let seed = printedSeed()
    let block = drawn(seed, nodes: 10, edges: 35)
    var options = GATConv.Options()
    options.heads = 2
    let first = GATConv(3, 4, options: options).initialized(seed: seed)
    let second = GATv2Conv(8, 2).initialized(seed: seed + 1)
    let x = Tensor.random([10, 3], seed: seed + 2)
    let prediction = ExplainedPrediction(of: [0], x, block) { x, block, _ in
      second(relu(first(x, block)), block)
    }
    /// By heads, of the first layer.
    func shares(_ head: Int) -> [Float] {
      let w = first.parameter("lin.weight")
      let a = first.parameter("att_src")
      let b = first.parameter("att_dst")
      let h = matmul(x, w.transposed())
      func score(_ node: Int, _ vector: Tensor) -> Float {
        (0..<4).reduce(0) { $0 + h[node, head * 4 + $1] * vector[0, head, $1] }
      }
      var result = [Float](repeating: 0, count: 35)
      for target in 0..<10 {
        let entries = (Int(block.offsets[target])..<Int(block.offsets[target + 1]))
        // Of several self-loops only the last one is kept; else one is added.
        let loops = entries.filter { block.sources[$0] == target }
        let kept =
          entries.filter { block.sources[$0] != target } + (loops.last.map { [$0] } ?? [-1])
        let scores = kept.map { entry -> Float in
          let source = entry < 0 ? target : Int(block.sources[entry])
          let sum = score(source, a) + score(target, b)
          return exp(sum > 0 ? sum : 0.2 * sum)
        }
        for (entry, number) in zip(kept, scores) where entry >= 0 {
          result[entry] = number / scores.reduce(0, +)
        }
      }
      return result
    }
    let one = ExplainedPrediction(of: [0], x, block) { x, block, _ in first(x, block) }
    let (a, b) = (shares(0), shares(1))
    let most = attentionExplanation(of: one).edges!.scalars
    #expect(largestDifference(most, zip(a, b).map { max($0.0, $0.1) }) < 1e-5)
    let means = attentionExplanation(of: one, heads: .mean).edges!.scalars
    #expect(largestDifference(means, zip(a, b).map { ($0.0 + $0.1) / 2 }) < 1e-5)
    let both = attentionExplanation(of: prediction).edges!.scalars
    #expect(zip(both, most).allSatisfy { $0.0 >= $0.1 } && both != most)
    // Recording changes nothing that is computed, up to rounding.
    #expect(largestDifference(first(x, block).scalars, first(x, block).scalars) == 0)
  }

  @Test func fidelityCountsWhatChanges() {
    // The class of node t is 1 when an edge of weight reaches it from a node with x = 1.
    let block = Block(sources: [0, 1, 2], targets: [3, 3, 4], sourceCount: 5, targetCount: 5)
    let x = Tensor([[1], [0], [1], [0], [0]])
    let prediction = ExplainedPrediction(of: [3, 4], x, block) { x, block, weights in
      let sums = Aggregation.sum(x, scaledBy: weights, along: block)
      return concatenated(Tensor(repeating: 0.5, shape: [5, 1]), sums)
    }
    #expect(prediction.classes == [1, 1])
    func fidelity(_ edges: [Float], _ truths: [Int32]? = nil) -> Fidelity {
      Fidelity(of: Explanation(edges: Tensor(edges)), prediction, truths: truths)
    }
    #expect(fidelity([1, 0, 1]) == Fidelity(positive: 1, negative: 0))
    #expect(fidelity([1, 1, 0]) == Fidelity(positive: 0.5, negative: 0.5))
    #expect(fidelity([0, 1, 0]) == Fidelity(positive: 0, negative: 1))
    // A row that is wrong, and becomes right.
    #expect(fidelity([1, 0, 1], [0, 0]) == Fidelity(positive: 1, negative: 0))
    #expect(fidelity([1, 0, 1]).characterization() == 1)
    #expect(abs(fidelity([1, 1, 0]).characterization(positiveWeight: 0.3) - 0.5) < 1e-12)
    #expect(fidelity([0, 1, 0]).characterization() == 0)
    #expect(
      Fidelity(meanOf: [.init(positive: 1, negative: 0), .init(positive: 0.5, negative: 0.5)])
        == Fidelity(positive: 0.75, negative: 0.25))
    let explanation = Explanation(edges: Tensor([0.2, 0.9, 0.2]))
    #expect(explanation.strongestEdges(2) == [1, 0])
    #expect(explanation.keepingEdges(2).edges == Tensor([1, 1, 0]))
  }

  /// Houses of BA-shapes, at the paper's size, are found by the masks of a network that tells their
  /// nodes apart.
  @Test func housesExplainTheirNodes() throws {
    let shapes = try ExplainedShapes(
      seed: UInt64(testCount("HEDGEROW_SHAPES_SEED", otherwise: 11)))
    #expect(shapes.accuracy >= 0.95)
    let recall = shapes.recall(ofNodes: testCount("HEDGEROW_SHAPES_NODES", otherwise: 25))
    print(
      "BA-shapes of \(shapes.graph.nodeCount) nodes: accuracy \(shapes.accuracy), "
        + "recall of the houses' edges \(recall)")
    #expect(recall >= 0.8)
  }
}

/// A network trained on BA-shapes, and explanations of its houses' nodes.
private struct ExplainedShapes {
  let graph: BAShapes
  let block: Block
  let x: Tensor
  let model: WeightedNetwork
  let accuracy: Double

  init(seed: UInt64) throws {
    let graph = try BAShapes(seed: seed)
    let block = Block(
      sources: graph.edges.sources, targets: graph.edges.targets, sourceCount: graph.nodeCount,
      targetCount: graph.nodeCount)
    let (x, weights) = (Tensor.ones([graph.nodeCount, 10]), Tensor.ones([block.edgeCount]))
    let model = WeightedNetwork(10, 20, BAShapes.classCount, depth: 3, .relu).initialized(
      seed: seed)
    var optimizer = Adam(learningRate: 0.01, weightDecay: 4e-2)
    for _ in 0..<3000 {
      let gradients = valueWithGradients(at: model) {
        crossEntropy(model(x, block, weights), graph.labels)
      }.gradients
      optimizer.update(model, along: gradients.clipped(toNorm: 2))
    }
    let classes = topK(model(x, block, weights), 1).places.scalars
    accuracy =
      Double(zip(classes, graph.labels).count { $0.0 == $0.1 }) / Double(graph.nodeCount)
    (self.graph, self.block, self.x, self.model) = (graph, block, x, model)
  }

  /// Of the six edges that weigh most in the explanation of a house's node, how many are the house's, in the mean.
  func recall(ofNodes count: Int) -> Double {
    let nodes = (0..<graph.nodeCount).filter { graph.houses[$0] != nil }
    // Houses have five nodes, and each of the five places is to be among the chosen.
    var step = max(1, nodes.count / count)
    if step.isMultiple(of: 5) { step += 1 }
    let chosen = stride(from: 0, to: nodes.count, by: step).map { nodes[$0] }
    var found = 0.0
    for node in chosen {
      let prediction = ExplainedPrediction(of: [UInt32(node)], x, block) { model($0, $1, $2) }
      var explainer = GNNExplainer()
      explainer.features = .none
      (explainer.learningRate, explainer.edgeSize, explainer.noise) = (0.05, 0.1, 0)
      let masks = explainer(prediction, seed: UInt64(node)).edges!.scalars
      // Both arcs of an edge together; the block says which arc each entry is.
      var edges = [Float](repeating: 0, count: graph.edges.count / 2)
      for (entry, arc) in block.edges.enumerated() { edges[Int(arc) / 2] += masks[entry] }
      let strongest = edges.indices.sorted { (-edges[$0], $0) < (-edges[$1], $1) }.prefix(6)
      found +=
        Double(
          strongest.count {
            graph.isOfHouse(2 * $0)
              && graph.houses[Int(graph.edges.sources[2 * $0])] == graph.houses[node]
          }) / 6
    }
    return found / Double(chosen.count)
  }
}

extension Module {
  fileprivate func parameter(_ path: String) -> Tensor {
    namedParameters.first { $0.path == path }!.parameter.value
  }
}
