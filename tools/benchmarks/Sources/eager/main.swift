// Runs single operations as it is told on standard input, for compare-torch:
//
//   NAME ROWS COLUMNS forward|back COUNT      answers with the seconds that COUNT runs took
//
// on two threads. `back` is the gradient of the sum of the results with respect to their input, or of the
// loss; forward nothing is recorded.
import Glibc
import Hedgerow

struct Weights: Module { let w: Parameter }

/// What operations of one shape read.
final class Inputs {
  let x: Parameter
  let y: Tensor
  let row: Tensor
  let labels: [Int32]
  let model: Weights
  var optimizer = Adam()
  let gradients: Gradients

  init(_ rows: Int, _ columns: Int) {
    x = Parameter(.random([rows, columns], in: -2..<2, seed: 1))
    y = .random([rows, columns], seed: 2)
    row = .random([columns], seed: 3)
    labels = (0..<rows).map { Int32($0 % columns) }
    model = Weights(w: x)
    var gradients = Gradients()
    gradients[x] = y
    self.gradients = gradients
  }

  /// The operation; `nil` for a name that is none.
  func result(of name: String) -> (() -> Tensor)? {
    let (x, y, row, labels) = (x, y, row, labels)
    return switch name {
    case "add": { x.value + y }
    case "mul": { x.value * y }
    case "relu": { relu(x.value) }
    case "gelu": { gelu(x.value) }
    case "exp": { Hedgerow.exp(x.value) }
    case "tanh": { Hedgerow.tanh(x.value) }
    case "layer-norm": { layerNorm(x.value, weight: row, bias: row) }
    case "cross-entropy": { crossEntropy(x.value, labels) }
    default: nil
    }
  }
}

var shape: [Int] = []
var inputs = Inputs(1, 1)
let pool = ThreadPool(threadCount: 2)
while let line = readLine() {
  let words = line.split(separator: " ")
  let (name, count, isBack) = (String(words[0]), Int(words[4])!, words[3] == "back")
  let next = [Int(words[1])!, Int(words[2])!]
  if next != shape {
    inputs = Inputs(next[0], next[1])
    shape = next
  }
  let body: () -> Void
  if name == "adam" {
    body = { inputs.optimizer.update(inputs.model, along: inputs.gradients) }
  } else {
    let operation = inputs.result(of: name)!
    body =
      isBack
      ? { _ = valueWithGradients(at: [inputs.x]) { sum(operation()) } }
      : { _ = operation() }
  }
  let time = ContinuousClock().measure {
    Compute.with(pool) { for _ in 0..<count { body() } }
  }
  print(time.seconds)
  fflush(nil)
}
