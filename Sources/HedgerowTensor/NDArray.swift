import HedgerowCore

/// A dense array of elements with a shape, rows first: indices, masks, numbers at rest, and what a
/// tensor holds.
///
/// A value: copies share their elements until one is changed. Made in one piece, contiguous and in
/// row-major order, in memory that the process reuses (``BufferPool``). Slices, transposed and
/// broadcast arrays are views: they share the elements, and cost the same however many there are.
/// ```swift
/// let x = NDArray<Int32>([1, 2, 3, 4, 5, 6], shape: [2, 3])
/// x[1, 0]                                  // 4
/// x[0..., 1..<3].transposed()              // 2 5 / 3 6, of the same memory
/// ```
/// A shape or index that does not fit traps, naming both.
public struct NDArray<Element: ArrayElement>: Sendable {
  /// Extents, outermost first; `[]` for a single element.
  public let shape: [Int]
  var storage: Storage<Element>

  /// Elements that the caller fills before anybody reads them.
  init(uninitialized shape: [Int]) {
    require(shape.allSatisfy { $0 >= 0 }, "a shape has no negative extent: \(shape)")
    self.shape = shape
    storage = Storage(count: shape.reduce(1, *))
  }

  /// As many elements of a storage as the shape has, one behind the other.
  init(sharing storage: Storage<Element>, shape: [Int]) {
    self.storage = storage
    self.shape = shape
  }

  /// Elements written in place by `body`, which must initialize all of them.
  public init(
    shape: [Int], initializingWith body: (UnsafeMutableBufferPointer<Element>) throws -> Void
  ) rethrows {
    self.init(uninitialized: shape)
    try body(UnsafeMutableBufferPointer(start: storage.base, count: count))
  }

  /// Elements in row-major order.
  public init(_ elements: [Element], shape: [Int]) {
    require(
      elements.count == shape.reduce(1, *), "\(elements.count) numbers do not fill shape \(shape)")
    self.init(shape: shape) { _ = $0.initialize(from: elements) }
  }

  /// A vector.
  public init(_ elements: [Element]) { self.init(elements, shape: [elements.count]) }

  /// A single element, of shape `[]`.
  public init(_ element: Element) { self.init([element], shape: []) }

  /// The same element everywhere, which takes the memory of one.
  public init(repeating value: Element, shape: [Int]) {
    self = NDArray(value).broadcast(to: shape)
  }

  /// Elements in all.
  public var count: Int { shape.reduce(1, *) }
  /// Extent of the first dimension; 1 for a single element.
  public var rowCount: Int { shape.first ?? 1 }
  /// Elements in each row.
  public var width: Int { shape.dropFirst().reduce(1, *) }

  /// The elements in row-major order, as a new array.
  public var scalars: [Element] { withUnsafeBufferPointer(Array.init) }

  /// The element of an array that has one.
  public var scalar: Element {
    require(count == 1, "shape \(shape) is no single number")
    return layout.first[0]
  }

  public subscript(index: Int...) -> Element { element(at: index) }

  func element(at index: [Int]) -> Element {
    require(
      index.count == shape.count && zip(index, shape).allSatisfy { 0 <= $0 && $0 < $1 },
      "index \(index) is outside shape \(shape)")
    let layout = self.layout
    return layout.first[zip(index, layout.strides).reduce(0) { $0 + $1.0 * $1.1 }]
  }

  /// The elements in row-major order, for the length of `body`; those of a view are copied for this
  /// when they are not one behind the other.
  public func withUnsafeBufferPointer<Result>(
    _ body: (UnsafeBufferPointer<Element>) throws -> Result
  ) rethrows -> Result {
    try withExtendedLifetime(storage) {
      try body(UnsafeBufferPointer(start: storage.base, count: count))
    }
  }

  /// The elements for changing, copied first when another array shares them.
  public mutating func withUnsafeMutableBufferPointer<Result>(
    _ body: (UnsafeMutableBufferPointer<Element>) throws -> Result
  ) rethrows -> Result {
    let base = mutate()
    defer { withExtendedLifetime(storage) {} }
    return try body(UnsafeMutableBufferPointer(start: base, count: count))
  }

  /// The elements, of which this array is the only owner from now until it is next copied.
  mutating func mutate() -> UnsafeMutablePointer<Element> {
    if !isKnownUniquelyReferenced(&storage) || !storage.isWhole { self = copied() }
    return storage.base
  }

  /// An array of this one's shape, to be filled from it element by element: this one itself if nobody else has
  /// its elements, and else a new one.
  mutating func room() -> NDArray {
    isKnownUniquelyReferenced(&storage) && storage.isWhole
      && storage.presentBase != nil ? self : NDArray(uninitialized: shape)
  }

  /// The same elements one behind the other in memory of their own, or this array if they are.
  public var contiguous: NDArray { storage.isWhole ? self : copied() }

  private func copied() -> NDArray {
    let copy = NDArray(uninitialized: shape)
    let target = Layout(
      first: copy.storage.base, shape: shape, strides: rowMajorStrides(shape))
    layout.copy(to: target)
    return copy
  }

  /// Whether the elements lie one behind the other, in row-major order.
  public var isContiguous: Bool { storage.presentBase != nil }

  /// Where the elements are, without a copy unless this is a view that was given another shape.
  var layout: Layout<Element> {
    if let layout = storage.layout, layout.shape == shape, storage.presentBase == nil {
      return layout
    }
    return Layout(first: storage.base, shape: shape, strides: rowMajorStrides(shape))
  }
}

extension NDArray: Equatable {
  /// Whether shapes and elements are equal; `NaN` equals nothing.
  public static func == (a: NDArray, b: NDArray) -> Bool {
    a.shape == b.shape
      && a.withUnsafeBufferPointer { a in b.withUnsafeBufferPointer { a.elementsEqual($0) } }
  }
}
