import CHedgerowKernels
import Testing

@Suite struct GraphKernelTests {
  @Test func malformedRowsAreSeen() {
    #expect(hr_rows_are_valid([0, 2, 3], [0, 4, 1], 2, 5))
    #expect(hr_rows_are_valid([0], [], 0, 0))
    #expect(!hr_rows_are_valid([0, 2, 3], [0, 5, 1], 2, 5), "an index out of bounds")
    #expect(!hr_rows_are_valid([0, 3, 2], [0, 1, 1], 2, 5), "falling offsets")
    #expect(!hr_rows_are_valid([1, 2, 3], [0, 1, 1], 2, 5), "a first offset that is not 0")
  }

  @Test func sumsOfARangeOfRowsLeaveTheOthersAlone() {
    let x: [Float] = [1, 2, 3, 4, 5, 6]  // [3, 2]
    let (offsets, sources): ([UInt32], [UInt32]) = ([0, 1, 3, 3, 6], [2, 0, 1, 0, 0, 2])
    var out = [Float](repeating: -1, count: 8)
    hr_segment_sum_f32(&out, x, offsets, sources, nil, [7, 0.5, 8, 2], false, 1, 4, 2)
    #expect(out == [-1, -1, 2, 3, 0, 0, 14, 20])
    hr_segment_sum_f32(&out, x, offsets, sources, [1, 10, 100], nil, false, 1, 4, 2)
    #expect(out == [-1, -1, 31, 42, 0, 0, 502, 604])
  }

  @Test func theLargestIsTheFirstOfEqualsAndNaNWins() {
    let x: [Float] = [1, 5, 3, 5, .nan, 0]  // [3, 2]
    var out = [Float](repeating: -1, count: 6)
    var places = [UInt32](repeating: 7, count: 6)
    hr_segment_extreme_f32(&out, &places, x, [0, 2, 2, 5], [0, 1, 1, 2, 0], 1, 0, 3, 2)
    #expect(out[..<4] == [3, 5, 0, 0] && out[4].isNaN && out[5] == 5)
    #expect(places == [1, 0, .max, .max, 3, 2])
  }
}
