import HedgerowCore
import HedgerowTensor
import HedgerowTestSupport
import Testing

/// Views against the same elements written out one by one.
@Suite struct ViewTests {
  /// A tensor as what each index has, which is all that the reference knows of.
  struct Reference: Equatable {
    var shape: [Int]
    var value: ([Int]) -> Double

    static func == (a: Reference, b: Reference) -> Bool {
      a.shape == b.shape && a.indices.allSatisfy { a.value($0) == b.value($0) }
    }
    init(shape: [Int], value: @escaping ([Int]) -> Double) {
      (self.shape, self.value) = (shape, value)
    }
    init(_ x: NDTensor<Double>) {
      let scalars = x.scalars
      self.init(shape: x.shape) { index in
        scalars[zip(index, x.shape).reduce(0) { $0 * $1.1 + $1.0 }]
      }
    }
    var indices: [[Int]] {
      shape.reduce([[]]) { indices, extent in
        indices.flatMap { index in (0..<extent).map { index + [$0] } }
      }
    }
    var scalars: [Double] { indices.map(value) }
  }

  /// Chains of views of one tensor, so that views of views of every kind are met.
  @Test func chainsOfViewsHaveTheElementsOfTheirIndices() {
    let seed = printedSeed()
    var random = RandomStream(seed: seed)
    func pick(_ bound: Int) -> Int { Int(random.next(below: UInt64(bound))) }
    for round in 0..<400 {
      let shape = (0..<pick(4)).map { _ in round % 20 == 0 ? pick(3) : 1 + pick(4) }
      let start = NDTensor<Double>.random(shape, seed: random.next())
      var (x, expected) = (start, Reference(start))
      for _ in 0..<1 + pick(5) {
        let own = expected
        switch pick(7) {
        case 0:
          var axes = Array(x.shape.indices)
          for index in axes.indices { axes.swapAt(index, pick(axes.count)) }
          x = x.transposed(by: axes)
          expected = Reference(shape: axes.map { own.shape[$0] }) { index in
            var from = index
            for (axis, place) in zip(axes, index) { from[axis] = place }
            return own.value(from)
          }
        case 1 where !x.shape.isEmpty:
          let axis = pick(x.shape.count)
          let begin = pick(x.shape[axis] + 1)
          let range = begin..<begin + pick(x.shape[axis] - begin + 1)
          x = x.sliced(range, along: axis)
          expected.shape[axis] = range.count
          expected.value = { index in
            var index = index
            index[axis] += begin
            return own.value(index)
          }
        case 2 where x.shape.first.map({ $0 > 0 }) ?? false:
          // Backwards along the first axis, two at a time.
          x = x[stride(from: x.shape[0] - 1, through: 0, by: -2)]
          expected.shape[0] = (own.shape[0] + 1) / 2
          expected.value = { own.value([own.shape[0] - 1 - 2 * $0[0]] + $0.dropFirst()) }
        case 3 where x.shape.count > 1 && x.shape[1] > 0:
          x = x[0..., -1]
          expected.shape.remove(at: 1)
          expected.value = { own.value([$0[0], own.shape[1] - 1] + $0.dropFirst()) }
        case 4:
          let shape = [2] + x.shape.map { $0 == 1 ? 3 : $0 }
          x = x.broadcast(to: shape)
          expected = Reference(shape: shape) { index in
            own.value(zip(index.dropFirst(), own.shape).map { $1 == 1 ? 0 : $0 })
          }
        case 5 where x.count > 0:
          let cut = x.shape.last.map { $0 % 2 == 0 ? [$0 / 2, 2] : [1, $0] } ?? [1]
          let shape = Array(x.shape.dropLast()) + cut
          x = x.reshaped(to: shape)
          let scalars = own.scalars
          expected = Reference(shape: shape) { index in
            scalars[zip(index, shape).reduce(0) { $0 * $1.1 + $1.0 }]
          }
        default:
          x = x.unsqueezed(-1)
          expected = Reference(shape: own.shape + [1]) { own.value($0.dropLast()) }
        }
        #expect(x.shape == expected.shape)
        guard x.count > 0, x.count < 3000 else { break }
        let index = expected.shape.map(pick)
        #expect(x[expected.indices[0]] == expected.scalars[0])
        #expect(x[index] == expected.value(index))
      }
      guard x.count < 3000 else { continue }
      // Arithmetic reads views where they are; `scalars` copies them first.
      let y = x * x + (start.count > 0 ? start.reshaped(to: [-1])[..<1].squeezed(0) : NDTensor(0))
      let z = x
      #expect(Reference(x) == expected)
      #expect(z.contiguous == x && z.contiguous.isContiguous)
      let first = start.scalars.first ?? 0
      #expect(y.scalars == expected.scalars.map { $0 * $0 + first })
    }
  }

