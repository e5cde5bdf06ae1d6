import CHedgerowKernels
import HedgerowCore
import Testing

@Suite struct DenseKernelTests {
  @Test(arguments: [0, 1, 2, 31, 32, 33, 100]) func dropoutIsAFunctionOfTheElement(count: Int) {
    let stream = RandomStream(seed: 4)
    let ones = [Float](repeating: 1, count: 200)
    var whole = ones
    hr_dropout_f32(&whole, ones, 2, 1 << 31, stream.key, 0, 200)
    for first in stride(from: 0, to: 200 - count, by: 2) {
      var part = [Float](repeating: 7, count: count)
      hr_dropout_f32(&part, ones, 2, 1 << 31, stream.key, UInt64(first), count)
      #expect(part == Array(whole[first..<(first + count)]))
    }
  }

  @Test func reluKeepsNaN() {
    var out = [Float](repeating: 0, count: 3)
    hr_relu_f32(&out, [-1, .nan, 2], 3)
    #expect(out[0] == 0 && out[1].isNaN && out[2] == 2)
  }

  @Test(arguments: [0, 1, 15, 16, 17, 1000]) func sumTakesEveryElementOnce(count: Int) {
    let numbers = (0..<count).map { Double(1 + $0) }
    #expect(hr_sum_f64(numbers, count) == Double(count * (count + 1) / 2))
  }

  @Test func adamTakesTheStepOfItsEquations() {
    var (w, m, v) = ([0.5, -2.0], [0.1, 0.0], [0.2, 0.0])
    let gradient = [1.0, -3.0]
    let (rate, root, beta1, beta2, epsilon, decay) = (0.01, 1.5, 0.9, 0.99, 1e-8, 0.1)
    let before = (w, m, v)
    hr_adam_f64(&w, &m, &v, nil, gradient, 2, rate, root, beta1, beta2, epsilon, decay, 1)
    for i in 0..<2 {
      let g = gradient[i] + decay * before.0[i]
      let first = beta1 * before.1[i] + (1 - beta1) * g
      let second = beta2 * before.2[i] + (1 - beta2) * g * g
      #expect(abs(m[i] - first) < 1e-15 && abs(v[i] - second) < 1e-15)
      let step = rate * first / (second.squareRoot() * root + epsilon)
      #expect(abs(w[i] - (before.0[i] - step)) < 1e-15)
    }
  }
}
