import CHedgerowKernels
public import HedgerowCore

// Random numbers: element i is a function of (stream, i) alone, so that they are the same for any
// number of threads.

extension NDTensor {
  /// Uniform numbers. Traps when the range is not finite.
  @specialized(where Scalar == Float)
  public static func random(
    _ shape: [Int], in range: Range<Scalar> = -1..<1, from stream: RandomStream
  ) -> NDTensor {
    let extent = range.upperBound - range.lowerBound
    require(extent.isFinite, "a uniform number needs a finite range, not \(range)")
    let result = NDTensor(uninitialized: shape)
    forEachPart(of: result.count) {
      Scalar.kernels.uniform(
        result.storage.base + $0, range.lowerBound, extent, stream.key,
        stream.counter &+ UInt64($0), $1)
    }
    return result
  }

  /// Uniform numbers from -1 to 1, or in another range: the same for the same seed.
  public static func random(
    _ shape: [Int], in range: Range<Scalar> = -1..<1, seed: UInt64
  ) -> NDTensor {
    random(shape, in: range, from: RandomStream(seed: seed))
  }

  /// Normal numbers; each takes two of the stream.
  ///
  /// Source: Box and Muller, A Note on the Generation of Random Normal Deviates, 1958.
  @specialized(where Scalar == Float)
  public static func normal(
    _ shape: [Int], mean: Scalar = 0, deviation: Scalar = 1, from stream: RandomStream
  ) -> NDTensor {
    require(deviation >= 0, "a standard deviation is not \(deviation)")
    require(stream.counter.isMultiple(of: 2), "normal numbers begin with an even one of a stream")
    let result = NDTensor(uninitialized: shape)
    forEachPart(of: result.count) {
      Scalar.kernels.normal(
        result.storage.base + $0, mean, deviation, stream.key,
        stream.counter / 2 + UInt64($0), $1)
    }
    return result
  }
}

extension NDArray where Element == Bool {
  /// Truth values that are true with a probability.
  public static func random(
    _ shape: [Int], probability: Double, from stream: RandomStream
  ) -> Mask {
    require(0 <= probability && probability <= 1, "a probability is not \(probability)")
    let result = Mask(uninitialized: shape)
    forEachPart(of: result.count) {
      hr_bernoulli(
        result.storage.base + $0, probability, stream.key, stream.counter &+ UInt64($0), $1)
    }
    return result
  }
}

extension NDArray where Element == UInt32 {
  /// The numbers below `count` in an order of which each is as likely.
  ///
  /// Sorted by numbers of the stream; two of 2^32 that are equal stand in their order.
  public static func permutation(of count: Int, from stream: RandomStream) -> NDArray {
    require(count <= UInt32.max, "\(count) numbers are too many for this")
    var stream = stream
    var keys = (0..<UInt64(count)).map { stream.next() & ~0xFFFF_FFFF | $0 }
    var scratch = [UInt64](repeating: 0, count: count)
    return keys.withUnsafeMutableBufferPointer { keys in
      scratch.withUnsafeMutableBufferPointer { scratch in
        guard count > 0 else { return NDArray([]) }
        let sorted = hr_sort_u64(keys.baseAddress!, scratch.baseAddress!, count)!
        return NDArray((0..<count).map { UInt32(truncatingIfNeeded: sorted[$0]) })
      }
    }
  }
}
