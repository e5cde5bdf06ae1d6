import HedgerowTensor

extension OperationTableTests {
  /// The rows of activations, losses and what layers are made of.
  static func layers<S: TensorScalar>(_: S.Type) -> [Operation<S>] {
    typealias Row = Operation<S>
    let two = Shapes { [[$0, $1], [$0, $1]] }
    let three = Shapes { [[$0, $1], [$0, $1], [$0, $1]] }
    let halves = Shapes { [[$0, 2 * $1]] }
    let channels = Shapes { [[$0, $1, 2], [$1]] }
    let affine = Shapes { [[$0, $1], [$1], [$1]] }
    let linear = Shapes { [[$0, $1], [4, $1], [4]] }
    let attention = Shapes { [[2, $0, 3], [2, $1, 3], [2, $1, 4]] }
    func signs(_ n: Int, _ m: Int) -> NDTensor<S> {
      NDTensor((0..<n * m).map { $0 % 3 == 0 ? -1 : 1 }, shape: [n, m])
    }
    func labels(_ n: Int, _ m: Int) -> [Int32] { (0..<n).map { Int32($0 % m) } }
    let activations: [Row] = [
      Row("relu6") { x, _, _ in relu6(4 * x[0]) },
      Row("celu") { x, _, _ in celu(x[0], alpha: 0.7) },
      Row("mish") { x, _, _ in mish(x[0]) }, Row("hardtanh") { x, _, _ in hardtanh(2 * x[0]) },
      Row("hardswish") { x, _, _ in hardswish(6 * x[0]) },
      Row("hardsigmoid") { x, _, _ in hardsigmoid(6 * x[0]) },
      Row("softsign") { x, _, _ in softsign(x[0]) },
      Row("tanhshrink") { x, _, _ in tanhshrink(x[0]) },
      Row("softshrink") { x, _, _ in softshrink(x[0], lambda: 0.3) },
      Row("hardshrink") { x, _, _ in hardshrink(x[0], lambda: 0.3) },
      Row("threshold") { x, _, _ in threshold(x[0], 0.2, value: -1) },
      Row("logSigmoid") { x, _, _ in logSigmoid(x[0]) },
      Row("softmin", needsElements: true) { x, _, _ in softmin(x[0], along: 0) },
      Row("glu", halves) { x, _, _ in glu(x[0]) },
      Row("prelu", channels) { x, _, _ in prelu(x[0], slope: x[1]) },
    ]
    let losses: [Row] = [
      Row("l1Loss", two, isOrdered: true) { x, _, _ in l1Loss(x[0], x[1]) },
      Row("mseLoss", two) { x, _, _ in mseLoss(x[0], x[1], reduction: .none) },
      Row("smoothL1Loss", two, isOrdered: true) { x, _, _ in smoothL1Loss(x[0], x[1], beta: 0.4) },
      Row("huberLoss", two, isOrdered: true) { x, _, _ in
        huberLoss(x[0], x[1], delta: 0.4, reduction: .none)
      },
      Row("binaryCrossEntropy", two) { x, _, _ in
        binaryCrossEntropy(sigmoid(x[0]), sigmoid(x[1]), reduction: .sum)
      },
      Row("binaryCrossEntropyWithLogits", two) { x, _, _ in
        binaryCrossEntropyWithLogits(3 * x[0], x[1], reduction: .none)
      },
      Row("klDivLoss", two) { x, _, _ in klDivLoss(x[0], sigmoid(x[1]), reduction: .batchMean) },
      Row("poissonNLLLoss", two) { x, _, _ in poissonNLLLoss(x[0], x[1]) },
      Row("gaussianNLLLoss", three) { x, _, _ in
        gaussianNLLLoss(x[0], x[1], variance: exp(x[2]), reduction: .none)
      },
      Row("softMarginLoss") { x, n, m in softMarginLoss(x[0], signs(n, m)) },
      Row("hingeEmbeddingLoss") { x, n, m in hingeEmbeddingLoss(x[0], signs(n, m)) },
      Row("multilabelSoftMarginLoss", two, needsElements: true) { x, _, _ in
        multilabelSoftMarginLoss(x[0], x[1], reduction: .none)
      },
      Row("marginRankingLoss", two, isOrdered: true) { x, n, m in
        marginRankingLoss(x[0], x[1], signs(n, m), margin: 0.1)
      },
      Row("cosineEmbeddingLoss", two, needsElements: true, isOrdered: true) { x, n, _ in
        cosineEmbeddingLoss(x[0] + 2, x[1] - 3, signs(n, 1).reshaped(to: [n]))
      },
      Row("pairwiseDistance", two, needsElements: true) { x, _, _ in
        pairwiseDistance(x[0] + 2, x[1])
      },
      Row("tripletMarginLoss", three, needsElements: true) { x, _, _ in
        tripletMarginLoss(x[0] + 3, x[1], x[2] - 3, reduction: .none)
      },
      Row("multiMarginLoss", needsElements: true, isOrdered: true) { x, n, m in
        multiMarginLoss(x[0], labels(n, m), p: 2)
      },
      Row("multilabelMarginLoss", needsElements: true, isOrdered: true) { x, n, m in
        multilabelMarginLoss(x[0], labels(n, m).map { [$0] })
      },
      Row("nllLoss", needsElements: true) { x, n, m in
        nllLoss(x[0], labels(n, m), weight: NDTensor((0..<m).map { S($0 + 1) }))
      },
      Row("crossEntropy", two, needsElements: true) { x, _, _ in
        crossEntropy(x[0], probabilities: x[1], smoothing: 0.1, reduction: .none)
      },
      Row("crossEntropy", needsElements: true) { x, n, m in
        crossEntropy(
          x[0], labels(n, m), weight: NDTensor((0..<m).map { S($0 + 1) }), smoothing: 0.1,
          reduction: .none)
      },
    ]
    let layers: [Row] = [
      Row("layerNorm", affine) { x, _, _ in
        layerNorm(x[0], weight: x[1], bias: x[2], epsilon: 0.1)
      },
      Row("batchNorm", affine) { x, _, _ in
        batchNorm(x[0], weight: x[1], bias: x[2], epsilon: 0.1).y
      },
      Row("evaluated", linear) { x, _, _ in
        AffineSum(x[0], weight: x[1], bias: x[2]).evaluated(activation: .silu, dropout: 0.3)
      },
      Row(
        "scaledDotProductAttention", attention, needsElements: true
      ) {
        x, n, m in
        scaledDotProductAttention(
          x[0], x[1], x[2], allowed: Mask((0..<n * m).map { $0 % 4 != 1 }, shape: [n, m]),
          dropout: 0.2
        ).result
      },
    ]
    return activations + losses + layers
  }
}
