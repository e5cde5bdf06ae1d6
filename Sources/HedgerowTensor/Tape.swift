import Glibc
public import HedgerowCore
import Synchronization

/// The value of `body`, a single number, and its gradients with respect to `parameters`.
///
/// Operations are recorded while `body` runs, on its thread and where they depend on one of the
/// parameters; every other tensor is a constant. The recording's memory is freed on the way back.
/// A call inside `body` records on its own: for the outer one its results are constants.
/// ```swift
/// let w = Parameter(Tensor([1, 2]))
/// let (value, gradients) = valueWithGradients(at: [w]) { sum(w.value * w.value) }
/// gradients[w]                             // [2, 4]
/// ```
/// - Parameter randomness: what dropout and its like draw from; they act only when it is given.
///   The k-th of them draws from a stream of (randomness, k).
@specialized(where Scalar == Float)
public func valueWithGradients<Scalar>(
  at parameters: [NDParameter<Scalar>], randomness: RandomStream? = nil,
  _ body: () throws -> NDTensor<Scalar>
) rethrows -> (value: NDTensor<Scalar>, gradients: NDGradients<Scalar>) {
  let tape = Tape(parameters: parameters, randomness: randomness)
  let value = try tape.record(body)
  require(value.count == 1, "gradients need a single number, not shape \(value.shape)")
  return (value.detached, tape.gradients(of: value))
}

/// Training mode: what holds inside `valueWithGradients` when it is given randomness.
public enum Training {
  /// The stream of the next random choice of a layer; `nil` outside training.
  public static func nextStream() -> RandomStream? { Recording.ofThread?.nextStream() }
}

extension NDTensor {
  /// This tensor as the result of an operation on `inputs`, for gradients to flow through.
  ///
  /// Keeps `pullback` only if the current recording depends on one of the inputs. The pullback maps
  /// the gradient with respect to this tensor to those with respect to the inputs, in their order,
  /// and may leave out what is not needed. Where only the first rows of an input mattered it may
  /// return these rows' gradient; the others' is zero.
  @specialized(where Scalar == Float)
  public func recorded(
    from inputs: [NDTensor],
    pullback: @escaping (_ cotangent: NDTensor, _ isNeeded: [Bool]) -> [NDTensor?]
  ) -> NDTensor {
    Tape<Scalar>.current?.record(self, from: inputs) { cotangent, isNeeded in
      pullback(cotangent, isNeeded).map { $0.map { .dense($0) } }
    } ?? self
  }

  /// The same, with gradients that may be of some rows only.
  func recordedCotangents(
    from inputs: [NDTensor],
    pullback: @escaping (_ cotangent: NDTensor, _ isNeeded: [Bool]) -> [Cotangent<Scalar>?]
  ) -> NDTensor {
    Tape<Scalar>.current?.record(self, from: inputs, pullback: pullback) ?? self
  }

  /// This tensor as `rows` of a table, in their order: the gradient goes to these rows alone.
  func recorded(from table: NDTensor, rows: [UInt32]) -> NDTensor {
    Tape<Scalar>.current?.record(self, from: [table]) { cotangent, _ in
      [.rows([RowPiece(rows: rows, values: cotangent)])]
    } ?? self
  }

  /// This tensor as the result of an operation on one input.
  @specialized(where Scalar == Float)
  public func recorded(
    from input: NDTensor, pullback: @escaping (_ cotangent: NDTensor) -> NDTensor
  ) -> NDTensor {
    recorded(from: [input]) { cotangent, _ in [pullback(cotangent)] }
  }
}

/// Where a tensor was recorded.
struct TapeIndex: Sendable {
  let tape: UInt64
  let node: Int
}

/// What records on a thread, of any element type. One thread uses it, for the length of a call.
class Recording {
  /// Never used twice, so that a tensor from a recording long gone is a constant.
  let serial = Recording.serials.wrappingAdd(1, ordering: .relaxed).newValue
  private let randomness: RandomStream?
  private var streamCount: UInt64 = 0

  init(randomness: RandomStream?) { self.randomness = randomness }

  func nextStream() -> RandomStream? {
    guard let randomness else { return nil }
    streamCount += 1
    return randomness.derive(streamCount)
  }

