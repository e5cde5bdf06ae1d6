import HedgerowCore

/// A dense array of numbers that gradients flow through, rows first.
///
/// A value, as ``NDArray`` is, which it has its elements in: slices, transposed and broadcast tensors
/// are views that share them.
/// ```swift
/// let x = Tensor([1, 2, 3, 4, 5, 6], shape: [2, 3])
/// x[1, 0]                                  // 4
/// relu(matmul(x, x.transposed()))          // shape [2, 2]
/// ```
/// Operations are free functions and methods; inside `valueWithGradients` they are recorded when
/// they depend on a parameter. A shape that does not fit traps, naming both shapes.
public struct NDTensor<Scalar: TensorScalar>: Sendable {
  /// The elements, which depend on no parameter.
  public internal(set) var array: NDArray<Scalar>
  /// The recorded operation that made it.
  var origin: TapeIndex?

  /// A constant.
  public init(_ array: NDArray<Scalar>) { self.array = array }

  /// Elements that the caller fills before anybody reads them.
  init(uninitialized shape: [Int]) { array = NDArray(uninitialized: shape) }

  /// As many elements of a storage as the shape has, one behind the other.
  init(sharing storage: Storage<Scalar>, shape: [Int]) {
    array = NDArray(sharing: storage, shape: shape)
  }

  /// Elements written in place by `body`, which must initialize all of them.
  @specialized(where Scalar == Float)
  public init(
    shape: [Int], initializingWith body: (UnsafeMutableBufferPointer<Scalar>) throws -> Void
  ) rethrows {
    array = try NDArray(shape: shape, initializingWith: body)
  }

  /// Elements in row-major order.
  @specialized(where Scalar == Float)
  public init(_ scalars: [Scalar], shape: [Int]) { array = NDArray(scalars, shape: shape) }

  /// A vector.
  public init(_ scalars: [Scalar]) { self.init(scalars, shape: [scalars.count]) }

  /// A matrix of rows of equal length.
  public init(_ rows: [[Scalar]]) {
    let width = rows.first?.count ?? 0
    require(rows.allSatisfy { $0.count == width }, "rows differ in length")
    self.init(rows.flatMap { $0 }, shape: [rows.count, width])
  }

  /// A single number, of shape `[]`.
  @specialized(where Scalar == Float)
  public init(_ scalar: Scalar) {
    self.init(uninitialized: [])
    storage.base[0] = scalar
  }

  /// The same number everywhere.
  @specialized(where Scalar == Float)
  public init(repeating value: Scalar, shape: [Int]) {
    self.init(uninitialized: shape)
    let base = storage.base
    Compute.forEachPart(of: count, size: Compute.elementsPerPart) {
      Scalar.kernels.fill(base + $0.lowerBound, value, $0.count)
    }
  }

  public static func zeros(_ shape: [Int]) -> NDTensor { NDTensor(repeating: 0, shape: shape) }
  public static func ones(_ shape: [Int]) -> NDTensor { NDTensor(repeating: 1, shape: shape) }

  /// Extents, outermost first; `[]` for a single number.
  public var shape: [Int] { array.shape }
  var storage: Storage<Scalar> { array.storage }
  /// Elements in all.
  public var count: Int { array.count }
  /// Extent of the first dimension; 1 for a single number.
  public var rowCount: Int { array.rowCount }
  /// Elements in each row.
  public var width: Int { array.width }
  /// Whether the elements lie one behind the other, in row-major order.
  public var isContiguous: Bool { array.isContiguous }

  /// The elements in row-major order, as a new array.
  public var scalars: [Scalar] { array.scalars }
  /// The number of a tensor with one element.
  public var scalar: Scalar { array.scalar }
  public subscript(index: Int...) -> Scalar { array.element(at: index) }

  /// The elements in row-major order, for the length of `body`; those of a view are copied for this
  /// when they are not one behind the other.
  public func withUnsafeBufferPointer<Result>(
    _ body: (UnsafeBufferPointer<Scalar>) throws -> Result
  ) rethrows -> Result {
    try array.withUnsafeBufferPointer(body)
  }

  /// The elements for changing, copied first when another tensor shares them.
  ///
  /// The changed tensor depends on no parameter.
  public mutating func withUnsafeMutableBufferPointer<Result>(
    _ body: (UnsafeMutableBufferPointer<Scalar>) throws -> Result
  ) rethrows -> Result {
    origin = nil
    return try array.withUnsafeMutableBufferPointer(body)
  }

  /// A tensor of this one's shape, to be filled from it element by element: in the same memory if nobody else
  /// has it.
  mutating func room() -> NDTensor { NDTensor(array.room()) }

  /// The elements, of which this tensor is the only owner from now until it is next copied.
  mutating func mutate() -> UnsafeMutablePointer<Scalar> {
    origin = nil
    return array.mutate()
  }

  /// The same numbers, which depend on no parameter.
  public var detached: NDTensor { NDTensor(array) }

  /// The same tensor in memory of its own, or this one if it has that: for what is kept of a view of
  /// much more.
  public var contiguous: NDTensor {
    var result = self
    result.array = array.contiguous
    return result
  }

  /// The axis counted from the front; traps when there is none such.
  func checked(axis: Int) -> Int { array.checked(axis: axis) }
}

/// A tensor of single precision, which models compute in.
public typealias Tensor = NDTensor<Float>

extension NDTensor: Equatable {
  /// Whether shapes and elements are equal; `NaN` equals nothing.
  public static func == (a: NDTensor, b: NDTensor) -> Bool { a.array == b.array }
}
