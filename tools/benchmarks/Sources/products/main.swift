// Multiplies matrices in each precision and says how many GFLOP/s that makes, the best of several runs:
//
//   products [ROWS INNER COLUMNS]      of [ROWS, INNER] by [INNER, COLUMNS]; four shapes without
//
// `x w^T` is a layer's product, of factors that are rounded on the way; the other is that and the gradient of w.
import Hedgerow

func rate(of operations: Double, _ body: () -> Void) -> Double {
  let clock = ContinuousClock()
  var (best, spent, runs) = (Double.infinity, 0.0, 0)
  while runs < 3 || spent < 0.4 {
    let seconds = clock.measure(body) / .seconds(1)
    (best, spent, runs) = (min(best, seconds), spent + seconds, runs + 1)
  }
  return (operations / best / 1e8).rounded() / 10
}

let given = CommandLine.arguments.dropFirst().map { Int($0)! }
let shapes =
  given.isEmpty
  ? [[2048, 2048, 2048], [100_000, 128, 128], [1024, 1433, 256], [1024, 256, 256]] : [given]
for shape in shapes {
  let (rows, inner, columns) = (shape[0], shape[1], shape[2])
  let operations = 2 * Double(rows) * Double(inner) * Double(columns)
  let x = Tensor.random([rows, inner], seed: 1)
  let w = Parameter(.random([columns, inner], seed: 2))
  for precision in [Precision.float32, .bfloat16] {
    var line = "\(rows) x \(inner) x \(columns), \(precision):"
    for threads in [1, 2] {
      Compute.with(ThreadPool(threadCount: threads)) {
        withPrecision(precision) {
          func product() -> Tensor { AffineSum(x, weight: w.value).evaluated() }
          let forward = rate(of: operations) { _ = product() }
          let both = rate(of: 2 * operations) {
            _ = valueWithGradients(at: [w]) { sum(product()) }
          }
          line += "  \(threads) thread(s): x w^T \(forward), and dw \(both)"
        }
      }
    }
    print(line)
  }
}
