import HedgerowCore
import HedgerowGNN
import HedgerowNN
import HedgerowStore
import HedgerowTensor
import HedgerowTestSupport
import Synchronization
import Testing

@testable import HedgerowTraining

@Suite struct TemporalLinkTests {
  private func resources(
    threads: Int = 2, memory: Int = 256 << 20
  ) -> TrainingResources {
    TrainingResources(budget: MemoryBudget(total: memory), threads: threads)
  }

  private func options(epochs: Int = 2, seed: UInt64) -> TemporalLinkOptions {
    var options = TemporalLinkOptions()
    options.epochs = epochs
    options.width = 16
    options.batchSize = 20
    options.neighborCount = 5
    options.candidateCount = 0
    options.messageColumns = ["mark"]
    options.seed = seed
    return options
  }

  private typealias Trained = (
    model: TemporalLinkPredictor, report: TrainingReport,
    metrics: [(set: String, metrics: LinkMetrics)]
  )

  private func train(
    _ store: GraphStore, _ events: EventStore, _ options: TemporalLinkOptions, threads: Int = 2
  ) async throws -> Trained {
    try await Compute.with(ThreadPool(threadCount: threads)) {
      try await TemporalLinkTrainer(
        store.snapshot(), target: events.type, options: options,
        resources: resources(threads: threads)
      ).run()
    }
  }

