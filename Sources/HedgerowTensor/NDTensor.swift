import HedgerowCore

/// A dense array of numbers with a shape, rows first.
///
/// A value: copies share their elements until one is changed. Made in one piece, contiguous and in
/// row-major order, in memory that the process reuses (``BufferPool``).
/// ```swift
/// let x = Tensor([1, 2, 3, 4, 5, 6], shape: [2, 3])
/// x[1, 0]                                  // 4
/// relu(matmul(x, x.transposed()))          // shape [2, 2]
/// ```
/// Operations are free functions and methods; inside `valueWithGradients` they are recorded when
/// they depend on a parameter. A shape that does not fit traps, naming both shapes.
public struct NDTensor<Scalar: TensorScalar>: Sendable {
  /// Extents, outermost first; `[]` for a single number.
  public let shape: [Int]
  var storage: Storage<Scalar>
  /// The recorded operation that made it.
  var origin: TapeIndex?

  /// Elements that the caller fills before anybody reads them.
  init(uninitialized shape: [Int]) {
    require(shape.allSatisfy { $0 >= 0 }, "a shape has no negative extent: \(shape)")
    self.shape = shape
    storage = Storage(count: shape.reduce(1, *))
  }

  init(sharing storage: Storage<Scalar>, shape: [Int]) {
    self.storage = storage
    self.shape = shape
  }

  /// Elements written in place by `body`, which must initialize all of them.
  public init(
    shape: [Int], initializingWith body: (UnsafeMutableBufferPointer<Scalar>) throws -> Void
  ) rethrows {
    self.init(uninitialized: shape)
    try body(UnsafeMutableBufferPointer(start: storage.base, count: count))
  }

  /// Elements in row-major order.
  public init(_ scalars: [Scalar], shape: [Int]) {
    require(
      scalars.count == shape.reduce(1, *), "\(scalars.count) numbers do not fill shape \(shape)")
    self.init(shape: shape) { _ = $0.initialize(from: scalars) }
  }

  /// A vector.
  public init(_ scalars: [Scalar]) { self.init(scalars, shape: [scalars.count]) }

  /// A matrix of rows of equal length.
  public init(_ rows: [[Scalar]]) {
    let width = rows.first?.count ?? 0
    require(rows.allSatisfy { $0.count == width }, "rows differ in length")
    self.init(rows.flatMap { $0 }, shape: [rows.count, width])
  }

  /// A single number, of shape `[]`.
  public init(_ scalar: Scalar) { self.init([scalar], shape: []) }

  /// The same number everywhere.
  public init(repeating value: Scalar, shape: [Int]) {
    self.init(uninitialized: shape)
    let base = storage.base
    Compute.forEachPart(of: count, size: Compute.elementsPerPart) {
      Scalar.kernels.fill(base + $0.lowerBound, value, $0.count)
    }
  }

  public static func zeros(_ shape: [Int]) -> NDTensor { NDTensor(repeating: 0, shape: shape) }
  public static func ones(_ shape: [Int]) -> NDTensor { NDTensor(repeating: 1, shape: shape) }

  /// Elements in all.
  public var count: Int { shape.reduce(1, *) }
  /// Extent of the first dimension; 1 for a single number.
  public var rowCount: Int { shape.first ?? 1 }
  /// Elements in each row.
  public var width: Int { shape.dropFirst().reduce(1, *) }

  /// The elements in row-major order, as a new array.
  public var scalars: [Scalar] { withUnsafeBufferPointer(Array.init) }

  /// The number of a tensor with one element.
  public var scalar: Scalar {
    require(count == 1, "shape \(shape) is no single number")
    return storage.base[0]
  }

  public subscript(index: Int...) -> Scalar {
    require(
      index.count == shape.count && zip(index, shape).allSatisfy { 0 <= $0 && $0 < $1 },
      "index \(index) is outside shape \(shape)")
    return storage.base[zip(index, shape).reduce(0) { $0 * $1.1 + $1.0 }]
  }

  /// The elements in row-major order, for the length of `body`.
  public func withUnsafeBufferPointer<Result>(
    _ body: (UnsafeBufferPointer<Scalar>) throws -> Result
  ) rethrows -> Result {
    try withExtendedLifetime(storage) {
      try body(UnsafeBufferPointer(start: storage.base, count: count))
    }
  }

  /// The elements for changing, copied first when another tensor shares them.
  ///
  /// The changed tensor depends on no parameter.
  public mutating func withUnsafeMutableBufferPointer<Result>(
    _ body: (UnsafeMutableBufferPointer<Scalar>) throws -> Result
  ) rethrows -> Result {
    let base = mutate()
    defer { withExtendedLifetime(storage) {} }
    return try body(UnsafeMutableBufferPointer(start: base, count: count))
  }

  /// The elements, of which this tensor is the only owner from now until it is next copied.
  mutating func mutate() -> UnsafeMutablePointer<Scalar> {
    if !isKnownUniquelyReferenced(&storage) {
      let copy = Storage<Scalar>(count: count)
      copy.base.initialize(from: storage.base, count: count)
      storage = copy
    }
    origin = nil
    return storage.base
  }

  /// The same numbers, which depend on no parameter.
  public var detached: NDTensor { NDTensor(sharing: storage, shape: shape) }
}

/// A tensor of single precision, which models compute in.
public typealias Tensor = NDTensor<Float>

extension NDTensor: Equatable {
  /// Whether shapes and elements are equal; `NaN` equals nothing.
  public static func == (a: NDTensor, b: NDTensor) -> Bool {
    a.shape == b.shape
      && a.withUnsafeBufferPointer { a in b.withUnsafeBufferPointer { a.elementsEqual($0) } }
  }
}
