import HedgerowCore
import Testing

@testable import HedgerowTensor

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

  /// Where the gradient behind an activation was, and the one in front of it: `isShared` says whether somebody
  /// else has the former, too.
  private func places(
    around layer: (Tensor) -> Tensor, isShared: Bool
  ) -> (behind: [Float], inFront: [Float], isSamePlace: Bool) {
    let w = Parameter(Tensor((0..<64).map { Float($0 % 7) - 3 }, shape: [8, 8]))
    var kept: Tensor?
    var behind: (base: UnsafeMutablePointer<Float>, values: [Float])!
    var inFront: (base: UnsafeMutablePointer<Float>, values: [Float])!
    _ = valueWithGradients(at: [w]) {
      let x = w.value.detached.recorded(from: w.value) { slopes in
        inFront = (slopes.storage.base, slopes.scalars)
        return slopes
      }
      let y = layer(x)
      return sum(
        y.recorded(from: y) { _ in
          let made = Tensor((0..<64).map { Float($0) }, shape: [8, 8])
          behind = (made.storage.base, made.scalars)
          if isShared { kept = made }
          return made
        })
    }
    if let kept { #expect(kept.scalars == behind.values, "what somebody else has stays") }
    return (behind.values, inFront.values, behind.base == inFront.base)
  }

  @Test func anActivationsGradientIsWrittenOverTheOneThatNobodyElseHas() {
    let layers: [(Tensor) -> Tensor] = [
      { relu($0) }, { AffineSum($0).evaluated(activation: .relu) },
    ]
    for (index, layer) in layers.enumerated() {
      let alone = places(around: layer, isShared: false)
      let shared = places(around: layer, isShared: true)
      #expect(alone.isSamePlace && !shared.isSamePlace, "layer \(index)")
      #expect(alone.inFront == shared.inFront)
      // x > 0 where its place modulo 7 is above 3.
      #expect(alone.inFront == alone.behind.enumerated().map { $0 % 7 > 3 ? $1 : 0 })
    }
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
