import HedgerowTensor
import Testing

@Suite struct TensorTests {
  /// What PyTorch 2 prints for the same numbers, but for the head.
  @Test func numbersArePrintedInColumns() {
    #expect(Tensor([[1, 2], [3, 4]]).description == "Tensor[2, 2]\n[[1., 2.],\n [3., 4.]]")
    #expect(Tensor(2.5).description == "Tensor[] 2.5000")
    #expect(Tensor.zeros([0, 4]).description == "Tensor[0, 4]")
    #expect(
      Tensor([1, -2.5, .nan, .infinity]).description
        == "Tensor[4] [ 1.0000, -2.5000,     nan,     inf]")
    #expect(Tensor([1e-5, 1]).description == "Tensor[2] [1.0000e-05, 1.0000e+00]")
    #expect(NDTensor<Double>([1]).description == "DoubleTensor[1] [1.]")
    #expect(NDArray<Int32>([7, -10]).description == "NDArray<Int32>[2] [  7, -10]")
    #expect(Mask([true, false]).description == "NDArray<Bool>[2] [ true, false]")
    #expect(
      Tensor((0..<8).map(Float.init), shape: [2, 2, 2]).description
        == "Tensor[2, 2, 2]\n[[[0., 1.],\n  [2., 3.]],\n\n [[4., 5.],\n  [6., 7.]]]")
    #expect(
      Tensor((0..<1001).map(Float.init)).description
        == "Tensor[1001] [   0.,    1.,    2., ...,  998.,  999., 1000.]")
    #expect(
      Tensor((0..<1200).map(Float.init), shape: [400, 3]).transposed().description
        == """
        Tensor[3, 400]
        [[   0.,    3.,    6., ..., 1191., 1194., 1197.],
         [   1.,    4.,    7., ..., 1192., 1195., 1198.],
         [   2.,    5.,    8., ..., 1193., 1196., 1199.]]
        """)
    let lines = Tensor((0..<40).map(Float.init)).description.split(separator: "\n")
    #expect(lines.count > 1 && lines.allSatisfy { $0.count <= 80 })
  }

  @Test func writingToACopyLeavesTheOriginal() {
    let a = Tensor([1, 2, 3])
    var b = a
    b.withUnsafeMutableBufferPointer { $0[1] = 7 }
    #expect(a == Tensor([1, 2, 3]))
    #expect(b == Tensor([1, 7, 3]))
  }

  @Test func aPrefixSharesItsRows() {
    let x = Tensor([[1, 2], [3, 4], [5, 6]])
    let start = x.withUnsafeBufferPointer { $0.baseAddress }
    #expect(x.prefix(rows: 2).withUnsafeBufferPointer { $0.baseAddress } == start)
    #expect(x.prefix(rows: 2) == Tensor([[1, 2], [3, 4]]))
    #expect(x.gathered(rows: [2, 0, 2]) == Tensor([[5, 6], [1, 2], [5, 6]]))
  }

  @Test func addressesAreAlignedForVectors() {
    for count in [0, 1, 3, 64, 1000, 70_000, 1_000_000] {
      Tensor.zeros([count]).withUnsafeBufferPointer {
        #expect(Int(bitPattern: $0.baseAddress) % 64 == 0)
      }
    }
  }

  @Test func shapesThatDoNotFitTrapNamingBoth() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      _ = matmul(Tensor.zeros([2, 3]), Tensor.zeros([4, 5]))
    }
    let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(text.contains("[2, 3]") && text.contains("[4, 5]"))
    await #expect(processExitsWith: .failure) { _ = Tensor.zeros([2]) + Tensor.zeros([3]) }
    await #expect(processExitsWith: .failure) { _ = crossEntropy(Tensor.zeros([1, 3]), [3]) }
    await #expect(processExitsWith: .failure) { _ = Tensor.zeros([4, 2]).gathered(rows: [4]) }
    await #expect(processExitsWith: .failure) {
      let rows = CompressedRows(offsets: [0, 2], indices: [0, 4], rowCount: 1)
      _ = segmentMean(Tensor.zeros([4, 2]), over: rows) { rows }
    }
  }
}
