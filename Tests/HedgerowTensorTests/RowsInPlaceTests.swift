import HedgerowCore
import HedgerowTestSupport
import Testing

@testable import HedgerowTensor

/// Tensors of rows that lie anywhere, against the same rows one behind the other.
@Suite struct RowsInPlaceTests {
  /// Rows in an order of their own, with room between them.
  final class Kept: @unchecked Sendable {
    let memory: UnsafeMutableRawBufferPointer
    init(byteCount: Int) { memory = .allocate(byteCount: max(1, byteCount), alignment: 64) }
    deinit { memory.deallocate() }
  }

  /// The same numbers in place and copied. Only the first of them keeps the memory.
  static func make(
    _ count: Int, width: Int, _ element: RowsInPlace.Element, from stream: inout RandomStream
  ) -> (inPlace: Tensor, copied: Tensor) {
    let size = element == .float32 ? 4 : 2
    let stride = width * size + size * Int(stream.next(below: 3))
    let kept = Kept(byteCount: count * stride)
    let numbers = (0..<count * width).map { _ in Float(stream.nextUnit() * 2 - 1) }
    var order = Array(0..<count)
    for place in order.indices.reversed() {
      order.swapAt(place, Int(stream.next(below: UInt64(place + 1))))
    }
    var exact = numbers
    let rows = order.enumerated().map { row, place in
      let first = kept.memory.baseAddress! + place * stride
      for column in 0..<width {
        let number = numbers[row * width + column]
        let at = first + column * size
        switch element {
        case .float32: at.storeBytes(of: number, as: Float.self)
        case .float16:
          at.storeBytes(of: Float16(number), as: Float16.self)
          exact[row * width + column] = Float(Float16(number))
        case .bfloat16:
          at.storeBytes(of: BFloat16(number).bitPattern, as: UInt16.self)
          exact[row * width + column] = Float(BFloat16(number))
        }
      }
      return UnsafeRawPointer(first)
    }
    return (
      Tensor(RowsInPlace(rows, of: element, width: width, owner: kept)),
      Tensor(exact, shape: [count, width])
    )
  }

  static let widths = [1, 3, 8, 33, 128, 130, 200]

  @Test(arguments: [RowsInPlace.Element.float32, .float16, .bfloat16])
  func sumsReadRowsWhereTheyAre(element: RowsInPlace.Element) {
    var stream = RandomStream(seed: printedSeed())
    for width in Self.widths {
      let targets = 1 + Int(stream.next(below: 400))
      let sources = targets + 1 + Int(stream.next(below: 400))
      let rows = RandomRows(sources: sources, targets: targets, from: &stream)
      let (x, copied) = Self.make(sources, width: width, element, from: &stream)
      #expect(!x.array.isContiguous)
      let sum = segmentSum(x, over: rows.targets) { rows.transposed }
      let mean = segmentMean(x, over: rows.targets) { rows.transposed }
      let first = x.prefix(rows: targets)
      #expect(!x.array.isContiguous && !first.array.isContiguous, "nothing was copied")
      #expect(sum.array == segmentSum(copied, over: rows.targets) { rows.transposed }.array)
      #expect(mean.array == segmentMean(copied, over: rows.targets) { rows.transposed }.array)
      #expect(first.array == copied.prefix(rows: targets).array)
      #expect(first.array.isContiguous && !x.array.isContiguous, "only those are copied")
      // Factors of sources are no part of such sums, and copy.
      let a = Tensor.random([sources], seed: 1)
      let scaled = segmentSum(
        x, over: rows.targets, sourceFactors: a, targetFactors: nil
      ) { rows.transposed }
      let expected = segmentSum(
        copied, over: rows.targets, sourceFactors: a, targetFactors: nil
      ) { rows.transposed }
      #expect(scaled.array == expected.array && x.array.isContiguous)
      // What was copied is read from then on.
      #expect(segmentSum(x, over: rows.targets) { rows.transposed }.array == sum.array)
    }
  }

