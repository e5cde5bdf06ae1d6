public import HedgerowCore

/// Numbers that training changes: a weight, a bias, a table of embeddings.
///
/// A parameter is made with a shape and the distribution that it begins from, and holds no numbers
/// until a model is `initialized(seed:)` or loads a state. An extent of -1 is open until a state or the
/// first input of a layer says it (``resolve(_:)``). Layers read ``value`` whenever they
/// run, so that a step of the optimizer shows everywhere at once.
///
/// `@unchecked Sendable`: only an optimizer, an initializer or a loader of states writes, and its
/// caller sees to it that nobody reads meanwhile.
public final class NDParameter<Scalar: TensorScalar>: @unchecked Sendable {
  /// What a parameter begins from.
  public enum Distribution: Sendable {
    case constant(Scalar)
    /// Uniform in -bound..<bound.
    case uniform(bound: Scalar)
    /// Uniform in plus or minus 1 / sqrt(in), of this weight [out, in] or of another.
    case fanIn(of: NDParameter? = nil)
    /// Uniform in plus or minus sqrt(6 / (in + out)), of the weight or weights [..., out, in].
    case glorot
  }

  /// Extents; -1 for an open one.
  public private(set) var shape: [Int]
  public let distribution: Distribution
  /// A row that begins as zeros whatever the distribution; `nil` for none.
  public let zeroRow: Int?
  var stored: NDTensor<Scalar>?
  /// What it is drawn from as soon as no extent is open.
  private var pendingStream: RandomStream?

  public init(shape: [Int], from distribution: Distribution, zeroRow: Int? = nil) {
    self.shape = shape
    self.distribution = distribution
    self.zeroRow = zeroRow
  }

  /// A parameter that begins as these numbers.
  public init(_ value: NDTensor<Scalar>) {
    shape = value.shape
    distribution = .constant(0)
    zeroRow = nil
    stored = value.detached.contiguous
  }

  /// Elements in all; 0 while an extent is open.
  public var count: Int { isOpen ? 0 : shape.reduce(1, *) }
  public var isOpen: Bool { shape.contains(-1) }

  /// Whether numbers of this shape can be its own.
  public func fits(_ shape: [Int]) -> Bool {
    self.shape.count == shape.count
      && zip(self.shape, shape).allSatisfy { $0 == $1 || $0 == -1 }
  }

  /// Says the open extents, and draws what was waiting for them. Does nothing when none is open.
  ///
  /// Nobody may read the parameter meanwhile. Traps when the shape does not fit.
  public func resolve(_ shape: [Int]) {
    guard isOpen else { return }
    require(fits(shape), "a parameter of shape \(self.shape) cannot become \(shape)")
    self.shape = shape
    drawWhenPossible()
  }

  /// The numbers now; inside `valueWithGradients(at:)` of this parameter, gradients flow to it.
  ///
  /// Traps before the parameter has any.
  public var value: NDTensor<Scalar> {
    get {
      guard let stored else {
        fatalError(
          "a parameter of shape \(shape) holds no numbers yet: "
            + "call initialized(seed:) on the model, or load a state")
      }
      return Tape<Scalar>.current?.leaf(of: self, value: stored) ?? stored
    }
    set {
      require(
        fits(newValue.shape), "a parameter of shape \(shape) cannot hold \(newValue.shape)")
      shape = newValue.shape
      stored = newValue.detached.contiguous
      pendingStream = nil
    }
  }

  /// The numbers, for changing in place; traps before the parameter has any.
  public func withUnsafeMutableBufferPointer<Result>(
    _ body: (UnsafeMutableBufferPointer<Scalar>) throws -> Result
  ) rethrows -> Result {
    require(stored != nil, "a parameter of shape \(shape) holds no numbers yet")
    return try stored!.withUnsafeMutableBufferPointer(body)
  }

  /// Draws the numbers that the parameter begins from, as soon as no extent is open.
  public func initialize(from stream: RandomStream) {
    pendingStream = stream
    drawWhenPossible()
  }

  /// Draws what is waiting, if the extents that it depends on are known.
  public func drawWhenPossible() {
    guard let stream = pendingStream, !isOpen else { return }
    switch distribution {
    case .constant(let value): stored = NDTensor(repeating: value, shape: shape)
    case .uniform(let bound): draw(from: stream, within: bound)
    case .fanIn(let other):
      let weight = other ?? self
      if weight.isOpen { return }
      let inputs = weight.shape.count > 1 ? weight.shape[1] : 0
      draw(from: stream, within: inputs > 0 ? 1 / Scalar(inputs).squareRoot() : 0)
    case .glorot:
      let extents = shape.suffix(2).reduce(0, +)
      draw(from: stream, within: (6 / Scalar(max(1, extents))).squareRoot())
    }
    pendingStream = nil
  }

