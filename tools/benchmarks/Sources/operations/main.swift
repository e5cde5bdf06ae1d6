// What operations on tensors cost when they are recorded: nanoseconds an operation, forward and back, the
// least of seven runs of 20 chains of 200.
//
//   operations
//
// On 32 x 32 numbers little is computed: it is what an operation costs by itself. The last rows are
// microseconds of a layer of 4,000 x 128 numbers, on all processors.
import Hedgerow

func least(_ name: String, _ unit: String, per count: Int, _ body: () -> Void) {
  let clock = ContinuousClock()
  let times = (0..<7).map { _ in clock.measure(body) / .nanoseconds(unit == "ns" ? 1 : 1000) }
  print("\(name): \(Int(times.min()! / Double(count))) \(unit)")
}

let weight = Parameter(Tensor.random([32, 32], seed: 1))
let other = Tensor.random([32, 32], seed: 2)
let row = Tensor.random([32], seed: 3)

func chains(_ name: String, _ operation: (Tensor) -> Tensor) {
  least(name, "ns", per: 20 * 200) {
    for _ in 0..<20 {
      _ = valueWithGradients(at: [weight], randomness: RandomStream(seed: 7)) {
        sum((0..<200).reduce(weight.value) { x, _ in operation(x) })
      }
    }
  }
}
chains("x + y") { $0 + other }
chains("x + row") { $0 + row }
chains("x * y") { $0 * other }
chains("relu") { relu($0) }
chains("gelu") { gelu($0) }
chains("exp") { exp($0) }
chains("dropout") { dropout($0, rate: 0.5) }
chains("layer norm") { layerNorm($0, weight: row, bias: row) }
chains("mean squared error") { mseLoss($0, other, reduction: .none) }
// Every row has the three behind it.
let rows = CompressedRows(
  offsets: (0...32).map { 3 * $0 }, indices: (0..<96).map { ($0 / 3 + $0 % 3 + 1) % 32 },
  rowCount: 32)
let backward = CompressedRows(
  offsets: (0...32).map { 3 * $0 },
  indices: (0..<32).flatMap { row in (1...3).map { (row + 32 - $0) % 32 }.sorted() }, rowCount: 32)
chains("mean over a graph") { segmentMean($0, over: rows) { backward } }
chains("matmul") { matmul($0, other) }
chains("transposed") { $0.transposed() }
chains("sliced") { $0.sliced(0..<32, along: 1) }
chains("reshaped") { $0.reshaped(to: [$0.shape[0] == 32 ? 1024 : 32, -1]) }
least("x + y, not recorded", "ns", per: 4000) {
  var x = other
  for _ in 0..<4000 { x = x + other }
}

let x = Parameter(Tensor.random([4000, 128], seed: 4))
let square = Parameter(Tensor.random([128, 128], seed: 5))
let bias = Parameter(Tensor.random([128], seed: 6))
func layer(_ name: String, _ body: () -> Tensor) {
  least(name, "us", per: 10) {
    for _ in 0..<10 { _ = valueWithGradients(at: [x, square, bias], body) }
  }
}
layer("sum(relu(x w + b) x)") { sum(relu(matmul(x.value, square.value) + bias.value) * x.value) }
layer("sum(x w^T)") { sum(matmul(x.value, square.value.transposed())) }
