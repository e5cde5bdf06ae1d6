import Glibc
import HedgerowCore

/// How the length of gradients is measured, of all their elements together.
public enum GradientNorm: Sendable {
  /// The root of the sum of squares.
  case euclidean
  /// The largest magnitude.
  case largest
  /// (sum of |g|^p)^(1 / p)
  case exponent(Double)
}

extension NDGradients {
  /// The length of all gradients together. `NaN` and infinity show in it.
  ///
  /// Summed in double precision, parameter by parameter in one order.
  @specialized(where Scalar == Float)
  public func norm(_ norm: GradientNorm = .euclidean) -> Double {
    var total = 0.0
    for parameter in parameters {
      guard let values = gradient(of: parameter)?.values else { continue }
      let part = values.partialNorm(norm)
      if case .largest = norm {
        total = part.isNaN || part > total ? part : total
      } else {
        total += part
      }
    }
    switch norm {
    case .euclidean: return total.squareRoot()
    case .largest: return total
    case .exponent(let p): return pow(total, 1 / p)
    }
  }

  /// The same direction with a length of at most `limit`, as `torch.nn.utils.clip_grad_norm_`.
  @specialized(where Scalar == Float)
  public func clipped(toNorm limit: Double, _ norm: GradientNorm = .euclidean) -> NDGradients {
    let factor = limit / (self.norm(norm) + 1e-6)
    return factor < 1 ? Scalar(factor) * self : self
  }

  /// Each element in -limit...limit, as `torch.nn.utils.clip_grad_value_`.
  @specialized(where Scalar == Float)
  public func clipped(toValue limit: Scalar) -> NDGradients {
    require(limit >= 0, "gradients cannot be clipped to \(limit)")
    return mapValues { minimum(maximum($0, NDTensor(-limit)), NDTensor(limit)) }
  }
}

extension NDGradients.Gradient {
  /// Of all rows, or of those that were taken: the others are zero.
  fileprivate var values: NDTensor<Scalar> {
    switch self {
    case .dense(let gradient): gradient
    case .rows(let gradient): gradient.values
    }
  }
}

extension NDTensor {
  /// The sum of powers of magnitudes, or the largest.
  fileprivate func partialNorm(_ norm: GradientNorm) -> Double {
    let size = Compute.elementsPerPart
    let base = storage.base
    let partials = NDTensor<Double>(uninitialized: [Compute.partCount(of: count, size: size)])
    Compute.forEachPart(of: count, size: size) { part in
      var sum = 0.0
      for index in part {
        let value = Double(base[index].magnitude)
        switch norm {
        case .euclidean: sum += value * value
        case .largest: sum = value.isNaN || value > sum ? value : sum
        case .exponent(let p): sum += pow(value, p)
        }
      }
      partials.storage.base[part.lowerBound / size] = sum
    }
    if case .largest = norm {
      return partials.scalars.reduce(0) { $1.isNaN || $1 > $0 ? $1 : $0 }
    }
    return partials.scalars.reduce(0, +)
  }
}
