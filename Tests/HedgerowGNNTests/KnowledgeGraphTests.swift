import HedgerowCore
import HedgerowGNN
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport
import Testing

@Suite struct KnowledgeGraphTests {
  /// Made anew for each test: tests run side by side, and each draws its weights.
  static var models: [any KnowledgeGraphModel] {
    [
      TransE(nodes: 30, relations: 3, width: 8), DistMult(nodes: 30, relations: 3, width: 8),
      ComplEx(nodes: 30, relations: 3, width: 8), RotatE(nodes: 30, relations: 3, width: 8),
    ]
  }

  /// Relation r leads from each node to the one that is r + 1 further.
  static let triples: Triples = {
    let numbers: [UInt32] = Array(0..<90)
    let heads = numbers.map { (number: UInt32) -> UInt32 in number % 30 }
    let relations = numbers.map { (number: UInt32) -> UInt32 in number / 30 }
    let tails = zip(heads, relations).map { (head: UInt32, relation: UInt32) -> UInt32 in
      (head + relation + 1) % 30
    }
    return Triples(heads: heads, relations: relations, tails: tails)
  }()

  @Test(arguments: models.indices) func ranksAreThoseOfAllScores(_ index: Int) {
    let model = Self.models[index].initialized(seed: printedSeed())
    let ranks = model.ranks(of: Self.triples, batchSize: 7)
    for (triple, rank) in ranks.enumerated() {
      let scores = (0..<UInt32(30)).map { tail in
        model.score(
          Triples(
            heads: [Self.triples.heads[triple]], relations: [Self.triples.relations[triple]],
            tails: [tail]))[0] as Float
      }
      let own = scores[Int(Self.triples.tails[triple])]
      #expect(rank == scores.count { $0 > own })
    }
  }

  @Test(arguments: models.indices) func trainingBringsTrueTriplesInFront(_ index: Int) {
    let model = Self.models[index].initialized(seed: 1)
    func meanRank() -> Double {
      Double(model.ranks(of: Self.triples).reduce(0, +)) / Double(Self.triples.count)
    }
    let before = meanRank()
    var optimizer = Adam(learningRate: 0.05)
    for step in 0..<200 {
      let others = model.corrupted(Self.triples, from: RandomStream(seed: UInt64(step)))
      let (_, gradients) = valueWithGradients(at: model) {
        model.loss(of: Self.triples, against: others)
      }
      optimizer.update(model, along: gradients)
    }
    #expect(meanRank() < 0.75 * before, "\(before) and \(meanRank())")
  }

  @Test func oneEndOfEachFalseTripleIsAnother() {
    let model = Self.models[0]
    let others = model.corrupted(Self.triples, from: RandomStream(seed: printedSeed()))
    #expect(others.relations == Self.triples.relations)
    #expect(others.tails[..<45] == Self.triples.tails[..<45])
    #expect(others.heads[45...] == Self.triples.heads[45...])
    #expect(others.heads != Self.triples.heads && others.tails != Self.triples.tails)
  }
}
