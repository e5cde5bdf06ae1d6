import CHedgerowKernels
import HedgerowCore

/// What becomes of an axis that a reduction went over.
public enum ReducedAxis: Sendable {
  case dropped
  /// Kept with extent 1, so that the result broadcasts against what was reduced.
  case one
}

/// The sum of all elements, of shape `[]`.
///
/// Parts are summed apart, then added in their order.
@specialized(where Scalar == Float)
public func sum<Scalar>(_ x: NDTensor<Scalar>) -> NDTensor<Scalar> {
  let shape = x.shape
  return NDTensor(sumOfElements(x)).recorded(from: x) { dy in
    dy.detached.broadcast(to: shape)
  }
}

/// The mean of all elements, of shape `[]`; traps when there are none.
@specialized(where Scalar == Float)
public func mean<Scalar>(_ x: NDTensor<Scalar>) -> NDTensor<Scalar> {
  require(x.count > 0, "no mean of shape \(x.shape)")
  return (1 / Scalar(x.count)) * sum(x)
}

/// Sums along axes; negative ones count from the end.
@specialized(where Scalar == Float)
public func sum<Scalar>(
  _ x: NDTensor<Scalar>, along axes: [Int], keeping axesLeft: ReducedAxis = .dropped
) -> NDTensor<Scalar> {
  let axes = x.checked(axes: axes)
  var result = x.detached
  // Axes that stand together are summed in one go, the last ones first.
  var end = axes.count
  while end > 0 {
    var begin = end - 1
    while begin > 0 && axes[begin - 1] == axes[begin] - 1 { begin -= 1 }
    result = result.summed(over: axes[begin]..<axes[end - 1] + 1, keeping: .one)
    end = begin
  }
  let (shape, kept) = (x.shape, x.shape(reducing: axes, keeping: .one))
  return NDTensor(result.array.reshaped(to: x.shape(reducing: axes, keeping: axesLeft)))
    .recorded(from: x) { dy in NDTensor(dy.array.reshaped(to: kept).broadcast(to: shape)) }
}

/// Sums along one axis; a negative axis counts from the end.
@specialized(where Scalar == Float)
public func sum<Scalar>(
  _ x: NDTensor<Scalar>, along axis: Int, keeping axisLeft: ReducedAxis = .dropped
) -> NDTensor<Scalar> {
  sum(x, along: [axis], keeping: axisLeft)
}

/// Means along axes; traps when they have no extent.
@specialized(where Scalar == Float)
public func mean<Scalar>(
  _ x: NDTensor<Scalar>, along axes: [Int], keeping axesLeft: ReducedAxis = .dropped
) -> NDTensor<Scalar> {
  let extent = x.checked(axes: axes).reduce(1) { $0 * x.shape[$1] }
  require(extent > 0, "no mean along axes \(axes) of shape \(x.shape)")
  return (1 / Scalar(extent)) * sum(x, along: axes, keeping: axesLeft)
}

/// Means along one axis; traps when it has no extent.
@specialized(where Scalar == Float)
public func mean<Scalar>(
  _ x: NDTensor<Scalar>, along axis: Int, keeping axisLeft: ReducedAxis = .dropped
) -> NDTensor<Scalar> {
  mean(x, along: [axis], keeping: axisLeft)
}

/// The mean squared difference from the mean along axes: the sum of the squares divided by how many
/// numbers there are less `correction`; NaN when nothing is left of them.
@specialized(where Scalar == Float)
public func variance<Scalar>(
  _ x: NDTensor<Scalar>, along axes: [Int], keeping axesLeft: ReducedAxis = .dropped,
  correction: Int = 1
) -> NDTensor<Scalar> {
  let extent = x.checked(axes: axes).reduce(1) { $0 * x.shape[$1] }
  let centered = x - mean(x, along: axes, keeping: .one)
  let factor = 1 / Scalar(Swift.max(0, extent - correction))
  return factor * sum(square(centered), along: axes, keeping: axesLeft)
}

/// log(sum of exp(x)) along axes, without overflow; -infinity when there is nothing to sum.
@specialized(where Scalar == Float)
public func logSumExp<Scalar>(
  _ x: NDTensor<Scalar>, along axes: [Int], keeping axesLeft: ReducedAxis = .dropped
) -> NDTensor<Scalar> {
  byRows(x, axes, axesLeft) { x in
    let y = rowwise(x) { Scalar.kernels.logSumExp($0, x.storage.base + $1, $2, $3) }
    let input = x.detached
    return y.recorded(from: x) { dy in
      let dx = NDTensor<Scalar>(uninitialized: input.shape)
      forEachRow(of: input) { first, row, rows, columns in
        Scalar.kernels.logSumExpBackward(
          dx.storage.base + first, dy.storage.base + row, input.storage.base + first,
          y.storage.base + row, rows, columns)
      }
      return dx
    }
  }
}

/// Products along axes; 1 when there is nothing to multiply.
@specialized(where Scalar == Float)
public func product<Scalar>(
  _ x: NDTensor<Scalar>, along axes: [Int], keeping axesLeft: ReducedAxis = .dropped
) -> NDTensor<Scalar> {
  byRows(x, axes, axesLeft) { x in
    let y = rowwise(x) { Scalar.kernels.product($0, x.storage.base + $1, $2, $3) }
    let input = x.detached
    return y.recorded(from: x) { dy in
      let dx = NDTensor<Scalar>(uninitialized: input.shape)
      forEachRow(of: input) { first, row, rows, columns in
        Scalar.kernels.productBackward(
          dx.storage.base + first, dy.storage.base + row, input.storage.base + first, rows, columns)
      }
      return dx
    }
  }
}

