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

  /// Whether this is training, and not for a second time on the way back (``recomputed(_:)``): where
  /// running statistics move.
  public static var movesStatistics: Bool {
    Recording.ofThread.map { $0.randomness != nil && !$0.isRepetition } ?? false
  }

  /// Whether this is training.
  public static var isActive: Bool { Recording.ofThread?.randomness != nil }
}

extension NDTensor {
  /// This tensor as the result of an operation on `inputs`, for gradients to flow through.
  ///
  /// Keeps `pullback` only if the current recording depends on one of the inputs. The pullback maps
  /// the gradient with respect to this tensor to those with respect to the inputs, in their order,
  /// and may leave out what is not needed. Where only the first rows of an input mattered it may
  /// return these rows' gradient; the others' is zero. `operation` is what ``checkingFinite(orElse:_:)``
  /// calls it.
  @specialized(where Scalar == Float)
  public func recorded(
    from inputs: [NDTensor], operation: StaticString = #function,
    pullback: @escaping (_ cotangent: NDTensor, _ isNeeded: [Bool]) -> [NDTensor?]
  ) -> NDTensor {
    recordedInPlace(from: inputs, operation: operation) { cotangent, isNeeded in
      pullback(cotangent, isNeeded)
    }
  }

  /// The same, with a pullback that may write what it makes of the cotangent over it.
  @specialized(where Scalar == Float)
  func recordedInPlace(
    from inputs: [NDTensor], operation: StaticString = #function,
    pullback: @escaping (_ cotangent: inout NDTensor, _ isNeeded: [Bool]) -> [NDTensor?]
  ) -> NDTensor {
    Tape<Scalar>.current?.record(self, from: inputs, operation) { cotangent, isNeeded in
      pullback(&cotangent, isNeeded).map { $0.map { .dense($0) } }
    } ?? self
  }

  /// The same, with gradients that may be of some rows only.
  func recordedCotangents(
    from inputs: [NDTensor], operation: StaticString = #function,
    pullback: @escaping (_ cotangent: NDTensor, _ isNeeded: [Bool]) -> [Cotangent<Scalar>?]
  ) -> NDTensor {
    Tape<Scalar>.current?.record(self, from: inputs, operation) { cotangent, isNeeded in
      pullback(cotangent, isNeeded)
    } ?? self
  }

  /// This tensor as `rows` of a table, in their order: the gradient goes to these rows alone.
  func recorded(
    from table: NDTensor, rows: [UInt32], operation: StaticString = #function
  ) -> NDTensor {
    Tape<Scalar>.current?.record(self, from: [table], operation) { cotangent, _ in
      [.rows([RowPiece(rows: rows, values: cotangent)])]
    } ?? self
  }

  /// This tensor as the result of an operation on one input.
  @specialized(where Scalar == Float)
  public func recorded(
    from input: NDTensor, operation: StaticString = #function,
    pullback: @escaping (_ cotangent: NDTensor) -> NDTensor
  ) -> NDTensor {
    recorded(from: [input], operation: operation) { cotangent, _ in [pullback(cotangent)] }
  }
}

/// Where a tensor was recorded.
struct TapeIndex: Hashable, Sendable {
  let tape: UInt64
  /// Of an operation; leaves count from -1 downwards.
  let node: Int

  var isOfLeaf: Bool { node < 0 }
}

/// What records on a thread, of any element type. One thread uses it, for the length of a call.
class Recording {
  /// Never used twice, so that a tensor from a recording long gone is a constant.
  let serial = Recording.serials.wrappingAdd(1, ordering: .relaxed).newValue
  let randomness: RandomStream?
  /// Random choices so far.
  var streamCount: UInt64
  /// Whether what runs has run before.
  var isRepetition = false
  var bfloat16Copies = RoundedCopies<BFloat16>()
  var float16Copies = RoundedCopies<Float16>()

  init(randomness: RandomStream?, streamCount: UInt64 = 0) {
    self.randomness = randomness
    self.streamCount = streamCount
  }

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

/// Operations in the order in which they ran, and the leaves that they began from: parameters, and for
/// a recording inside of another (``recomputed(_:)``) tensors of that one.
final class Tape<Scalar: TensorScalar>: Recording {
  typealias Pullback = (inout NDTensor<Scalar>, [Bool]) -> [Cotangent<Scalar>?]
  private struct Node {
    let shape: [Int]
    /// The node of each input; `nil` for a constant.
    let inputs: [Int?]
    let operation: StaticString
    let pullback: Pullback
  }
  struct Leaf {
    let origin: TapeIndex
    let shape: [Int]
  }

  private let parameters: [NDParameter<Scalar>]
  private let leavesOfParameters: [ObjectIdentifier: Int]
  private let outer: Tape?
  /// Tensors of the outer recording that this one met.
  private(set) var outerLeaves: [Leaf] = []
  private var numbersOfOuterLeaves: [TapeIndex: Int] = [:]
  /// Whether it only learns which leaves a value depends on.
  private let isProbe: Bool
  private var nodes: [Node] = []
  private let check = FiniteCheck.current

  init(parameters: [NDParameter<Scalar>], randomness: RandomStream?) {
    self.parameters = parameters
    leavesOfParameters = Dictionary(
      zip(parameters.map(ObjectIdentifier.init), parameters.indices), uniquingKeysWith: min)
    outer = nil
    isProbe = false
    super.init(randomness: randomness)
  }

