import CHedgerowKernels
public import HedgerowCore

extension RowsInPlace {
  /// Writes the rows one behind the other, on all threads.
  func copy(to out: UnsafeMutablePointer<Float>) {
    let size = max(1, Compute.elementsPerPart / max(1, width))
    Compute.forEachPart(of: rows.count, size: size) { copy($0, to: out + $0.lowerBound * width) }
  }

  /// Writes some rows one behind the other.
  func copy(_ part: Range<Int>, to out: UnsafeMutablePointer<Float>) {
    var to = out
    for row in part {
      let from = rows[row]
      switch element {
      case .float32: to.update(from: from.assumingMemoryBound(to: Float.self), count: width)
      case .float16: Float16.halves.widen(to, from.assumingMemoryBound(to: UInt16.self), width)
      case .bfloat16: BFloat16.halves.widen(to, from.assumingMemoryBound(to: UInt16.self), width)
      }
      to += width
    }
  }

  /// For each of `part` of the targets, its factor times the sum of its sources' rows.
  func sum(
    over targets: CompressedRows, factors: UnsafePointer<Float>?,
    into out: UnsafeMutablePointer<Float>, isStreamed: Bool, _ part: Range<Int>
  ) {
    rows.withUnsafeBytes { rows in
      switch element {
      case .float32:
        hr_segment_sum_of_rows_f32(
          out, rows.assumingMemoryBound(to: UnsafePointer<Float>?.self).baseAddress,
          targets.offsets, targets.indices, factors, isStreamed, part.lowerBound, part.upperBound,
          width)
      case .float16:
        hr_segment_sum_of_rows_f16(
          out, rows.assumingMemoryBound(to: UnsafePointer<UInt16>?.self).baseAddress,
          targets.offsets, targets.indices, factors, isStreamed, part.lowerBound, part.upperBound,
          width)
      case .bfloat16:
        hr_segment_sum_of_rows_bf16(
          out, rows.assumingMemoryBound(to: UnsafePointer<UInt16>?.self).baseAddress,
          targets.offsets, targets.indices, factors, isStreamed, part.lowerBound, part.upperBound,
          width)
      }
    }
  }
}

extension NDTensor where Scalar == Float {
  /// A matrix of these rows, which stay where they are.
  ///
  /// Sums over the sources of targets read them there, and so the first rows of it do; sums of products
  /// (``AffineSum``) copy the rows that they multiply just now; any other operation has them copied, once, as it
  /// would a view's. So a layer that sums its inputs before it multiplies them never has a copy of most of them.
  public init(_ rows: RowsInPlace) {
    self.init(
      NDArray(sharing: Storage(rows), shape: [rows.rows.count, rows.width]))
  }
}

extension NDArray {
  /// The first rows, which stay where they are.
  func prefix(rows count: Int) -> NDArray {
    guard let rows = rowsInPlace, let result = NDTensor(rows.prefix(count)).array as? NDArray else {
      return sliced(0..<count, along: 0)
    }
    return result
  }

  /// The rows of this matrix where somebody else keeps them, while they have not been copied.
  var rowsInPlace: RowsInPlace? {
    guard let rows = storage.rows, storage.presentBase == nil,
      shape == [rows.rows.count, rows.width]
    else { return nil }
    return rows
  }
}
