import CHedgerowKernels
import HedgerowCore

extension NDTensor {
  /// Element by element. Shapes broadcast: aligned at their last extents, an extent of 1 or none
  /// stands for any other. Traps when shapes do not fit.
  public static func + (a: NDTensor, b: NDTensor) -> NDTensor {
    let (aShape, bShape) = (a.shape, b.shape)
    return broadcast(hr_plus, a, b).recorded(from: [a, b]) { dy, isNeeded in
      [isNeeded[0] ? dy.summed(to: aShape) : nil, isNeeded[1] ? dy.summed(to: bShape) : nil]
    }
  }

  /// Element by element, with broadcasting.
  public static func - (a: NDTensor, b: NDTensor) -> NDTensor {
    let (aShape, bShape) = (a.shape, b.shape)
    return broadcast(hr_minus, a, b).recorded(from: [a, b]) { dy, isNeeded in
      [isNeeded[0] ? dy.summed(to: aShape) : nil, isNeeded[1] ? -dy.summed(to: bShape) : nil]
    }
  }

  /// Element by element, with broadcasting.
  public static func * (a: NDTensor, b: NDTensor) -> NDTensor {
    let (x, y) = (a.detached, b.detached)
    return broadcast(hr_times, a, b).recorded(from: [a, b]) { dy, isNeeded in
      [
        isNeeded[0] ? (dy * y).summed(to: x.shape) : nil,
        isNeeded[1] ? (dy * x).summed(to: y.shape) : nil,
      ]
    }
  }

  /// Element by element, with broadcasting.
  public static func / (a: NDTensor, b: NDTensor) -> NDTensor {
    let (x, y) = (a.detached, b.detached)
    return broadcast(hr_divided, a, b).recorded(from: [a, b]) { dy, isNeeded in
      let quotient = dy / y
      return [
        isNeeded[0] ? quotient.summed(to: x.shape) : nil,
        isNeeded[1] ? -(quotient * (x / y)).summed(to: y.shape) : nil,
      ]
    }
  }

  /// Every element times one number.
  public static func * (factor: Scalar, x: NDTensor) -> NDTensor {
    let result = NDTensor(uninitialized: x.shape)
    forEachPart(of: x.count) {
      Scalar.kernels.scale(result.storage.base + $0, x.storage.base + $0, factor, $1)
    }
    return result.recorded(from: x) { dy in factor * dy }
  }

  public static func * (x: NDTensor, factor: Scalar) -> NDTensor { factor * x }
  public static func / (x: NDTensor, divisor: Scalar) -> NDTensor { (1 / divisor) * x }
  public static func / (dividend: Scalar, x: NDTensor) -> NDTensor { dividend * reciprocal(x) }
  public static func + (x: NDTensor, addend: Scalar) -> NDTensor { x + NDTensor(addend) }
  public static func + (addend: Scalar, x: NDTensor) -> NDTensor { x + NDTensor(addend) }
  public static func - (x: NDTensor, subtrahend: Scalar) -> NDTensor { x + NDTensor(-subtrahend) }
  public static func - (minuend: Scalar, x: NDTensor) -> NDTensor { NDTensor(minuend) - x }
  public static prefix func - (x: NDTensor) -> NDTensor { Scalar(-1) * x }

  /// The function of two numbers over all pairs; not recorded.
  fileprivate static func broadcast(
    _ function: hr_binary, _ a: NDTensor, _ b: NDTensor
  ) -> NDTensor {
    let pairing = Pairing(a.shape, b.shape)
    let result = NDTensor(uninitialized: pairing.shape)
    let run = pairing.run
    func apply(_ first: Int, _ aFirst: Int, _ bFirst: Int, _ length: Int) {
      Scalar.kernels.binary(
        function, result.storage.base + first, a.storage.base + aFirst, run.aStep,
        b.storage.base + bFirst, run.bStep, length)
    }
    if pairing.outer.isEmpty {
      forEachPart(of: result.count) { first, length in
        apply(first, first * run.aStep, first * run.bStep, length)
      }
    } else if result.count > 0 {
      let size = max(1, Compute.elementsPerPart / run.count)
      Compute.forEachPart(of: result.count / run.count, size: size) { rows in
        for row in rows {
          let (aFirst, bFirst) = pairing.offsets(ofRun: row)
          apply(row * run.count, aFirst, bFirst, run.count)
        }
      }
    }
    return result
  }

