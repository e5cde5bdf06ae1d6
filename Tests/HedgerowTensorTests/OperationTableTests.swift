import Foundation
import HedgerowCore
import HedgerowTensor
import HedgerowTestSupport
import Testing

/// Every differentiable operation, in one table: values and pullbacks for empty, single, broadcast and
/// non-contiguous inputs, and the same bits for any number of threads.
@Suite struct OperationTableTests {
  /// How an input's elements lie; the numbers are those of a parameter, which lies in one piece.
  enum Arrangement: CaseIterable {
    case contiguous, transposed, stepped, reversed, broadcast

    /// The shape of the parameter that `view` makes a tensor of the given shape of.
    func shape(for shape: [Int]) -> [Int] {
      switch self {
      case .contiguous, .reversed: shape
      case .transposed: shape.reversed()
      case .stepped: shape.map { 2 * $0 + 1 }
      case .broadcast:
        [1] + shape.enumerated().map { $0.offset % 2 == 0 ? Swift.min($0.element, 1) : $0.element }
      }
    }

    func view<S>(_ x: NDTensor<S>, as shape: [Int]) -> NDTensor<S> {
      switch self {
      case .contiguous: return x
      case .transposed: return x.transposed(by: shape.indices.reversed())
      case .stepped:
        return shape.indices.reduce(x) { x, axis in
          let front = x.swapped(0, axis)
          return front[stride(from: 1, to: front.shape[0], by: 2)].swapped(0, axis)
        }
      case .reversed:
        guard let extent = shape.first else { return x }
        return x[stride(from: extent - 1, through: 0, by: -1)]
      case .broadcast:
        return x.broadcast(to: [1] + shape).squeezed(0)
      }
    }
  }

  /// The shapes of an operation's inputs, for n rows of m columns.
  struct Shapes {
    var make: (_ n: Int, _ m: Int) -> [[Int]]
    init(_ make: @escaping (Int, Int) -> [[Int]]) { self.make = make }
    func callAsFunction(_ n: Int, _ m: Int) -> [[Int]] { make(n, m) }
  }

  struct Operation<Scalar: TensorScalar> {
    var name: String
    var shapes: Shapes
    var domain = Domain.all
    /// Whether it needs something to reduce.
    var needsElements = false
    /// Whether equal numbers make its derivative ambiguous.
    var isOrdered = false
    var function: ([NDTensor<Scalar>], _ n: Int, _ m: Int) -> NDTensor<Scalar>

    enum Domain { case all, positive, farFromZero }

    init(
      _ name: String, _ shapes: Shapes = Shapes { [[$0, $1]] },
      in domain: Domain = .all, needsElements: Bool = false, isOrdered: Bool = false,
      _ function: @escaping ([NDTensor<Scalar>], Int, Int) -> NDTensor<Scalar>
    ) {
      (self.name, self.shapes, self.domain) = (name, shapes, domain)
      (self.needsElements, self.isOrdered, self.function) = (needsElements, isOrdered, function)
    }

    func inputs(_ n: Int, _ m: Int, _ arrangement: Arrangement, seed: UInt64)
      -> [NDTensor<Scalar>]
    {
      shapes(n, m).enumerated().map { index, shape in
        let numbers = NDTensor<Scalar>.random(
          arrangement.shape(for: shape), seed: seed &+ UInt64(index))
        return switch domain {
        case .all: numbers
        case .positive: abs(numbers) + 0.1
        case .farFromZero: numbers + 3
        }
      }
    }

    /// The function of views of these inputs.
    func callAsFunction(
      _ inputs: [NDTensor<Scalar>], _ n: Int, _ m: Int, _ arrangement: Arrangement
    ) -> NDTensor<Scalar> {
      function(zip(inputs, shapes(n, m)).map { arrangement.view($0, as: $1) }, n, m)
    }
  }

