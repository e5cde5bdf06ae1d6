import CHedgerowKernels
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
///
/// A term may be of some rows only, which are named: it is computed and kept for these alone.
public struct AffineSum<Scalar: TensorScalar>: Sendable {
  private struct Product {
    var x: NDTensor<Scalar>
    var weights: [NDTensor<Scalar>]
    /// The rows of the result that it is added to, rising; `nil` for all.
    var rows: [UInt32]?
  }
  /// A product with the sum of its weights.
  private struct Term {
    let x: Factor<Scalar>
    let weight: Factor<Scalar>
    let rows: [UInt32]?
  }
  private struct Addend {
    var x: NDTensor<Scalar>
    var rows: [UInt32]?
  }
  private var products: [Product] = []
  private var biases: [NDTensor<Scalar>] = []
  private var addends: [Addend] = []
  /// Of the result.
  public let shape: [Int]

  /// x W^T + b.
  @specialized(where Scalar == Float)
  public init(_ x: NDTensor<Scalar>, weight: NDTensor<Scalar>, bias: NDTensor<Scalar>? = nil) {
    self.init(x, weight: weight, bias: bias, rows: nil, count: x.rowCount)
  }

  /// x W^T + b in `rows`, which rise, and b in the others of `count`.
  @specialized(where Scalar == Float)
  public init(
    _ x: NDTensor<Scalar>, weight: NDTensor<Scalar>, bias: NDTensor<Scalar>? = nil,
    addedTo rows: [UInt32], of count: Int
  ) {
    self.init(x, weight: weight, bias: bias, rows: rows, count: count)
  }

  private init(
    _ x: NDTensor<Scalar>, weight: NDTensor<Scalar>, bias: NDTensor<Scalar>?, rows: [UInt32]?,
    count: Int
  ) {
    Self.check(rows, ofRowsOf: x, count: count)
    require(
      x.shape.count == 2 && weight.shape.count == 2 && x.shape[1] == weight.shape[1],
      "inputs of shape \(x.shape) do not fit a weight of shape \(weight.shape)")
    if let bias {
      require(
        bias.shape == [weight.shape[0]],
        "a bias of shape \(bias.shape) does not fit a weight of shape \(weight.shape)")
      biases = [bias]
    }
    products = [Product(x: x, weights: [weight], rows: rows)]
    shape = [count, weight.shape[0]]
  }

  /// A matrix that is there already.
  @specialized(where Scalar == Float)
  public init(_ addend: NDTensor<Scalar>) {
    self.init(addend, rows: nil, count: addend.rowCount)
  }

  /// A matrix that is there already in `rows`, which rise, and zero in the others of `count`.
  @specialized(where Scalar == Float)
  public init(_ addend: NDTensor<Scalar>, addedTo rows: [UInt32], of count: Int) {
    self.init(addend, rows: rows, count: count)
  }

  private init(_ addend: NDTensor<Scalar>, rows: [UInt32]?, count: Int) {
    require(addend.shape.count == 2, "shape \(addend.shape) is no matrix")
    Self.check(rows, ofRowsOf: addend, count: count)
    addends = [Addend(x: addend, rows: rows)]
    shape = [count, addend.shape[1]]
  }

  private static func check(_ rows: [UInt32]?, ofRowsOf x: NDTensor<Scalar>, count: Int) {
    guard let rows else { return }
    require(
      rows.count == x.rowCount && hr_indices_rise(rows, rows.count, UInt32(clamping: count)),
      "\(rows.count) rows of \(count), which must rise, for shape \(x.shape)")
  }

  /// Adds a vector to every row.
  @specialized(where Scalar == Float)
  public mutating func add(bias: NDTensor<Scalar>) {
    require(
      bias.shape == [shape[1]], "a bias of shape \(bias.shape) for rows of shape \(shape)")
    biases.append(bias)
  }

