import CHedgerowKernels
import HedgerowCore

extension NDTensor {
  /// Element by element. Shapes broadcast: aligned at their last extents, an extent of 1 or none
  /// stands for any other. Traps when shapes do not fit.
  @specialized(where Scalar == Float)
  public static func + (a: NDTensor, b: NDTensor) -> NDTensor {
    let (aShape, bShape) = (a.shape, b.shape)
    return broadcast(hr_plus, a, b).recorded(from: [a, b]) { dy, isNeeded in
      [isNeeded[0] ? dy.summed(to: aShape) : nil, isNeeded[1] ? dy.summed(to: bShape) : nil]
    }
  }

  /// Element by element, with broadcasting.
  @specialized(where Scalar == Float)
  public static func - (a: NDTensor, b: NDTensor) -> NDTensor {
    let (aShape, bShape) = (a.shape, b.shape)
    return broadcast(hr_minus, a, b).recorded(from: [a, b]) { dy, isNeeded in
      [isNeeded[0] ? dy.summed(to: aShape) : nil, isNeeded[1] ? -dy.summed(to: bShape) : nil]
    }
  }

  /// Element by element, with broadcasting.
  @specialized(where Scalar == Float)
  public static func * (a: NDTensor, b: NDTensor) -> NDTensor {
    let (x, y) = (a.detached, b.detached)
    return broadcast(hr_times, a, b).recorded(from: [a, b]) { dy, isNeeded in
      [
        isNeeded[0] ? (dy * y).summed(to: x.shape) : nil,
        isNeeded[1] ? (dy * x).summed(to: y.shape) : nil,
      ]
    }
  }

  /// Element by element, with broadcasting.
  @specialized(where Scalar == Float)
  public static func / (a: NDTensor, b: NDTensor) -> NDTensor {
    let (x, y) = (a.detached, b.detached)
    return broadcast(hr_divided, a, b).recorded(from: [a, b]) { dy, isNeeded in
      let quotient = dy / y
      return [
        isNeeded[0] ? quotient.summed(to: x.shape) : nil,
        isNeeded[1] ? -(quotient * (x / y)).summed(to: y.shape) : nil,
      ]
    }
  }

  /// Every element times one number.
  @specialized(where Scalar == Float)
  public static func * (factor: Scalar, x: NDTensor) -> NDTensor {
    let result = NDTensor(uninitialized: x.shape)
    forEachPart(of: x.count) {
      Scalar.kernels.scale(result.storage.base + $0, x.storage.base + $0, factor, $1)
    }
    return result.recorded(from: x) { dy in factor * dy }
  }

  public static func * (x: NDTensor, factor: Scalar) -> NDTensor { factor * x }
  public static func / (x: NDTensor, divisor: Scalar) -> NDTensor { (1 / divisor) * x }
  public static func / (dividend: Scalar, x: NDTensor) -> NDTensor { dividend * reciprocal(x) }
  public static func + (x: NDTensor, addend: Scalar) -> NDTensor { x + NDTensor(addend) }
  public static func + (addend: Scalar, x: NDTensor) -> NDTensor { x + NDTensor(addend) }
  public static func - (x: NDTensor, subtrahend: Scalar) -> NDTensor { x + NDTensor(-subtrahend) }
  public static func - (minuend: Scalar, x: NDTensor) -> NDTensor { NDTensor(minuend) - x }
  public static prefix func - (x: NDTensor) -> NDTensor { Scalar(-1) * x }

  /// The function of two numbers over all pairs; not recorded.
  fileprivate static func broadcast(
    _ function: hr_binary, _ a: NDTensor, _ b: NDTensor
  ) -> NDTensor {
    if a.shape == b.shape, let x = a.storage.presentBase, let y = b.storage.presentBase {
      let result = NDTensor(uninitialized: a.shape)
      withExtendedLifetime((a, b)) {
        forEachPart(of: result.count) {
          Scalar.kernels.binary(
            function, result.storage.base + $0, x + $0, 0, 1, y + $0, 0, 1, 1, $1)
        }
      }
      return result
    }
    let shape = broadcastShape(a.shape, b.shape)
    let result = NDTensor(uninitialized: shape)
    if result.count == 0 { return result }
    let (x, y) = (a.stretched(to: shape), b.stretched(to: shape))
    let walk = PairWalk(shape, x.strides, y.strides)
    func apply(_ first: Int, _ xFirst: Int, _ yFirst: Int, _ rows: Int, _ columns: Int) {
      Scalar.kernels.binary(
        function, result.storage.base + first, x.first + xFirst, walk.row.a, walk.run.a,
        y.first + yFirst, walk.row.b, walk.run.b, rows, columns)
    }
    withExtendedLifetime((a, b)) {
      if walk.rowCount == 1 {
        forEachPart(of: result.count) { first, length in
          apply(first, first * walk.run.a, first * walk.run.b, 1, length)
        }
      } else {
        let columns = walk.run.count
        let size = max(1, Compute.elementsPerPart / columns)
        Compute.forEachPart(of: walk.rowCount, size: size) { rows in
          walk.forEachPlane(of: rows) { row, count, xFirst, yFirst in
            apply(row * columns, xFirst, yFirst, count, columns)
          }
        }
      }
    }
    return result
  }

