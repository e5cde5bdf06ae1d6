// Products with sparse matrices, and what is made of their entries:
//
//   sparse [SCALE] [EDGE_FACTOR] [WIDTH]
//
// R-MAT of 2^SCALE rows (18) with EDGE_FACTOR (16) entries each, not permuted, places once, as CSR. A line
// for each benchmark: the median of five runs behind one that warms up, and how much of its work that is
// in a second: entries, or terms of products of two sparse matrices. Those are of 2^(SCALE - 4) rows, of an
// R-MAT of half as many entries a row and of one whose entries are anywhere.
import HedgerowCore
import HedgerowTensor

let numbers = CommandLine.arguments.dropFirst().compactMap { Int($0) }
let scale = numbers.first ?? 18
let edgeFactor = numbers.count > 1 ? numbers[1] : 16
let width = numbers.count > 2 ? numbers[2] : 64

/// Entries of 2^scale rows; skewed ones as Graph500 draws them.
func matrix(scale: Int, edgeFactor: Int, isSkewed: Bool = true) -> SparseMatrix<Float> {
  var random = RandomStream(seed: 1)
  let count = edgeFactor << scale
  var (rows, columns) = (
    [UInt32](repeating: 0, count: count), [UInt32](repeating: 0, count: count)
  )
  for entry in 0..<count {
    for _ in 0..<scale {
      let r = isSkewed ? random.nextUnit() : Double(random.next(below: 4)) / 4
      let (a, b, c) = isSkewed ? (0.57, 0.76, 0.95) : (0.25, 0.5, 0.75)
      rows[entry] = rows[entry] << 1 | (r >= b ? 1 : 0)
      columns[entry] = columns[entry] << 1 | ((a..<b).contains(r) || r >= c ? 1 : 0)
    }
  }
  return SparseMatrix(
    rows: rows, columns: columns, values: .random([count], seed: 2),
    shape: [1 << scale, 1 << scale]
  ).coalesced().converted(to: .csr)
}

func pad(_ text: String, _ width: Int) -> String {
  text + String(repeating: " ", count: max(1, width - text.count))
}
func fixed(_ value: Double, _ digits: Int) -> String {
  let power = (0..<digits).reduce(1) { power, _ in 10 * power }
  let scaled = Int((value * Double(power)).rounded())
  let fraction = String(scaled % power)
  return "\(scaled / power)."
    + String(repeating: "0", count: digits - fraction.count) + fraction
}

func report(_ name: String, _ unit: String, _ count: Int, _ body: () -> Void) {
  body()
  let times = (0..<5).map { _ in
    let time = ContinuousClock().measure(body).components
    return Double(time.seconds) + Double(time.attoseconds) * 1e-18
  }
  let seconds = times.sorted()[2]
  print(
    pad(name, 48) + pad("\(fixed(seconds, 4)) s", 13)
      + "\(fixed(Double(count) / seconds / 1e6, 1)) M \(unit)/s")
}

let a = matrix(scale: scale, edgeFactor: edgeFactor)
let (rows, columns) = a.pattern.coordinates
let weights = Parameter(a.values)
let x = Parameter(Tensor.random([a.columnCount, width], seed: 3))
let y = Tensor.random([a.rowCount, width], seed: 4)
let vector = Tensor.random([a.columnCount], seed: 5)
print(
  "R-MAT \(a.rowCount) rows, \(a.count) entries, width \(width), "
    + "\(Compute.pool.threadCount) threads")
report("sparse times dense", "entries", a.count) { _ = matmul(a, x.value) }
report("sparse times dense, forward and back", "entries", a.count) {
  _ = valueWithGradients(at: [x, weights]) {
    sum(matmul(SparseMatrix(a.pattern, values: weights.value), x.value))
  }
}
let halves = HalfTensor<BFloat16>(rounding: x.value)
report("sparse times dense of bfloat16", "entries", a.count) { _ = matmul(a, halves) }
let float16 = HalfTensor<Float16>(rounding: x.value)
report("sparse times dense of float16", "entries", a.count) { _ = matmul(a, float16) }
report("sparse times vector", "entries", a.count) { _ = matmul(a, vector) }
report("dot products of ends", "entries", a.count) { _ = edgeDot(x.value, y, over: a.pattern) }
report("sums of ends", "entries", a.count) { _ = edgeSum(x.value, y, over: a.pattern) }
report("coordinates to rows", "entries", a.count) {
  _ =
    SparsityPattern(
      rows: columns, columns: rows, rowCount: a.columnCount, columnCount: a.rowCount
    ).byRow
}
report("normalized", "entries", a.count) { _ = a.normalized(.symmetric) }
let messages = Tensor.random([a.count, 16], seed: 6)
let places = NDArray<UInt32>(columns)
report("scatter sum of width 16", "entries", a.count) {
  _ = scatterSum(messages, to: places, of: a.columnCount)
}
for (name, b) in [
  ("R-MAT", matrix(scale: scale - 4, edgeFactor: edgeFactor / 2)),
  ("uniform", matrix(scale: scale - 4, edgeFactor: edgeFactor / 2, isSkewed: false)),
] {
  let degrees = b.degrees(along: 1)
  let terms = Int(sum(degrees.gathered(rows: b.pattern.coordinates.columns)).scalar)
  let parameter = Parameter(b.values)
  print("\(name) \(b.rowCount) rows, \(b.count) entries; its square has \(matmul(b, b).count)")
  report("sparse times sparse", "terms", terms) { _ = matmul(b, b) }
  report("sparse times sparse, forward and back", "terms", terms) {
    _ = valueWithGradients(at: [parameter]) {
      let c = SparseMatrix(b.pattern, values: parameter.value)
      return sum(matmul(c, c).values)
    }
  }
}
