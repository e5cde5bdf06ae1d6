import HedgerowCore
import HedgerowGNN
import HedgerowLoader
import HedgerowNN
import HedgerowStore
import HedgerowTensor

/// True triples, and false ones of each.
struct TripleBatch: TrainingBatch {
  let triples: Triples
  let others: Triples
  /// For each false triple its true one.
  let owners: [UInt32]
  let randomness: RandomStream

  var exampleCount: Int { triples.count }
  var seconds: StageSeconds { StageSeconds() }
  var rows: RowCounts { RowCounts() }
}

/// Learns to tell true triples from false ones.
final class TripleTask: TrainingTask {
  let model: KnowledgeGraphEmbedding
  let sets: TripleSets
  let evaluation: TripleEvaluation
  /// The triples that are ranked after each epoch.
  private let validation: Triples
  private var epoch = 0
  private var batch = 0
  private var order: ShuffledRange?
  private let stream: RandomStream

  var specification: KnowledgeGraphSpecification { model.specification }
  private var network: KnowledgeGraphNetwork { model.network }
  var module: any Module { network }
  var loaderThreads: Int { 0 }
  private var options: KnowledgeGraphOptions { specification.options }

  init(
    _ specification: KnowledgeGraphSpecification, _ graph: Snapshot,
    _ resources: TrainingResources
  ) throws {
    model = KnowledgeGraphEmbedding(withoutWeights: specification)
    sets = try TripleSets(graph, specification, resources: resources)
    evaluation = try TripleEvaluation(model.network, sets, graph, specification, resources)
    stream = RandomStream(seed: specification.options.seed).derive("triples")
    validation = sets.valid.drawn(
      specification.options.validationCount, from: stream.derive("validation"))
  }

  func begin(epoch: Int, from firstBatch: Int) {
    (self.epoch, batch) = (epoch, firstBatch)
    order = ShuffledRange(
      count: sets.train.count, stream: stream.derive("order").derive(UInt64(epoch)))
  }

  func nextBatch() throws -> TripleBatch? {
    let first = batch * options.batchSize
    guard let order, first < sets.train.count else { return nil }
    let triples = sets.train.at(
      (first..<min(sets.train.count, first + options.batchSize)).map { order[$0] })
    let own = stream.derive("false").derive(UInt64(epoch), UInt64(batch))
    let owners = (0..<UInt32(triples.count)).flatMap {
      repeatElement($0, count: options.negativeCount)
    }
    var others = triples.at(owners.map { Int($0) })
    var random = own
    for place in 0..<others.count {
      let ends = sets.ends[Int(others.relations[place])]
      if random.next(below: 2) == 0 {
        others.heads[place] =
          ends.heads.lowerBound + UInt32(random.next(below: UInt64(ends.heads.count)))
      } else {
        others.tails[place] =
          ends.tails.lowerBound + UInt32(random.next(below: UInt64(ends.tails.count)))
      }
    }
    batch += 1
    return TripleBatch(
      triples: triples, others: others, owners: owners, randomness: own.derive("dropout"))
  }

  func loss(of batch: TripleBatch) -> Tensor {
    let scores = network.model.score(batch.triples)
    return network.model.loss(
      options.negativeCount == 1 ? scores : scores.gathered(rows: batch.owners),
      against: network.model.score(batch.others))
  }

  func validationMetrics() throws -> LinkMetrics? {
    validation.count == 0 ? nil : try evaluation.metrics(of: validation)
  }

  func standing(of metrics: LinkMetrics) -> (score: Double, loss: Double) {
    (metrics[options.criterion] ?? 0, 0)
  }

  var missingExamples: String { "no triple is of the training set" }
}

extension Triples {
  /// Those at some places.
  func at(_ places: [Int]) -> Triples {
    Triples(
      heads: places.map { heads[$0] }, relations: places.map { relations[$0] },
      tails: places.map { tails[$0] })
  }

  /// So many of them, or all for 0, in their order.
  func drawn(_ wanted: Int, from stream: RandomStream) -> Triples {
    guard wanted > 0, wanted < count else { return self }
    let order = ShuffledRange(count: count, stream: stream)
    return at((0..<wanted).map { order[$0] }.sorted())
  }
}