  /// Whom others turn to is told from nodes' last events, and is not when the marks of events are dealt anew: but for
  /// what the events themselves say, which is much where marked items stay marked.
  @Test(arguments: [false, true]) func whatLastEventsSayIsLearned(isOfTwoTypes: Bool) async throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    var stream = EventStore()
    stream.isOfTwoTypes = isOfTwoTypes
    let events = stream.events(count: 4000, seed: seed)
    var options = options(epochs: 5, seed: seed)
    options.learningRate = 0.005
    let store = try stream.make(at: directory("s"), events)
    var area = 0.0
    // One beginning may go wrong, three hardly.
    for _ in 0..<3 where area <= 0.7 {
      let trained = try await train(store, stream, options)
      #expect(trained.metrics.map(\.set) == ["valid", "test"])
      area = trained.metrics[1].metrics[.rocAUC] ?? 0
      #expect(trained.metrics[1].metrics.count == events.count { $0.part == 2 })
      options.seed &+= 1
    }
    #expect(area > 0.7)
    if isOfTwoTypes { return }
    var random = RandomStream(seed: seed).derive("shuffled")
    let marks = events.map(\.mark).shuffled(using: &random)
    let shuffled = zip(events, marks).map { event, mark in
      var event = event
      event.mark = mark
      return event
    }
    let blind = try await train(
      stream.make(at: directory("shuffled"), shuffled), stream, options)
    let chance = try #require(blind.metrics[1].metrics[.rocAUC])
    #expect(chance < area - 0.1, "\(chance) of events that say nothing, \(area) of those that do")
  }

  /// Of an event with another target, or later ones that are others, no bit of an earlier score depends.
  @Test func noScoreDependsOnItsTargetOrLaterEvents() async throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    let stream = EventStore()
    var events = stream.events(count: 1000, seed: seed)
    // So that no two are at one time, where edges of other ends have another order.
    for place in events.indices { events[place].time = Int64(10 * place) }
    // Within a batch.
    let changed = 769
    var others = events
    for place in changed..<others.count {
      others[place].target = (others[place].target + 1 + UInt32(place % 7)) % UInt32(stream.nodes)
      others[place].mark = 1 - others[place].mark
    }
    let first = try stream.make(at: directory("first"), events)
    let second = try stream.make(at: directory("second"), others)
    let options = options(epochs: 1, seed: seed)
    let models = (
      try await train(first, stream, options).model, try await train(second, stream, options).model
    )
    #expect(try models.0.network.state.encoded() == models.1.network.state.encoded())
    let candidates = (0..<UInt32(stream.nodes)).map { $0 }
    func scores(_ store: GraphStore, _ model: TemporalLinkPredictor) throws -> [[Float]] {
      let task = try TemporalLinkTask(model, over: try store.snapshot(), resources: resources())
      return try task.behindTraining {
        try task.batches(of: task.events.valid).flatMap { range in
          let interactions = try task.events.interactions(range)
          let found = try task.scores(of: range, interactions, among: candidates).candidates
          task.takeIn(interactions, range)
          return (0..<range.count).map { row in
            Array(found.scalars[row * candidates.count..<(row + 1) * candidates.count])
          }
        }
      }
    }
    let a = try scores(first, models.0)
    let b = try scores(second, models.1)
    let begin = try #require(events.firstIndex { $0.part == 1 })
    #expect(changed - begin > 2 * options.batchSize)
    #expect(a.count == 150 && b.count == 150)
    // Up to the end of the batch that the first one with another target is of, whose sources are the same.
    let end = (changed - begin) / options.batchSize * options.batchSize + options.batchSize
    for place in 0..<end {
      #expect(a[place].map(\.bitPattern) == b[place].map(\.bitPattern), "event \(place)")
    }
    #expect(a[end...] != b[end...])
  }

  /// The own target of a single event is no part of what it is scored by.
  @Test func anEventIsScoredWithoutItsTarget() async throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    let stream = EventStore()
    var events = stream.events(count: 600, seed: seed)
    // So that no two are at one time, where edges of other ends have another order.
    for place in events.indices { events[place].time = Int64(10 * place) }
    let options = options(epochs: 1, seed: seed)
    let store = try stream.make(at: directory("s"), events)
    let model = try await train(store, stream, options).model
    let valid = try #require(events.firstIndex { $0.part == 1 })
    let candidates = (0..<UInt32(stream.nodes)).map { $0 }
    func scores(_ store: GraphStore) throws -> [UInt32] {
      let task = try TemporalLinkTask(model, over: try store.snapshot(), resources: resources())
      let range = task.batches(of: task.events.valid)[0]
      let found = try task.behindTraining {
        try task.scores(of: range, try task.events.interactions(range), among: candidates)
      }
      return found.candidates.scalars.map(\.bitPattern)
    }
    let whole = try scores(store)
    for place in [valid, valid + 3, valid + options.batchSize - 1] {
      var others = events
      others[place].target = (others[place].target + 17) % UInt32(stream.nodes)
      #expect(
        try scores(stream.make(at: directory("other\(place)"), others)) == whole,
        "with another target of event \(place)")
    }
  }

  @Test func theResultIsTheSameForAnyThreadsAndOnceLoaded() async throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    let stream = EventStore()
    let store = try stream.make(at: directory("s"), stream.events(count: 800, seed: seed))
    var options = options(epochs: 3, seed: seed)
    options.candidateCount = 25
    let one = try await train(store, stream, options, threads: 1)
    let two = try await train(store, stream, options, threads: 2)
    #expect(try one.model.network.state.encoded() == two.model.network.state.encoded())
    #expect(one.metrics.map(\.metrics) == two.metrics.map(\.metrics))
    #expect(one.metrics[0].metrics.candidateCount == 25)

    let build = try store.beginBuild()
    try build.saveModel(try one.model.record(named: "m"))
    try build.publish()
    let graph = try store.snapshot()
    #expect(try graph.taskOfModel(named: "m") == .temporalLinks)
    let loaded = try TemporalLinkPredictor(named: "m", in: graph)
    #expect(loaded.specification == one.model.specification)
    for (place, set) in ["valid", "test"].enumerated() {
      let again = try loaded.evaluate(over: graph, in: set, resources: resources())
      #expect(again == one.metrics[place].metrics)
    }
    let error = #expect(throws: HedgerowError.self) {
      try loaded.evaluate(over: graph, in: "train", resources: resources())
    }
    #expect(error?.code == .usage)
  }

  @Test func aResumedRunIsTheSameToTheLastBit() async throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    let stream = EventStore()
    let store = try stream.make(at: directory("s"), stream.events(count: 500, seed: seed))
    let options = options(epochs: 3, seed: seed)
    let whole = try await train(store, stream, options)
    var middles = 0
    for limit in [4, 11, 20, 37, 60, 80] {
      let checks = Mutex(0)
      var resources = resources()
      resources.checkInterruption = {
        let count = checks.withLock { checks in
          checks += 1
          return checks
        }
        if count > limit { throw HedgerowError(.interrupted, "interrupted") }
      }
      var trainer = TemporalLinkTrainer(
        try store.snapshot(), target: stream.type, options: options, resources: resources)
      trainer.checkpointName = "stop\(limit)"
      let stopping = trainer
      let error = await #expect(throws: HedgerowError.self) { _ = try await stopping.run() }
      guard error?.message.contains("--resume stop\(limit)") == true else { continue }
      let graph = try store.snapshot()
      let checkpoint = try TemporalLinkCheckpoint(named: "stop\(limit)", in: graph)
      if checkpoint.progress.batch > 0 { middles += 1 }
      var resuming = TemporalLinkTrainer(
        graph, target: stream.type, options: options, resources: self.resources(threads: 3))
      resuming.checkpointName = "stop\(limit)"
      let resumed = try await resuming.run(resuming: checkpoint)
      #expect(
        try resumed.model.network.state.encoded() == whole.model.network.state.encoded(),
        "stopped after \(limit) checks")
      #expect(resumed.report.loss.bitPattern == whole.report.loss.bitPattern)
      #expect(resumed.metrics.map(\.metrics) == whole.metrics.map(\.metrics))
      // Another count of last events is another training.
      var other = options
      other.neighborCount += 1
      let refused = TemporalLinkTrainer(
        graph, target: stream.type, options: other, resources: self.resources())
      let refusal = await #expect(throws: HedgerowError.self) {
        _ = try await refused.run(resuming: checkpoint)
      }
      #expect(refusal?.message.contains("--fanouts") == true)
    }
    #expect(middles >= 2)
  }

  /// Times of nanoseconds, and those that are apart by more than integers hold, are counted.
  @Test func timesOfAnySizeAreCounted() async throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    let stream = EventStore()
    var events = stream.events(count: 300, seed: seed)
    for place in events.indices {
      events[place].time = (events[place].time - 1_000_000) * (Int64.max / 400)
    }
    let last = try #require(events.last).time
    events[0].time = Int64.min
    let store = try stream.make(at: directory("s"), events)
    let trained = try await train(store, stream, options(epochs: 1, seed: seed))
    let clock = trained.model.specification.clock
    #expect(clock.origin == Int64.min && clock.number(of: Int64.min) == 0)
    #expect(clock.number(of: last).map { $0 > 4_000_000 } == true)
    #expect(trained.metrics.count == 2 && trained.report.loss.isFinite)
  }

  /// A memory must not be asked for what it has taken in.
  @Test func anotherSplitIsRefused() async throws {
    let seed = printedSeed()
    let directory = TemporaryDirectory()
    let stream = EventStore()
    var events = stream.events(count: 300, seed: seed)
    let model = try await train(
      stream.make(at: directory("s"), events), stream, options(epochs: 1, seed: seed)
    ).model
    for place in 150..<210 { events[place].part = 1 }
    let other = try stream.make(at: directory("o"), events).snapshot()
    let error = #expect(throws: HedgerowError.self) {
      _ = try model.evaluate(over: other, in: "test", resources: resources())
    }
    #expect(error?.code == .usage && error?.message.contains("train anew") == true)
  }

  @Test func whatDoesNotFitIsSaid() async throws {
    let directory = TemporaryDirectory()
    let events = EventStore().events(count: 200, seed: 3)
    var made = 0
    func error(
      _ stream: EventStore = EventStore(), _ events: [EventStore.Event],
      memory: Int = 256 << 20, _ change: (inout TemporalLinkOptions) -> Void = { _ in }
    ) async throws -> HedgerowError {
      made += 1
      let store = try stream.make(at: directory("s\(made)"), events)
      var options = options(epochs: 1, seed: 1)
      change(&options)
      let trainer = TemporalLinkTrainer(
        try store.snapshot(), target: stream.type, options: options,
        resources: resources(memory: memory))
      return try #require(
        await #expect(throws: HedgerowError.self) { _ = try await trainer.run() })
    }
    func expect(_ error: HedgerowError, _ code: HedgerowError.Code, _ text: String) {
      #expect(error.code == code && error.message.contains(text), "\(error)")
    }
    var stream = EventStore()
    stream.declaresTimes = false
    try await expect(error(stream, events), .usage, "--times")
    try await expect(error(stream, events) { $0.timeColumn = "when" }, .usage, "'when'")
    try await expect(error(stream, events) { $0.timeColumn = "split" }, .usage, "timestamps")
    stream = EventStore()
    stream.timeKind = .float64
    stream.declaresTimes = false
    try await expect(error(stream, events) { $0.timeColumn = "time" }, .usage, "timestamps")
    stream = EventStore()
    stream.splitColumn = nil
    try await expect(error(stream, events), .usage, "hedgerow split")
    var others = events
    others[0].part = 2
    try await expect(error(EventStore(), others), .usage, "--by time")
    others = events.map {
      var event = $0
      event.part = nil
      return event
    }
    try await expect(error(EventStore(), others), .usage, "'train'")
    try await expect(error(EventStore(), []), .usage, "'train'")
    try await expect(error(EventStore(), events) { $0.width = 15 }, .usage, "even")
    try await expect(
      error(EventStore(), events) { $0.messageColumns = ["split"] }, .usage, "one number")
    try await expect(
      error(EventStore(), events) { $0.criterion = .recallAt20 }, .usage, "average_precision")
    try await expect(
      error(EventStore(), events, memory: 25 << 20) { $0.width = 4096 }, .usage, "--memory")
  }
}
