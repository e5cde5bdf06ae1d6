import CHedgerowKernels
import HedgerowCore

// Losses of a prediction x against a target, element by element, as in `torch.nn.functional`. Shapes of
// x and target are alike. Gradients flow to both.

/// A loss of each pair of elements; its slopes stand beside it in the kernels.
private func pairwise<Scalar>(
  _ function: hr_loss, _ x: NDTensor<Scalar>, _ target: NDTensor<Scalar>, parameter: Scalar = 0,
  _ reduction: LossReduction
) -> NDTensor<Scalar> {
  require(
    x.shape == target.shape, "a target of shape \(target.shape) does not fit shape \(x.shape)")
  let (u, t) = (x.detached, target.detached)
  let losses = NDTensor<Scalar>(uninitialized: x.shape)
  let (ours, theirs, to) = (u.storage.base, t.storage.base, losses.storage.base)
  forEachPart(of: u.count) {
    Scalar.layerKernels.loss(function, to + $0, ours + $0, theirs + $0, parameter, $1)
  }
  let share: Scalar? = reduction.share(of: x.shape)
  let result = share.map { NDTensor($0 * sumOfElements(losses)) } ?? losses
  return result.recorded(from: [x, target]) { dy, isNeeded in
    // One factor for all elements, or one for each.
    let factors = share.map { NDTensor($0 * dy.scalar) } ?? dy
    let step = share == nil ? 1 : 0
    let dx = isNeeded[0] ? NDTensor<Scalar>(uninitialized: u.shape) : nil
    let dt = isNeeded[1] ? NDTensor<Scalar>(uninitialized: u.shape) : nil
    let (slopes, ours, theirs) = (factors.storage.base, u.storage.base, t.storage.base)
    let (toX, toTarget) = (dx?.storage.base, dt?.storage.base)
    defer { withExtendedLifetime(factors) {} }
    forEachPart(of: u.count) { first, count in
      Scalar.layerKernels.lossBackward(
        function, toX.map { $0 + first }, toTarget.map { $0 + first }, slopes + first * step, step,
        ours + first, theirs + first, parameter, count)
    }
    return [dx, dt]
  }
}

extension NDTensor {
  /// Losses, each times its weight where there are weights, reduced.
  fileprivate func weighed(by weight: NDTensor?, _ reduction: LossReduction) -> NDTensor {
    reduction(weight.map { self * $0 } ?? self)
  }
}

/// A loss with or without weights, which broadcast against x; a mean is over all elements either way.
private func pairwise<Scalar>(
  _ function: hr_loss, _ x: NDTensor<Scalar>, _ target: NDTensor<Scalar>, parameter: Scalar = 0,
  weight: NDTensor<Scalar>?, _ reduction: LossReduction
) -> NDTensor<Scalar> {
  guard let weight else { return pairwise(function, x, target, parameter: parameter, reduction) }
  return pairwise(function, x, target, parameter: parameter, .none).weighed(by: weight, reduction)
}

/// |x - target|
@specialized(where S == Float)
public func l1Loss<S>(
  _ x: NDTensor<S>, _ target: NDTensor<S>, reduction: LossReduction = .mean
) -> NDTensor<S> { pairwise(hr_absolute_error, x, target, reduction) }

/// (x - target)^2
@specialized(where S == Float)
public func mseLoss<S>(
  _ x: NDTensor<S>, _ target: NDTensor<S>, reduction: LossReduction = .mean
) -> NDTensor<S> { pairwise(hr_squared_error, x, target, reduction) }

/// d^2 / (2 beta) where d = |x - target| < beta, else d - beta / 2.
///
/// Source: Girshick, Fast R-CNN, ICCV 2015.
@specialized(where S == Float)
public func smoothL1Loss<S>(
  _ x: NDTensor<S>, _ target: NDTensor<S>, beta: S = 1, reduction: LossReduction = .mean
) -> NDTensor<S> { pairwise(hr_smooth_l1, x, target, parameter: beta, reduction) }

/// d^2 / 2 where d = |x - target| <= delta, else delta (d - delta / 2).
///
/// Source: Huber, Robust Estimation of a Location Parameter, 1964.
@specialized(where S == Float)
public func huberLoss<S>(
  _ x: NDTensor<S>, _ target: NDTensor<S>, delta: S = 1, reduction: LossReduction = .mean
) -> NDTensor<S> { pairwise(hr_huber, x, target, parameter: delta, reduction) }

/// -t log(p) - (1 - t) log(1 - p) of probabilities p, the logarithms at least -100.
///
/// - Parameter weight: of each loss; broadcasts.
@specialized(where S == Float)
public func binaryCrossEntropy<S>(
  _ probabilities: NDTensor<S>, _ target: NDTensor<S>, weight: NDTensor<S>? = nil,
  reduction: LossReduction = .mean
) -> NDTensor<S> {
  pairwise(hr_binary_cross_entropy, probabilities, target, weight: weight, reduction)
}

