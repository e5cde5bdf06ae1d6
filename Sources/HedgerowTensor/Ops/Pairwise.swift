import HedgerowCore

/// Calls `kernel`, on all threads, with stretches of the result and where the operands' elements for
/// them are: rows of columns, the step from one row to the next, and along a row, which is 0 or 1.
///
/// Shapes broadcast. Operands are read where they are, unless elements that stand together in the result
/// do not in the operand.
@inline(__always)
func pairwise<A, B, Result>(
  _ a: NDArray<A>, _ b: NDArray<B>,
  _ kernel: (
    _ out: UnsafeMutablePointer<Result>, _ a: UnsafePointer<A>, _ aRow: Int, _ aStep: Int,
    _ b: UnsafePointer<B>, _ bRow: Int, _ bStep: Int, _ rows: Int, _ columns: Int
  ) -> Void
) -> NDArray<Result> {
  let shape = broadcastShape(a.shape, b.shape)
  let result = NDArray<Result>(uninitialized: shape)
  if result.count == 0 { return result }
  let (x, y) = (a.stretched(to: shape), b.stretched(to: shape))
  let walk = PairWalk(shape, x.strides, y.strides)
  let out = result.storage.base
  withExtendedLifetime((a, b)) {
    if walk.rowCount == 1 {
      forEachPart(of: result.count) { first, length in
        kernel(
          out + first, x.first + first * walk.run.a, 0, walk.run.a, y.first + first * walk.run.b, 0,
          walk.run.b, 1, length)
      }
    } else {
      let columns = walk.run.count
      let size = max(1, Compute.elementsPerPart / columns)
      Compute.forEachPart(of: walk.rowCount, size: size) { rows in
        walk.forEachPlane(of: rows) { row, count, xFirst, yFirst in
          kernel(
            out + row * columns, x.first + xFirst, walk.row.a, walk.run.a, y.first + yFirst,
            walk.row.b, walk.run.b, count, columns)
        }
      }
    }
  }
  return result
}

extension NDArray {
  /// Where the elements are when the array is broadcast to `shape`, so that along the innermost axis
  /// they are one behind the other or one and the same.
  fileprivate func stretched(to shape: [Int]) -> Layout<Element> {
    func stretched(_ layout: Layout<Element>) -> Layout<Element> {
      let missing = shape.count - layout.shape.count
      let strides = shape.indices.map { axis in
        axis < missing || layout.shape[axis - missing] == 1 ? 0 : layout.strides[axis - missing]
      }
      return Layout(first: layout.first, shape: shape, strides: strides)
    }
    let layout = stretched(self.layout)
    let last = shape.lastIndex { $0 != 1 }
    if last.map({ layout.strides[$0] == 0 || layout.strides[$0] == 1 }) ?? true { return layout }
    // Copied once, and kept for whoever needs it next.
    return stretched(
      Layout(first: storage.base, shape: self.shape, strides: rowMajorStrides(self.shape)))
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
