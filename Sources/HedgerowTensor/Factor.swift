import CHedgerowKernels
import HedgerowCore

/// A factor of matrix products, in the precision that they read it in; both factors of one have the same.
enum Factor<Scalar: TensorScalar>: Sendable {
  /// For BLAS.
  case exact(NDTensor<Scalar>)
  /// Numbers of float32 that products round to bfloat16 when they pack them.
  case rounding(NDTensor<Scalar>)
  case bfloat16(NDArray<BFloat16>)
  case float16(NDArray<Float16>)

  /// What a product reads once.
  init(_ x: NDTensor<Scalar>, _ precision: Precision) {
    switch (precision, x) {
    case (.bfloat16, is Tensor): self = .rounding(x)
    case (.float16, let x as Tensor): self = .float16(NDArray(x))
    default: self = .exact(x)
    }
  }

  /// What a product reads, and its pullback keeps. A recording keeps one rounded copy of a tensor, for all
  /// products that it is a factor of; parameters, which are there anyway, are rounded to bfloat16 anew.
  init(kept x: NDTensor<Scalar>, _ precision: Precision) {
    let isOfLeaf = x.origin?.isOfLeaf == true
    switch (precision, x.detached, Recording.ofThread) {
    case (.bfloat16, let x as Tensor, let recording?) where !isOfLeaf:
      self = .bfloat16(recording.bfloat16Copies.copy(of: x))
    case (.float16, let x as Tensor, let recording?):
      self = .float16(recording.float16Copies.copy(of: x))
    default: self.init(x.detached, precision)
    }
  }

  /// The same numbers, as products are made of them on this processor.
  var readable: Factor {
    switch self {
    case .exact: self
    case .rounding(let x as Tensor) where !Precision.usesInstruction:
      .exact(Self.widened(NDArray<BFloat16>(x)))
    case .bfloat16(let x) where !Precision.usesInstruction: .exact(Self.widened(x))
    case .rounding, .bfloat16: self
    case .float16(let x): .exact(Self.widened(x))
    }
  }

  /// The tensor, or what is left of it after it was rounded.
  var tensor: NDTensor<Scalar> {
    switch self {
    case .exact(let x), .rounding(let x): x
    case .bfloat16(let x): Self.widened(x)
    case .float16(let x): Self.widened(x)
    }
  }

  /// Each matrix transposed.
  var transposed: Factor {
    switch self {
    case .exact(let x): .exact(x.swapped(-1, -2))
    case .rounding(let x): .rounding(x.swapped(-1, -2))
    case .bfloat16(let x): .bfloat16(x.swapped(-1, -2))
    case .float16(let x): .float16(x.swapped(-1, -2))
    }
  }

  var shape: [Int] {
    switch self {
    case .exact(let x), .rounding(let x): x.shape
    case .bfloat16(let x): x.shape
    case .float16(let x): x.shape
    }
  }

  private static func widened<Half: HalfElement>(_ x: NDArray<Half>) -> NDTensor<Scalar> {
    guard let result = Tensor(x) as? NDTensor<Scalar> else {
      preconditionFailure("only numbers of float32 are rounded")
    }
    return result
  }
}

/// The rounded copies that pullbacks of one recording keep: one of a tensor, as long as somebody keeps it.
struct RoundedCopies<Half: HalfElement> {
  private struct Copy {
    weak var source: Storage<Float>?
    weak var halves: Storage<Half>?
  }
  private var copies: [ObjectIdentifier: Copy] = [:]

  mutating func copy(of x: Tensor) -> NDArray<Half> {
    let key = ObjectIdentifier(x.storage)
    // Another storage may have come where one was.
    if let copy = copies[key], copy.source === x.storage, let halves = copy.halves {
      return NDArray(sharing: halves, shape: x.shape)
    }
    let halves = NDArray<Half>(x)
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

  /// Rows of the left factor that are multiplied at once. Parts of a product in bfloat16 cost no packing, so
  /// that few rows are spread, too.
  func rowsPerProduct(of rowCount: Int) -> Int {
    if panels == nil { return HedgerowTensor.rowsPerProduct }
    return min(HedgerowTensor.rowsPerProduct, max(64, (rowCount / 8 + 15) / 16 * 16))
  }
}

/// a b, into `c` or onto it; rows of c begin `step` elements apart, one behind the other unless it is given.
func multiply<Scalar>(
  _ a: Matrix<Scalar>, _ b: RightFactor<Scalar>, into c: UnsafeMutablePointer<Scalar>,
  step: Int? = nil, isAdded: Bool
) {
  let (m, n, k) = (a.rowCount, b.matrix.columnCount, a.columnCount)
  let step = step ?? n
  guard let panels = b.panels else {
    if a.isWorthSkippingZeros(columns: n) {
      let place = Matrix<Scalar>.Place(factor: b.matrix, result: c, step: step)
      a.multipliedSkippingZeros(by: [place], isAdded: isAdded)
    } else {
      a.multiplied(by: b.matrix, into: c, step: step, isAdded: isAdded)
    }
    return
  }
  let scratch = NDArray<BFloat16>(uninitialized: [hr_gemm_bf16_scratch_count(m, k)])
  withExtendedLifetime((panels, scratch)) {
    // Factors that are rounded are of float32.
    UnsafeMutableRawPointer(c).withMemoryRebound(to: Float.self, capacity: m * step) {
      hr_gemm_bf16(
        $0, step, a.rounded, panels.storage.bits, m, n, k, 0, hr_gemm_bf16_panels(n), isAdded,
        scratch.storage.bits)
    }
  }
}
