import Glibc
import HedgerowCore
import HedgerowTensor
import HedgerowTestSupport
import Testing

@Suite struct MemoryTests {
  /// What 3,000 steps took from the system beside what 300 before them had taken: bytes of the pool, and
  /// private memory. A step is one of two layers over one of `graphs`, which differ in size.
  static func growth(graphs: Int) -> (pool: Int, memory: Int, peak: Int) {
    var stream = RandomStream(seed: 3)
    let graphs = (0..<graphs).map { index in
      let part = Int(stream.next(below: 1000)) * (graphs == 1 ? 0 : 1)
      return RandomRows(
        sources: 1100 + part, targets: 1050 + part / 2, meanDegree: 4, from: &stream)
    }
    let x = Tensor.random([2100, 24], seed: 2)
    let (w, v) = (
      Parameter(Tensor.random([32, 24], seed: 1)), Parameter(Tensor.random([8, 32], seed: 4))
    )
    let bias = Parameter(Tensor.zeros([32]))
    func step(_ index: Int) {
      let rows = graphs[Int(stream.next(below: UInt64(graphs.count)))]
      let labels = (0..<rows.targets.rowCount).map { Int32($0 % 8) }
      let (_, gradients) = valueWithGradients(
        at: [w, v, bias], randomness: RandomStream(seed: UInt64(index))
      ) {
        let sources = x.prefix(rows: rows.transposed.rowCount)
        let mean = segmentMean(sources, over: rows.targets) { rows.transposed }
        let hidden = AffineSum(mean, weight: w.value, bias: bias.value)
        let y = AffineSum(hidden.evaluated(activation: .relu, dropout: 0.5), weight: v.value)
        return crossEntropy(y.evaluated(), labels)
      }
      for parameter in [w, v, bias] {
        parameter.value = parameter.value + -1e-4 * gradients[parameter]!
      }
    }
    for index in 0..<300 { step(index) }
    let before = (BufferPool.taken.byteCount, ProcessResources.privateByteCount)
    for index in 0..<3000 { step(index) }
    return (
      BufferPool.taken.byteCount - before.0, ProcessResources.privateByteCount - before.1,
      BufferPool.peakLiveByteCount
    )
  }

