import Glibc
import HedgerowCore
import HedgerowTensor
import HedgerowTestSupport
import Testing

/// Losses against what their equations say, element by element, and their gradients against difference
/// quotients, in double precision.
@Suite struct LossTests {
  typealias Numbers = NDTensor<Double>
  static let reductions: [LossReduction] = [.mean, .sum, .none, .batchMean]

  func check(
    _ inputs: [Numbers], seed: UInt64, location: SourceLocation = #_sourceLocation,
    _ function: ([Numbers]) -> Numbers
  ) {
    #expect(
      GradientCheck.error(at: inputs, seed: seed, function) < 1e-7,
      "shapes \(inputs.map(\.shape))", sourceLocation: location)
  }

  func isClose(_ a: Double, _ b: Double) -> Bool { abs(a - b) <= 1e-12 * (1 + abs(b)) }

  /// The loss of every pair and every reduction against `pair`, and both gradients.
  func check(
    _ x: Numbers, _ target: Numbers, seed: UInt64, location: SourceLocation = #_sourceLocation,
    _ loss: (Numbers, Numbers, LossReduction) -> Numbers, _ pair: (Double, Double) -> Double
  ) {
    let expected = zip(x.scalars, target.scalars).map(pair)
    let kept = loss(x, target, .none)
    #expect(kept.shape == x.shape, sourceLocation: location)
    #expect(zip(kept.scalars, expected).allSatisfy(isClose), sourceLocation: location)
    let total = expected.reduce(0, +)
    for (reduction, value) in [
      (LossReduction.sum, total), (.mean, total / Double(x.count)),
      (.batchMean, total / Double(x.shape[0])),
    ] {
      #expect(isClose(loss(x, target, reduction).scalar, value), sourceLocation: location)
      check([x, target], seed: seed, location: location) { loss($0[0], $0[1], reduction) }
    }
    check([x, target], seed: seed, location: location) { loss($0[0], $0[1], .none) }
  }

  @Test(arguments: [[5, 3], [1, 1], [7], [2, 3, 4]]) func pairs(shape: [Int]) {
    let seed = printedSeed()
    let (x, t) = (3 * Numbers.random(shape, seed: seed), 3 * Numbers.random(shape, seed: seed + 1))
    let unit = 0.5 + 0.45 * Numbers.random(shape, seed: seed + 2)
    let other = 0.5 + 0.45 * Numbers.random(shape, seed: seed + 3)
    let signs = Numbers(t.scalars.map { $0 < 0 ? -1 : 1 }, shape: shape)
    check(x, t, seed: seed, { l1Loss($0, $1, reduction: $2) }, { abs($0 - $1) })
    check(x, t, seed: seed, { mseLoss($0, $1, reduction: $2) }, { ($0 - $1) * ($0 - $1) })
    check(
      x, t, seed: seed, { smoothL1Loss($0, $1, beta: 1.7, reduction: $2) },
      {
        let d = abs($0 - $1)
        return d < 1.7 ? d * d / 3.4 : d - 0.85
      })
    check(
      x, t, seed: seed, { huberLoss($0, $1, delta: 1.7, reduction: $2) },
      {
        let d = abs($0 - $1)
        return d <= 1.7 ? d * d / 2 : 1.7 * (d - 0.85)
      })
    check(
      unit, other, seed: seed, { binaryCrossEntropy($0, $1, reduction: $2) },
      {
        -$1 * log($0) - (1 - $1) * log(1 - $0)
      })
    check(
      x, other, seed: seed, { binaryCrossEntropyWithLogits($0, $1, reduction: $2) },
      {
        let p = 1 / (1 + exp(-$0))
        return -$1 * log(p) - (1 - $1) * log(1 - p)
      })
    check(x, unit, seed: seed, { klDivLoss($0, $1, reduction: $2) }, { $1 * (log($1) - $0) })
    check(
      x, t, seed: seed, { klDivLoss($0, $1, target: .logarithms, reduction: $2) },
      {
        exp($1) * ($1 - $0)
      })
    check(x, t, seed: seed, { poissonNLLLoss($0, $1, reduction: $2) }, { exp($0) - $1 * $0 })
    check(
      unit, t, seed: seed,
      { poissonNLLLoss($0, $1, predicting: .rate(epsilon: 0.1), reduction: $2) },
      { $0 - $1 * log($0 + 0.1) })
    check([unit], seed: seed) { softMarginLoss(3 * $0[0], signs, reduction: .none) }
    check([x], seed: seed) { hingeEmbeddingLoss($0[0], signs, margin: 0.8, reduction: .none) }
    #expect(
      zip(
        hingeEmbeddingLoss(x, signs, margin: 0.8, reduction: .none).scalars,
        zip(x.scalars, signs.scalars).map { $1 == 1 ? $0 : max(0, 0.8 - $0) }
      ).allSatisfy(isClose))
    #expect(
      zip(
        softMarginLoss(x, signs, reduction: .none).scalars,
        zip(x.scalars, signs.scalars).map { log(1 + exp(-$0 * $1)) }
      ).allSatisfy(isClose))
    // Of one number against its logarithm: the terms of all of Stirling's.
    let counts = Numbers([0, 1, 2, 5, 20])
    let rest =
      poissonNLLLoss(Numbers.zeros([5]), counts, terms: .all, reduction: .none)
      - poissonNLLLoss(Numbers.zeros([5]), counts, reduction: .none)
    for (count, term) in zip(counts.scalars, rest.scalars) {
      #expect(abs(term - (count > 1 ? lgamma(count + 1) : 0)) < 0.05)
    }
  }

  @Test func weightsOfAnswers() {
    let seed = printedSeed()
    let (x, t) = (
      3 * Numbers.random([6, 4], seed: seed), 0.5 + 0.5 * Numbers.random([6, 4], seed: seed + 1)
    )
    let positive = 1.5 + Numbers.random([4], seed: seed + 2)
    for weight in [
      Numbers.random([4], seed: 3), .random([6, 4], seed: 4), .random([6, 1], seed: 5),
    ] {
      let loss = binaryCrossEntropyWithLogits(
        x, t, weight: weight, positiveWeight: positive, reduction: .none)
      let all = weight.broadcast(to: [6, 4])
      for row in 0..<6 {
        for column in 0..<4 {
          let p = 1 / (1 + exp(-x[row, column]))
          let yes = positive[column] * t[row, column] * log(p)
          let expected = -all[row, column] * (yes + (1 - t[row, column]) * log(1 - p))
          #expect(isClose(loss[row, column], expected))
        }
      }
      check([x, t], seed: seed) {
        binaryCrossEntropyWithLogits($0[0], $0[1], weight: weight, positiveWeight: positive)
      }
      check([sigmoid(x)], seed: seed) { binaryCrossEntropy($0[0], t, weight: weight) }
    }
    // Certain and wrong costs 100, not infinity.
    #expect(binaryCrossEntropy(Numbers([0, 1]), Numbers([1, 0])).scalar == 100)
  }

  /// -w_t log(p_t) of one row, by its definition.
  func crossEntropy(_ row: [Double], _ target: [Double], _ weight: [Double]) -> Double {
    let total = row.map { exp($0) }.reduce(0, +)
    return zip(row, zip(target, weight)).reduce(0) { $0 - $1.1.1 * $1.1.0 * log(exp($1.0) / total) }
  }

  @Test(arguments: UInt64(0)..<12) func labels(case number: UInt64) {
    var stream = RandomStream(seed: number &+ printedSeed())
    let (rows, classes) = (Int(stream.next(below: 9)), 1 + Int(stream.next(below: 40)))
    let x = 3 * Numbers.random([rows, classes], seed: stream.next())
    let ignored: Int32 = number % 3 == 0 ? 0 : -100
    let labels = (0..<rows).map { _ in
      stream.next(below: 4) == 0 ? ignored : Int32(stream.next(below: UInt64(classes)))
    }
    let weight = number % 2 == 0 ? Numbers.random([classes], in: 0.2..<2, seed: 1) : nil
    let w = weight?.scalars ?? [Double](repeating: 1, count: classes)
    for smoothing in [0, 0.3] {
      let losses = (0..<rows).map { row -> Double in
        if labels[row] == ignored { return 0 }
        let even = smoothing / Double(classes)
        let target = (0..<classes).map { $0 == Int(labels[row]) ? 1 - smoothing + even : even }
        return crossEntropy((0..<classes).map { x[row, $0] }, target, w)
      }
      let total = labels.filter { $0 != ignored }.reduce(0) { $0 + w[Int($1)] }
      func loss(_ x: Numbers, _ reduction: LossReduction) -> Numbers {
        HedgerowTensor.crossEntropy(
          x, labels, weight: weight, smoothing: smoothing, ignoring: ignored, reduction: reduction)
      }
      #expect(zip(loss(x, .none).scalars, losses).allSatisfy(isClose))
      #expect(isClose(loss(x, .sum).scalar, losses.reduce(0, +)))
      #expect(isClose(loss(x, .mean).scalar, total > 0 ? losses.reduce(0, +) / total : 0))
      for reduction in Self.reductions { check([x], seed: number) { loss($0[0], reduction) } }
      if smoothing == 0 {
        for reduction in Self.reductions {
          func negative(_ x: Numbers) -> Numbers {
            nllLoss(
              logSoftmax(x), labels, weight: weight, ignoring: ignored, reduction: reduction)
          }
          let (a, b) = (negative(x), loss(x, reduction))
          #expect(a.shape == b.shape && zip(a.scalars, b.scalars).allSatisfy(isClose))
          check([x], seed: number) { negative($0[0]) }
        }
      }
    }
  }

  /// Classes along axis 1 with more axes behind, and a single row.
  @Test func classesOfPlaces() {
    let seed = printedSeed()
    let x = 2 * Numbers.random([2, 4, 3], seed: seed)
    let labels: [Int32] = [0, 3, 1, -1, 2, 2]
    let rows = x.transposed(by: [0, 2, 1]).reshaped(to: [6, 4])
    let kept = HedgerowTensor.crossEntropy(x, labels, reduction: .none)
    #expect(kept.shape == [2, 3])
    #expect(kept.scalars == HedgerowTensor.crossEntropy(rows, labels, reduction: .none).scalars)
    check([x], seed: seed) { HedgerowTensor.crossEntropy($0[0], labels, smoothing: 0.1) }
    let row = Numbers.random([4], seed: seed)
    #expect(HedgerowTensor.crossEntropy(row, [2], reduction: .none).shape == [])
    check([row], seed: seed) { HedgerowTensor.crossEntropy($0[0], [2]) }
  }

  @Test func probabilitiesAsTargets() {
    let seed = printedSeed()
    let weight = Numbers.random([4], in: 0.2..<2, seed: seed + 1)
    for shape in [[5, 4], [2, 4, 3], [4]] {
      let x = 3 * Numbers.random(shape, seed: seed)
      let t = softmax(Numbers.random(shape, seed: seed + 2), along: shape.count > 1 ? 1 : 0)
      for smoothing in [0, 0.2] {
        for reduction in Self.reductions {
          check([x, t], seed: seed) {
            HedgerowTensor.crossEntropy(
              $0[0], probabilities: $0[1], weight: weight, smoothing: smoothing,
              reduction: reduction)
          }
        }
      }
    }
    let (x, t) = (Numbers.random([5, 4], seed: 1), softmax(Numbers.random([5, 4], seed: 2)))
    let kept = HedgerowTensor.crossEntropy(
      x, probabilities: t, weight: weight, smoothing: 0.2, reduction: .none)
    for row in 0..<5 {
      let expected = crossEntropy(
        (0..<4).map { x[row, $0] }, (0..<4).map { 0.8 * t[row, $0] + 0.05 }, weight.scalars)
      #expect(isClose(kept[row], expected))
    }
  }

  @Test func margins() {
    let seed = printedSeed()
    let (a, b) = (
      2 * Numbers.random([6, 5], seed: seed), 2 * Numbers.random([6, 5], seed: seed + 1)
    )
    let c = 2 * Numbers.random([6, 5], seed: seed + 2)
    let signs = Numbers([1, -1, 1, 1, -1, -1])
    let labels: [Int32] = [0, 4, 2, 2, 1, 3]
    let ranking = marginRankingLoss(a, b, Numbers(-1), margin: 0.3, reduction: .none)
    #expect(
      zip(ranking.scalars, zip(a.scalars, b.scalars).map { max(0, 0.3 + $0 - $1) })
        .allSatisfy(isClose))
    let cosines = cosineEmbeddingLoss(a, b, signs, margin: 0.1, reduction: .none)
    func row(_ x: Numbers, _ index: Int) -> [Double] { (0..<5).map { x[index, $0] } }
    func dot(_ x: [Double], _ y: [Double]) -> Double { zip(x, y).reduce(0) { $0 + $1.0 * $1.1 } }
    for index in 0..<6 {
      let (x, y) = (row(a, index), row(b, index))
      let cosine = dot(x, y) / (dot(x, x) * dot(y, y)).squareRoot()
      let expected = signs[index] == 1 ? 1 - cosine : max(0, cosine - 0.1)
      #expect(abs(cosines[index] - expected) < 1e-10)
    }
    for reduction in Self.reductions {
      check([a, b], seed: seed) {
        marginRankingLoss($0[0], $0[1], Numbers(-1), margin: 0.3, reduction: reduction)
      }
      check([a, b], seed: seed) {
        cosineEmbeddingLoss($0[0], $0[1], signs, margin: 0.1, reduction: reduction)
      }
      check([a], seed: seed) {
        multiMarginLoss(
          $0[0], labels, p: 2, margin: 0.7, weight: Numbers([1, 2, 0.5, 3, 1]),
          reduction: reduction)
      }
      check([a], seed: seed) {
        multilabelMarginLoss(
          $0[0], [[0, 3], [], [4], [1, 2, 3], [0, 1, 2, 3, 4], [2]], reduction: reduction)
      }
      check([a, b], seed: seed) {
        multilabelSoftMarginLoss(
          $0[0], 0.5 + 0.2 * $0[1], weight: Numbers([1, 2, 0.5, 3, 1]), reduction: reduction)
      }
    }
    let kept = multiMarginLoss(a, labels, margin: 0.7, reduction: .none)
    let many = multilabelMarginLoss(a, labels.map { [$0] }, reduction: .none)
    for (index, label) in labels.enumerated() {
      func expected(_ margin: Double) -> Double {
        (0..<5).filter { $0 != Int(label) }.reduce(0) {
          $0 + max(0, margin - a[index, Int(label)] + a[index, $1])
        } / 5
      }
      #expect(isClose(kept[index], expected(0.7)) && isClose(many[index], expected(1)))
    }
    var measure = TripletDistance()
    for (p, swap) in [(1.0, false), (2, false), (2, true), (3.5, false), (.infinity, true)] {
      (measure.p, measure.swap, measure.margin) = (p, swap, 2)
      let losses = tripletMarginLoss(a, b, c, by: measure, reduction: .none)
      for index in 0..<6 {
        func distance(_ x: Numbers, _ y: Numbers) -> Double {
          let sizes = zip(row(x, index), row(y, index)).map { abs($0 - $1 + 1e-6) }
          return p == .infinity ? sizes.max()! : pow(sizes.reduce(0) { $0 + pow($1, p) }, 1 / p)
        }
        let apart = swap ? min(distance(a, c), distance(b, c)) : distance(a, c)
        #expect(abs(losses[index] - max(0, 2 + distance(a, b) - apart)) < 1e-10)
      }
      check([a, b, c], seed: seed) { tripletMarginLoss($0[0], $0[1], $0[2], by: measure) }
    }
  }

  @Test func variancesAreLearned() {
    let seed = printedSeed()
    let (x, t) = (Numbers.random([4, 3], seed: seed), Numbers.random([4, 3], seed: seed + 1))
    for shape in [[4, 3], [4, 1], [4]] {
      let variance = Numbers.random(shape, in: 0.3..<2, seed: seed + 2)
      let losses = gaussianNLLLoss(x, t, variance: variance, terms: .all, reduction: .none)
      for row in 0..<4 {
        for column in 0..<3 {
          let v = shape == [4, 3] ? variance[row, column] : variance.scalars[row]
          let d = x[row, column] - t[row, column]
          // -log of the normal density
          let expected = -log(exp(-d * d / (2 * v)) / (2 * .pi * v).squareRoot())
          #expect(isClose(losses[row, column], expected))
        }
      }
      check([x, t, variance], seed: seed) { gaussianNLLLoss($0[0], $0[1], variance: $0[2]) }
    }
    let least = gaussianNLLLoss(Numbers([1]), Numbers([0]), variance: Numbers([0]), epsilon: 0.5)
    #expect(isClose(least.scalar, 0.5 * (log(0.5) + 2)))
  }

  @Test func nothingToLoseIsNoLoss() {
    let none = Numbers.zeros([0, 3])
    #expect(mseLoss(none, none).scalar == 0)
    #expect(HedgerowTensor.crossEntropy(none, []).scalar == 0)
    #expect(HedgerowTensor.crossEntropy(none, probabilities: none).scalar == 0)
    #expect(multiMarginLoss(none, []).scalar == 0)
  }
}