  /// Where the elements are when the tensor is broadcast to `shape`, so that along the innermost axis
  /// they are one behind the other or one and the same.
  private func stretched(to shape: [Int]) -> Layout<Scalar> {
    func stretched(_ layout: Layout<Scalar>) -> Layout<Scalar> {
      let missing = shape.count - layout.shape.count
      let strides = shape.indices.map { axis in
        axis < missing || layout.shape[axis - missing] == 1 ? 0 : layout.strides[axis - missing]
      }
      return Layout(first: layout.first, shape: shape, strides: strides)
    }
    let layout = stretched(array.layout)
    let last = shape.lastIndex { $0 != 1 }
    if last.map({ layout.strides[$0] == 0 || layout.strides[$0] == 1 }) ?? true { return layout }
    // Copied once, and kept for whoever needs it next.
    return stretched(
      Layout(
        first: storage.base, shape: self.shape, strides: rowMajorStrides(self.shape)))
  }

  /// The sum over what broadcasting repeated, back to `shape`; not recorded.
  func summed(to shape: [Int]) -> NDTensor {
    if shape == self.shape { return detached }
    var result = detached
    let padded = [Int](repeating: 1, count: self.shape.count - shape.count) + shape
    var end = padded.count
    while end > 0 {
      guard padded[end - 1] == 1 && self.shape[end - 1] != 1 else {
        end -= 1
        continue
      }
      // Repeated extents that stand together are summed in one go.
      var begin = end - 1
      while begin > 0 && padded[begin - 1] == 1 && self.shape[begin - 1] != 1 { begin -= 1 }
      result = result.summed(over: begin..<end, keeping: .one)
      end = begin
    }
    return NDTensor(result.array.reshaped(to: shape))
  }
}

/// The larger of each pair of elements, with broadcasting; the gradient goes to the first of equals.
///
/// `NaN` where either is.
@specialized(where Scalar == Float)
public func maximum<Scalar>(_ a: NDTensor<Scalar>, _ b: NDTensor<Scalar>) -> NDTensor<Scalar> {
  chosen(hr_larger, a, b)
}

/// The smaller of each pair of elements, as ``maximum(_:_:)``.
@specialized(where Scalar == Float)
public func minimum<Scalar>(_ a: NDTensor<Scalar>, _ b: NDTensor<Scalar>) -> NDTensor<Scalar> {
  chosen(hr_smaller, a, b)
}

private func chosen<Scalar>(
  _ function: hr_binary, _ a: NDTensor<Scalar>, _ b: NDTensor<Scalar>
) -> NDTensor<Scalar> {
  let (x, y) = (a.detached, b.detached)
  return NDTensor.broadcast(function, a, b).recorded(from: [a, b]) { dy, isNeeded in
    // Where a was taken; what is left went to b.
    let (u, v) = (x.broadcast(to: dy.shape), y.broadcast(to: dy.shape))
    let da = NDTensor<Scalar>(uninitialized: dy.shape)
    forEachPart(of: dy.count) {
      Scalar.kernels.chosen(
        function, da.storage.base + $0, dy.storage.base + $0, u.storage.base + $0,
        v.storage.base + $0, $1)
    }
    return [
      isNeeded[0] ? da.summed(to: x.shape) : nil, isNeeded[1] ? (dy - da).summed(to: y.shape) : nil,
    ]
  }
}

/// The shape of what broadcasting makes of two.
func broadcastShape(_ a: [Int], _ b: [Int]) -> [Int] {
  let rank = max(a.count, b.count)
  let x = [Int](repeating: 1, count: rank - a.count) + a
  let y = [Int](repeating: 1, count: rank - b.count) + b
  require(
    zip(x, y).allSatisfy { $0 == $1 || $0 == 1 || $1 == 1 },
    "shapes \(a) and \(b) do not fit element by element")
  return zip(x, y).map { $0 == 1 ? $1 : $0 }
}

/// A walk through two operands of one shape: runs along which each advances by 0 or by 1, rows of
/// runs, and what is outside of them.
private struct PairWalk {
  typealias Axis = (count: Int, a: Int, b: Int)
  /// The longest stretch of the result along which each operand has one step.
  private(set) var run: Axis = (1, 1, 1)
  /// The axis around the runs.
  private(set) var row: Axis = (1, 0, 0)
  /// Runs in all.
  private(set) var rowCount = 1
  /// The axes around the rows, innermost first.
  private var outer: ArraySlice<Axis> = []

  init(_ shape: [Int], _ a: [Int], _ b: [Int]) {
    var axes: [Axis] = []
    for axis in shape.indices.reversed() where shape[axis] != 1 {
      let next = (shape[axis], a[axis], b[axis])
      if let last = axes.last, next.1 == last.a * last.count, next.2 == last.b * last.count {
        axes[axes.count - 1].count *= next.0
      } else {
        axes.append(next)
      }
    }
    guard let first = axes.first else { return }
    run = first
    if axes.count > 1 { row = axes[1] }
    outer = axes.dropFirst(2)
    rowCount = axes.dropFirst().reduce(1) { $0 * $1.count }
  }

  /// Calls `body` with stretches of the runs `rows` that lie in one row: the first, how many, and where
  /// the operands begin.
  func forEachPlane(
    of rows: Range<Int>, _ body: (_ first: Int, _ count: Int, _ a: Int, _ b: Int) -> Void
  ) {
    var begin = rows.lowerBound
    while begin < rows.upperBound {
      var (rest, place) = begin.quotientAndRemainder(dividingBy: row.count)
      let count = min(row.count - place, rows.upperBound - begin)
      var (a, b) = (place * row.a, place * row.b)
      for axis in outer {
        (rest, place) = rest.quotientAndRemainder(dividingBy: axis.count)
        a += place * axis.a
        b += place * axis.b
      }
      body(begin, count, a, b)
      begin += count
    }
  }
}
