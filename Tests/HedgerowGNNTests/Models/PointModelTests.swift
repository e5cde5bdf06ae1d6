import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport
import Testing

@Suite struct PointModelTests {
  /// The layer's network, by the parameters of the layer.
  func network(_ module: some Module, under prefix: String, _ widths: [Int]) throws -> MLP {
    var options = MLP.Options()
    options.normalization = .batch
    let network = MLP(widths, options: options)
    let own = module.state.tensors.map { (String($0.name.dropFirst(prefix.count)), $0.value) }
    try network.load(ModelState(tensors: own))
    return network
  }

  @Test func abstractionIsTheLargestOfWhatLiesAroundEachSample() throws {
    let seed = printedSeed()
    let (places, x) = (Tensor.random([24, 2], seed: seed), Tensor.random([24, 3], seed: seed + 1))
    let clouds = RowGroups((0..<24).map { $0 < 10 ? 0 : 2 }, count: 3)
    let layer = SetAbstraction([5, 6, 4], size: .ratio(0.3), radius: 0.7).initialized(seed: seed)
    let network = try network(layer, under: "conv.local_nn.", [5, 6, 4])
    let sample = layer(PointClouds(x, places: places, in: clouds))
    let rows = farthestPoints(places, .ratio(0.3), in: clouds)
    #expect(sample.clouds.groups == [0, 0, 0, 2, 2, 2, 2, 2])
    for (index, row) in rows.enumerated() {
      let center = places.gathered(rows: [row])
      #expect(sample.places.gathered(rows: [UInt32(index)]) == center)
      let near = (0..<UInt32(24)).filter { other in
        clouds.groups[Int(other)] == clouds.groups[Int(row)]
          && sum(square(places.gathered(rows: [other]) - center)).scalar <= 0.7 * 0.7
      }
      let given = network(
        concatenated(x.gathered(rows: near), places.gathered(rows: near) - center))
      #expect(
        isClose(sample.x!.gathered(rows: [UInt32(index)]), max(given, along: 0, keeping: .one)))
    }
  }

  @Test func propagationReturnsASamplesFeatures() throws {
    let seed = printedSeed()
    let places = Tensor.random([15, 3], seed: seed)
    let points = PointClouds(.random([15, 2], seed: seed + 1), places: places)
    let rows: [UInt32] = [3, 8, 11, 0]
    let sample = PointClouds(.random([4, 5], seed: seed + 2), places: places.gathered(rows: rows))
    let layer = FeaturePropagation([7, 6], count: 1).initialized(seed: seed)
    let network = try network(layer, under: "nn.", [7, 6])
    let back = layer(sample, to: points)
    // A point of the sample is its own nearest one.
    let own = network(concatenated(sample.x!, points.x!.gathered(rows: rows)))
    #expect(isClose(back.x!.gathered(rows: rows), own))
    #expect(back.places == places)
  }

  /// Clouds have what they have alone.
  @Test func cloudsOfABatchAreApart() {
    let seed = printedSeed()
    let places = (0..<3).map { Tensor.random([30, 3], seed: seed + $0) }
    var options = PointNet2.Options()
    (options.width, options.radii) = (8, (0.6, 1.2))
    let model = PointNet2(outputs: 3, options: options).initialized(seed: seed)
    let parts = PointNet2Segmentation(outputs: 3, options: options).initialized(seed: seed)
    var edges = DGCNN.Options()
    (edges.neighbors, edges.width) = (5, 4)
    let dynamic = DGCNN(3, outputs: 3, options: edges).initialized(seed: seed)
    let all = concatenated(places, along: 0)
    let clouds = RowGroups((0..<90).map { $0 / 30 }, count: 3)
    let batch = PointClouds(nil, places: all, in: clouds)
    let alone = places.map { PointClouds(nil, places: $0) }
    #expect(isClose(model(batch), concatenated(alone.map { model($0) }, along: 0)))
    #expect(isClose(parts(batch), concatenated(alone.map { parts($0) }, along: 0)))
    #expect(
      isClose(dynamic(all, in: clouds), concatenated(places.map { dynamic($0) }, along: 0)))
    let names = parts.namedParameters.map(\.path)
    #expect(names.contains("sa1_module.conv.local_nn.lins.0.weight"))
    #expect(
      names.contains("fp1_module.nn.norms.0.module.weight") && names.contains("mlp.lins.2.bias"))
  }

  /// Points of a sphere, or of one that is pressed to a fifth of its height.
  func cloud(_ index: Int, seed: UInt64) -> Tensor {
    let drawn = Tensor.normal([32, 3], from: RandomStream(seed: seed).derive(UInt64(index)))
    return rowsOfLengthOne(drawn) * Tensor([[1, 1, index % 2 == 0 ? 1 : 0.2]])
  }

  @Test func modelsTellSpheresFromFlatOnes() {
    func batch(_ seed: UInt64) -> PointClouds {
      PointClouds(
        nil, places: concatenated((0..<16).map { cloud($0, seed: seed) }, along: 0),
        in: RowGroups((0..<512).map { $0 / 32 }, count: 16))
    }
    let labels = (0..<16).map { Int32($0 % 2) }
    func check(_ model: some Module, steps: Int, _ logits: (PointClouds) -> Tensor) {
      var optimizer = Adam(learningRate: 0.01)
      for step in 0..<steps {
        let points = batch(UInt64(step))
        let randomness = RandomStream(seed: 3).derive(UInt64(step))
        let (_, gradients) = valueWithGradients(at: model, randomness: randomness) {
          crossEntropy(logits(points), labels)
        }
        optimizer.update(model, along: gradients)
      }
      let right = (1000..<1004).reduce(0) { sum, seed in
        sum + zip(argMax(logits(batch(UInt64(seed)))), labels).count { $0 == $1 }
      }
      #expect(right >= 50, "\(type(of: model)): \(right) of 64")
    }
    var options = PointNet2.Options()
    (options.width, options.radii, options.dropout) = (16, (0.8, 1.6), 0)
    let model = PointNet2(outputs: 2, options: options).initialized(seed: 1)
    check(model, steps: 40) { model($0) }
    var edges = DGCNN.Options()
    (edges.neighbors, edges.width, edges.dropout) = (8, 8, 0)
    let dynamic = DGCNN(3, outputs: 2, options: edges).initialized(seed: 1)
    check(dynamic, steps: 100) { dynamic($0.places, in: $0.clouds) }
  }
}
