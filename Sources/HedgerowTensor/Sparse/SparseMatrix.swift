import HedgerowCore

/// A matrix most of whose elements are zero: its other elements, with where they are.
///
/// A value. Where the entries are and their order is the ``pattern``'s, and may be by coordinates (COO),
/// by row (CSR) or by column (CSC): every operation takes each of them, and ``converted(to:)`` makes one of
/// another. An element is the sum of the entries that are at its place. Values are a tensor, which
/// gradients flow to through everything that is made of the matrix:
/// ```swift
/// let a = SparseMatrix(rows: [0, 0, 1], columns: [1, 2, 0], values: w.value, shape: [2, 3])
/// matmul(a.normalized(.rows), x)           // x [3, width] gives [2, width]
/// a.transposed()                           // shared, not copied
/// ```
/// Rows, columns and entries are fewer than 2^32 (``SparsityPattern``). Entries of NaN and of infinity
/// are entries like others; what is not an entry is no factor of anything, so that infinity in a dense
/// factor reaches only the rows that have an entry for it.
///
/// Every operation has the same bits for any number of threads.
public struct SparseMatrix<Scalar: TensorScalar>: Sendable {
  public typealias Layout = SparsityPattern.Layout

  public let pattern: SparsityPattern
  /// The value of each entry, in the pattern's order: [entries].
  public let values: NDTensor<Scalar>

  /// Traps unless there is a value for each entry.
  public init(_ pattern: SparsityPattern, values: NDTensor<Scalar>) {
    require(
      values.shape == [pattern.count],
      "values of shape \(values.shape) for \(pattern.count) entries of a sparse matrix")
    self.pattern = pattern
    self.values = values
  }

  /// Entries in any order (COO); a place may be there several times. Traps when one is outside the shape,
  /// of two extents.
  public init(rows: [UInt32], columns: [UInt32], values: NDTensor<Scalar>, shape: [Int]) {
    require(shape.count == 2, "shape \(shape) is no matrix")
    self.init(
      SparsityPattern(rows: rows, columns: columns, rowCount: shape[0], columnCount: shape[1]),
      values: values)
  }

  /// Entries by row (CSR); traps when one is not below `columnCount`.
  public init(_ rows: CompressedRows, columnCount: Int, values: NDTensor<Scalar>) {
    self.init(SparsityPattern(rows, columnCount: columnCount), values: values)
  }

  /// Ones along the diagonal (CSR).
  public static func identity(_ extent: Int) -> SparseMatrix {
    SparseMatrix(diagonal: .ones([extent]))
  }

  /// A square matrix with these numbers along its diagonal (CSR).
  public init(diagonal: NDTensor<Scalar>) {
    require(diagonal.shape.count == 1, "shape \(diagonal.shape) is no vector")
    let extent = diagonal.count
    let rows = CompressedRows(
      offsets: (0...extent).map { UInt32($0) }, indices: (0..<extent).map { UInt32($0) },
      rowCount: extent)
    self.init(rows, columnCount: extent, values: diagonal)
  }

  public var layout: Layout { pattern.layout }
  /// Rows and columns.
  public var shape: [Int] { [pattern.rowCount, pattern.columnCount] }
  public var rowCount: Int { pattern.rowCount }
  public var columnCount: Int { pattern.columnCount }
  /// Entries in all, those of equal places among them.
  public var count: Int { pattern.count }

  /// Rows as columns, sharing all that there is: of compressed rows these are compressed columns.
  public func transposed() -> SparseMatrix {
    SparseMatrix(pattern.transposed(), values: values)
  }

  /// What `transform` makes of the values; it is given a vector and returns one of as many numbers.
  public func mapValues(
    _ transform: (NDTensor<Scalar>) throws -> NDTensor<Scalar>
  ) rethrows -> SparseMatrix {
    SparseMatrix(pattern, values: try transform(values))
  }

