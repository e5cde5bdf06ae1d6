import HedgerowCore

/// The eigenvalues of a small symmetric matrix, rising, and an orthonormal basis of eigenvectors.
///
/// Householder's reduction to a tridiagonal matrix, then implicit QL steps. Time O(n^3), on one thread.
///
/// Source: Bowdler, Martin, Reinsch, Wilkinson, The QR and QL Algorithms for Symmetric Matrices, and Martin, Reinsch,
/// Wilkinson, Householder's Tridiagonalization, Numerische Mathematik 1968.
struct SymmetricEigen {
  private(set) var values: [Double]
  /// Eigenvector j is column j: element i is vectors[i * n + j].
  private(set) var vectors: [Double]

  /// - Parameter matrix: n x n, row by row; of each pair of equal elements only the lower one is read.
  init(_ matrix: [Double], extent n: Int) {
    require(matrix.count == n * n, "\(matrix.count) numbers are no matrix of \(n) rows")
    vectors = matrix
    values = [Double](repeating: 0, count: n)
    if n == 0 { return }
    var offDiagonal = values
    vectors.withUnsafeMutableBufferPointer { z in
      values.withUnsafeMutableBufferPointer { d in
        offDiagonal.withUnsafeMutableBufferPointer { e in
          Self.tridiagonalize(z.baseAddress!, d.baseAddress!, e.baseAddress!, n)
          Self.diagonalize(z.baseAddress!, d.baseAddress!, e.baseAddress!, n)
        }
      }
    }
    let order = values.indices.sorted { (values[$0], $0) < (values[$1], $1) }
    let (unsorted, columns) = (values, vectors)
    for (place, column) in order.enumerated() {
      values[place] = unsorted[column]
      for row in 0..<n { vectors[row * n + place] = columns[row * n + column] }
    }
  }

  private typealias Numbers = UnsafeMutablePointer<Double>

  /// Leaves the diagonal in d, what is beside it in e[1...], and the transformation in z.
  private static func tridiagonalize(_ z: Numbers, _ d: Numbers, _ e: Numbers, _ n: Int) {
    for i in stride(from: n - 1, to: 0, by: -1) {
      let row = z + i * n
      let scale = (0..<i).reduce(0.0) { $0 + abs(row[$1]) }
      if i == 1 || scale == 0 {
        e[i] = row[i - 1]
        d[i] = 0
        continue
      }
      var h = 0.0
      for k in 0..<i {
        row[k] /= scale
        h += row[k] * row[k]
      }
      let f = row[i - 1]
      let g = f >= 0 ? -h.squareRoot() : h.squareRoot()
      e[i] = scale * g
      h -= f * g
      row[i - 1] = f - g
      var sum = 0.0
      for j in 0..<i {
        z[j * n + i] = row[j] / h
        var g = 0.0
        for k in 0...j { g += z[j * n + k] * row[k] }
        for k in j + 1..<max(j + 1, i) { g += z[k * n + j] * row[k] }
        e[j] = g / h
        sum += e[j] * row[j]
      }
      let half = sum / (h + h)
      for j in 0..<i {
        let f = row[j]
        e[j] -= half * f
        let g = e[j]
        for k in 0...j { z[j * n + k] -= f * e[k] + g * row[k] }
      }
      d[i] = h
    }
    d[0] = 0
    e[0] = 0
    for i in 0..<n {
      if d[i] != 0 {
        for j in 0..<i {
          var g = 0.0
          for k in 0..<i { g += z[i * n + k] * z[k * n + j] }
          for k in 0..<i { z[k * n + j] -= g * z[k * n + i] }
        }
      }
      d[i] = z[i * n + i]
      z[i * n + i] = 1
      for j in 0..<i {
        z[j * n + i] = 0
        z[i * n + j] = 0
      }
    }
  }

  private static func diagonalize(_ z: Numbers, _ d: Numbers, _ e: Numbers, _ n: Int) {
    for i in 1..<max(1, n) { e[i - 1] = e[i] }
    e[n - 1] = 0
    for l in 0..<n {
      // Each eigenvalue takes few steps; the bound is never met by finite numbers.
      for _ in 0..<200 {
        var m = l
        while m < n - 1 {
          let size = abs(d[m]) + abs(d[m + 1])
          if abs(e[m]) <= 0x1p-53 * size || e[m] == 0 { break }
          m += 1
        }
        if m == l { break }
        var g = (d[l + 1] - d[l]) / (2 * e[l])
        var r = (g * g + 1).squareRoot()
        g = d[m] - d[l] + e[l] / (g + (g >= 0 ? r : -r))
        var (s, c, p) = (1.0, 1.0, 0.0)
        var isSplit = false
        for i in stride(from: m - 1, through: l, by: -1) {
          var f = s * e[i]
          let b = c * e[i]
          r = (f * f + g * g).squareRoot()
          e[i + 1] = r
          if r == 0 {
            d[i + 1] -= p
            e[m] = 0
            isSplit = true
            break
          }
          s = f / r
          c = g / r
          g = d[i + 1] - p
          r = (d[i] - g) * s + 2 * c * b
          p = s * r
          d[i + 1] = g + p
          g = c * r - b
          for k in 0..<n {
            let row = z + k * n
            f = row[i + 1]
            row[i + 1] = s * row[i] + c * f
            row[i] = c * row[i] - s * f
          }
        }
        if isSplit { continue }
        d[l] -= p
        e[l] = g
        e[m] = 0
      }
    }
  }
}