  /// The sum over what broadcasting repeated, back to `shape`; not recorded.
  func summed(to shape: [Int]) -> NDTensor {
    if shape == self.shape { return detached }
    var result = detached
    let padded = [Int](repeating: 1, count: self.shape.count - shape.count) + shape
    var end = padded.count
    while end > 0 {
      guard padded[end - 1] == 1 && self.shape[end - 1] != 1 else {
        end -= 1
        continue
      }
      // Repeated extents that stand together are summed in one go.
      var begin = end - 1
      while begin > 0 && padded[begin - 1] == 1 && self.shape[begin - 1] != 1 { begin -= 1 }
      result = result.summed(over: begin..<end, keeping: .one)
      end = begin
    }
    return NDTensor(sharing: result.storage, shape: shape)
  }
}

/// The larger of each pair of elements, with broadcasting; the gradient goes to the first of equals.
///
/// `NaN` where either is.
public func maximum<Scalar>(_ a: NDTensor<Scalar>, _ b: NDTensor<Scalar>) -> NDTensor<Scalar> {
  chosen(hr_larger, a, b)
}

/// The smaller of each pair of elements, as ``maximum(_:_:)``.
public func minimum<Scalar>(_ a: NDTensor<Scalar>, _ b: NDTensor<Scalar>) -> NDTensor<Scalar> {
  chosen(hr_smaller, a, b)
}

private func chosen<Scalar>(
  _ function: hr_binary, _ a: NDTensor<Scalar>, _ b: NDTensor<Scalar>
) -> NDTensor<Scalar> {
  let (x, y) = (a.detached, b.detached)
  return NDTensor.broadcast(function, a, b).recorded(from: [a, b]) { dy, isNeeded in
    // Where a was taken; what is left went to b.
    let (u, v) = (x.broadcast(to: dy.shape), y.broadcast(to: dy.shape))
    let da = NDTensor<Scalar>(uninitialized: dy.shape)
    forEachPart(of: dy.count) {
      Scalar.kernels.chosen(
        function, da.storage.base + $0, dy.storage.base + $0, u.storage.base + $0,
        v.storage.base + $0, $1)
    }
    return [
      isNeeded[0] ? da.summed(to: x.shape) : nil, isNeeded[1] ? (dy - da).summed(to: y.shape) : nil,
    ]
  }
}

extension NDTensor {
  /// The same numbers repeated up to `shape`, as arithmetic would.
  public func broadcast(to shape: [Int]) -> NDTensor {
    if shape == self.shape { return self }
    require(
      Pairing(self.shape, shape).shape == shape, "shape \(self.shape) does not extend to \(shape)")
    let own = self.shape
    return Self.broadcast(hr_plus, self, .zeros(shape)).recorded(from: self) { dy in
      dy.summed(to: own)
    }
  }
}

/// How two shapes meet element by element.
private struct Pairing {
  let shape: [Int]
  /// The longest stretch of the result along which each operand advances by 0 or by 1.
  private(set) var run = (count: 1, aStep: 1, bStep: 1)
  /// The extents outside the run, innermost first, with the operands' strides.
  private(set) var outer: [(count: Int, aStride: Int, bStride: Int)] = []

  init(_ a: [Int], _ b: [Int]) {
    let rank = max(a.count, b.count)
    let a = [Int](repeating: 1, count: rank - a.count) + a
    let b = [Int](repeating: 1, count: rank - b.count) + b
    require(
      zip(a, b).allSatisfy { $0 == $1 || $0 == 1 || $1 == 1 },
      "shapes \(a) and \(b) do not fit element by element")
    shape = zip(a, b).map { $0 == 1 ? $1 : $0 }
    var groups: [(count: Int, aStride: Int, bStride: Int)] = []
    var (aStride, bStride) = (1, 1)
    for axis in (0..<rank).reversed() where shape[axis] != 1 {
      let group = (shape[axis], a[axis] == 1 ? 0 : aStride, b[axis] == 1 ? 0 : bStride)
      if let last = groups.last, group.1 == last.aStride * last.count,
        group.2 == last.bStride * last.count
      {
        groups[groups.count - 1].count *= group.0
      } else {
        groups.append(group)
      }
      aStride *= a[axis]
      bStride *= b[axis]
    }
    guard let first = groups.first else { return }
    run = (first.count, first.aStride, first.bStride)
    outer = Array(groups.dropFirst())
  }

  /// Where the operands begin in a run.
  func offsets(ofRun index: Int) -> (Int, Int) {
    var (rest, a, b) = (index, 0, 0)
    for group in outer {
      let position = rest % group.count
      rest /= group.count
      a += position * group.aStride
      b += position * group.bStride
    }
    return (a, b)
  }
}
