import Glibc

/// The probability that a chi-square statistic is at least this large by chance.
///
/// Wilson and Hilferty's cube-root approximation (PNAS 1931): good to a percent of the exponent for
/// the tails and degrees of freedom that tests here ask for.
public func chiSquareProbability(_ statistic: Double, degreesOfFreedom: Int) -> Double {
  let k = Double(degreesOfFreedom)
  let z = (cbrt(statistic / k) - (1 - 2 / (9 * k))) / (2 / (9 * k)).squareRoot()
  return 0.5 * erfc(z / 2.0.squareRoot())
}

/// The statistic of counts that should all be equal.
public func chiSquareOfUniform(_ counts: [Int]) -> Double {
  let expected = Double(counts.reduce(0, +)) / Double(counts.count)
  return counts.reduce(0) { $0 + (Double($1) - expected) * (Double($1) - expected) / expected }
}
