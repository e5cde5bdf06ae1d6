import CHedgerowKernels
import HedgerowCore

/// A factor of matrix products, in the precision that they read it in.
///
/// Products of an ``exact(_:)`` factor are BLAS's; either both factors are exact or neither is.
enum Factor<Scalar: TensorScalar>: Sendable {
  case exact(NDTensor<Scalar>)
  /// Numbers of float32 that products round to bfloat16 when they pack them.
  case rounding(NDTensor<Scalar>)
  case rounded(NDArray<BFloat16>)

  /// What a product reads once.
  init(_ x: NDTensor<Scalar>, _ precision: Precision) {
    self = precision == .bfloat16 && Scalar.self == Float.self ? .rounding(x) : .exact(x)
  }

  /// What a product reads, and its pullback keeps. Parameters are there anyway; of another tensor a
  /// recording keeps one rounded copy, for all products that it is a factor of.
  init(kept x: NDTensor<Scalar>, _ precision: Precision) {
    self.init(x.detached, precision)
    guard case .rounding(let floats as Tensor) = self, let recording = Recording.ofThread,
      x.origin?.isOfLeaf != true
    else { return }
    self = .rounded(recording.roundedCopies.copy(of: floats))
  }

  /// The same numbers, for products on this processor.
  var readable: Factor {
    if case .exact = self { return self }
    if Precision.usesInstruction { return self }
    let halves: NDArray<BFloat16>
    switch self {
    case .rounded(let x): halves = x
    case .rounding(let x as Tensor): halves = NDArray(x)
    default: preconditionFailure("only numbers of float32 are rounded")
    }
    return .exact(Self.widened(halves))
  }

  /// The tensor, or what is left of it after it was rounded.
  var tensor: NDTensor<Scalar> {
    switch self {
    case .exact(let x), .rounding(let x): x
    case .rounded(let x): Self.widened(x)
    }
  }

  var swapped: Factor {
    switch self {
    case .exact(let x): .exact(x.swapped(-1, -2))
    case .rounding(let x): .rounding(x.swapped(-1, -2))
    case .rounded(let x):
      .rounded(
        x.transposed(by: x.shape.indices.dropLast(2) + [x.shape.count - 1, x.shape.count - 2]))
    }
  }

  var shape: [Int] {
    switch self {
    case .exact(let x), .rounding(let x): x.shape
    case .rounded(let x): x.shape
    }
  }

  private static func widened(_ x: NDArray<BFloat16>) -> NDTensor<Scalar> {
    guard let result = Tensor(x) as? NDTensor<Scalar> else {
      preconditionFailure("only numbers of float32 are rounded")
    }
    return result
  }
}

/// The rounded copies that pullbacks of one recording keep: one of a tensor, as long as somebody keeps it.
struct RoundedCopies {
  private struct Copy {
    weak var source: Storage<Float>?
    weak var halves: Storage<BFloat16>?
  }
  private var copies: [ObjectIdentifier: Copy] = [:]

  mutating func copy(of x: Tensor) -> NDArray<BFloat16> {
    let key = ObjectIdentifier(x.storage)
    // Another storage may have come where one was.
    if let copy = copies[key], copy.source === x.storage, let halves = copy.halves {
      return NDArray(sharing: halves, shape: x.shape)
    }
    let halves = NDArray<BFloat16>(x)
    copies[key] = Copy(source: x.storage, halves: halves.storage)
    return halves
  }
}

/// A right factor of several products: bfloat16 is packed once for all of them.
struct RightFactor<Scalar: TensorScalar> {
  let matrix: Matrix<Scalar>
  fileprivate let panels: NDArray<BFloat16>?

  init(_ matrix: Matrix<Scalar>) {
    self.matrix = matrix
    guard matrix.numbers != .exact else {
      panels = nil
      return
    }
    let (k, n) = (matrix.rowCount, matrix.columnCount)
    let panels = NDArray<BFloat16>(uninitialized: [hr_gemm_bf16_packed_count(k, n)])
    nonisolated(unsafe) let (factor, bits) = (matrix.rounded, panels.storage.bits)
    let panelCount = hr_gemm_bf16_panels(n)
    let size = max(1, Compute.elementsPerPart * panelCount / max(1, k * n))
    Compute.forEachPart(of: panelCount, size: size) {
      hr_gemm_bf16_pack(bits, factor, k, n, $0.lowerBound, $0.upperBound)
    }
    self.panels = panels
  }
}

/// a b, into `c` or onto it.
func multiply<Scalar>(
  _ a: Matrix<Scalar>, _ b: RightFactor<Scalar>, into c: UnsafeMutablePointer<Scalar>, isAdded: Bool
) {
  guard let panels = b.panels else {
    a.multiplied(by: b.matrix, into: c, isAdded: isAdded)
    return
  }
  let (m, n, k) = (a.rowCount, b.matrix.columnCount, a.columnCount)
  let scratch = NDArray<BFloat16>(uninitialized: [hr_gemm_bf16_scratch_count(m, k)])
  withExtendedLifetime((panels, scratch)) {
    // Factors that are rounded are of float32.
    UnsafeMutableRawPointer(c).withMemoryRebound(to: Float.self, capacity: m * n) {
      hr_gemm_bf16(
        $0, n, a.rounded, panels.storage.bits, m, n, k, 0, hr_gemm_bf16_panels(n), isAdded,
        scratch.storage.bits)
    }
  }
}
