import HedgerowCore
public import HedgerowTensor

/// Changes a model's parameters along gradients.
public protocol Optimizer: Sendable {
  /// One step. Parameters without a gradient stay as they are.
  ///
  /// Nobody may read the parameters meanwhile.
  mutating func update(_ model: some Module, along gradients: Gradients)

  /// What it remembers between steps, under names that begin with parameters' paths.
  var state: ModelState { get }

  /// Goes on from a state, as if it had taken the steps of this model itself.
  ///
  /// - Throws: `badData` when the state is not whole or of another model.
  mutating func load(_ state: ModelState, for model: some Module) throws
}

/// Throws `badData` unless every tensor remembered is of a parameter's shape.
func check(_ memories: [(path: String, tensor: Tensor)], against model: some Module) throws {
  let shapes = Dictionary(
    uniqueKeysWithValues: model.namedParameters.map { ($0.path, $0.parameter.shape) })
  for (path, tensor) in memories where shapes[path] != tensor.shape {
    throw HedgerowError(
      .badData,
      "the optimizer remembers shape \(tensor.shape), the model has "
        + (shapes[path].map { "\($0)" } ?? "no such parameter"), at: path)
  }
}

extension Parameter {
  /// Calls `body` for stretches that a gradient reaches, side by side on the pool: with the weights,
  /// the index of the first of them, their gradients, and how many they are.
  func forEachStretch(
    of gradient: Gradients.Gradient,
    _ body: (UnsafeMutablePointer<Float>, _ first: Int, UnsafePointer<Float>, Int) -> Void
  ) {
    withUnsafeMutableBufferPointer { weights in
      let base = weights.baseAddress!
      switch gradient {
      case .dense(let gradient):
        gradient.withUnsafeBufferPointer { gradient in
          Compute.forEachPart(of: weights.count, size: Compute.elementsPerPart) {
            let first = $0.lowerBound
            body(base + first, first, gradient.baseAddress! + first, $0.count)
          }
        }
      case .rows(let gradient):
        let width = gradient.values.width
        gradient.values.withUnsafeBufferPointer { values in
          Compute.forEachPart(
            of: gradient.rows.count, size: max(1, Compute.elementsPerPart / max(width, 1))
          ) {
            for index in $0 {
              let first = Int(gradient.rows[index]) * width
              body(base + first, first, values.baseAddress! + index * width, width)
            }
          }
        }
      }
    }
  }
}