  /// A row for every operation; a name is that of the function.
  static func table<S: TensorScalar>(_: S.Type) -> [Operation<S>] {
    typealias Row = Operation<S>
    let two = Shapes { [[$0, $1], [$0, $1]] }
    let column = Shapes { [[$0, $1], [$0, 1]] }
    let row = Shapes { [[$1], [$0, $1]] }
    let cube = Shapes { [[$0, $1, 3]] }
    /// Some rows, one of them twice; none where there are none.
    func some(_ n: Int) -> NDArray<UInt32> {
      NDArray(n == 0 ? [] : [0, UInt32(n - 1), UInt32(n / 2), 0])
    }
    func rows(_ n: Int) -> RandomRows {
      var stream = RandomStream(seed: 9)
      return RandomRows(sources: n, targets: n / 2 + 1, from: &stream)
    }
    func offsets(_ n: Int) -> [UInt32] { [0, UInt32(n / 3), UInt32(n / 3), UInt32(n)] }
    func checkerboard(_ n: Int, _ m: Int) -> Mask {
      Mask((0..<n * m).map { $0 % 3 == 0 }, shape: [n, m])
    }
    func labels(_ n: Int, _ m: Int) -> [Int32] { (0..<n).map { Int32($0 % (m + 1)) - 1 } }
    let arithmetic: [Row] = [
      Row("+", two) { x, _, _ in x[0] + x[1] }, Row("+", column) { x, _, _ in x[0] + x[1] },
      Row("+", row) { x, _, _ in x[0] + x[1] }, Row("+") { x, _, _ in 2 + (x[0] + 1) },
      Row("-", two) { x, _, _ in x[0] - x[1] }, Row("-", column) { x, _, _ in x[0] - x[1] },
      Row("-") { x, _, _ in 1 - (-x[0] - 2) },
      Row("*", two) { x, _, _ in x[0] * x[1] }, Row("*", row) { x, _, _ in x[0] * x[1] },
      Row("*") { x, _, _ in 3 * x[0] * 2 },
      Row("/", two, in: .farFromZero) { x, _, _ in x[0] / x[1] },
      Row("/", column, in: .farFromZero) { x, _, _ in x[1] / x[0] },
      Row("/", in: .farFromZero) { x, _, _ in 2 / (x[0] / 3) },
      Row("maximum", two, isOrdered: true) { x, _, _ in maximum(x[0], x[1]) },
      Row("minimum", column, isOrdered: true) { x, _, _ in minimum(x[0], x[1]) },
      Row("pow", two, in: .positive) { x, _, _ in pow(x[0], x[1]) },
      Row("pow", column, in: .positive) { x, _, _ in pow(x[1], x[0]) },
      Row("pow", in: .positive) { x, _, _ in pow(x[0], 1.7) },
      Row("clamped") { x, _, _ in clamped(x[0], to: -0.4...0.3) },
      Row("select", two) { x, n, m in select(checkerboard(n, m), x[0], otherwise: x[1]) },
      Row("select", column) { x, n, m in select(checkerboard(n, m), x[1], otherwise: x[0]) },
    ]
    let functions: [Row] = [
      Row("reciprocal", in: .positive) { x, _, _ in reciprocal(x[0]) },
      Row("abs") { x, _, _ in abs(x[0]) }, Row("square") { x, _, _ in square(x[0]) },
      Row("sqrt", in: .positive) { x, _, _ in sqrt(x[0]) },
      Row("rsqrt", in: .positive) { x, _, _ in rsqrt(x[0]) },
      Row("exp") { x, _, _ in exp(x[0]) }, Row("expm1") { x, _, _ in expm1(x[0]) },
      Row("log", in: .positive) { x, _, _ in log(x[0]) },
      Row("log1p", in: .positive) { x, _, _ in log1p(x[0]) },
      Row("sin") { x, _, _ in sin(x[0]) }, Row("cos") { x, _, _ in cos(x[0]) },
      Row("tan") { x, _, _ in tan(x[0]) }, Row("atan") { x, _, _ in atan(x[0]) },
      Row("erf") { x, _, _ in erf(x[0]) }, Row("floor") { x, _, _ in floor(3 * x[0]) },
      Row("ceil") { x, _, _ in ceil(3 * x[0]) }, Row("round") { x, _, _ in round(3 * x[0]) },
      Row("sign") { x, _, _ in sign(x[0]) }, Row("sigmoid") { x, _, _ in sigmoid(x[0]) },
      Row("tanh") { x, _, _ in tanh(x[0]) }, Row("relu") { x, _, _ in relu(x[0]) },
      Row("leakyRelu") { x, _, _ in leakyRelu(x[0], slope: 0.2) },
      Row("elu") { x, _, _ in elu(x[0], alpha: 1.5) }, Row("selu") { x, _, _ in selu(x[0]) },
      Row("gelu") { x, _, _ in gelu(x[0]) }, Row("geluTanh") { x, _, _ in geluTanh(x[0]) },
      Row("silu") { x, _, _ in silu(x[0]) }, Row("softplus") { x, _, _ in softplus(x[0]) },
      Row("dropout") { x, _, _ in dropout(x[0], rate: 0.4) },
    ]
    let shapes: [Row] = [
      Row("reshaped", cube) { x, n, m in x[0].reshaped(to: [3, m * n]) },
      Row("transposed", cube) { x, _, _ in x[0].transposed(by: [2, 0, 1]) },
      Row("transposed") { x, _, _ in x[0].transposed() },
      Row("swapped", cube) { x, _, _ in x[0].swapped(0, -1) },
      Row("broadcast", Shapes { [[$0, 1, $1]] }) { x, n, m in x[0].broadcast(to: [2, n, 3, m]) },
      Row("sliced") { x, n, m in x[0].sliced(n / 2..<n, along: 0).sliced(0..<m / 2, along: 1) },
      Row("subscript", cube, needsElements: true) { x, n, m in
        x[0][stride(from: n - 1, through: 0, by: -2), 0..., 1] * x[0][0, 0..., 2]
      },
      Row("squeezed", Shapes { [[$0, 1, $1]] }) { x, _, _ in x[0].squeezed(1) },
      Row("unsqueezed") { x, _, _ in x[0].unsqueezed(1) },
      Row("concatenated", column) { x, _, _ in concatenated(x[0], x[1], x[0]) },
      Row("concatenated", row) { x, _, _ in concatenated([x[1], x[0].unsqueezed(0)], along: 0) },
      Row("stacked", two) { x, _, _ in stacked([x[0], x[1], x[0]], along: 1) },
      Row("split") { x, _, m in
        let parts = x[0].split([m / 2, m - m / 2], along: 1)
        return concatenated(parts[1], 2 * parts[0])
      },
      Row("split", needsElements: true) { x, _, _ in
        x[0].split(every: 2, along: 0).map { sum($0 * $0, along: 0) }.reduce(NDTensor(0), +)
      },
    ]
    let reductions: [Row] = [
      Row("sum") { x, _, _ in sum(x[0]) },
      Row("sum", cube) { x, _, _ in sum(x[0], along: [2, 0]) },
      Row("sum") { x, _, _ in sum(x[0], along: -1, keeping: .one) },
      Row("mean", needsElements: true) { x, _, _ in mean(x[0]) },
      Row("mean", cube, needsElements: true) { x, _, _ in mean(x[0], along: [0, 1]) },
      Row("mean", needsElements: true) { x, _, _ in mean(x[0], along: 0) },
      Row("variance", cube) { x, n, m in variance(x[0], along: [-1], correction: 0) },
      Row("variance", Shapes { [[$0 + 2, $1, 2]] }) { x, _, _ in
        variance(x[0], along: [0, 2], keeping: .one)
      },
      // Of nothing it is -inf, of which there is no difference.
      Row("logSumExp", cube) { x, _, _ in exp(logSumExp(5 * x[0], along: [2, 1])) },
      Row("logSumExp", cube, needsElements: true) { x, _, _ in logSumExp(x[0], along: [0]) },
      Row("product", cube) { x, _, _ in product(x[0], along: [1], keeping: .one) },
      Row("product", cube) { x, _, _ in product(x[0], along: [0, 2]) },
      Row("max", cube, needsElements: true, isOrdered: true) { x, _, _ in max(x[0], along: 1) },
      Row("max", cube, needsElements: true, isOrdered: true) { x, _, _ in
        max(x[0], along: [0, 2], keeping: .one)
      },
      Row("min", cube, needsElements: true, isOrdered: true) { x, _, _ in min(x[0], along: 0) },
      Row("min", cube, needsElements: true, isOrdered: true) { x, _, _ in
        min(x[0], along: [0, 1])
      },
      Row("cumulativeSum", cube) { x, _, _ in cumulativeSum(x[0], along: 1) },
      Row("cumulativeSum") { x, _, _ in cumulativeSum(x[0]) },
      Row("sorted", isOrdered: true) { x, _, _ in sorted(x[0], along: 0).values * x[0] },
      Row("topK", Shapes { [[$0, $1 + 2]] }, isOrdered: true) { x, _, _ in topK(x[0], 2).values },
      Row("softmax", cube) { x, _, _ in softmax(x[0], along: 1) },
      Row("logSoftmax", needsElements: true) { x, _, _ in logSoftmax(x[0], along: 0) },
      Row("rowsOfLengthOne", in: .farFromZero) { x, _, _ in rowsOfLengthOne(x[0]) },
      Row("crossEntropy") { x, n, m in crossEntropy(x[0], labels(n, m)) },
      Row("crossEntropy") { x, n, m in crossEntropy(x[0], labels(n, m), smoothing: 0.2) },
    ]
    let products: [Row] = [
      Row("matmul", Shapes { [[$0, $1], [$1, 4]] }) { x, _, _ in matmul(x[0], x[1]) },
      Row("matmul", two) { x, _, _ in matmul(x[0].transposed(), x[1]) },
      Row("matmul", two) { x, _, _ in matmul(x[0], x[1].transposed()) },
      Row("matmul", Shapes { [[2, 1, $0, $1], [3, $1, 2]] }) { x, _, _ in matmul(x[0], x[1]) },
      Row("matmul", Shapes { [[3, $0, $1], [$1, 2]] }) { x, _, _ in matmul(x[0], x[1]) },
      Row("matmul", Shapes { [[$1, $0], [3, $1, 2]] }) { x, _, _ in matmul(x[0].transposed(), x[1])
      },
      Row("evaluated", Shapes { [[$0, $1], [4, $1], [4], [$0, 4]] }) { x, _, _ in
        (AffineSum(x[0], weight: x[1], bias: x[2]) + AffineSum(x[3]))
          .evaluated(activation: .relu, dropout: 0.3)
      },
    ]
    let vectors: [Row] = [
      Row("matmul", Shapes { [[$0], [$0, $1]] }) { x, _, _ in matmul(x[0], x[1]) },
      Row("matmul", Shapes { [[$0, $1], [$1]] }) { x, _, _ in matmul(x[0], x[1]) },
      Row("matmul", Shapes { n, _ in [[n], [n]] }) { x, _, _ in matmul(x[0], x[1]) },
    ]
    let indexing: [Row] = [
      Row("prefix") { x, n, _ in x[0].prefix(rows: n / 2) },
      Row("gathered") { x, n, _ in x[0].gathered(rows: some(n).scalars) },
      Row("gathered", cube) { x, n, _ in x[0].gathered(rows: some(n).unsqueezed(1)) },
      Row("gathered", cube) { x, _, m in x[0].gathered(some(m), along: 1) },
      Row("gathered") { x, n, _ in x[0].gathered(where: Mask((0..<n).map { $0 % 2 == 0 })) },
      Row("picked", needsElements: true) { x, n, m in
        x[0].picked(NDArray((0..<3 * m).map { Int32($0 % n) }, shape: [3, m]), along: 0)
      },
      Row("adding", Shapes { [[$0, $1], [$0 == 0 ? 0 : 4, $1]] }) { x, n, _ in
        x[0].adding(x[1], at: some(n), along: 0)
      },
      Row("scatterSum", cube) { x, n, m in
        scatterSum(x[0], to: NDArray((0..<m).map { Int64($0 * $0 % 5) }), of: 5, along: 1)
      },
    ]
    let segments: [Row] = [
      Row("segmentSum") { x, n, _ in
        segmentSum(x[0], over: rows(n).targets) { rows(n).transposed }
      },
      Row("segmentMean") { x, n, _ in
        segmentMean(x[0], over: rows(n).targets) { rows(n).transposed }
      },
      Row("segmentMax", isOrdered: true) { x, n, _ in
        segmentMax(x[0], over: rows(n).targets) { rows(n).transposed }
      },
      Row("segmentMin", isOrdered: true) { x, n, _ in
        segmentMin(x[0], over: rows(n).targets) { rows(n).transposed }
      },
      Row("segmentSum", Shapes { [[$0, $1], [rows($0).edges.count]] }) { x, n, _ in
        segmentSum(x[0], over: rows(n).targets, weights: x[1]) { rows(n).transposed }
      },
      Row("segmentVariance") { x, n, _ in
        segmentVariance(x[0], over: rows(n).targets) { rows(n).transposed }
      },
      Row("segmentStandardDeviation") { x, n, _ in
        segmentStandardDeviation(x[0], over: rows(n).targets) { rows(n).transposed }
      },
      Row("segmentLogSumExp") { x, n, _ in
        segmentLogSumExp(x[0], over: rows(n).targets) { rows(n).transposed }
      },
      Row("segmentSoftmax") { x, n, _ in
        segmentSoftmax(x[0], over: rows(n).targets) { rows(n).transposed }
      },
      Row("segmentVariance", cube) { x, n, _ in segmentVariance(x[0], by: offsets(n)) },
      Row("segmentProduct", cube) { x, n, _ in segmentProduct(x[0], by: offsets(n)) },
      Row("segmentQuantiles", isOrdered: true) { x, n, _ in
        segmentQuantiles(x[0], by: offsets(n), [0.3, 1], fill: 2)
      },
      Row("segmentQuantiles", isOrdered: true) { x, n, _ in
        segmentQuantiles(x[0], by: offsets(n), [0.5], interpolation: .lower)
      },
      Row("groupedMatmul", Shapes { [[$0, 2 * $1], [3, 2, $1, 3]] }) { x, n, _ in
        groupedMatmul(x[0], x[1], by: offsets(n))
      },
      Row("groupedMatmul", Shapes { [[$0, $1], [3, $1, 4]] }) { x, n, _ in
        groupedMatmul(x[0], x[1], by: offsets(n))
      },
      Row("segmentStandardDeviation", cube) { x, n, _ in
        segmentStandardDeviation(x[0], by: offsets(n))
      },
      Row("segmentLogSumExp", cube) { x, n, _ in segmentLogSumExp(x[0], by: offsets(n)) },
      Row("segmentSum", cube) { x, n, _ in segmentSum(x[0], by: offsets(n)) },
      Row("segmentMean", cube) { x, n, _ in segmentMean(x[0], by: offsets(n)) },
      Row("segmentMax", cube, isOrdered: true) { x, n, _ in segmentMax(x[0], by: offsets(n)) },
      Row("segmentMin", cube, isOrdered: true) { x, n, _ in segmentMin(x[0], by: offsets(n)) },
      Row("segmentSoftmax", cube) { x, n, _ in segmentSoftmax(x[0], by: offsets(n)) },
      Row("repeated", Shapes { [[3, $0, $1]] }) { x, n, _ in repeated(x[0], by: offsets(n)) },
      Row("recomputed", two) { x, _, _ in
        let inner = x[0] * 2
        return recomputed { dropout(exp(inner) * x[1], rate: 0.3) } + inner
      },
    ]
    let own =
      arithmetic + functions + shapes + reductions + products + vectors + indexing + segments
    return own + layers(S.self) + sparse(S.self)
  }

