import HedgerowCore
import HedgerowNN
import HedgerowTensor
import Testing

@Suite struct StateTests {
  func file(_ header: String, data: [UInt8] = []) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: header.utf8.count >> ($0 * 8)) } + Array(header.utf8)
      + data
  }

  func expectDamaged(_ bytes: [UInt8], location: SourceLocation = #_sourceLocation) {
    do {
      _ = try Safetensors(decoding: bytes)
      Issue.record("decoded without an error", sourceLocation: location)
    } catch {
      #expect((error as? HedgerowError)?.code == .damaged, sourceLocation: location)
    }
  }

  @Test func aStateComesBackAsItWas() throws {
    let model = Nested().initialized(seed: 9)
    var state = model.state
    state.metadata = ["made by": "a \"test\" \n with 1/2 odd characters: \u{00e9}"]
    let bytes = try state.encoded()
    #expect(try state.encoded() == bytes)
    let decoded = try ModelState(decoding: bytes)
    #expect(decoded.metadata == state.metadata)
    #expect(decoded.tensors.map(\.name) == state.tensors.map(\.name))
    let other = Nested().initialized(seed: 10)
    try other.load(decoded)
    #expect(other.state.tensors.map(\.value) == model.state.tensors.map(\.value))
  }

  @Test func bytesAreThoseOfTheFormat() throws {
    let state = ModelState(tensors: [("w", Tensor([[1, 2]]))])
    let header = #"{"w":{"data_offsets":[0,8],"dtype":"F32","shape":[1,2]}}"#
    let expected = file(
      header + String(repeating: " ", count: (8 - header.utf8.count % 8) % 8),
      data: [0, 0, 0x80, 0x3F, 0, 0, 0, 0x40])
    #expect(try state.encoded() == expected)
  }

  @Test func everyElementKindIsRead() throws {
    func entry(_ kind: String, _ bytes: [UInt8]) throws -> Safetensors.Entry {
      let header = #"{"x":{"dtype":"\#(kind)","shape":[1],"data_offsets":[0,\#(bytes.count)]}}"#
      return try Safetensors(decoding: file(header, data: bytes))["x"]!
    }
    #expect(try entry("F32", [0, 0, 0xC0, 0x3F]).tensor == Tensor([1.5]))
    #expect(try entry("F64", [0, 0, 0, 0, 0, 0, 0xF8, 0x3F]).tensor == Tensor([1.5]))
    #expect(try entry("F16", [0, 0x3E]).tensor == Tensor([1.5]))
    #expect(try entry("BF16", [0xC0, 0x3F]).tensor == Tensor([1.5]))
    #expect(try entry("I64", [0xFE] + [UInt8](repeating: 0xFF, count: 7)).integers == [-2])
    #expect(try entry("I32", [0xFE, 0xFF, 0xFF, 0xFF]).integers == [-2])
    #expect(try entry("I16", [0xFE, 0xFF]).integers == [-2])
    #expect(try entry("I8", [0xFE]).integers == [-2])
    #expect(try entry("U8", [0xFE]).integers == [254])
    #expect(try entry("BOOL", [1]).integers == [1])
    #expect(try entry("I8", [1]).tensor == nil)
  }

  @Test func damageIsNamed() throws {
    expectDamaged([])
    expectDamaged([1, 2, 3])
    expectDamaged([UInt8](repeating: 0xFF, count: 64))
    expectDamaged(file("{"))
    expectDamaged(file("[]"))
    expectDamaged(file(String(repeating: "[", count: 100_000)))
    func array(_ shape: String, _ offsets: String, dtype: String = "F32") -> String {
      #"{"w":{"dtype":"\#(dtype)","shape":\#(shape),"data_offsets":\#(offsets)}}"#
    }
    let data = [UInt8](repeating: 0, count: 8)
    #expect(throws: Never.self) {
      try Safetensors(decoding: file(array("[2]", "[0,8]"), data: data))
    }
    expectDamaged(file(array("[2]", "[0,8]", dtype: "F99"), data: data))
    expectDamaged(file(array("[3]", "[0,8]"), data: data))
    expectDamaged(file(array("[-2]", "[0,8]"), data: data))
    expectDamaged(file(array("[2]", "[8,0]"), data: data))
    expectDamaged(file(array("[2]", "[0,8,9]"), data: data))
    expectDamaged(file(array("[2.5]", "[0,8]"), data: data))
    expectDamaged(file(array("[1]", "[0,4]"), data: data))
    expectDamaged(file(array("[1]", "[4,8]"), data: data))
    expectDamaged(file(array("[2]", "[0,16]"), data: data))
    expectDamaged(file(array("[4611686018427387904,4]", "[0,8]"), data: data))
    expectDamaged(file(array("[0,4611686018427387904,4]", "[0,0]")))
  }

  @Test(arguments: UInt64(0)..<4) func drawnDamageNeverCrashes(seed: UInt64) throws {
    let bytes = try Nested().initialized(seed: 1).state.encoded()
    var stream = RandomStream(seed: seed)
    for _ in 0..<500 {
      var damaged = bytes
      for _ in 0...stream.next(below: 3) {
        damaged[Int(stream.next(below: UInt64(bytes.count)))] = UInt8(stream.next(below: 256))
      }
      if stream.next(below: 3) == 0 { damaged.removeLast(Int(stream.next(below: 200))) }
      if let state = try? ModelState(decoding: damaged) {
        try? Nested().load(state)
      }
    }
  }

  @Test func aStateThatDoesNotFitChangesNothing() throws {
    let model = Linear(2, 3).initialized(seed: 1)
    let before = model.state
    let weight = Tensor.zeros([3, 2])
    for (tensors, place) in [
      ([("weight", weight)], "bias"),
      ([("weight", weight), ("bias", .zeros([4]))], "bias"),
      ([("weight", weight), ("bias", .zeros([3])), ("extra", weight)], "extra"),
    ] as [([(name: String, value: Tensor)], String)] {
      #expect {
        try model.load(ModelState(tensors: tensors))
      } throws: {
        ($0 as? HedgerowError)?.place == place && ($0 as? HedgerowError)?.code == .badData
      }
      #expect(model.state.tensors.map(\.value) == before.tensors.map(\.value))
    }
  }
}
