import CHedgerowKernels

/// Where the elements of an array lie: a pointer to the first and the step along each axis.
///
/// `@unchecked`: as the ``Storage`` that the pointer is of.
struct Layout<Element: ArrayElement>: @unchecked Sendable {
  var first: UnsafeMutablePointer<Element>
  var shape: [Int]
  /// In elements; 0 where an axis repeats, negative where it goes backwards.
  var strides: [Int]

  /// Writes the elements into a layout of the same shape; the two do not overlap.
  func copy(to other: Layout) {
    forEachPlane(shape, other.strides, strides) { out, input, plane in
      let (out, input) = (
        UnsafeMutableRawPointer(other.first + out), UnsafeRawPointer(first + input)
      )
      switch MemoryLayout<Element>.stride {
      case 1: hr_copy_plane_8(out.assumed(), input.assumed(), plane)
      case 2: hr_copy_plane_16(out.assumed(), input.assumed(), plane)
      case 4: hr_copy_plane_32(out.assumed(), input.assumed(), plane)
      default: hr_copy_plane_64(out.assumed(), input.assumed(), plane)
      }
    }
  }
}

extension Layout where Element: TensorScalar {
  /// Adds the elements to those of a layout of the same shape, none of which repeats.
  func add(to other: Layout) {
    forEachPlane(shape, other.strides, strides) { out, input, plane in
      Element.kernels.addPlane(other.first + out, first + input, plane)
    }
  }
}

extension UnsafeMutableRawPointer {
  /// The kernels move bits, whatever they stand for.
  fileprivate func assumed<T>() -> UnsafeMutablePointer<T> { assumingMemoryBound(to: T.self) }
}

extension UnsafeRawPointer {
  fileprivate func assumed<T>() -> UnsafePointer<T> { assumingMemoryBound(to: T.self) }
}

/// The steps of contiguous elements in row-major order.
func rowMajorStrides(_ shape: [Int]) -> [Int] {
  var strides = [Int](repeating: 1, count: shape.count)
  for axis in shape.indices.dropLast().reversed() {
    strides[axis] = strides[axis + 1] * shape[axis + 1]
  }
  return strides
}

/// Whether elements so far apart are contiguous, in row-major order.
func isRowMajor(_ shape: [Int], _ strides: [Int]) -> Bool {
  var step = 1
  for axis in shape.indices.reversed() where shape[axis] != 1 {
    if strides[axis] != step { return false }
    step *= shape[axis]
  }
  return true
}

/// The steps under another shape of as many elements; `nil` where no steps lead through them.
func strides(_ strides: [Int], of shape: [Int], as other: [Int]) -> [Int]? {
  let axes = shape.indices.filter { shape[$0] != 1 }
  var result = [Int](repeating: 1, count: other.count)
  var (index, target) = (axes.count - 1, other.count - 1)
  while index >= 0 {
    // Axes that one step leads through; as many elements must be axes of the other shape.
    let step = strides[axes[index]]
    var count = shape[axes[index]]
    while index > 0 && strides[axes[index - 1]] == step * count {
      index -= 1
      count *= shape[axes[index]]
    }
    index -= 1
    var reach = step
    while target >= 0 && (count > 1 || other[target] == 1) {
      guard count.isMultiple(of: other[target]) else { return nil }
      result[target] = reach
      reach *= other[target]
      count /= other[target]
      target -= 1
    }
    if count != 1 { return nil }
  }
  return result
}

/// Calls `body`, on all threads, with planes that make up two layouts of one shape, and where each
/// begins in what is written and what is read.
private func forEachPlane(
  _ shape: [Int], _ outStrides: [Int], _ inStrides: [Int],
  _ body: (_ out: Int, _ input: Int, _ plane: hr_plane) -> Void
) {
  if shape.contains(0) { return }
  typealias Axis = (count: Int, out: Int, input: Int)
  var axes: [Axis] = []  // innermost first
  for axis in shape.indices.reversed() where shape[axis] != 1 {
    let next = (shape[axis], outStrides[axis], inStrides[axis])
    if let last = axes.last, next.1 == last.out * last.count, next.2 == last.input * last.count {
      axes[axes.count - 1].count *= next.0
    } else {
      axes.append(next)
    }
  }
  // The rows of a plane are along the axis in whose direction elements that are read stand together.
  if let near = axes.dropFirst().firstIndex(where: { $0.input == 1 }) { axes.swapAt(1, near) }
  let columns: Axis = axes.first ?? (1, 1, 1)
  let rows: Axis = axes.count > 1 ? axes[1] : (1, 0, 0)
  let outer = axes.dropFirst(2)
  let plane = hr_plane(
    rows: rows.count, columns: columns.count, out_row: rows.out, out_column: columns.out,
    in_row: rows.input, in_column: columns.input)
  if axes.count < 2 {
    Compute.forEachPart(of: columns.count, size: Compute.elementsPerPart) { part in
      var plane = plane
      plane.columns = part.count
      body(part.lowerBound * columns.out, part.lowerBound * columns.input, plane)
    }
    return
  }
  let rowsPerPart = max(16, Compute.elementsPerPart / columns.count)
  let rowCount = outer.reduce(rows.count) { $0 * $1.count }
  Compute.forEachPart(of: rowCount, size: rowsPerPart) { part in
    var begin = part.lowerBound
    while begin < part.upperBound {
      var (rest, row) = begin.quotientAndRemainder(dividingBy: rows.count)
      let count = min(rows.count - row, part.upperBound - begin)
      var (out, input) = (row * rows.out, row * rows.input)
      for axis in outer {
        (rest, row) = rest.quotientAndRemainder(dividingBy: axis.count)
        out += row * axis.out
        input += row * axis.input
      }
      var plane = plane
      plane.rows = count
      body(out, input, plane)
      begin += count
    }
  }
}