  private func draw(from stream: RandomStream, within bound: Scalar) {
    var numbers = NDTensor<Scalar>.random(shape, in: -bound..<bound, from: stream)
    if let zeroRow {
      let width = numbers.width
      numbers.withUnsafeMutableBufferPointer {
        $0[zeroRow * width..<(zeroRow + 1) * width].update(repeating: 0)
      }
    }
    stored = numbers
  }
}

public typealias Parameter = NDParameter<Float>

/// The gradients of a value with respect to parameters: a value that can be added and sent.
///
/// The gradient of a table of which only rows were taken is kept as these rows.
public struct NDGradients<Scalar: TensorScalar>: Sendable {
  /// What one parameter's gradient is kept as.
  public enum Gradient: Sendable {
    case dense(NDTensor<Scalar>)
    case rows(RowGradient<Scalar>)
  }

  private var gradients: [ObjectIdentifier: Gradient] = [:]
  /// Kept, so that no other parameter takes the identity of one in `gradients`.
  private(set) var parameters: [NDParameter<Scalar>] = []

  public init() {}

  /// The gradient, of the parameter's shape; `nil` when the value does not depend on it.
  public subscript(parameter: NDParameter<Scalar>) -> NDTensor<Scalar>? {
    get {
      switch gradients[ObjectIdentifier(parameter)] {
      case .dense(let gradient)?: gradient
      case .rows(let gradient)?: gradient.dense
      case nil: nil
      }
    }
    set {
      if let newValue {
        require(
          newValue.shape == parameter.shape,
          "a parameter of shape \(parameter.shape) has no gradient of shape \(newValue.shape)")
        store(.dense(newValue), of: parameter)
      } else if gradients.removeValue(forKey: ObjectIdentifier(parameter)) != nil {
        parameters.removeAll { $0 === parameter }
      }
    }
  }

  /// The gradient as it is kept, without the zeros of rows that were not taken.
  public func gradient(of parameter: NDParameter<Scalar>) -> Gradient? {
    gradients[ObjectIdentifier(parameter)]
  }

  mutating func set(_ gradient: RowGradient<Scalar>, of parameter: NDParameter<Scalar>) {
    store(.rows(gradient), of: parameter)
  }

  private mutating func store(_ gradient: Gradient, of parameter: NDParameter<Scalar>) {
    let previous = gradients.updateValue(gradient, forKey: ObjectIdentifier(parameter))
    if previous == nil { parameters.append(parameter) }
  }

  /// Parameter by parameter; one that is missing counts as zero.
  @specialized(where Scalar == Float)
  public static func + (a: NDGradients, b: NDGradients) -> NDGradients {
    var sum = a
    for parameter in b.parameters {
      switch (a.gradient(of: parameter), b.gradient(of: parameter)) {
      case (nil, let addend?): sum.store(addend, of: parameter)
      case (.rows(let x)?, .rows(let y)?):
        let pieces = [x, y].map { RowPiece(rows: $0.rows, values: $0.values) }
        sum.set(RowGradient(pieces, shape: parameter.shape), of: parameter)
      default: sum[parameter] = a[parameter]! + b[parameter]!
      }
    }
    return sum
  }

  /// Every gradient times one number.
  @specialized(where Scalar == Float)
  public static func * (factor: Scalar, gradients: NDGradients) -> NDGradients {
    gradients.mapValues { factor * $0 }
  }

  /// Every gradient transformed as it is kept: rows that were not taken stay zero.
  func mapValues(_ transform: (NDTensor<Scalar>) -> NDTensor<Scalar>) -> NDGradients {
    var result = self
    for parameter in parameters {
      switch gradient(of: parameter) {
      case .dense(let gradient)?: result[parameter] = transform(gradient)
      case .rows(let gradient)?:
        let piece = RowPiece(rows: gradient.rows, values: transform(gradient.values))
        result.set(RowGradient([piece], shape: parameter.shape), of: parameter)
      case nil: break
      }
    }
    return result
  }
}

public typealias Gradients = NDGradients<Float>
