import HedgerowCore

// What has other entries than the matrix that it is made of.

extension SparseMatrix {
  /// What becomes of entries that are at one place.
  public enum Duplicates: Sendable {
    case sum, mean
    /// NaN is larger than all numbers, and smaller.
    case max, min
  }

  /// Each place once: entries sorted by row, then by column - by column, then by row, of compressed
  /// columns - in the same layout, and those of one place combined in their order.
  ///
  /// Their sum is the same matrix, the others are not. The gradient of an extreme goes to the first entry
  /// that has it. Time O(entries + rows + columns).
  public func coalesced(_ duplicates: Duplicates = .sum) -> SparseMatrix {
    if layout == .csc { return transposed().coalesced(duplicates).transposed() }
    let rows = pattern.sortedByRow
    let sorted = SparseMatrix(rows, of: self)
    let groups = rows.runs()
    if groups.count == count { return sorted.converted(to: layout) }
    let pattern = SparsityPattern(
      CompressedRows(
        offsets: groups.offsets, indices: groups.columns, rowCount: rowCount),
      columnCount: columnCount)
    let values = sorted.values
    let combined =
      switch duplicates {
      case .sum: segmentSum(values, by: groups.ends)
      case .mean: segmentMean(values, by: groups.ends)
      case .max: segmentMax(values, by: groups.ends)
      case .min: segmentMin(values, by: groups.ends)
      }
    return SparseMatrix(pattern, values: combined).converted(to: layout)
  }

  /// The sum, each place once (``coalesced(_:)``), in the layout of the first.
  public static func + (a: SparseMatrix, b: SparseMatrix) -> SparseMatrix {
    require(a.shape == b.shape, "sparse matrices of shapes \(a.shape) and \(b.shape) do not add")
    let (first, second) = (a.pattern.coordinates, b.pattern.coordinates)
    return SparseMatrix(
      rows: first.rows + second.rows, columns: first.columns + second.columns,
      values: concatenated(a.values, b.values), shape: a.shape
    ).coalesced().converted(to: a.layout)
  }

  /// Which places of the diagonal ``addingSelfLoops(_:_:)`` adds an entry at.
  public enum SelfLoops: Sendable {
    /// All, beside those that are there.
    case everywhere
    /// Those without an entry.
    case whereMissing
  }

  /// With entries of a value along the diagonal, in the same layout. Time O(entries + rows + columns).
  public func addingSelfLoops(
    _ value: Scalar = 1, _ kind: SelfLoops = .whereMissing
  ) -> SparseMatrix {
    let (rows, columns) = pattern.coordinates
    var isMissing = [Bool](repeating: true, count: min(rowCount, columnCount))
    if kind == .whereMissing {
      for (row, column) in zip(rows, columns) where row == column { isMissing[Int(row)] = false }
    }
    let added = isMissing.indices.filter { isMissing[$0] }.map { UInt32($0) }
    return SparseMatrix(
      rows: rows + added, columns: columns + added,
      values: concatenated(values, NDTensor(repeating: value, shape: [added.count])), shape: shape
    ).converted(to: layout)
  }

  /// Without the entries along the diagonal, in the same layout.
  public func removingSelfLoops() -> SparseMatrix {
    filtered(shape: shape) { $0 == $1 ? nil : ($0, $1) }
  }

  /// A stretch of rows (axis 0) or columns (axis 1), in the same layout. Time O(entries).
  public func sliced(_ range: Range<Int>, along axis: Int) -> SparseMatrix {
    require(
      (0...1).contains(axis) && range.lowerBound >= 0 && range.upperBound <= shape[axis],
      "no \(range) along axis \(axis) of shape \(shape)")
    if axis == 1 { return transposed().sliced(range, along: 0).transposed() }
    let (first, end) = (UInt32(range.lowerBound), UInt32(range.upperBound))
    return filtered(shape: [range.count, columnCount]) { row, column in
      first <= row && row < end ? (row - first, column) : nil
    }
  }

  /// Row `rows[i]` as row i, for each i, by row (CSR): in any order and repeated. Traps when there is none
  /// such. Columns are rows of the transposed matrix.
  public func gathered(rows chosen: [UInt32]) -> SparseMatrix {
    CompressedRows.check(chosen, below: rowCount, "rows")
    let rows = pattern.byRow
    var offsets: [UInt32] = [0]
    offsets.reserveCapacity(chosen.count + 1)
    var places: [UInt32] = []
    for row in chosen {
      places.append(contentsOf: rows.offsets[Int(row)]..<rows.offsets[Int(row) + 1])
      require(places.count <= UInt32.max, "the rows chosen have 2^32 entries or more")
      offsets.append(UInt32(places.count))
    }
    let entries = rows.entries.isEmpty ? places : places.map { rows.entries[Int($0)] }
    return SparseMatrix(
      CompressedRows(
        offsets: offsets, indices: places.map { rows.indices[Int($0)] }, rowCount: chosen.count),
      columnCount: columnCount, values: values.gathered(rows: entries))
  }

  /// The diagonal: a vector of as many numbers as there are rows or columns, whichever are fewer.
  public func diagonal() -> NDTensor<Scalar> {
    let (rows, columns) = pattern.coordinates
    let places = rows.indices.filter { rows[$0] == columns[$0] }
    return scatterSum(
      values.gathered(rows: places.map { UInt32($0) }), to: NDArray(places.map { rows[$0] }),
      of: min(rowCount, columnCount))
  }

  /// The entries that have a place in another matrix, in the same layout and order.
  private func filtered(
    shape: [Int], _ place: (_ row: UInt32, _ column: UInt32) -> (UInt32, UInt32)?
  ) -> SparseMatrix {
    let (rows, columns) = pattern.coordinates
    var (places, kept): ([UInt32], SparsityPattern.Coordinates) = ([], ([], []))
    for entry in rows.indices {
      guard let (row, column) = place(rows[entry], columns[entry]) else { continue }
      places.append(UInt32(truncatingIfNeeded: entry))
      kept.rows.append(row)
      kept.columns.append(column)
    }
    return SparseMatrix(
      SparsityPattern(kept, rowCount: shape[0], columnCount: shape[1], ordered: layout),
      values: places.count == count ? values : values.gathered(rows: places))
  }
}

extension CompressedRows {
  /// Of rows whose indices rise: each index of a row once, where the rows then begin, and where the
  /// entries of each begin, followed by where all end.
  fileprivate func runs() -> (
    count: Int, offsets: [UInt32], columns: [UInt32], ends: [UInt32]
  ) {
    var (offsets, columns, ends): ([UInt32], [UInt32], [UInt32]) = ([0], [], [])
    for row in 0..<rowCount {
      let (first, end) = (Int(self.offsets[row]), Int(self.offsets[row + 1]))
      for entry in first..<end where entry == first || indices[entry - 1] != indices[entry] {
        columns.append(indices[entry])
        ends.append(UInt32(entry))
      }
      offsets.append(UInt32(columns.count))
    }
    ends.append(UInt32(count))
    return (columns.count, offsets, columns, ends)
  }
}
