import HedgerowCore
import HedgerowLoader
import HedgerowSampling
import HedgerowStore
import HedgerowTestSupport
import HedgerowTraining
import Testing

/// Training from neighbors and seeds that are chosen otherwise than all alike.
@Suite struct SamplingChoiceTests {
  private var choices: [(String, (inout TrainingOptions) -> Void)] {
    func sampling(
      _ change: @escaping (inout SamplingOptions) -> Void
    ) -> (inout TrainingOptions) -> Void {
      {
        var sampling = SamplingOptions()
        change(&sampling)
        $0.sampling = sampling
      }
    }
    return [
      ("plain", { _ in }), ("replaced", sampling { $0.replacement = .with }),
      ("shared", sampling { $0.coupling = .shared(batches: 4) }),
      ("disjoint", sampling { $0.trees = .disjoint }),
      ("balanced", { $0.classWeights = .balanced }),
      ("given", { $0.classWeights = .given([1, 5, 0]) }),
    ]
  }

  @Test func choicesChangeTheModelAndAreKeptWithIt() async throws {
    let directory = TemporaryDirectory()
    let store = try BlockStore().make(at: directory("s"), seed: printedSeed())
    var models: [String: [UInt8]] = [:]
    for (name, change) in choices {
      var options = quickOptions(epochs: 2)
      change(&options)
      let one = try await train(store, options, threads: 1)
      let weights = try one.model.network.state.encoded()
      let other = try await train(store, options, threads: 3)
      #expect(try other.model.network.state.encoded() == weights, "\(name)")
      models[name] = weights
      let specification = one.model.specification
      #expect(
        try ModelSpecification(decoding: specification.encoded(), name: "m") == specification)
    }
    #expect(Set(models.values).count == models.count)
  }

  @Test func aClassWithoutWeightIsNeverSeen() async throws {
    let directory = TemporaryDirectory()
    let store = try BlockStore().make(at: directory("s"), seed: printedSeed())
    var options = quickOptions(epochs: 3)
    options.classWeights = .given([0, 1, 0])
    let report = try await train(store, options).report
    // Whoever has seen one class alone says nothing else.
    let test = try #require(report.metrics.first { $0.set == "test" }).metrics
    #expect(report.loss < 1)
    #expect(abs(test.accuracy - 1.0 / 3) < 0.15)
  }
}