  /// The same entries in another layout, those of one place in their order. Columns rise within each row
  /// that coordinates are compressed to, and rows within each column.
  ///
  /// Time O(entries + rows + columns).
  public func converted(to layout: Layout) -> SparseMatrix {
    if layout == self.layout { return self }
    switch layout {
    case .coo:
      let (rows, columns) = pattern.coordinates
      return SparseMatrix(rows: rows, columns: columns, values: values, shape: shape)
    case .csr: return SparseMatrix(pattern.byRow, of: self)
    case .csc: return transposed().converted(to: .csr).transposed()
    }
  }

  /// The entries of another matrix by row, in an order of their own.
  init(_ rows: CompressedRows, of other: SparseMatrix) {
    self.init(
      CompressedRows(offsets: rows.offsets, indices: rows.indices, rowCount: rows.rowCount),
      columnCount: other.columnCount,
      values: rows.entries.isEmpty ? other.values : other.values.permuted(by: rows.entries))
  }
}

extension SparseMatrix {
  /// The elements of a matrix that are not zero, by row (CSR). NaN is not zero, and -0 is.
  ///
  /// The gradient of the matrix is zero elsewhere. Time O(elements).
  @specialized(where Scalar == Float)
  public init(_ dense: NDTensor<Scalar>) {
    require(dense.shape.count == 2, "shape \(dense.shape) is no matrix")
    let (rowCount, width) = (dense.shape[0], dense.shape[1])
    var offsets: [UInt32] = [0]
    var columns: [UInt32] = []
    offsets.reserveCapacity(rowCount + 1)
    dense.withUnsafeBufferPointer { elements in
      for row in 0..<rowCount {
        for column in 0..<width where elements[row * width + column] != 0 {
          columns.append(UInt32(truncatingIfNeeded: column))
        }
        offsets.append(UInt32(columns.count))
      }
    }
    let pattern = SparsityPattern(
      CompressedRows(offsets: offsets, indices: columns, rowCount: rowCount), columnCount: width)
    self.init(pattern, values: dense.sampled(at: pattern))
  }

  /// With its zeros. Time and space O(rows columns).
  public var dense: NDTensor<Scalar> { values.spread(over: pattern) }
}

extension NDTensor {
  /// The matrix that has these numbers, one for each entry, at the places of a pattern: those of one place
  /// are added in their order.
  @specialized(where Scalar == Float)
  func spread(over pattern: SparsityPattern) -> NDTensor {
    let (rows, width) = (pattern.byRow, pattern.columnCount)
    let y = NDTensor(uninitialized: [pattern.rowCount, width])
    let (from, to) = (storage.base, y.storage.base)
    Compute.forEachPart(of: rows.rowCount, size: max(1, Compute.elementsPerPart / max(width, 1))) {
      Scalar.kernels.fill(to + $0.lowerBound * width, 0, $0.count * width)
      for row in $0 {
        for entry in Int(rows.offsets[row])..<Int(rows.offsets[row + 1]) {
          let place = rows.entries.isEmpty ? entry : Int(rows.entries[entry])
          to[row * width + Int(rows.indices[entry])] += from[place]
        }
      }
    }
    return y.recorded(from: self) { $0.sampled(at: pattern) }
  }

  /// The elements of a matrix at the places of a pattern, one for each entry.
  @specialized(where Scalar == Float)
  func sampled(at pattern: SparsityPattern) -> NDTensor {
    let ((rows, columns), width) = (pattern.coordinates, pattern.columnCount)
    let y = NDTensor(uninitialized: [pattern.count])
    let (from, to) = (storage.base, y.storage.base)
    Compute.forEachPart(of: pattern.count, size: Compute.elementsPerPart) {
      for entry in $0 { to[entry] = from[Int(rows[entry]) * width + Int(columns[entry])] }
    }
    return y.recorded(from: self) { $0.spread(over: pattern) }
  }

  /// Element `places[i]` of a vector as element i; each is taken once.
  @specialized(where Scalar == Float)
  func permuted(by places: [UInt32]) -> NDTensor {
    detached.gathered(rows: places).recorded(from: self) { $0.gathered(rows: inverse(of: places)) }
  }
}
