// Times what layers and optimizers run in one pass, on one thread, beside plain loops that do the same one
// step after the other, and beside copying as many bytes as the pass must read and write:
//
//   tensors [NAME]        all, or those whose name contains NAME
import Glibc
import HedgerowCore
import HedgerowNN
import HedgerowTensor

struct Weights: Module { let w: Parameter }

/// The shortest of several runs, in seconds; short ones are repeated within a run.
func shortest(_ body: () -> Void) -> Double {
  let clock = ContinuousClock()
  func seconds(_ count: Int) -> Double {
    let time = clock.measure { for _ in 0..<count { body() } }.components
    return (Double(time.seconds) + Double(time.attoseconds) * 1e-18) / Double(count)
  }
  let first = seconds(1)
  let count = max(1, Int(0.02 / first))
  return (0..<4).map { _ in seconds(count) }.min()!
}

/// Bytes a second that copying moves, half of them read.
func copyRate(_ count: Int) -> Double {
  let from = UnsafeMutablePointer<Float>.allocate(capacity: count)
  let to = UnsafeMutablePointer<Float>.allocate(capacity: count)
  from.initialize(repeating: 1, count: count)
  to.initialize(repeating: 1, count: count)
  defer {
    from.deallocate()
    to.deallocate()
  }
  return Double(8 * count) / shortest { to.update(from: from, count: count) }
}

func padded(_ text: String, _ width: Int) -> String {
  String(repeating: " ", count: max(0, width - text.count)) + text
}

func rounded(_ value: Double, _ digits: Int) -> String {
  let factor = pow(10.0, Double(digits))
  return "\((value * factor).rounded() / factor)"
}

func line(
  _ name: String, _ rows: Int, _ width: Int, passes: Int, rate: Double,
  plain: () -> Void, _ fused: () -> Void
) {
  let filter = CommandLine.arguments.dropFirst().first ?? ""
  guard filter.isEmpty || name.contains(filter) else { return }
  let (fused, plain) = (shortest(fused), shortest(plain))
  let copy = Double(4 * rows * width * passes) / rate
  print(
    name + padded("\(rows) x \(width)", 46 - name.count) + padded(rounded(fused * 1e6, 1), 13)
      + padded(rounded(plain * 1e6, 1), 13) + padded(rounded(plain / fused, 1), 8)
      + padded(rounded(copy * 1e6, 1), 13) + padded(rounded(copy / fused, 2), 8))
}