  /// Forwards and back, over enough rows for several parts, with zeros behind relu that the way back may skip.
  @Test(arguments: [RowsInPlace.Element.float32, .float16, .bfloat16])
  func affineSumsCopyRowsPartByPart(element: RowsInPlace.Element) {
    var stream = RandomStream(seed: printedSeed())
    for (count, width) in [(1, 3), (511, 8), (1300, 33), (9000, 16)] {
      let (x, copied) = Self.make(count, width: width, element, from: &stream)
      let (some, copiedSome) = Self.make((count + 1) / 2, width: width, element, from: &stream)
      let places = (0..<UInt32((count + 1) / 2)).map { 2 * $0 }
      let w = Parameter(Tensor.random([20, width], seed: 1))
      let v = Parameter(Tensor.random([20, width], seed: 2))
      let slopes = Tensor.random([count, 20], seed: 3)
      func result(_ x: Tensor, _ some: Tensor) -> [[Float]] {
        var y: [Float] = []
        let (_, gradients) = valueWithGradients(at: [w, v]) {
          let terms =
            AffineSum(x, weight: w.value)
            + AffineSum(some, weight: v.value, addedTo: places, of: count)
          let result = terms.evaluated(activation: .relu)
          y = result.scalars
          return sum(result * slopes)
        }
        return [y, gradients[w]!.scalars, gradients[v]!.scalars]
      }
      let inPlace = result(x, some)
      #expect(!x.array.isContiguous && !some.array.isContiguous, "they were not copied whole")
      #expect(inPlace == result(copied, copiedSome), "\(count) rows of \(width)")
      #expect(inPlace.allSatisfy { $0.contains { $0 != 0 } })
    }
  }

  @Test func otherOperationsCopy() {
    var stream = RandomStream(seed: printedSeed())
    func each(_ operation: (Tensor) -> Tensor) {
      let (x, copied) = Self.make(37, width: 6, .float32, from: &stream)
      #expect(operation(x).array == operation(copied).array)
    }
    let w = Tensor.random([6, 4], seed: 2)
    each { matmul($0, w) }
    each { $0 * 2 + 1 }
    each { sum($0, along: 0) }
    each { Tensor($0.array.transposed()) }
    each { $0.reshaped(to: [6, 37]) }
    each { $0.gathered(rows: [36, 0, 0, 5]) }
    each { Tensor($0.array.sliced(2..<5, along: 1)) }
    each { concatenated($0, $0) }
    each { $0.prefix(rows: 37) }
    each { $0.prefix(rows: 0) }
    each { Tensor($0.array.reshaped(to: [74, 3])).prefix(rows: 3) }
  }

  @Test func changesAreOfACopy() {
    var stream = RandomStream(seed: printedSeed())
    let (x, copied) = Self.make(5, width: 3, .float32, from: &stream)
    var changed = x.array
    changed.withUnsafeMutableBufferPointer { $0[4] = 7 }
    #expect(changed[1, 1] == 7)
    #expect(x.array == copied.array)
    let rows = RandomRows(sources: 5, targets: 4, from: &stream)
    let sums = segmentSum(Tensor(changed), over: rows.targets) { rows.transposed }
    var expected = copied.array
    expected.withUnsafeMutableBufferPointer { $0[4] = 7 }
    #expect(
      sums.array == segmentSum(Tensor(expected), over: rows.targets) { rows.transposed }.array)
  }

  @Test func manyThreadsMayAskAtOnce() async {
    var stream = RandomStream(seed: printedSeed())
    let (x, copied) = Self.make(600, width: 40, .bfloat16, from: &stream)
    await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<8 { group.addTask { (x * 1).array == copied.array } }
      for await isEqual in group { #expect(isEqual) }
    }
  }

  @Test func noRows() {
    let empty = Tensor(
      RowsInPlace([], of: .float32, width: 4, owner: Kept(byteCount: 0)))
    #expect(empty.shape == [0, 4] && empty.array.scalars.isEmpty)
    let targets = CompressedRows(offsets: [0, 0, 0], indices: [], rowCount: 2)
    let sums = segmentSum(empty, over: targets) { targets }
    #expect(sums.array.scalars == [Float](repeating: 0, count: 8))
  }
}
