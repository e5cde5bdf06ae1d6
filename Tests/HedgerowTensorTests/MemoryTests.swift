import Glibc
import HedgerowCore
import HedgerowTensor
import HedgerowTestSupport
import Testing

@Suite struct MemoryTests {
  /// Bytes of private memory that 2,000 training steps added after 200 to warm up.
  static func growthOverTwoThousandSteps() -> Int {
    var stream = RandomStream(seed: 3)
    let graphs = (0..<4).map { _ in
      RandomRows(sources: 1500, targets: 400, meanDegree: 5, from: &stream)
    }
    let w = Parameter(Tensor.random([64, 32], seed: 1))
    let x = Tensor.random([1500, 32], seed: 2)
    func step(_ index: Int) {
      let rows = graphs[index % graphs.count]
      let (_, gradients) = valueWithGradients(at: [w], randomness: RandomStream(seed: 1)) {
        let mean = segmentMean(x, over: rows.targets) { rows.transposed }
        return sum(AffineSum(mean, weight: w.value).evaluated(activation: .relu, dropout: 0.5))
      }
      w.value = w.value + -1e-4 * gradients[w]!
    }
    for index in 0..<200 { step(index) }
    let before = ProcessResources.privateByteCount
    for index in 0..<2000 { step(index) }
    return ProcessResources.privateByteCount - before
  }

  @Test func twoThousandStepsLeavePrivateMemoryFlat() async {
    // In a process of its own: other tests of this one allocate too.
    await #expect(processExitsWith: .success) {
      let growth = MemoryTests.growthOverTwoThousandSteps()
      #expect(growth < 2 << 20, "private memory grew by \(growth) bytes")
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