  @specialized(where Scalar == Float)
  public static func + (a: AffineSum, b: AffineSum) -> AffineSum {
    require(a.shape == b.shape, "cannot add shapes \(a.shape) and \(b.shape)")
    var sum = a
    for product in b.products {
      let same = sum.products.firstIndex {
        $0.rows == nil && product.rows == nil && $0.x.isSame(as: product.x)
      }
      if let same {
        sum.products[same].weights += product.weights
      } else {
        sum.products.append(product)
      }
    }
    sum.biases += b.biases
    sum.addends += b.addends
    return sum
  }

  /// The sum, through an activation, then through dropout as ``dropout(_:rate:)``.
  @specialized(where Scalar == Float)
  public func evaluated(
    activation: Activation = .identity, dropout rate: Double = 0
  ) -> NDTensor<Scalar> {
    let mask = DropoutMask<Scalar>(rate: rate)
    let precision = Precision.current
    let factors = products.map {
      Term(
        x: Factor(kept: $0.x, precision), weight: Factor(kept: total($0.weights), precision),
        rows: $0.rows)
    }
    let (y, z) = forward(factors, activation, mask)
    let result = activation == .relu ? Factor(kept: y, precision) : nil
    let both = activation == .relu || activation == .identity ? nil : (y: y.detached, z: z)
    let inputs = products.flatMap { [$0.x] + $0.weights } + biases + addends.map(\.x)
    let addedRows = addends.map(\.rows)
    let (weightCounts, biasCount) = (products.map(\.weights.count), biases.count)
    return y.recordedInPlace(from: inputs) { dy, isNeeded in
      let dz: NDTensor<Scalar>
      switch (result, both, mask) {
      case (let y?, _, let mask): dz = reluPullback(&dy, y: y.tensor, factor: mask?.factor ?? 1)
      case (nil, let (y, z)?, let mask): dz = activation.pullback(&dy, z: z, y: y, mask)
      case (nil, nil, let mask?): dz = mask.applied(to: dy)
      case (nil, nil, nil): dz = dy
      }
      var gradients: [NDTensor<Scalar>?] = []
      let whole = Factor(dz, precision)
      // Gradients of weights whose terms are of all rows are made together.
      var first = 0
      let needs = weightCounts.map { count in
        defer { first += 1 + count }
        return (x: isNeeded[first], weight: isNeeded[(first + 1)...(first + count)].contains(true))
      }
      let together = factors.indices.filter { factors[$0].rows == nil && needs[$0].weight }
      var weightGradients = [NDTensor<Scalar>?](repeating: nil, count: factors.count)
      for (index, dw) in zip(together, transposedProducts(whole, together.map { factors[$0].x })) {
        weightGradients[index] = dw
      }
      for (index, factor) in factors.enumerated() {
        let isNeeded = needs[index]
        var dzOfTerm = whole
        if let rows = factor.rows, isNeeded.x || isNeeded.weight {
          dzOfTerm = Factor(dz.detached.gathered(rows: rows), precision)
          if isNeeded.weight { weightGradients[index] = transposedProduct(dzOfTerm, factor.x) }
        }
        gradients.append(isNeeded.x ? product(dzOfTerm, factor.weight) : nil)
        for _ in 0..<weightCounts[index] { gradients.append(weightGradients[index]) }
      }
      let isBiasNeeded = isNeeded[gradients.count..<(gradients.count + biasCount)].contains(true)
      let db = isBiasNeeded ? columnSums(dz) : nil
      for _ in 0..<biasCount { gradients.append(db) }
      for rows in addedRows {
        let isNeeded = isNeeded[gradients.count]
        gradients.append(
          isNeeded ? rows.map { dz.detached.gathered(rows: $0) } ?? dz : nil)
      }
      return gradients
    }
  }