  /// Runs `body` with this recording as its thread's current one.
  func record<Result>(_ body: () throws -> Result) rethrows -> Result {
    let outer = pthread_getspecific(Self.key)
    // Unretained: `self` outlives the call, and the outer recording is back before it returns.
    pthread_setspecific(Self.key, Unmanaged.passUnretained(self).toOpaque())
    defer { pthread_setspecific(Self.key, outer) }
    return try withExtendedLifetime(self) { try body() }
  }

  static var ofThread: Recording? {
    pthread_getspecific(key).map { Unmanaged.fromOpaque($0).takeUnretainedValue() }
  }

  private static let serials = Atomic<UInt64>(0)
  private static let key: pthread_key_t = {
    var key = pthread_key_t()
    require(pthread_key_create(&key, nil) == 0, "no thread-specific key is left")
    return key
  }()
}

/// Operations in the order in which they ran, after the parameters as leaves.
final class Tape<Scalar: TensorScalar>: Recording {
  typealias Pullback = (NDTensor<Scalar>, [Bool]) -> [Cotangent<Scalar>?]
  private struct Node {
    let shape: [Int]
    /// The node of each input; `nil` for a constant.
    let inputs: [Int?]
    let pullback: Pullback
  }

  private let parameters: [NDParameter<Scalar>]
  private let leaves: [ObjectIdentifier: Int]
  private var nodes: [Node] = []

  init(parameters: [NDParameter<Scalar>], randomness: RandomStream?) {
    self.parameters = parameters
    leaves = Dictionary(
      zip(parameters.map(ObjectIdentifier.init), parameters.indices), uniquingKeysWith: min)
    super.init(randomness: randomness)
  }

  static var current: Tape? { Recording.ofThread as? Tape }

  func leaf(of parameter: NDParameter<Scalar>, value: NDTensor<Scalar>) -> NDTensor<Scalar>? {
    leaves[ObjectIdentifier(parameter)].map { tracked(value, at: $0) }
  }

  func record(
    _ result: NDTensor<Scalar>, from inputs: [NDTensor<Scalar>],
    pullback: @escaping Pullback
  ) -> NDTensor<Scalar> {
    let indices = inputs.map(node)
    if indices.allSatisfy({ $0 == nil }) { return result }
    nodes.append(Node(shape: result.shape, inputs: indices, pullback: pullback))
    return tracked(result, at: parameters.count + nodes.count - 1)
  }

  /// Walks the operations backwards, letting go of each; call once.
  func gradients(of value: NDTensor<Scalar>) -> NDGradients<Scalar> {
    var cotangents = [Cotangent<Scalar>?](
      repeating: nil, count: parameters.count + nodes.count)
    if let root = node(of: value) { cotangents[root] = .dense(.ones(value.shape)) }
    let shapes = parameters.map(\.shape) + nodes.map(\.shape)
    while let node = nodes.popLast() {
      guard let cotangent = cotangents.removeLast() else { continue }
      let gradients = node.pullback(
        cotangent.dense(shape: node.shape), node.inputs.map { $0 != nil })
      for (input, gradient) in zip(node.inputs, gradients) {
        guard let input, let gradient else { continue }
        if cotangents[input] == nil {
          cotangents[input] = gradient
        } else {
          cotangents[input]!.accumulate(gradient, shape: shapes[input])
        }
      }
    }
    var result = NDGradients<Scalar>()
    for (parameter, cotangent) in zip(parameters, cotangents) {
      switch cotangent {
      case .dense?, .windows?:
        // What stays must not keep the tensor that it may be a view of.
        result[parameter] = cotangent!.dense(shape: parameter.shape).contiguous
      case .rows(let pieces)?:
        result.set(RowGradient(pieces, shape: parameter.shape), of: parameter)
      case nil: break
      }
    }
    return result
  }

  private func node(of tensor: NDTensor<Scalar>) -> Int? {
    tensor.origin.flatMap { $0.tape == serial ? $0.node : nil }
  }

  private func tracked(_ tensor: NDTensor<Scalar>, at node: Int) -> NDTensor<Scalar> {
    var tensor = tensor
    tensor.origin = TapeIndex(tape: serial, node: node)
    return tensor
  }
}
