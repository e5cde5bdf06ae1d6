public import HedgerowCore

extension NDTensor {
  /// Uniform numbers; element i is a function of (stream, i) alone.
  ///
  /// Traps when the range is not finite.
  public static func random(
    _ shape: [Int], in range: Range<Scalar> = -1..<1, from stream: RandomStream
  ) -> NDTensor {
    let extent = range.upperBound - range.lowerBound
    require(extent.isFinite, "a uniform number needs a finite range, not \(range)")
    let result = NDTensor(uninitialized: shape)
    let base = result.storage.base
    Compute.forEachPart(of: result.count, size: Compute.elementsPerPart) { part in
      Scalar.kernels.uniform(
        base + part.lowerBound, range.lowerBound, extent, stream.key,
        stream.counter &+ UInt64(part.lowerBound), part.count)
    }
    return result
  }

  /// Uniform numbers from -1 to 1, or in another range: the same for the same seed.
  public static func random(
    _ shape: [Int], in range: Range<Scalar> = -1..<1, seed: UInt64
  ) -> NDTensor {
    random(shape, in: range, from: RandomStream(seed: seed))
  }
}
