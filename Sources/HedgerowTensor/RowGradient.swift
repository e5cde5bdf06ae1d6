import CHedgerowKernels
import HedgerowCore

/// A gradient that is zero but in some rows: of a table of which few rows were taken.
public struct RowGradient<Scalar: TensorScalar>: Sendable {
  /// Rising, each once.
  public let rows: [UInt32]
  /// [rows, width...]
  public let values: NDTensor<Scalar>
  /// Of the whole table.
  public let shape: [Int]

  /// The sum of pieces, each the gradients of rows as they were taken, in any order and repeated:
  /// those of one row are added in the order of the pieces and of their rows.
  ///
  /// Time O(rows taken (log + width)), whatever the table's extent.
  init(_ pieces: [RowPiece<Scalar>], shape: [Int]) {
    let all = pieces.count == 1 ? pieces[0].values : concatenated(pieces.map(\.values), along: 0)
    require(all.rowCount <= UInt32.max, "\(all.rowCount) rows were taken of one table")
    // Sorted by row, then by place: a radix sort of both in one number.
    var keys: [UInt64] = []
    keys.reserveCapacity(all.rowCount)
    for piece in pieces {
      for row in piece.rows { keys.append(UInt64(row) << 32 | UInt64(keys.count)) }
    }
    let sorted = Self.sorted(keys)
    var rows: [UInt32] = []
    var offsets: [UInt32] = []
    var places: [UInt32] = []
    places.reserveCapacity(sorted.count)
    for (index, key) in sorted.enumerated() {
      let row = UInt32(key >> 32)
      if row != rows.last {
        rows.append(row)
        offsets.append(UInt32(index))
      }
      places.append(UInt32(truncatingIfNeeded: key))
    }
    offsets.append(UInt32(sorted.count))
    let matrix = NDTensor(sharing: all.storage, shape: [all.rowCount, all.width])
    let added = sums(
      matrix, over: CompressedRows(offsets: offsets, indices: places, rowCount: rows.count))
    self.rows = rows
    self.shape = shape
    values = NDTensor(sharing: added.storage, shape: [rows.count] + shape.dropFirst())
  }

  private static func sorted(_ keys: [UInt64]) -> [UInt64] {
    var (keys, scratch) = (keys, [UInt64](repeating: 0, count: keys.count))
    let count = keys.count
    let isInScratch = keys.withUnsafeMutableBufferPointer { keys in
      scratch.withUnsafeMutableBufferPointer { scratch in
        count > 0
          && hr_sort_u64(keys.baseAddress!, scratch.baseAddress!, count) == scratch.baseAddress!
      }
    }
    return isInScratch ? scratch : keys
  }

  /// With its zeros.
  public var dense: NDTensor<Scalar> {
    Cotangent.rows([RowPiece(rows: rows, values: values, order: .rising)]).dense(shape: shape)
  }
}

/// Gradients of the rows of a table that one operation took.
struct RowPiece<Scalar: TensorScalar>: Sendable {
  enum Order { case any, rising }
  let rows: [UInt32]
  let values: NDTensor<Scalar>
  /// Rising rows are there once.
  var order = Order.any
}

/// The gradient of a window of a tensor.
struct WindowPiece<Scalar: TensorScalar>: Sendable {
  let window: Window
  let values: NDTensor<Scalar>
}

/// What flows back to one tensor.
enum Cotangent<Scalar: TensorScalar> {
  /// Of the tensor's shape, or of its first rows.
  case dense(NDTensor<Scalar>)
  case rows([RowPiece<Scalar>])
  case windows([WindowPiece<Scalar>])

  mutating func accumulate(_ other: Cotangent, shape: [Int]) {
    if case .rows(let a) = self, case .rows(let b) = other {
      self = .rows(a + b)
      return
    }
    if case .windows(let a) = self, case .windows(let b) = other {
      self = .windows(a + b)
      return
    }
    if !isDense, case .dense(let tensor) = other {
      // The addition is the same in either order.
      let pieces = self
      self = .dense(tensor)
      return accumulate(pieces, shape: shape)
    }
    var sum = takeDense(shape: shape)
    switch other {
    case .dense(let addend): sum.accumulate(addend)
    case .rows(let pieces):
      if sum.shape != shape { sum = sum.padded(to: shape) }
      sum.add(pieces)
    case .windows(let pieces):
      if sum.shape != shape { sum = sum.padded(to: shape) }
      sum.add(pieces)
    }
    self = .dense(sum)
  }

  private var isDense: Bool { if case .dense = self { true } else { false } }

  /// The gradient of the whole or of its first rows, which this lets go of: a sum that has one owner is
  /// changed in place.
  mutating func takeDense(shape: [Int]) -> NDTensor<Scalar> {
    defer { self = .rows([]) }
    if case .dense(let tensor) = self { return tensor }
    return dense(shape: shape)
  }

  /// The whole gradient.
  func dense(shape: [Int]) -> NDTensor<Scalar> {
    switch self {
    case .dense(let tensor): return tensor.padded(to: shape)
    case .rows(let pieces):
      var sum = NDTensor<Scalar>.zeros(shape)
      sum.add(pieces)
      return sum
    case .windows(let pieces):
      var sum = NDTensor<Scalar>.zeros(shape)
      sum.add(pieces)
      return sum
    }
  }
}

extension NDTensor {
  /// Adds the gradient of all or of the first rows, whichever of the two has fewer.
  fileprivate mutating func accumulate(_ gradient: NDTensor) {
    require(
      shape.dropFirst() == gradient.shape.dropFirst() && shape.count == gradient.shape.count,
      "gradients of shapes \(shape) and \(gradient.shape) of one tensor")
    var addend = gradient
    if addend.count > count { swap(&self, &addend) }
    let sum = mutate()
    let base = addend.storage.base
    Compute.forEachPart(of: addend.count, size: Compute.elementsPerPart) { part in
      let sum = sum + part.lowerBound
      Scalar.kernels.add(sum, sum, base + part.lowerBound, part.count)
    }
  }

  /// Adds to the rows that the pieces are of, piece by piece.
  fileprivate mutating func add(_ pieces: [RowPiece<Scalar>]) {
    let sum = mutate()
    let width = self.width
    for piece in pieces {
      var (rows, values) = (piece.rows, piece.values)
      if piece.order == .any {
        let merged = RowGradient([piece], shape: shape)
        (rows, values) = (merged.rows, merged.values)
      }
      let base = values.storage.base
      Compute.forEachPart(of: rows.count, size: max(1, Compute.elementsPerPart / max(width, 1))) {
        for index in $0 {
          let row = sum + Int(rows[index]) * width
          Scalar.kernels.add(row, row, base + index * width, width)
        }
      }
    }
  }

  /// Adds to the windows that the pieces are of, piece by piece.
  fileprivate mutating func add(_ pieces: [WindowPiece<Scalar>]) {
    let sum = mutate()
    for piece in pieces {
      piece.values.array.layout.add(to: piece.window.layout(in: sum, shape: shape))
    }
  }

  /// With rows of zeros behind, up to `shape`.
  func padded(to shape: [Int]) -> NDTensor {
    if self.shape == shape { return self }
    require(
      self.shape.dropFirst() == shape.dropFirst() && rowCount <= shape[0],
      "a gradient of shape \(self.shape) for a tensor of shape \(shape)")
    var padded = NDTensor.zeros(shape)
    padded.mutate().update(from: storage.base, count: count)
    return padded
  }
}