/// A reduction of rows, for axes anywhere: they are put behind the others, as one.
func byRows<Scalar>(
  _ x: NDTensor<Scalar>, _ axes: [Int], _ axesLeft: ReducedAxis,
  _ reduce: (NDTensor<Scalar>) -> NDTensor<Scalar>
) -> NDTensor<Scalar> {
  let axes = x.checked(axes: axes)
  let kept = x.shape.indices.filter { !axes.contains($0) }
  let shape = [kept, axes].map { $0.reduce(1) { $0 * x.shape[$1] } }
  return reduce(x.transposed(by: kept + axes).reshaped(to: shape))
    .reshaped(to: x.shape(reducing: axes, keeping: axesLeft))
}

/// A number for each row of a matrix; `kernel` is given where results go, the first element, how many
/// rows and columns.
private func rowwise<Scalar>(
  _ x: NDTensor<Scalar>, _ kernel: (UnsafeMutablePointer<Scalar>, Int, Int, Int) -> Void
) -> NDTensor<Scalar> {
  let y = NDTensor<Scalar>(uninitialized: [x.shape[0]])
  forEachRow(of: x) { first, row, rows, columns in
    kernel(y.storage.base + row, first, rows, columns)
  }
  return y
}

private func forEachRow<Scalar>(
  of x: NDTensor<Scalar>, _ body: (_ first: Int, _ row: Int, _ rows: Int, _ columns: Int) -> Void
) {
  let columns = x.shape[1]
  _ = x.storage.base  // a view is copied before its rows are cut up
  let size = Swift.max(1, Compute.elementsPerPart / 4 / Swift.max(columns, 1))
  Compute.forEachPart(of: x.shape[0], size: size) { rows in
    body(rows.lowerBound * columns, rows.lowerBound, rows.count, columns)
  }
}

extension NDTensor {
  /// The axes counted from the front, rising; traps when there is none such, or one is there twice.
  func checked(axes: [Int]) -> [Int] {
    let fromFront = axes.map { checked(axis: $0) }.sorted()
    require(
      zip(fromFront, fromFront.dropFirst()).allSatisfy(<), "axes \(axes) of shape \(shape) repeat")
    return fromFront
  }

  func shape(reducing axis: Int, keeping axisLeft: ReducedAxis) -> [Int] {
    shape(reducing: [axis], keeping: axisLeft)
  }

  func shape(reducing axes: [Int], keeping axesLeft: ReducedAxis) -> [Int] {
    shape.indices.compactMap {
      axes.contains($0) ? (axesLeft == .one ? 1 : nil) : shape[$0]
    }
  }

  /// The sum over consecutive axes; not recorded.
  func summed(over axes: Range<Int>, keeping axesLeft: ReducedAxis) -> NDTensor {
    let outer = shape[..<axes.lowerBound].reduce(1, *)
    let count = shape[axes].reduce(1, *)
    let inner = shape[axes.upperBound...].reduce(1, *)
    let ones = axesLeft == .one ? [Int](repeating: 1, count: axes.count) : []
    let resultShape = shape[..<axes.lowerBound] + ones + shape[axes.upperBound...]
    if outer == 1 && inner > 1 {
      let sums = columnSums(NDTensor(sharing: storage, shape: [count, inner]))
      return NDTensor(sharing: sums.storage, shape: Array(resultShape))
    }
    let result = NDTensor(uninitialized: Array(resultShape))
    let base = storage.base
    if inner == 1 {
      if outer == 1 {
        result.storage.base[0] = sumOfElements(detached)
        return result
      }
      Compute.forEachPart(of: outer, size: Swift.max(1, Compute.elementsPerPart / (count + 1))) {
        for row in $0 {
          result.storage.base[row] = Scalar.kernels.sum(base + row * count, count)
        }
      }
      return result
    }
    let size = Swift.max(1, Compute.elementsPerPart / (count * inner + 1))
    Compute.forEachPart(of: outer, size: size) {
      for row in $0 {
        let sums = result.storage.base + row * inner
        Scalar.kernels.fill(sums, 0, inner)
        Scalar.kernels.columnSums(sums, base + row * count * inner, count, inner)
      }
    }
    return result
  }
}

func sumOfElements<Scalar>(_ x: NDTensor<Scalar>) -> Scalar {
  let size = Compute.elementsPerPart
  let partials = NDTensor<Scalar>(uninitialized: [Compute.partCount(of: x.count, size: size)])
  let (from, to) = (x.storage.base, partials.storage.base)
  Compute.forEachPart(of: x.count, size: size) { part in
    to[part.lowerBound / size] = Scalar.kernels.sum(from + part.lowerBound, part.count)
  }
  return Scalar.kernels.sum(partials.storage.base, partials.count)
}

/// The sum of each column of a matrix; not recorded.
func columnSums<Scalar>(_ x: NDTensor<Scalar>) -> NDTensor<Scalar> {
  let width = x.shape[1]
  let from = x.storage.base
  return sumOverRowParts(of: x.shape[0], shape: [width]) { rows, sum in
    Scalar.kernels.fill(sum, 0, width)
    Scalar.kernels.columnSums(sum, from + rows.lowerBound * width, rows.count, width)
  }
}
