import HedgerowTensor

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
