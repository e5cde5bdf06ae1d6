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

  @Test func meansOfARangeOfRowsLeaveTheOthersAlone() {
    let x: [Float] = [1, 2, 3, 4, 5, 6]  // [3, 2]
    var out = [Float](repeating: -1, count: 8)
    hr_segment_mean_f32(&out, x, [0, 1, 3, 3, 6], [2, 0, 1, 0, 0, 2], 1, 4, 2)
    #expect(isClose(out))
  }

  func isClose(_ out: [Float]) -> Bool {
    zip(out, [-1, -1, 2, 3, 0, 0, 7 / 3, 10 / 3] as [Float]).allSatisfy { abs($0 - $1) < 1e-6 }
  }

  @Test func scatterAddsRowsOfItsRangeInOrder() {
    var table = [Float](repeating: 0, count: 6)
    hr_scatter_rows_f32(&table, [1, 2, 3, 4, 5, 6, 7, 8], [1, 0, 1, 2], 4, 2, 1, 3)
    #expect(table == [0, 0, 6, 8, 7, 8])
  }
}
