import Testing

/// How far c = a b, or c += a b where it is added, is from sums in `Double`: the largest difference, relative to
/// the sum of magnitudes. Checks that what lies between rows stays.
///
/// - Parameters:
///   - product: rows of n numbers, `step` apart.
///   - before: what was there before.
///   - a: the number at a row and a column; `b` as well.
func worstError(
  of product: [Float], onto before: [Float], m: Int, n: Int, k: Int, step: Int, isAdded: Bool,
  _ a: (Int, Int) -> Double, _ b: (Int, Int) -> Double
) -> Double {
  var worst = 0.0
  for row in 0..<m {
    for column in 0..<step {
      let index = row * step + column
      if column >= n {
        #expect(product[index] == before[index], "what lies between rows stays")
        continue
      }
      var sum = isAdded ? Double(before[index]) : 0
      var size = abs(sum) + 1e-3
      for p in 0..<k {
        let product = a(row, p) * b(p, column)
        sum += product
        size += abs(product)
      }
      let error = abs(Double(product[index]) - sum) / size
      // What is no number is the worst of all.
      worst = worst.isNaN || error <= worst ? worst : error
    }
  }
  return worst
}