  @Test func stepsThatAreAlikeTakeNothingFromTheSystemAfterTheFirst() async {
    // In a process of its own: other tests of this one allocate too.
    await #expect(processExitsWith: .success) {
      let growth = MemoryTests.growth(graphs: 1)
      #expect(growth.pool == 0, "the pool took \(growth.pool) bytes")
      #expect(growth.memory < 1 << 20, "private memory grew by \(growth.memory) bytes")
    }
  }

  @Test func stepsOverGraphsOfAllSizesStayWithinTheBuffersOfTheirSizes() async {
    await #expect(processExitsWith: .success) {
      let growth = MemoryTests.growth(graphs: 500)
      // Sizes of one tensor differ by less than two, so that it has five classes at most: one that came
      // up in the first steps has its buffers, one that did not takes those of a step once.
      #expect(growth.pool <= 4 * growth.peak, "\(growth.pool) bytes, \(growth.peak) at once")
      #expect(growth.memory < growth.pool + 1 << 20, "private memory: \(growth.memory) bytes")
    }
  }

  @Test func aTensorTakesABufferThatWaitsAndIsSomewhatLarger() async {
    await #expect(processExitsWith: .success) {
      do { _ = Tensor.zeros([1 << 20]) }
      let (taken, waiting) = (BufferPool.taken.bufferCount, BufferPool.idleByteCount)
      do {
        let less = Tensor.zeros([700_000])
        #expect(BufferPool.taken.bufferCount == taken)
        #expect(BufferPool.idleByteCount < waiting)
        withExtendedLifetime(less) {}
      }
      // It goes back to where it came from.
      do { _ = Tensor.zeros([1 << 20]) }
      #expect(BufferPool.taken.bufferCount == taken && BufferPool.idleByteCount == waiting)
      // Nearly twice as large, and for what is copied of a view.
      do {
        let half = Tensor.zeros([600, 1000])
        #expect(BufferPool.taken.bufferCount == taken && BufferPool.idleByteCount < waiting)
        withExtendedLifetime(half) {}
      }
      do {
        let viewed = Tensor.zeros([700, 1000])
        let before = BufferPool.taken.bufferCount
        do { _ = Tensor.zeros([1 << 20]) }
        #expect(BufferPool.taken.bufferCount == before + 1)
        viewed.transposed().withUnsafeBufferPointer { #expect($0.count == 700_000) }
        #expect(BufferPool.taken.bufferCount == before + 1, "the copy is in one that waited")
      }
      #expect(BufferPool.idleByteCount == 2 * waiting)
      // One that is much larger stays for what needs it.
      do { _ = Tensor.zeros([500_000]) }
      #expect(BufferPool.taken.bufferCount == taken + 2)
    }
  }

  @Test func aBufferThatIsSomewhatTooSmallGivesWayToTheLargerOne() async {
    await #expect(processExitsWith: .success) {
      do { _ = Tensor.zeros([700_000]) }
      let small = BufferPool.idleByteCount
      do { _ = Tensor.zeros([1 << 20]) }
      let large = BufferPool.idleByteCount
      #expect(large < small + 4 << 20, "the smaller one went back: \(large) bytes wait")
      // The larger one serves for both from then on.
      let taken = BufferPool.taken.bufferCount
      for count in [700_000, 1 << 20, 700_000] { _ = Tensor.zeros([count]) }
      #expect(BufferPool.taken.bufferCount == taken && BufferPool.idleByteCount == large)
      // One that is much smaller stays.
      do { _ = Tensor.zeros([300_000]) }
      let both = BufferPool.idleByteCount
      do { _ = Tensor.zeros([4 << 20]) }
      #expect(BufferPool.idleByteCount == both + (16 << 20))
      // Nor does one go that is in use.
      let held = Tensor.zeros([4 << 20])
      let live = BufferPool.liveByteCount
      do { _ = Tensor.zeros([5 << 20]) }
      #expect(BufferPool.liveByteCount == live)
      withExtendedLifetime(held) {}
    }
  }

  @Test func idleBuffersMakeRoomForTensorsInUse() async {
    // In a process of its own: other tests of this one hold tensors too.
    await #expect(processExitsWith: .success) {
      BufferPool.byteLimit = 4 << 20
      for count in 1...40 { _ = Tensor.zeros([count * 10_000]) }
      #expect(BufferPool.idleByteCount > 0)
      #expect(BufferPool.idleByteCount + BufferPool.liveByteCount <= 4 << 20)
      let held = Tensor.zeros([900_000])
      #expect(BufferPool.idleByteCount + BufferPool.liveByteCount <= 4 << 20)
      let more = Tensor.zeros([900_000])
      #expect(BufferPool.idleByteCount == 0, "tensors in use are past the limit")
      #expect(BufferPool.peakLiveByteCount == BufferPool.liveByteCount)
      withExtendedLifetime((held, more)) {}
    }
  }

  @Test func largeStepsFindTheirBuffersAgain() async {
    // In a process of its own: other tests of this one hold tensors too. Nothing is written, so that
    // no memory is needed.
    await #expect(processExitsWith: .success) {
      func step() {
        let held = (0..<5).map { _ in Tensor(shape: [1 << 26]) { _ in } }
        #expect(BufferPool.liveByteCount == 5 << 28 && BufferPool.idleByteCount == 0)
        withExtendedLifetime(held) {}
      }
      step()
      #expect(BufferPool.idleByteCount == 5 << 28 && BufferPool.byteLimit == 45 << 25)
      step()
      // Long after, they are given back.
      for _ in 0..<2 << 12 { _ = Tensor(shape: [1]) { _ in } }
      #expect(BufferPool.idleByteCount <= 1 << 30 && BufferPool.byteLimit == 1 << 30)
    }
  }

  @Test func tensorsPastTheLimitAreNeverMade() async {
    // In a process of its own, which ends.
    await #expect(processExitsWith: .exitCode(64)) {
      BufferPool.limitTensors(to: 64 << 20) {
        _exit(
          BufferPool.liveByteCount > 1 << 40 && ProcessResources.privateByteCount < 1 << 30 ? 64 : 1
        )
      }
      let held = Tensor.zeros([1 << 22])
      let huge = Tensor.zeros([1 << 39])
      withExtendedLifetime((held, huge)) {}
    }
  }

  @Test func whatWaitsCanBeGivenBack() async {
    await #expect(processExitsWith: .success) {
      for count in 1...4 { _ = Tensor.zeros([count << 20]) }
      #expect(BufferPool.idleByteCount > 0)
      BufferPool.releaseIdle()
      #expect(BufferPool.idleByteCount == 0)
      #expect(Tensor.zeros([1 << 20]).scalars.allSatisfy { $0 == 0 })
    }
  }
}
