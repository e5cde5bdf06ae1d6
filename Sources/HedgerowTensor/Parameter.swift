public import HedgerowCore

/// Numbers that training changes: a weight, a bias, a table of embeddings.
///
/// A parameter is made with a shape and the distribution that it begins from, and holds no numbers
/// until a model is `initialized(seed:)` or loads a state. Layers read ``value`` whenever they
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
  }

  public let shape: [Int]
  public let distribution: Distribution
  var stored: NDTensor<Scalar>?

  public init(shape: [Int], from distribution: Distribution) {
    self.shape = shape
    self.distribution = distribution
  }

  /// A parameter that begins as these numbers.
  public init(_ value: NDTensor<Scalar>) {
    shape = value.shape
    distribution = .constant(0)
    stored = value.detached.contiguous
  }

  public var count: Int { shape.reduce(1, *) }

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
        newValue.shape == shape, "a parameter of shape \(shape) cannot hold \(newValue.shape)")
      stored = newValue.detached.contiguous
    }
  }

  /// The numbers, for changing in place; traps before the parameter has any.
  public func withUnsafeMutableBufferPointer<Result>(
    _ body: (UnsafeMutableBufferPointer<Scalar>) throws -> Result
  ) rethrows -> Result {
    require(stored != nil, "a parameter of shape \(shape) holds no numbers yet")
    return try stored!.withUnsafeMutableBufferPointer(body)
  }

  /// Draws the numbers that the parameter begins from.
  public func initialize(from stream: RandomStream) {
    switch distribution {
    case .constant(let value): stored = NDTensor(repeating: value, shape: shape)
    case .uniform(let bound): stored = .random(shape, in: -bound..<bound, from: stream)
    }
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
  private var parameters: [NDParameter<Scalar>] = []

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
    var scaled = gradients
    for parameter in gradients.parameters {
      switch gradients.gradient(of: parameter) {
      case .dense(let gradient)?: scaled[parameter] = factor * gradient
      case .rows(let gradient)?:
        let piece = RowPiece(rows: gradient.rows, values: factor * gradient.values)
        scaled.set(RowGradient([piece], shape: parameter.shape), of: parameter)
      case nil: break
      }
    }
    return scaled
  }
}

public typealias Gradients = NDGradients<Float>
