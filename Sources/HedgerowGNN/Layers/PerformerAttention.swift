import Glibc
import HedgerowCore
public import HedgerowNN
public import HedgerowTensor

/// Attention in time linear in the rows: phi(q) (phi(k)^T v) / (phi(q) sum of phi(k)), where phi(x) = f(P x) + 0.001
/// and P is a random matrix of orthogonal rows.
///
/// Shapes: x [sets, rows, width], result the same. Names: `q`, `k`, `v`, `attn_out`, and P, a buffer that is drawn
/// once, `fast_attn.projection_matrix`.
///
/// Source: Choromanski et al., Rethinking Attention with Performers, ICLR 2021.
public struct PerformerAttention: Module {
  public struct Options: Sendable {
    public var headWidth = 64
    /// f
    public var kernel = Activation.relu
    /// Whether q, k and v have biases, and whether the result has one.
    public var bias = Linear.Bias.absent
    public var outputBias = Linear.Bias.learned
    /// Rate of dropout of the result, in training.
    public var dropout = 0.0
    /// What P is drawn from.
    public var seed: UInt64 = 0

    public init() {}
  }

  let query: Linear
  let key: Linear
  let value: Linear
  let output: Linear
  let projection: Projection
  public let heads: Int
  public let options: Options

  public static let pathNames = [
    "query": "q", "key": "k", "value": "v", "output": "attn_out", "projection": "fast_attn",
  ]

  struct Projection: Module {
    let matrix: Buffer
    static let pathNames = ["matrix": "projection_matrix"]
  }

  public init(_ width: Int, heads: Int, options: Options = .init()) {
    let inner = heads * options.headWidth
    func linear() -> Linear { Linear(width, inner, bias: options.bias) }
    (query, key, value) = (linear(), linear(), linear())
    output = Linear(inner, width, bias: options.outputBias)
    let columns = options.headWidth
    projection = Projection(
      matrix: Buffer(
        startingAs: orthogonalRows(
          Int(Double(columns) * log(Double(columns))), columns, seed: options.seed)))
    self.heads = heads
    self.options = options
  }

  /// - Parameter mask: where there is a row, [sets, rows].
  public func callAsFunction(_ x: Tensor, _ mask: Mask) -> Tensor {
    let shape = [x.shape[0], x.shape[1], heads, options.headWidth]
    func projected(_ linear: Linear) -> Tensor {
      linear.applied(to: x).reshaped(to: shape).swapped(1, 2)
    }
    func features(_ x: Tensor) -> Tensor {
      options.kernel(matmul(x, projection.matrix.value.transposed())) + 0.001
    }
    let (q, k) = (features(projected(query)), features(projected(key)))
    let there = mask.reshaped(to: [x.shape[0], 1, x.shape[1], 1])
    let v = select(there, projected(value), otherwise: Tensor(0))
    let sums = matmul(q, sum(k, along: -2).unsqueezed(-1))
    let mixed = matmul(q, matmul(k.swapped(-2, -1), v)) / sums
    let rows = mixed.swapped(1, 2).reshaped(to: [
      x.shape[0], x.shape[1], heads * options.headWidth,
    ])
    return dropout(output.applied(to: rows), rate: options.dropout)
  }
}

/// A random matrix whose rows are of length one, and orthogonal to the others of the same stretch of as many as there
/// are columns: Gram and Schmidt's method on normal numbers.
private func orthogonalRows(_ rowCount: Int, _ width: Int, seed: UInt64) -> Tensor {
  let numbers = NDTensor<Double>.normal(
    [rowCount, width], from: RandomStream(seed: seed).derive("performer")
  ).scalars
  var rows: [[Double]] = []
  for row in 0..<rowCount {
    var vector = Array(numbers[row * width..<(row + 1) * width])
    for _ in 0..<2 {
      for other in rows[(row / width * width)...] {
        var product = 0.0
        for column in 0..<width { product += vector[column] * other[column] }
        for column in 0..<width { vector[column] -= product * other[column] }
      }
    }
    var length = 0.0
    for number in vector { length += number * number }
    rows.append(vector.map { $0 / length.squareRoot() })
  }
  return Tensor(rows.flatMap { $0.map { Float($0) } }, shape: [rowCount, width])
}