  /// A recording inside of another whose tensors are its leaves: a probe, which finds them and keeps
  /// no pullback, or one that knows them.
  init(inside outer: Tape, leaves: [Leaf]?, streamCount: UInt64) {
    parameters = []
    leavesOfParameters = [:]
    self.outer = outer
    isProbe = leaves == nil
    super.init(randomness: outer.randomness, streamCount: streamCount)
    for leaf in leaves ?? [] { add(leaf) }
  }

  static var current: Tape? { Recording.ofThread as? Tape }

  func leaf(of parameter: NDParameter<Scalar>, value: NDTensor<Scalar>) -> NDTensor<Scalar>? {
    if let outer { return outer.leaf(of: parameter, value: value) }
    return leavesOfParameters[ObjectIdentifier(parameter)].map { tracked(value, at: ~$0) }
  }

  func record(
    _ result: NDTensor<Scalar>, from inputs: [NDTensor<Scalar>], _ operation: StaticString,
    pullback: @escaping Pullback
  ) -> NDTensor<Scalar> {
    check?.look(at: result, of: operation, from: inputs)
    let nodes = inputs.map { input in input.origin.flatMap { node(of: $0, shape: input.shape) } }
    return record(result, from: nodes, operation, pullback: pullback)
  }

  /// The same, from leaves of a recording inside of this one.
  func record(
    _ result: NDTensor<Scalar>, from leaves: [Leaf], _ operation: StaticString,
    pullback: @escaping Pullback
  ) -> NDTensor<Scalar> {
    record(
      result, from: leaves.map { node(of: $0.origin, shape: $0.shape) }, operation,
      pullback: pullback)
  }

  private func record(
    _ result: NDTensor<Scalar>, from inputs: [Int?], _ operation: StaticString,
    pullback: @escaping Pullback
  ) -> NDTensor<Scalar> {
    if inputs.allSatisfy({ $0 == nil }) { return result }
    if isProbe { return tracked(result, at: 0) }
    nodes.append(
      Node(shape: result.shape, inputs: inputs, operation: operation, pullback: pullback))
    return tracked(result, at: nodes.count - 1)
  }

  /// Whether gradients of `tensor` flow into this recording.
  func isTracked(_ tensor: NDTensor<Scalar>) -> Bool { tensor.origin?.tape == serial }

  /// The gradients with respect to the parameters; call once.
  func gradients(of value: NDTensor<Scalar>) -> NDGradients<Scalar> {
    let cotangents = cotangentsOfLeaves(
      of: value, .dense(.ones(value.shape)), shapes: parameters.map(\.shape))
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

  /// What flows back to the outer recording's leaves; call once.
  func cotangentsOfOuterLeaves(
    of value: NDTensor<Scalar>, _ cotangent: Cotangent<Scalar>
  ) -> [Cotangent<Scalar>?] {
    cotangentsOfLeaves(of: value, cotangent, shapes: outerLeaves.map(\.shape))
  }

  /// Walks the operations backwards, letting go of each.
  private func cotangentsOfLeaves(
    of value: NDTensor<Scalar>, _ cotangent: Cotangent<Scalar>, shapes: [[Int]]
  ) -> [Cotangent<Scalar>?] {
    var leaves = [Cotangent<Scalar>?](repeating: nil, count: shapes.count)
    var cotangents = [Cotangent<Scalar>?](repeating: nil, count: nodes.count)
    func add(_ gradient: Cotangent<Scalar>, to input: Int) {
      if input < 0 {
        accumulate(gradient, into: &leaves[~input], shape: shapes[~input])
      } else {
        accumulate(gradient, into: &cotangents[input], shape: nodes[input].shape)
      }
    }
    if let root = value.origin.flatMap({ node(of: $0, shape: value.shape) }) {
      add(cotangent, to: root)
    }
    while let node = nodes.popLast() {
      guard var cotangent = cotangents.removeLast() else { continue }
      var slopes = cotangent.takeDense(shape: node.shape).padded(to: node.shape)
      let gradients = node.pullback(&slopes, node.inputs.map { $0 != nil })
      for (input, gradient) in zip(node.inputs, gradients) {
        guard let input, let gradient else { continue }
        check?.look(at: gradient, backOf: node.operation)
        add(gradient, to: input)
      }
    }
    return leaves
  }

  /// The node of what was recorded here, or is a leaf here; `nil` for a constant.
  private func node(of origin: TapeIndex, shape: [Int]) -> Int? {
    if origin.tape == serial { return origin.node }
    guard let outer else { return nil }
    if let number = numbersOfOuterLeaves[origin] { return ~number }
    guard outer.node(of: origin, shape: shape) != nil else { return nil }
    require(isProbe, "what is recomputed depends on tensors that it did not depend on before")
    add(Leaf(origin: origin, shape: shape))
    return ~(outerLeaves.count - 1)
  }

  private func add(_ leaf: Leaf) {
    numbersOfOuterLeaves[leaf.origin] = outerLeaves.count
    outerLeaves.append(leaf)
  }

  private func tracked(_ tensor: NDTensor<Scalar>, at node: Int) -> NDTensor<Scalar> {
    var tensor = tensor
    tensor.origin = TapeIndex(tape: serial, node: node)
    return tensor
  }
}

/// Adds a gradient to that of a tensor, if it has one.
private func accumulate<Scalar>(
  _ gradient: Cotangent<Scalar>, into sum: inout Cotangent<Scalar>?, shape: [Int]
) {
  if sum == nil { sum = gradient } else { sum!.accumulate(gradient, shape: shape) }
}
