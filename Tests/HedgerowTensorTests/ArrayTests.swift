import Glibc
import HedgerowCore
import HedgerowTensor
import HedgerowTestSupport
import Testing

/// Reductions, indices, order, masks and numbers at rest, against slow loops.
@Suite struct ArrayTests {
  /// All indices of a shape, in row-major order.
  func indices(_ shape: [Int]) -> [[Int]] {
    shape.reduce([[]]) { all, extent in all.flatMap { index in (0..<extent).map { index + [$0] } } }
  }
  func offset(_ index: [Int], _ shape: [Int]) -> Int {
    zip(index, shape).reduce(0) { $0 * $1.1 + $1.0 }
  }

  @Test func reductionsOverAnyAxes() {
    var random = RandomStream(seed: printedSeed())
    func isClose(_ a: Double, _ b: Double) -> Bool {
      a == b || (a.isNaN && b.isNaN) || Swift.abs(a - b) < 1e-12 * (1 + Swift.abs(b))
    }
    for _ in 0..<120 {
      let shape = (0..<random.next(below: 5)).map { _ in Int(random.next(below: 5)) }
      let x = NDTensor<Double>.random(shape, seed: random.next())
      let axes = shape.indices.filter { _ in random.next(below: 2) == 0 }.shuffled(using: &random)
      let kept = shape.indices.filter { !axes.contains($0) }
      var groups = [[Double]](
        repeating: [], count: kept.reduce(1) { $0 * shape[$1] })
      let scalars = x.scalars
      for (place, index) in indices(shape).enumerated() {
        groups[offset(kept.map { index[$0] }, kept.map { shape[$0] })].append(scalars[place])
      }
      func check(
        _ result: NDTensor<Double>, _ name: String, _ expected: ([Double]) -> Double
      ) {
        #expect(result.shape == shape.indices.map { axes.contains($0) ? 1 : shape[$0] })
        #expect(
          zip(result.scalars, groups.map(expected)).allSatisfy(isClose),
          "\(name) of \(shape) over \(axes)")
      }
      let fromEnd = axes.map { $0 - shape.count }
      check(sum(x, along: fromEnd, keeping: .one), "sum") { $0.reduce(0, +) }
      check(product(x, along: axes, keeping: .one), "product") { $0.reduce(1, *) }
      check(logSumExp(x, along: axes, keeping: .one), "logSumExp") {
        Glibc.log($0.reduce(0) { $0 + Glibc.exp($1) })
      }
      guard axes.allSatisfy({ shape[$0] > 0 }) else { continue }
      check(mean(x, along: axes, keeping: .one), "mean") { $0.reduce(0, +) / Double($0.count) }
      check(variance(x, along: axes, keeping: .one), "variance") { group in
        let mean = group.reduce(0, +) / Double(group.count)
        return group.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(group.count - 1)
      }
      check(max(x, along: axes, keeping: .one), "max") { $0.max()! }
      check(min(x, along: fromEnd, keeping: .one), "min") { $0.min()! }
      #expect(sum(x, along: axes).shape == kept.map { shape[$0] })
    }
    #expect(logSumExp(Tensor([1000, 1000]), along: [0]).scalar.rounded() == 1001)
    #expect(logSumExp(Tensor([-.infinity, -.infinity]), along: [0]).scalar == -.infinity)
    #expect(logSumExp(Tensor([1, .nan, 2]), along: [0]).scalar.isNaN)
  }

  @Test func rowsAreGatheredPickedAndScattered() {
    var random = RandomStream(seed: printedSeed())
    for _ in 0..<60 {
      let shape = (0..<1 + random.next(below: 3)).map { _ in 1 + Int(random.next(below: 4)) }
      let x = NDTensor<Double>.random(shape, seed: random.next())
      let axis = Int(random.next(below: UInt64(shape.count)))
      let count = Int(random.next(below: 9))
      let places = (0..<count).map { _ in Int32(random.next(below: UInt64(shape[axis]))) }
      let taken = x.gathered(NDArray(places), along: axis)
      let picks = indices(taken.shape).map { _ in Int64(random.next(below: UInt64(shape[axis]))) }
      let picked = x.picked(NDArray(picks, shape: taken.shape), along: axis)
      for (number, index) in indices(taken.shape).enumerated() {
        var from = index
        from[axis] = Int(places[index[axis]])
        #expect(taken.scalars[number] == x.scalars[offset(from, shape)])
        from[axis] = Int(picks[number])
        #expect(picked.scalars[number] == x.scalars[offset(from, shape)])
      }
      var sums = [Double](repeating: 0, count: x.count)
      for (number, index) in indices(taken.shape).enumerated() {
        var to = index
        to[axis] = Int(places[index[axis]])
        sums[offset(to, shape)] += taken.scalars[number]
      }
      let scattered = scatterSum(taken, to: NDArray(places), of: shape[axis], along: axis)
      #expect(scattered == NDTensor(sums, shape: shape))
      #expect(x.adding(taken, at: NDArray(places), along: axis) == x + scattered)
    }
    let x = Tensor([[1, 2], [3, 4], [5, 6]])
    #expect(x.gathered(rows: NDArray<UInt8>([2, 0], shape: [2, 1])).shape == [2, 1, 2])
    #expect(x.gathered(where: x[0..., 0] .> 2) == x[1...])
    #expect(stacked([x, x], along: -1).shape == [3, 2, 2])
    #expect(x.split([1, 2], along: 0)[1] == x[1...])
    let names = NDArray<Int64>([7, 8, 9, 10, 11, 12], shape: [2, 3])
    #expect(names.gathered(NDArray<UInt8>([2, 0, 2]), along: 1)[1].scalars == [12, 10, 12])
    #expect(names.gathered(NDArray<Int32>([1, 1], shape: [2, 1])).shape == [2, 1, 3])
    #expect(
      names.transposed().gathered(where: Mask([false, true, true])).scalars == [8, 11, 9, 12])
    let doubled = NDArray.concatenated([names, names[0..., 1..<2]], along: 1)
    #expect(doubled.scalars == [7, 8, 9, 8, 10, 11, 12, 11])
    #expect(x.split(every: 2, along: 0).map(\.shape) == [[2, 2], [1, 2]])
  }

  @Test func indicesOutsideTrap() async {
    await #expect(processExitsWith: .failure) {
      _ = Tensor.zeros([3, 2]).gathered(NDArray<Int32>([-1]), along: 0)
    }
    await #expect(processExitsWith: .failure) {
      _ = Tensor.zeros([3, 2]).picked(NDArray<Int32>([2, 0], shape: [1, 2]), along: 1)
    }
    await #expect(processExitsWith: .failure) {
      _ = scatterSum(Tensor.zeros([2]), to: NDArray<Int32>([0, 4]), of: 4)
    }
    await #expect(processExitsWith: .failure) { _ = topK(Tensor.zeros([2]), 3) }
  }

  @Test func sortedIsStableAndPutsNaNLast() {
    var random = RandomStream(seed: printedSeed())
    for count in [0, 1, 2, 7, 8, 9, 33, 200] {
      // Few different numbers, so that many are equal.
      let row = (0..<count).map { _ in
        random.next(below: 12) == 0 ? Double.nan : Double(random.next(below: 9)) - 4
      }
      func precedes(_ a: Int, _ b: Int) -> Bool {
        row[a].isNaN ? false : row[b].isNaN ? true : row[a] < row[b]
      }
      let rising = row.indices.sorted { precedes($0, $1) || (!precedes($1, $0) && $0 < $1) }
      let falling = row.indices.sorted { precedes($1, $0) || (!precedes($0, $1) && $0 < $1) }
      let x = NDTensor(row)
      #expect(argSorted(x).scalars.map(Int.init) == rising)
      #expect(argSorted(x, .falling).scalars.map(Int.init) == falling)
      let columns = NDTensor(row + row, shape: [2, count]).transposed()
      let sortedColumns = sorted(columns, along: 0)
      #expect(sortedColumns.places[0..., 1].scalars.map(Int.init) == rising)
      #expect(
        sortedColumns.values[0..., 0].scalars.map(\.bitPattern)
          == rising.map { row[$0].bitPattern })
      if count >= 2 {
        #expect(topK(x, 2).places.scalars.map(Int.init) == Array(falling[..<2]))
      }
    }
    let x = Tensor([[3, 1, 3], [2, 2, 5]])
    #expect(argMax(x, along: 1) == NDArray([0, 2]))
    #expect(argMin(x, along: 0) == NDArray([1, 0, 0]))
    #expect(argMax(Tensor([1, .nan, 2]), along: 0).scalar == 1)
    #expect(cumulativeSum(x, along: 1) == Tensor([[3, 4, 7], [2, 4, 9]]))
    #expect(cumulativeSum(x, along: 0) == Tensor([[3, 1, 3], [5, 3, 8]]))
  }

  func checkComparisons<E: ComparableElement & Comparable>(_ a: [E], _ b: [E]) {
    // [2, 1, n] against [n], and a transposed view against a contiguous array.
    let n = b.count
    let (x, y) = (NDArray(a, shape: [2, 1, n]), NDArray(b))
    func expected(_ compare: (E, E) -> Bool) -> Mask {
      Mask(a.enumerated().map { compare($1, b[$0 % n]) }, shape: [2, 1, n])
    }
    #expect((x .== y) == expected(==) && (x .!= y) == expected(!=))
    #expect((x .< y) == expected(<) && (x .<= y) == expected(<=))
    #expect((x .> y) == expected(>) && (x .>= y) == expected(>=))
    #expect((x .< b[0]) == (x .< NDArray(b[0])) && (x .>= b[0]) == .!(x .< b[0]))
    let square = NDArray(a, shape: [2, n])
    #expect((square.transposed() .<= square.transposed().contiguous).trueCount == 2 * n)
  }

  @Test func comparisonsOfEveryType() {
    var random = RandomStream(seed: printedSeed())
    let (a, b) = (
      (0..<74).map { _ in random.next(below: 5) }, (0..<37).map { _ in random.next(below: 5) }
    )
    checkComparisons(a.map(UInt8.init), b.map(UInt8.init))
    checkComparisons(a.map { Int32($0) - 2 }, b.map { Int32($0) - 2 })
    checkComparisons(a.map { UInt32($0) << 30 }, b.map { UInt32($0) << 30 })
    checkComparisons(a.map { Int64($0) << 40 - 1 << 41 }, b.map { Int64($0) << 40 - 1 << 41 })
    checkComparisons(a.map(Float.init), b.map(Float.init))
    checkComparisons(a.map(Double.init), b.map(Double.init))
    #expect((Tensor([.nan, 1]) .== Tensor([.nan, 1])).scalars == [false, true])
    let (p, q) = (Mask([true, true, false, false]), Mask([true, false, true, false]))
    #expect((p .& q).scalars == [true, false, false, false])
    #expect((p .| q).scalars == [true, true, true, false])
    #expect((p .^ q).scalars == [false, true, true, false])
    #expect((.!p).places == [2, 3] && p.trueCount == 2)
    #expect(q.numbers() == Tensor([1, 0, 1, 0]))
    #expect(
      select(p.reshaped(to: [2, 2]), Tensor([5, 6]), otherwise: Tensor(0))
        == Tensor([[5, 6], [0, 0]]))
  }

  @Test func halvesAreTheNearest() {
    let patterns = (0...UInt16.max).map { $0 }
    let halves = NDArray(patterns.map { Float16(bitPattern: $0) })
    let wide = Tensor(halves).scalars
    let again = NDArray<Float16>(Tensor(halves)).scalars
    for (index, pattern) in patterns.enumerated() {
      let half = Float16(bitPattern: pattern)
      #expect(wide[index] == Float(half) || (wide[index].isNaN && half.isNaN))
      #expect(again[index].bitPattern == pattern || (again[index].isNaN && half.isNaN))
    }
    // All exponents, and numbers halfway between two halves.
    var random = RandomStream(seed: printedSeed())
    let bits = (0..<100_000).map { _ in
      UInt32(truncatingIfNeeded: random.next()) & (random.next(below: 2) == 0 ? ~0 : ~0xFFF)
    }
    let numbers = bits.map { Float(bitPattern: $0) }
    let (halved, braced) = (
      NDArray<Float16>(Tensor(numbers)).scalars, NDArray<BFloat16>(Tensor(numbers)).scalars
    )
    for (index, number) in numbers.enumerated() {
      let expected = Float16(number)
      #expect(
        halved[index].bitPattern == expected.bitPattern || (number.isNaN && halved[index].isNaN))
      #expect(braced[index] == BFloat16(number))
    }
    let table = NDArray<Float16>(Tensor.random([50, 3], seed: 1))
    #expect(table.gathered(rows: [4, 4, 0]) == Tensor(table).gathered(rows: [4, 4, 0]))
    #expect(Tensor(NDArray<BFloat16>(Tensor([[1, 2.5]]).transposed())) == Tensor([[1], [2.5]]))
    #expect(NDArray<Int32>([1, 2]).mapped { Float($0) } == Tensor([1, 2]).array)
  }

  @Test func randomNumbersAreAFunctionOfTheirPlace() {
    let seed = printedSeed()
    let stream = RandomStream(seed: seed)
    let normal = Tensor.normal([200_001], mean: 2, deviation: 3, from: stream)
    let double = NDTensor<Double>.normal([200_000], from: stream)
    let mask = Mask.random([200_000], probability: 0.3, from: stream)
    for threads in [1, 3] {
      Compute.with(ThreadPool(threadCount: threads)) {
        #expect(Tensor.normal([200_001], mean: 2, deviation: 3, from: stream) == normal)
        #expect(Mask.random([200_000], probability: 0.3, from: stream) == mask)
      }
    }
    #expect(Tensor.normal([7], mean: 2, deviation: 3, from: stream) == normal[..<7])
    var later = stream
    later.counter = 20
    #expect(Tensor.normal([5], mean: 2, deviation: 3, from: later) == normal[10..<15])
    // Moments within six standard errors.
    let z = (double.scalars, Double(double.count).squareRoot())
    func moment(_ power: Int) -> Double {
      z.0.reduce(0) { sum, x in sum + (0..<power).reduce(1) { p, _ in p * x } } / Double(z.0.count)
    }
    #expect(Swift.abs(moment(1)) < 6 / z.1)
    #expect(Swift.abs(moment(2) - 1) < 6 * 2.0.squareRoot() / z.1)
    #expect(Swift.abs(moment(3)) < 6 * 15.0.squareRoot() / z.1)
    #expect(Swift.abs(moment(4) - 3) < 6 * 96.0.squareRoot() / z.1)
    #expect(Swift.abs(mean(normal).scalar - 2) < 6 * 3 / Float(z.1))
    #expect(Swift.abs(Double(mask.trueCount) / 200_000 - 0.3) < 6 * 0.21.squareRoot() / z.1)
    #expect(Mask.random([9], probability: 1, from: stream).trueCount == 9)
    let order = NDArray.permutation(of: 1000, from: stream).scalars
    #expect(order.sorted() == Array(0..<1000) && order != Array(0..<1000))
    #expect(NDArray.permutation(of: 0, from: stream).count == 0)
    // Each of three numbers is as often the first.
    let firsts = (0..<3000).map { NDArray.permutation(of: 3, from: stream.derive($0))[0] }
    for number in UInt32(0)..<3 {
      #expect(Swift.abs(firsts.count { $0 == number } - 1000) < 6 * 26)
    }
  }
}