  /// The result, and the sum before the activation: the same where the way back needs only the result.
  private func forward(
    _ factors: [Term], _ activation: Activation, _ mask: DropoutMask<Scalar>?
  ) -> (y: NDTensor<Scalar>, z: NDTensor<Scalar>) {
    let y = NDTensor<Scalar>(uninitialized: shape)
    let isSumKept = activation != .identity && activation != .relu
    let z = isSumKept ? NDTensor<Scalar>(uninitialized: shape) : y
    let width = shape[1]
    let bias = biases.isEmpty ? nil : total(biases)
    let offsets = bias?.storage.base
    defer { withExtendedLifetime(bias) {} }
    let addends = self.addends
    let readable = factors.map { (x: $0.x.readable, weight: $0.weight.readable) }
    defer { withExtendedLifetime(readable) {} }
    let matrices = readable.map {
      (x: FactorRows($0.x), weight: RightFactor(Matrix($0.weight).transposed))
    }
    Compute.forEachPart(of: shape[0], size: rowsPerProduct) { rows in
      let (first, count) = (rows.lowerBound * width, rows.count * width)
      let part = z.storage.base + first
      // Terms of all rows come first, so that those of some rows find something to be added to.
      var isAdded = false
      for (factor, matrix) in zip(factors, matrices) where factor.rows == nil {
        matrix.x.withRows(rows) { multiply($0, matrix.weight, into: part, isAdded: isAdded) }
        isAdded = true
      }
      for addend in addends where addend.rows == nil {
        let addend = addend.x.storage.base + first
        if isAdded {
          Scalar.kernels.add(part, part, addend, count)
        } else {
          part.update(from: addend, count: count)
        }
        isAdded = true
      }
      if !isAdded { Scalar.kernels.fill(part, 0, count) }
      for (factor, matrix) in zip(factors, matrices) {
        guard let places = factor.rows?.stretch(in: rows), !places.isEmpty else { continue }
        let product = NDTensor<Scalar>(uninitialized: [places.count, width])
        matrix.x.withRows(places) {
          multiply($0, matrix.weight, into: product.storage.base, isAdded: false)
        }
        add(product.storage.base, to: part, factor.rows!, places, rows.lowerBound)
      }
      for addend in addends {
        guard let places = addend.rows?.stretch(in: rows), !places.isEmpty else { continue }
        add(
          addend.x.storage.base + places.lowerBound * width, to: part, addend.rows!, places,
          rows.lowerBound)
      }
      // `first` is even: a part begins at a multiple of `rowsPerProduct` rows.
      if offsets == nil && activation == .identity && mask == nil { return }
      activation.apply(
        to: part, bias: offsets, into: y.storage.base + first, mask, first: first,
        rows: rows.count, columns: width)
    }
    return (y, z)
  }
}

extension AffineSum {
  /// Adds values, a row for each of `places`, to these rows of a part that begins with row `first`.
  private func add(
    _ values: UnsafePointer<Scalar>, to part: UnsafeMutablePointer<Scalar>, _ rows: [UInt32],
    _ places: Range<Int>, _ first: Int
  ) {
    let width = shape[1]
    for (index, place) in places.enumerated() {
      let row = part + (Int(rows[place]) - first) * width
      Scalar.kernels.add(row, row, values + index * width, width)
    }
  }
}

extension [UInt32] {
  /// The places of rising numbers that are in a range.
  fileprivate func stretch(in range: Range<Int>) -> Range<Int> {
    func place(of bound: Int) -> Int {
      var (low, high) = (0, count)
      while low < high {
        let middle = (low + high) / 2
        if Int(self[middle]) < bound { low = middle + 1 } else { high = middle }
      }
      return low
    }
    return place(of: range.lowerBound)..<place(of: range.upperBound)
  }
}

extension NDTensor {
  /// Whether both are one tensor: the same elements and the same place in the recording.
  fileprivate func isSame(as other: NDTensor) -> Bool {
    storage === other.storage && shape == other.shape && origin?.tape == other.origin?.tape
      && origin?.node == other.origin?.node
  }
}

/// The sum of tensors of one shape; not recorded. That of one is the tensor itself.
private func total<Scalar>(_ tensors: [NDTensor<Scalar>]) -> NDTensor<Scalar> {
  tensors.dropFirst().reduce(tensors[0]) { $0.detached + $1.detached }
}