/// -positiveWeight t log(p) - (1 - t) log(1 - p), p = sigmoid(logit): independent yes-or-no answers.
///
/// - Parameters:
///   - weight: of each loss; broadcasts.
///   - positiveWeight: of the answer yes; broadcasts.
@specialized(where S == Float)
public func binaryCrossEntropyWithLogits<S>(
  _ logits: NDTensor<S>, _ target: NDTensor<S>, weight: NDTensor<S>? = nil,
  positiveWeight: NDTensor<S>? = nil, reduction: LossReduction = .mean
) -> NDTensor<S> {
  guard let positiveWeight else {
    return pairwise(hr_binary_cross_entropy_logits, logits, target, weight: weight, reduction)
  }
  let yes = 1 + (positiveWeight - 1) * target
  return ((1 - target) * logits - yes * logSigmoid(logits)).weighed(by: weight, reduction)
}

/// What the target of a Kullback-Leibler divergence holds.
public enum DivergenceTarget: Sendable {
  case probabilities
  case logarithms
}

/// t (log(t) - x): the Kullback-Leibler divergence of probabilities t from those whose logarithms are x.
/// The divergence of distributions is the sum over a row: `.batchMean` over rows.
@specialized(where S == Float)
public func klDivLoss<S>(
  _ x: NDTensor<S>, _ target: NDTensor<S>, target form: DivergenceTarget = .probabilities,
  reduction: LossReduction = .mean
) -> NDTensor<S> {
  pairwise(
    form == .probabilities ? hr_kl_divergence : hr_kl_divergence_logs, x, target, reduction)
}

/// What a model of counts predicts.
public enum PoissonPrediction: Sendable {
  /// The logarithm of the rate.
  case logarithm
  /// The rate, to which epsilon is added under the logarithm.
  case rate(epsilon: Double = 1e-8)
}

/// Whether a negative log-likelihood has the terms that no gradient with respect to a prediction sees.
public enum LikelihoodTerms: Sendable {
  case varying
  case all
}

/// The negative log-likelihood of counts: e^x - t x, or x - t log(x + epsilon) of a predicted rate; with
/// all terms also Stirling's approximation of log(t!) where t > 1.
@specialized(where S == Float)
public func poissonNLLLoss<S>(
  _ x: NDTensor<S>, _ target: NDTensor<S>, predicting prediction: PoissonPrediction = .logarithm,
  terms: LikelihoodTerms = .varying, reduction: LossReduction = .mean
) -> NDTensor<S> {
  let losses =
    switch prediction {
    case .logarithm: pairwise(hr_poisson_logs, x, target, .none)
    case .rate(let epsilon): pairwise(hr_poisson, x, target, parameter: S(epsilon), .none)
    }
  if terms == .varying { return reduction(losses) }
  // Terms of counts up to 1 are 0: log(1) stands in for what is not used.
  let isLarge = NDTensor<S>(target.scalars.map { $0 > 1 ? 1 : 0 }, shape: target.shape)
  let t = maximum(target.detached, NDTensor(1))
  let stirling = (t + S(0.5)) * log(t) - t + S(0.918_938_533_204_672_8)  // log(2 pi) / 2
  return reduction(losses + isLarge * stirling)
}

/// The negative log-likelihood of a target under a normal distribution with mean x and a predicted
/// variance: (log(v) + (x - t)^2 / v) / 2, v = max(variance, epsilon); with all terms also log(2 pi) / 2.
///
/// Shapes: variance is of x's shape, or of x's without its last axis, or with extent 1 there. The
/// gradient passes epsilon as if it were not there.
///
/// Source: Nix and Weigend, Estimating the Mean and Variance of the Target Probability Distribution, 1994.
@specialized(where S == Float)
public func gaussianNLLLoss<S>(
  _ x: NDTensor<S>, _ target: NDTensor<S>, variance: NDTensor<S>,
  terms: LikelihoodTerms = .varying, epsilon: S = 1e-6, reduction: LossReduction = .mean
) -> NDTensor<S> {
  let isOneForARow = variance.shape != x.shape && variance.shape == x.shape.dropLast()
  let given = isOneForARow ? variance.reshaped(to: variance.shape + [1]) : variance
  let v = given + relu(epsilon - given.detached)
  let losses = 0.5 * (log(v) + square(x - target) / v)
  return reduction(terms == .all ? losses + S(0.918_938_533_204_672_8) : losses)
}

/// log(1 + e^(-t x)), t either -1 or 1.
@specialized(where S == Float)
public func softMarginLoss<S>(
  _ x: NDTensor<S>, _ target: NDTensor<S>, reduction: LossReduction = .mean
) -> NDTensor<S> { pairwise(hr_soft_margin, x, target, reduction) }

/// x where the target is 1, max(0, margin - x) where it is -1: of distances of alike and unlike pairs.
@specialized(where S == Float)
public func hingeEmbeddingLoss<S>(
  _ x: NDTensor<S>, _ target: NDTensor<S>, margin: S = 1, reduction: LossReduction = .mean
) -> NDTensor<S> { pairwise(hr_hinge_embedding, x, target, parameter: margin, reduction) }

/// The mean over classes, the last axis, of ``binaryCrossEntropyWithLogits(_:_:weight:positiveWeight:reduction:)``.
///
/// - Parameter weight: of each class.
@specialized(where S == Float)
public func multilabelSoftMarginLoss<S>(
  _ x: NDTensor<S>, _ target: NDTensor<S>, weight: NDTensor<S>? = nil,
  reduction: LossReduction = .mean
) -> NDTensor<S> {
  let losses = binaryCrossEntropyWithLogits(x, target, weight: weight, reduction: .none)
  return reduction(mean(losses, along: -1))
}
