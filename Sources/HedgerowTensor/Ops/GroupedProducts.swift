import HedgerowCore

/// Products with a matrix of their own for each segment of rows: y_i = x_i W_g for the rows i of segment g.
///
/// What relations and types of nodes are made of: one operation for all of them, however few rows each has.
/// A matrix may be of blocks along its diagonal, each for a stretch of the row.
///
/// Shapes: x is [rows, in], W [segments, in, out], or [segments, blocks, in / blocks, out / blocks], y [rows,
/// out]. Traps unless the offsets cut all rows. Time O(rows in out / blocks), in as many products as there are
/// segments with rows, and blocks.
@specialized(where Scalar == Float)
public func groupedMatmul<Scalar>(
  _ x: NDTensor<Scalar>, _ weights: NDTensor<Scalar>, by offsets: [UInt32]
) -> NDTensor<Scalar> {
  let w =
    weights.shape.count == 3 ? weights.unsqueezed(1) : weights
  require(
    x.shape.count == 2 && w.shape.count == 4 && offsets.count == w.shape[0] + 1
      && x.shape[1] == w.shape[1] * w.shape[2],
    "rows of shape \(x.shape) in \(offsets.count - 1) segments do not fit weights of shape "
      + "\(weights.shape)")
  checkSegments(offsets, count: x.shape[0])
  let precision = Precision.current
  let left = Factor(kept: blocks(of: x, w.shape[1]), precision)
  let right = Factor(kept: w, precision)
  let (rowCount, shape) = (x.shape[0], w.shape)
  return groupedProduct(left, right, by: offsets, rowCount: rowCount)
    .recorded(from: [x, w]) { dy, isNeeded in
      let slopes = Factor(blocks(of: dy, shape[1]), precision)
      return [
        isNeeded[0]
          ? groupedProduct(slopes, right.transposed, by: offsets, rowCount: rowCount) : nil,
        isNeeded[1] ? groupedTransposedProduct(left, slopes, by: offsets, shape: shape) : nil,
      ]
    }
}

/// Stretches of rows as matrices of their own: [rows, width] gives [count, rows, width / count].
private func blocks<Scalar>(of x: NDTensor<Scalar>, _ count: Int) -> NDTensor<Scalar> {
  NDTensor(
    x.array.reshaped(to: [x.shape[0], count, x.shape[1] / count]).transposed(by: [1, 0, 2]))
}

/// Stretches of x times the matrices of their segments, side by side; not recorded.
private func groupedProduct<Scalar>(
  _ x: Factor<Scalar>, _ w: Factor<Scalar>, by offsets: [UInt32], rowCount: Int
) -> NDTensor<Scalar> {
  let (x, w) = (x.readable, w.readable)
  defer { withExtendedLifetime((x, w)) {} }
  let (groupCount, blockCount, outputs) = (w.shape[0], w.shape[1], w.shape[3])
  let (rows, matrices) = (MatrixBatch(x, [blockCount]), MatrixBatch(w, [groupCount, blockCount]))
  let width = blockCount * outputs
  let y = NDTensor<Scalar>(uninitialized: [rowCount, width])
  // The stretches of rows that are multiplied at once, each of one segment.
  var stretches: [(group: Int, rows: Range<Int>)] = []
  for group in 0..<groupCount {
    let (begin, end) = (Int(offsets[group]), Int(offsets[group + 1]))
    for first in stride(from: begin, to: end, by: rowsPerProduct) {
      stretches.append((group, first..<min(end, first + rowsPerProduct)))
    }
  }
  let workPerStretch = rowCount * w.shape[2] * width / max(1, stretches.count)
  let size = max(1, 8 * Compute.elementsPerPart / max(1, workPerStretch))
  Compute.forEachPart(of: stretches.count, size: size) {
    for (group, range) in stretches[$0] {
      for block in 0..<blockCount {
        multiply(
          rows[block].rows(range), RightFactor(matrices[group * blockCount + block]),
          into: y.storage.base + range.lowerBound * width + block * outputs, step: width,
          isAdded: false)
      }
    }
  }
  return y
}

/// For each segment and block the product of x transposed and y, gradients of weights; not recorded.
private func groupedTransposedProduct<Scalar>(
  _ x: Factor<Scalar>, _ y: Factor<Scalar>, by offsets: [UInt32], shape: [Int]
) -> NDTensor<Scalar> {
  let (x, y) = (x.readable, y.readable)
  defer { withExtendedLifetime((x, y)) {} }
  let (groupCount, blockCount, size) = (shape[0], shape[1], shape[2] * shape[3])
  let (left, right) = (MatrixBatch(x, [blockCount]), MatrixBatch(y, [blockCount]))
  let result = NDTensor<Scalar>(uninitialized: shape)
  func place(_ group: Int, _ block: Int) -> UnsafeMutablePointer<Scalar> {
    result.storage.base + (group * blockCount + block) * size
  }
  func rows(of group: Int) -> Range<Int> { Int(offsets[group])..<Int(offsets[group + 1]) }
  func multiply(_ rows: Range<Int>, _ block: Int, into sum: UnsafeMutablePointer<Scalar>) {
    HedgerowTensor.multiply(
      left[block].rows(rows).transposed, RightFactor(right[block].rows(rows)), into: sum,
      isAdded: false)
  }
  // Segments of many rows are cut, the others are spread as they are.
  let (long, short) = (0..<groupCount).split { rows(of: $0).count > 4 * rowsPerProduct }
  for group in long {
    for block in 0..<blockCount {
      let range = rows(of: group)
      let sum: NDTensor<Scalar> = sumOverRowParts(
        of: range.count, shape: [shape[2], shape[3]]
      ) { part, sum in
        multiply(
          range.lowerBound + part.lowerBound..<range.lowerBound + part.upperBound, block,
          into: sum)
      }
      place(group, block).update(from: sum.storage.base, count: size)
    }
  }
  Compute.forEachPart(of: short.count, size: 1) {
    for group in short[$0] {
      for block in 0..<blockCount { multiply(rows(of: group), block, into: place(group, block)) }
    }
  }
  return result
}

extension Range<Int> {
  /// Those of which the condition holds, and the others.
  fileprivate func split(_ condition: (Int) -> Bool) -> (those: [Int], others: [Int]) {
    (filter(condition), filter { !condition($0) })
  }
}
