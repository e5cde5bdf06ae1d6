import HedgerowTensor
import Testing

@Suite struct TensorTests {
  @Test func printingShowsShapeAndEnds() {
    #expect(Tensor([[1, 2], [3, 4]]).description == "Tensor[2, 2] [[1.0, 2.0],\n [3.0, 4.0]]")
    #expect(Tensor(2.5).description == "Tensor[] 2.5")
    #expect(Tensor.zeros([0, 4]).description == "Tensor[0, 4]")
    #expect(
      Tensor((0..<20).map(Float.init)).description
        == "Tensor[20] [0.0, 1.0, 2.0, ..., 18.0, 19.0]")
    #expect(NDTensor<Double>([1]).description == "DoubleTensor[1] [1.0]")
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