func run(_ rows: Int, _ width: Int) {
  let count = rows * width
  let rate = copyRate(count)
  func report(_ name: String, passes: Int, plain: () -> Void, _ fused: () -> Void) {
    line(name, rows, width, passes: passes, rate: rate, plain: plain, fused)
  }
  let x = Tensor.random([rows, width], in: -2..<2, seed: 1)
  let bias = Tensor.random([width], seed: 2)
  var result = Tensor.zeros([rows, width])
  /// A plain loop over x into the result.
  func loop(_ body: (UnsafeBufferPointer<Float>, UnsafeMutableBufferPointer<Float>) -> Void) {
    x.withUnsafeBufferPointer { x in result.withUnsafeMutableBufferPointer { body(x, $0) } }
  }
  let b = bias.scalars
  func relu(_ x: Float) -> Float { max(x, 0) }
  func gelu(_ x: Float) -> Float {
    let distribution = 1 + erff(x * Float(0.5).squareRoot())
    return x * distribution / 2
  }
  let activations: [(String, Activation, (Float) -> Float, Int)] = [
    ("bias, relu, dropout", .relu, relu, 2), ("bias, gelu, dropout", .gelu, gelu, 3),
  ]
  for (name, activation, function, passes) in activations {
    report(name, passes: passes) {
      loop { x, y in
        var random = RandomStream(seed: 3)
        for row in 0..<rows {
          for column in 0..<width { y[row * width + column] = x[row * width + column] + b[column] }
        }
        for index in 0..<count { y[index] = function(y[index]) }
        for index in 0..<count { y[index] = random.next() >> 63 == 0 ? 0 : 2 * y[index] }
      }
    } _: {
      _ = valueWithGradients(at: [Parameter](), randomness: RandomStream(seed: 3)) {
        var sum = AffineSum(x)
        sum.add(bias: bias)
        _ = sum.evaluated(activation: activation, dropout: 0.5)
        return Tensor(0)
      }
    }
  }
  func plainNorm(_ x: UnsafeBufferPointer<Float>, _ y: UnsafeMutableBufferPointer<Float>) {
    for first in stride(from: 0, to: count, by: width) {
      var mean: Float = 0
      for column in 0..<width { mean += x[first + column] }
      mean /= Float(width)
      var variance: Float = 0
      for column in 0..<width {
        variance += (x[first + column] - mean) * (x[first + column] - mean)
      }
      let scale = 1 / (variance / Float(width) + 1e-5).squareRoot()
      for column in 0..<width {
        y[first + column] = (x[first + column] - mean) * scale * b[column] + b[column]
      }
    }
  }
  report("layer norm", passes: 2) {
    loop(plainNorm)
  } _: {
    _ = layerNorm(x, weight: bias, bias: bias)
  }
  let parameter = Parameter(x)
  // Back: the gradient of a sum is ones, written and read beside x and its gradient.
  report("layer norm and back", passes: 6) {
    loop { x, y in
      plainNorm(x, y)
      for first in stride(from: 0, to: count, by: width) {
        var (mean, squares): (Float, Float) = (0, 0)
        for column in 0..<width { mean += x[first + column] }
        mean /= Float(width)
        for column in 0..<width {
          squares += (x[first + column] - mean) * (x[first + column] - mean)
        }
        let scale = 1 / (squares / Float(width) + 1e-5).squareRoot()
        var (sum, along): (Float, Float) = (0, 0)
        for column in 0..<width {
          sum += b[column]
          along += b[column] * (x[first + column] - mean)
        }
        for column in 0..<width {
          let tilt = (x[first + column] - mean) * scale * scale * along
          y[first + column] = scale * (b[column] - (sum + tilt) / Float(width))
        }
      }
    }
  } _: {
    _ = valueWithGradients(at: [parameter]) {
      sum(layerNorm(parameter.value, weight: bias, bias: bias))
    }
  }
  let labels = (0..<rows).map { Int32($0 % width) }
  var losses = [Float](repeating: 0, count: rows)
  func plainLosses(_ x: UnsafeBufferPointer<Float>) {
    for row in 0..<rows {
      var largest = -Float.infinity
      for column in 0..<width { largest = max(largest, x[row * width + column]) }
      var sum: Float = 0
      for column in 0..<width { sum += expf(x[row * width + column] - largest) }
      losses[row] = largest + logf(sum) - x[row * width + Int(labels[row])]
    }
  }
  report("softmax cross-entropy", passes: 1) {
    loop { x, _ in plainLosses(x) }
  } _: {
    _ = crossEntropy(x, labels)
  }
  report("softmax cross-entropy and back", passes: 3) {
    loop { x, y in
      plainLosses(x)
      for row in 0..<rows {
        let label = row * width + Int(labels[row])
        let log = losses[row] + x[label]
        for index in row * width..<(row + 1) * width {
          y[index] = expf(x[index] - log) / Float(rows)
        }
        y[label] -= 1 / Float(rows)
      }
    }
  } _: {
    _ = valueWithGradients(at: [parameter]) { crossEntropy(parameter.value, labels) }
  }
  let model = Weights(w: parameter)
  let (_, gradients) = valueWithGradients(at: model) { sum(model.w.value) }
  var optimizer = Adam()
  optimizer.update(model, along: gradients)
  var moments = [[Float]](repeating: [Float](repeating: 0, count: count), count: 2)
  report("Adam step", passes: 7) {
    loop { x, y in
      moments[0].withUnsafeMutableBufferPointer { m in
        for index in 0..<count { m[index] = 0.9 * m[index] + 0.1 * x[index] }
      }
      moments[1].withUnsafeMutableBufferPointer { v in
        for index in 0..<count { v[index] = 0.999 * v[index] + 0.001 * x[index] * x[index] }
      }
      for index in 0..<count {
        y[index] -= 1e-3 * moments[0][index] / (moments[1][index].squareRoot() + 1e-8)
      }
    }
  } _: {
    optimizer.update(model, along: gradients)
  }
}

Compute.with(ThreadPool(threadCount: 1)) {
  print(
    "on one thread" + padded("rows x width", 33) + padded("us", 13) + padded("plain us", 13)
      + padded("times", 8) + padded("copy us", 13) + padded("share", 8))
  run(32, 32)
  run(1 << 20, 128)
}