  @Test func viewsTakeNoMemory() async {
    // In a process of its own: other tests of this one hold tensors too.
    await #expect(processExitsWith: .success) {
      let x = Tensor.random([512, 256], seed: 1)
      let before = BufferPool.liveByteCount
      let views = [
        x.transposed(), x[1..<400, 3..<200], x[stride(from: 0, to: 512, by: 7)],
        x.broadcast(to: [100, 512, 256]), x.reshaped(to: [64, 8, -1]).transposed(by: [1, 0, 2]),
        x.unsqueezed(0).squeezed(0), x[5], x[0..., 3],
      ]
      #expect(BufferPool.liveByteCount == before)
      // A product with a transposed matrix, and with a stretch of columns, copies neither.
      let products = [
        matmul(x, x.transposed()), matmul(x.transposed(), x),
        matmul(x[0..., 0..<64].transposed(), x),
      ]
      #expect(!views.dropLast(2).contains { $0.isContiguous && $0.shape != x.shape })
      #expect(
        BufferPool.liveByteCount - before
          == [512 * 512, 256 * 256, 64 * 256].reduce(0) { $0 + 4 * $1 })
      withExtendedLifetime((views, products)) {}
    }
  }

  @Test func writingToAViewOrToWhatItIsOfLeavesTheOtherAlone() {
    var x = Tensor([[1, 2, 3], [4, 5, 6]])
    var column = x[0..., 1]
    var rows = x[1...]
    let transposed = x.transposed()
    column.withUnsafeMutableBufferPointer { $0[0] = 9 }
    rows.withUnsafeMutableBufferPointer { $0[0] = 8 }
    x.withUnsafeMutableBufferPointer { $0[5] = 7 }
    #expect(column == Tensor([9, 5]))
    #expect(rows == Tensor([[8, 5, 6]]))
    #expect(transposed == Tensor([[1, 4], [2, 5], [3, 6]]))
    #expect(x == Tensor([[1, 2, 3], [4, 5, 7]]))
  }

  @Test func twoThreadsMayAskForTheSameCopy() async {
    for round in 0..<20 {
      let x = Tensor.random([300, 200], seed: UInt64(round))
      let (view, expected) = (x.transposed(), x.transposed().scalars)
      await withTaskGroup(of: Bool.self) { group in
        for _ in 0..<4 { group.addTask { view.scalars == expected } }
        for await isRight in group { #expect(isRight) }
      }
    }
  }

  @Test(arguments: [[70, 5], [1, 9], [9, 1], [1, 1], [0, 3], [600, 33]])
  func productsOfViews(extents: [Int]) {
    let (n, k) = (extents[0], extents[1])
    let a = NDTensor<Double>.random([n + 3, 2 * k + 1], seed: 1)
    let b = NDTensor<Double>.random([2 * n, k + 2], seed: 2)
    let lefts = [
      a[1..<n + 1, 0..<k], a[stride(from: n - 1, through: 0, by: -1), 1..<k + 1],
      a[0..<n, stride(from: 0, to: 2 * k, by: 2)], a[0, 0..<k].broadcast(to: [n, k]),
    ]
    let rights = [b[0..<n, 0..<k], b[stride(from: 0, to: 2 * n, by: 2), 1..<k + 1]]
    for x in lefts {
      for y in rights {
        for (left, right) in [(x, y.transposed()), (x.transposed(), y)] {
          let product = matmul(left, right)
          let expected = matmul(left.contiguous, right.contiguous)
          #expect(product.shape == expected.shape)
          #expect(
            zip(product.scalars, expected.scalars).allSatisfy { Swift.abs($0 - $1) < 1e-11 })
        }
      }
    }
  }

  @Test func cuttingUpATensorCostsItsSizeOnTheWayBack() async {
    await #expect(processExitsWith: .success) {
      let w = Parameter(Tensor.random([64, 2048], seed: 1))
      let (_, gradients) = valueWithGradients(at: [w]) {
        (0..<256).map { sum(w.value[0..., 8 * $0..<8 * $0 + 8]) }.reduce(Tensor(0), +)
      }
      #expect(gradients[w] == .ones([64, 2048]))
      #expect(BufferPool.peakLiveByteCount < 8 * 64 * 2048 * 4)
    }
  }

  @Test func selectionsOutsideTrap() async {
    await #expect(processExitsWith: .failure) { _ = Tensor.zeros([2, 3])[0..., 1..<4] }
    await #expect(processExitsWith: .failure) { _ = Tensor.zeros([2, 3])[0..., 3] as Tensor }
    await #expect(processExitsWith: .failure) { _ = Tensor.zeros([2])[0..., 0...] }
    await #expect(processExitsWith: .failure) {
      _ = Tensor.zeros([4])[stride(from: 3, through: -1, by: -2)]
    }
    await #expect(processExitsWith: .failure) { _ = Tensor.zeros([2, 3]).broadcast(to: [3]) }
  }
}

extension NDTensor {
  /// The element at an index that is an array.
  fileprivate subscript(index: [Int]) -> Scalar {
    index.reduce(unsqueezed(0)[0]) { $0[$1] }.scalar
  }
}
