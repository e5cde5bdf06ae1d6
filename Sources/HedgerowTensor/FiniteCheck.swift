import HedgerowCore
import Synchronization

/// A NaN or an infinity, and the recorded operation that made it.
public struct NonFinite: Sendable, CustomStringConvertible {
  public enum Direction: Sendable { case forward, backward }
  /// The name of the operation's function, as `log(_:)`.
  public let operation: String
  public let direction: Direction
  /// Of the result, or of the gradient of an input.
  public let shape: [Int]
  /// Where in it the first one is.
  public let index: [Int]
  public let value: Double
  /// Whether an input had one already: data or a parameter, since results are looked at as they are
  /// made.
  public let isFromInput: Bool

  public var description: String {
    let what = direction == .forward ? "the result" : "a gradient"
    let cause = isFromInput ? ", as one of its inputs" : ""
    return "\(what) of \(operation), of shape \(shape), is \(value) at \(index)\(cause)"
  }
}

/// Looks at the result of each operation recorded in `body`, and at each gradient on the way back, and
/// calls `report` with the first number that is not finite; ends the program with a message unless told
/// otherwise. Costs a pass over all that is computed.
/// ```swift
/// checkingFinite { valueWithGradients(at: model) { loss(model(x)) } }
/// ```
public func checkingFinite<Result>(
  orElse report: @escaping @Sendable (NonFinite) -> Void = { fatalError("\($0)") },
  _ body: () throws -> Result
) rethrows -> Result {
  try FiniteCheck.$current.withValue(FiniteCheck(report), operation: body)
}

/// The same, around something asynchronous: a whole training, say.
public func checkingFinite<Result>(
  orElse report: @escaping @Sendable (NonFinite) -> Void = { fatalError("\($0)") },
  isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Result
) async rethrows -> Result {
  try await FiniteCheck.$current.withValue(
    FiniteCheck(report), operation: body, isolation: isolation)
}

/// What recordings that begin inside of ``checkingFinite(orElse:_:)`` look at results with.
final class FiniteCheck: Sendable {
  @TaskLocal static var current: FiniteCheck?

  private let report: @Sendable (NonFinite) -> Void
  private let isReported = Atomic(false)

  init(_ report: @escaping @Sendable (NonFinite) -> Void) { self.report = report }

  func look<Scalar>(
    at result: NDTensor<Scalar>, of operation: StaticString, from inputs: [NDTensor<Scalar>]
  ) {
    guard let place = firstPlace(in: result) else { return }
    let isFromInput = inputs.contains { firstPlace(in: $0) != nil }
    found(place, in: result, of: operation, .forward, isFromInput)
  }

  func look<Scalar>(at gradient: Cotangent<Scalar>, backOf operation: StaticString) {
    let parts =
      switch gradient {
      case .dense(let tensor): [tensor]
      case .rows(let pieces): pieces.map(\.values)
      case .windows(let pieces): pieces.map(\.values)
      }
    for part in parts {
      guard let place = firstPlace(in: part) else { continue }
      found(place, in: part, of: operation, .backward, false)
    }
  }

  private func firstPlace<Scalar>(in x: NDTensor<Scalar>) -> Int? {
    let place = Scalar.kernels.firstNotFinite(x.storage.base, x.count)
    return place < x.count ? place : nil
  }

  private func found<Scalar>(
    _ place: Int, in x: NDTensor<Scalar>, of operation: StaticString,
    _ direction: NonFinite.Direction, _ isFromInput: Bool
  ) {
    guard !isReported.exchange(true, ordering: .relaxed) else { return }
    var (rest, index) = (place, x.shape)
    for axis in x.shape.indices.reversed() {
      (rest, index[axis]) = rest.quotientAndRemainder(dividingBy: x.shape[axis])
    }
    report(
      NonFinite(
        operation: "\(operation)", direction: direction, shape: x.shape, index: index,
        value: Double(x.storage.base[place]), isFromInput: isFromInput))
  }
}
