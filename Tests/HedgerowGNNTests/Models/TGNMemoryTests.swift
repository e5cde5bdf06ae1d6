import HedgerowCore
import HedgerowGNN
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport
import Testing

@Suite struct TGNMemoryTests {
  let seed = printedSeed()

  func memory(_ aggregation: TGNMemory.EventAggregation = .last) -> TGNMemory {
    TGNMemory(nodes: 6, messageWidth: 2, width: 3, timeWidth: 4, aggregation: aggregation)
      .initialized(seed: seed)
  }

  func events(_ ends: [(UInt32, UInt32)], at time: Float) -> Interactions {
    Interactions(
      sources: ends.map(\.0), targets: ends.map(\.1),
      times: ends.indices.map { time + Float($0) },
      messages: .random([ends.count, 2], seed: seed + UInt64(time)))
  }

  func rows(_ memory: TGNMemory, inTraining: Bool = false) -> Tensor {
    var result = Tensor(0)
    let randomness = inTraining ? RandomStream(seed: 1) : nil
    _ = valueWithGradients(at: memory, randomness: randomness) {
      result = memory([0, 1, 2, 3, 4, 5]).rows
      return sum(result)
    }
    return result.detached
  }

  @Test func eventsAreSeenAfterTheyHappened() {
    let memory = memory()
    let before = rows(memory)
    #expect(before == .zeros([6, 3]))
    memory.update(with: events([(0, 1)], at: 1), .rowsFirst)
    // The rows themselves are brought up to date with the next events of their nodes; what is asked for is at once.
    let asked = rows(memory, inTraining: true)
    let step = TGNMemoryTests.step(of: memory)
    func row(_ x: Tensor, _ row: UInt32) -> Tensor { x.gathered(rows: [row]) }
    #expect(!isClose(row(asked, 0), step) && !isClose(row(asked, 1), step))
    #expect((2..<6).allSatisfy { isClose(row(asked, $0), step) })
    #expect(memory([0]).times == [0])
    memory.update(with: events([(0, 2)], at: 5), .rowsFirst)
    #expect(memory([0, 1, 2]).times == [1, 0, 0])
    #expect(isClose(row(rows(memory), 0), row(asked, 0)))
    memory.flush()
    #expect(memory([0, 1, 2, 3]).times == [5, 1, 5, 0])
    memory.reset()
    #expect(rows(memory) == .zeros([6, 3]) && memory([0, 1]).times == [0, 0])
  }

  /// A step of the unit from zeros with a message of zeros.
  static func step(of memory: TGNMemory) -> Tensor {
    let copy = TGNMemory(nodes: 1, messageWidth: 2, width: 3, timeWidth: 4)
    for (parameter, other) in zip(copy.parameters, memory.parameters) {
      parameter.value = other.value
    }
    copy.flush()
    return copy([0]).rows
  }

  /// The memory of a node does not depend on what others do at the same time.
  @Test func eventsOfOthersDoNotMatter() {
    for aggregation in TGNMemory.EventAggregation.allCases {
      let (alone, together) = (memory(aggregation), memory(aggregation))
      let own = events([(0, 1), (1, 0)], at: 1)
      let more = Interactions(
        sources: own.sources + [3, 4], targets: own.targets + [4, 5], times: own.times + [3, 4],
        messages: concatenated(own.messages, .random([2, 2], seed: seed), along: 0))
      alone.update(with: own, .eventsFirst)
      together.update(with: more, .eventsFirst)
      #expect(isClose(rows(alone).prefix(rows: 3), rows(together).prefix(rows: 3)))
      #expect(!isClose(rows(alone), rows(together)))
    }
  }

  @Test func gradientsReachTheUnitAndTheTimes() {
    let memory = memory(.mean)
    memory.update(with: events([(0, 1), (2, 1)], at: 3), .rowsFirst)
    memory.update(with: events([(1, 2), (0, 5)], at: 8), .rowsFirst)
    let (_, gradients) = valueWithGradients(at: memory, randomness: RandomStream(seed: 1)) {
      sum(square(memory([0, 1, 2]).rows))
    }
    for (path, parameter) in memory.namedParameters {
      #expect(gradients[parameter]?.scalars.contains { $0 != 0 } == true, "\(path)")
    }
  }

  @Test func noEventsAndTheWholeStateAreFine() throws {
    let memory = memory()
    memory.update(
      with: Interactions(sources: [], targets: [], times: [], messages: .zeros([0, 2])),
      .rowsFirst)
    #expect(rows(memory) == .zeros([6, 3]))
    memory.update(with: events([(0, 1), (3, 4)], at: 2), .eventsFirst)
    let other = self.memory()
    try other.load(ModelState(decoding: memory.state.encoded()))
    #expect(rows(other) == rows(memory) && other([3]).times == memory([3]).times)
  }

  @Test func timesThatAreNotExactTrap() async {
    await #expect(processExitsWith: .failure) {
      _ = Interactions(sources: [0], targets: [1], times: [2e7], messages: .zeros([1, 2]))
    }
  }
}
