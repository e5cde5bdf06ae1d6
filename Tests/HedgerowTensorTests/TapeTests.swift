import HedgerowCore
import HedgerowTensor
import Testing

@Suite struct TapeTests {
  let w = Parameter(Tensor([1, 2, 3]))

  @Test func aValueWithoutTheParameterHasNoGradient() {
    let other = Parameter(Tensor([4, 5, 6]))
    let (value, gradients) = valueWithGradients(at: [w]) { sum(other.value) }
    #expect(value.scalar == 15)
    #expect(gradients[w] == nil)
    #expect(gradients[other] == nil, "gradients flow to the parameters that were named alone")
  }

  @Test func anInnerRecordingIsAConstantForTheOuter() {
    let (value, gradients) = valueWithGradients(at: [w]) {
      let outer = w.value
      let inner = valueWithGradients(at: [w]) { sum(w.value * outer) }
      #expect(inner.gradients[w] == Tensor([1, 2, 3]))
      return inner.value + sum(outer)
    }
    #expect(value.scalar == 20)
    #expect(gradients[w] == Tensor([1, 1, 1]))
  }

  @Test func anErrorEndsTheRecording() {
    struct Stop: Error {}
    #expect(throws: Stop.self) {
      try valueWithGradients(at: [w], randomness: RandomStream(seed: 1)) { throw Stop() }
    }
    #expect(Training.nextStream() == nil)
  }

  @Test func otherThreadsRecordOnTheirOwn() async {
    await withTaskGroup(of: Bool.self) { group in
      for factor in 1...8 {
        group.addTask {
          let w = self.w
          return (0..<200).allSatisfy { _ in
            let (_, gradients) = valueWithGradients(at: [w]) { Float(factor) * sum(w.value) }
            return gradients[w] == Float(factor) * .ones([3])
          }
        }
      }
      for await isRight in group { #expect(isRight) }
    }
  }

  @Test func aTensorOfAnotherRecordingIsAConstant() {
    var escaped: Tensor?
    _ = valueWithGradients(at: [w]) {
      escaped = w.value * w.value
      return sum(w.value)
    }
    let (value, gradients) = valueWithGradients(at: [w]) { sum(escaped! * w.value) }
    #expect(value.scalar == 36)
    #expect(gradients[w] == Tensor([1, 4, 9]))
  }

  @Test func oneTensorUsedOftenAddsUpItsGradients() {
    let (_, gradients) = valueWithGradients(at: [w]) {
      let x = w.value
      return sum(x) + sum(x + x) + sum(x * x)
    }
    #expect(gradients[w] == Tensor([5, 7, 9]))
  }

  @Test func gradientsAdd() {
    let b = Parameter(Tensor([1]))
    let first = valueWithGradients(at: [w, b]) { sum(w.value) }.gradients
    let second = valueWithGradients(at: [w, b]) { sum(w.value) + sum(b.value) }.gradients
    let total = first + second
    #expect(total[w] == Tensor([2, 2, 2]))
    #expect(total[b] == Tensor([1]))
  }

  @Test func changingAParameterLeavesEarlierCopiesAlone() {
    let parameter = Parameter(Tensor([1, 2]))
    let before = parameter.value
    parameter.value.withUnsafeMutableBufferPointer { $0[0] = 9 }
    #expect(before == Tensor([1, 2]))
    #expect(parameter.value == Tensor([9, 2]))
  }
}
