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
    hr_activate_f32(hr_relu, &out, [-1, .nan, 2], 0, 0, 3)
    #expect(out[0] == 0 && out[1].isNaN && out[2] == 2)
  }

  @Test(arguments: [0, 1, 15, 16, 17, 1000]) func sumTakesEveryElementOnce(count: Int) {
    let numbers = (0..<count).map { Double(1 + $0) }
    #expect(hr_sum_f64(numbers, count) == Double(count * (count + 1) / 2))
  }
}