  @Test(arguments: [(0, 3), (3, 0), (1, 1), (4, 3)])
  func pullbacksAreTheDerivatives(n: Int, m: Int) {
    let seed = printedSeed()
    for operation in Self.table(Double.self) where !(operation.needsElements && n * m == 0) {
      for arrangement in Arrangement.allCases {
        if operation.isOrdered && arrangement == .broadcast { continue }
        let inputs = operation.inputs(n, m, arrangement, seed: seed).map(Self.awayFromSteps)
        let error = GradientCheck.error(
          at: inputs, seed: seed, randomness: RandomStream(seed: seed)
        ) { operation($0, n, m, arrangement) }
        #expect(error < 1e-6, "\(operation.name), \(n) x \(m), \(arrangement)")
        // The same numbers in one piece give the same.
        let views = zip(inputs, operation.shapes(n, m)).map { arrangement.view($0, as: $1) }
        func value(_ inputs: [NDTensor<Double>]) -> NDTensor<Double> {
          var result = NDTensor<Double>(0)
          _ = valueWithGradients(at: [], randomness: RandomStream(seed: seed)) {
            result = operation.function(inputs, n, m)
            return NDTensor(0)
          }
          return result
        }
        let (a, b) = (value(views), value(views.map(\.contiguous)))
        #expect(a.shape == b.shape)
        #expect(
          zip(a.scalars, b.scalars).allSatisfy { $0 == $1 || Swift.abs($0 - $1) < 1e-11 },
          "\(operation.name), \(n) x \(m), \(arrangement)")
      }
    }
  }

  /// Nearly the same numbers, but none nearer to another, to a whole number or to a half, sixth or third
  /// between than a thousandth: a difference quotient would look at both sides of a step, or of a tie.
  static func awayFromSteps(_ x: NDTensor<Double>) -> NDTensor<Double> {
    var kept: [Double] = []
    for var number in x.scalars {
      func isNearStep() -> Bool {
        let sixths = 6 * number
        return Swift.abs(sixths - sixths.rounded()) < 6e-3
          || kept.contains { Swift.abs($0 - number) < 1e-3 }
      }
      while isNearStep() { number += 1.7e-3 }
      kept.append(number)
    }
    return NDTensor(kept, shape: x.shape)
  }

  @Test(arguments: [(600, 61), (2, 20_000)])
  func bitsAreTheSameForAnyNumberOfThreads(n: Int, m: Int) {
    let pools = [1, 2, 3].map { ThreadPool(threadCount: $0) }
    for operation in Self.table(Float.self) {
      for arrangement in m > 1000 ? [Arrangement.contiguous] : [.contiguous, .transposed] {
        // Products of a wide matrix with itself would be most of the time.
        if m > 1000 && ["matmul", "product", "evaluated"].contains(operation.name) { continue }
        let inputs = operation.inputs(n, m, arrangement, seed: 3)
        let results = pools.map { pool in
          Compute.with(pool) {
            let parameters = inputs.map { Parameter($0) }
            var bits: [[UInt32]] = []
            let (_, gradients) = valueWithGradients(
              at: parameters, randomness: RandomStream(seed: 4)
            ) {
              let y = operation(parameters.map(\.value), n, m, arrangement)
              bits.append(y.scalars.map(\.bitPattern))
              return sum(y * .random(y.shape, seed: 5))
            }
            return bits + parameters.map { gradients[$0]?.scalars.map(\.bitPattern) ?? [] }
          }
        }
        #expect(results[1] == results[0], "\(operation.name), \(arrangement), 2 threads")
        #expect(results[2] == results[0], "\(operation.name), \(arrangement), 3 threads")
      }
    }
  }

  /// A public function of the module that makes a tensor has a row, or is checked against differences in
  /// another file beside this one; so is each new one.
  @Test func everyOperationIsChecked() throws {
    let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    let sources = tests.deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Sources/HedgerowTensor")
    func files(in folder: URL) throws -> [(name: String, text: String)] {
      try FileManager.default.subpathsOfDirectory(atPath: folder.path)
        .filter { $0.hasSuffix(".swift") }.map {
          ($0, try String(contentsOf: folder.appendingPathComponent($0), encoding: .utf8))
        }
    }
    var names = Set(Self.table(Double.self).map(\.name))
    for file in try files(in: tests) where file.text.contains("GradientCheck.error") {
      names.formUnion(file.text.matches(of: /([a-z]\w*)[\(,\]]/).map { String($0.1) })
    }
    // Of masks and of halves, which have no gradient.
    names.formUnion(["numbers"])
    let declarations =
      /\n *public (?:static |prefix |mutating )*(func|subscript)\s*([^\s(<]*)[^{]*?->([^{]*)\{/
    var found = 0
    for file in try files(in: sources)
    where file.name.hasPrefix("Ops/") || file.name.hasPrefix("Sparse/") {
      for match in file.text.matches(of: declarations) where match.3.contains("NDTensor") {
        let name = match.1 == "subscript" ? "subscript" : String(match.2)
        #expect(names.contains(name), "\(name) of \(file.name) is not checked")
        found += 1
      }
    }
    #expect(found > 80, "the declarations are not read any more")
  }
}
