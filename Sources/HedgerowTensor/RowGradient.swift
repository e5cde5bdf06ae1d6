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
    let sums = segmentSum(
      matrix, over: CompressedRows(offsets: offsets, indices: places, rowCount: rows.count)
    ) { fatalError("a gradient has no gradient") }
    self.rows = rows
    self.shape = shape
    values = NDTensor(sharing: sums.storage, shape: [rows.count] + shape.dropFirst())
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
    var result = NDTensor<Scalar>.zeros(shape)
    let base = result.mutate()
    let width = values.width
    for (index, row) in rows.enumerated() {
      (base + Int(row) * width).update(from: values.storage.base + index * width, count: width)
    }
    return result
  }
}

/// Gradients of the rows of a table that one operation took.
struct RowPiece<Scalar: TensorScalar>: Sendable {
  let rows: [UInt32]
  let values: NDTensor<Scalar>
}

/// What flows back to one tensor.
enum Cotangent<Scalar: TensorScalar> {
  /// Of the tensor's shape, or of its first rows.
  case dense(NDTensor<Scalar>)
  case rows([RowPiece<Scalar>])

  mutating func accumulate(_ other: Cotangent, shape: [Int]) {
    switch (self, other) {
    case (.rows(let a), .rows(let b)): self = .rows(a + b)
    case (.dense(var sum), .dense(let addend)):
      // Let go of it here, so that the sum is its only owner and is changed in place.
      self = .rows([])
      sum.accumulate(addend)
      self = .dense(sum)
    default:
      var sum = dense(shape: shape)
      self = .rows([])
      sum.accumulate(other.dense(shape: shape))
      self = .dense(sum)
    }
  }

  /// The whole gradient.
  func dense(shape: [Int]) -> NDTensor<Scalar> {
    switch self {
    case .dense(let tensor): tensor.padded(to: shape)
    case .rows(let pieces): RowGradient(pieces, shape: shape).dense
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

  /// With rows of zeros behind, up to `shape`.
  fileprivate func padded(to shape: [Int]) -> NDTensor {
    if self.shape == shape { return self }
    require(
      self.shape.dropFirst() == shape.dropFirst() && rowCount <= shape[0],
      "a gradient of shape \(self.shape) for a tensor of shape \(shape)")
    var padded = NDTensor.zeros(shape)
    padded.mutate().update(from: storage.base, count: count)
    return padded
  }
}
