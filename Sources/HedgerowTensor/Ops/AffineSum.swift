import HedgerowCore

/// A sum of matrix products, biases and tensors that has not been computed yet:
/// sum over k of x_k W_k^T, plus the biases, plus the addends.
///
/// What a layer is linear in. Layers hand it on so that the whole sum is made in one pass, each
/// block of rows while it is in a core's cache: products are added onto each other, and bias,
/// activation and dropout follow at once. Products of one x are first made into one, with the sum
/// of their weights.
/// ```swift
/// let sum = AffineSum(x, weight: w1, bias: b) + AffineSum(z, weight: w2)
/// let y = sum.evaluated(activation: .relu, dropout: 0.5)
/// ```
/// Shapes: each x_k is [rows, in_k], W_k [out, in_k], a bias [out], an addend [rows, out].
public struct AffineSum<Scalar: TensorScalar>: Sendable {
  private var products: [(x: NDTensor<Scalar>, weights: [NDTensor<Scalar>])] = []
  private var biases: [NDTensor<Scalar>] = []
  private var addends: [NDTensor<Scalar>] = []
  /// Of the result.
  public let shape: [Int]

  /// x W^T + b.
  public init(_ x: NDTensor<Scalar>, weight: NDTensor<Scalar>, bias: NDTensor<Scalar>? = nil) {
    require(
      x.shape.count == 2 && weight.shape.count == 2 && x.shape[1] == weight.shape[1],
      "inputs of shape \(x.shape) do not fit a weight of shape \(weight.shape)")
    if let bias {
      require(
        bias.shape == [weight.shape[0]],
        "a bias of shape \(bias.shape) does not fit a weight of shape \(weight.shape)")
      biases = [bias]
    }
    products = [(x, [weight])]
    shape = [x.shape[0], weight.shape[0]]
  }

  /// A matrix that is there already.
  public init(_ addend: NDTensor<Scalar>) {
    require(addend.shape.count == 2, "shape \(addend.shape) is no matrix")
    addends = [addend]
    shape = addend.shape
  }

  /// Adds a vector to every row.
  public mutating func add(bias: NDTensor<Scalar>) {
    require(
      bias.shape == [shape[1]], "a bias of shape \(bias.shape) for rows of shape \(shape)")
    biases.append(bias)
  }

  public static func + (a: AffineSum, b: AffineSum) -> AffineSum {
    require(a.shape == b.shape, "cannot add shapes \(a.shape) and \(b.shape)")
    var sum = a
    for (x, weights) in b.products {
      if let index = sum.products.firstIndex(where: { $0.x.isSame(as: x) }) {
        sum.products[index].weights += weights
      } else {
        sum.products.append((x, weights))
      }
    }
    sum.biases += b.biases
    sum.addends += b.addends
    return sum
  }

  /// The sum, through an activation, then through dropout as ``dropout(_:rate:)``.
  public func evaluated(
    activation: Activation = .identity, dropout rate: Double = 0
  ) -> NDTensor<Scalar> {
    let mask = DropoutMask<Scalar>(rate: rate)
    let factors = products.map { (x: $0.x.detached, weight: total($0.weights)) }
    let y = forward(factors, activation, mask)
    let inputs = products.flatMap { [$0.x] + $0.weights } + biases + addends
    let (weightCounts, biasCount) = (products.map(\.weights.count), biases.count)
    return y.recorded(from: inputs) { dy, isNeeded in
      let dz: NDTensor<Scalar>
      switch (activation, mask) {
      case (.relu, let mask): dz = reluPullback(dy, y: y, factor: mask?.factor ?? 1)
      case (.identity, let mask?): dz = mask.applied(to: dy)
      case (.identity, nil): dz = dy
      }
      var gradients: [NDTensor<Scalar>?] = []
      for ((x, weight), weightCount) in zip(factors, weightCounts) {
        let first = gradients.count
        gradients.append(isNeeded[first] ? product(dz, weight) : nil)
        let isWeightNeeded = isNeeded[(first + 1)...(first + weightCount)].contains(true)
        let dw = isWeightNeeded ? transposedProduct(dz, x) : nil
        for _ in 0..<weightCount { gradients.append(dw) }
      }
      let isBiasNeeded = isNeeded[gradients.count..<(gradients.count + biasCount)].contains(true)
      let db = isBiasNeeded ? columnSums(dz) : nil
      for _ in 0..<biasCount { gradients.append(db) }
      while gradients.count < isNeeded.count { gradients.append(dz) }
      return gradients
    }
  }

  private func forward(
    _ factors: [(x: NDTensor<Scalar>, weight: NDTensor<Scalar>)], _ activation: Activation,
    _ mask: DropoutMask<Scalar>?
  ) -> NDTensor<Scalar> {
    let y = NDTensor<Scalar>(uninitialized: shape)
    let width = shape[1]
    let bias = biases.isEmpty ? nil : total(biases)
    let addends = self.addends
    Compute.forEachPart(of: shape[0], size: rowsPerProduct) { rows in
      var isAdded = false
      for (x, weight) in factors {
        multiplyRows(rows, of: x, weight, isTransposed: true, into: y, isAdded: isAdded)
        isAdded = true
      }
      let (first, count) = (rows.lowerBound * width, rows.count * width)
      let part = y.storage.base + first
      for addend in addends {
        let addend = addend.storage.base + first
        if isAdded {
          Scalar.kernels.add(part, part, addend, count)
        } else {
          part.update(from: addend, count: count)
        }
        isAdded = true
      }
      switch (bias, activation) {
      case (let bias?, .identity):
        Scalar.kernels.addBias(part, bias.storage.base, rows.count, width)
      case (let bias?, .relu):
        Scalar.kernels.addBiasRelu(part, bias.storage.base, rows.count, width)
      case (nil, .relu): Scalar.kernels.relu(part, part, count)
      case (nil, .identity): break
      }
      // `first` is even: a part begins at a multiple of `rowsPerProduct` rows.
      mask?.apply(to: part, into: part, first: first, count: count)
    }
    return y
  }
}

/// What a layer applies to each element of its result.
public enum Activation: Sendable {
  case identity
  /// max(x, 0)
  case relu
}

extension NDTensor {
  /// Whether both are one tensor: the same elements and the same place in the recording.
  fileprivate func isSame(as other: NDTensor) -> Bool {
    storage === other.storage && shape == other.shape && origin?.tape == other.origin?.tape
      && origin?.node == other.origin?.node
  }
}

/// The sum of tensors of one shape; not recorded.
private func total<Scalar>(_ tensors: [NDTensor<Scalar>]) -> NDTensor<Scalar> {
  tensors.dropFirst().reduce(tensors[0].detached) { $0 + $1.detached }
}
