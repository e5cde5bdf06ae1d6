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
    stored = value.detached
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
      stored = newValue.detached
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
public struct NDGradients<Scalar: TensorScalar>: Sendable {
  var tensors: [ObjectIdentifier: NDTensor<Scalar>] = [:]
  /// Kept, so that no other parameter takes the identity of one in `tensors`.
  var parameters: [NDParameter<Scalar>] = []

  public init() {}

  /// The gradient, of the parameter's shape; `nil` when the value does not depend on it.
  public subscript(parameter: NDParameter<Scalar>) -> NDTensor<Scalar>? {
    get { tensors[ObjectIdentifier(parameter)] }
    set {
      let identity = ObjectIdentifier(parameter)
      if let newValue {
        require(
          newValue.shape == parameter.shape,
          "a parameter of shape \(parameter.shape) has no gradient of shape \(newValue.shape)")
        if tensors.updateValue(newValue, forKey: identity) == nil { parameters.append(parameter) }
      } else if tensors.removeValue(forKey: identity) != nil {
        parameters.removeAll { $0 === parameter }
      }
    }
  }

  /// Parameter by parameter; one that is missing counts as zero.
  public static func + (a: NDGradients, b: NDGradients) -> NDGradients {
    var sum = a
    for parameter in b.parameters {
      guard let addend = b[parameter] else { continue }
      sum[parameter] = a[parameter].map { $0 + addend } ?? addend
    }
    return sum
  }
}

public typealias Gradients = NDGradients<Float>
