import HedgerowCore
import HedgerowTestSupport
import Testing

@Suite struct PropertyKindTests {
  @Test func everyKindIsReadBackFromItsName() {
    var kinds: [PropertyKind] = [
      .bool, .int8, .int16, .int32, .int64, .uint8, .float16, .bfloat16, .float32, .float64,
      .categorical, .string, .bytes, .scaledInt8(scale: 0.0078125), .scaledInt8(scale: 1e-30),
    ]
    kinds += PropertyKind.TimeUnit.allCases.map { .timestamp($0) }
    kinds += kinds.filter(\.isNumeric).map { .vector(element: $0, width: 64) }
    var random = RandomStream(seed: printedSeed())
    for _ in 0..<1000 {
      let scale = Float(bitPattern: UInt32(truncatingIfNeeded: random.next()) & 0x7F7F_FFFF)
      if scale > 0 { kinds.append(.vector(element: .scaledInt8(scale: scale), width: 3)) }
    }
    for kind in kinds { #expect(PropertyKind(kind.description) == kind, "\(kind)") }
    #expect(PropertyKind("int8[64]*0.0078125")?.byteWidth == 64)
    #expect(
      PropertyKind("INT8[2]*5E-1") == .vector(element: .scaledInt8(scale: 0.5), width: 2))
    for bad in [
      "int8*0", "int8*-1", "int8*inf", "int8*nan", "int8*1e-60", "int8*", "int8*x", "*1",
      "int16*0.5", "uint8[2]*0.5", "int8*0.5*0.5", "int8*0.5[2]", "bytes[4]", "string[2]",
      "bfloat16[0]",
    ] {
      #expect(PropertyKind(bad) == nil, "\(bad)")
    }
  }

  @Test func bfloat16RoundsToTheNearest() {
    var random = RandomStream(seed: printedSeed())
    for bits in 0...UInt16.max {
      let value = Float(BFloat16(bitPattern: bits))
      if value.isNaN {
        #expect(Float(BFloat16(value)).isNaN)
      } else {
        #expect(BFloat16(value).bitPattern == bits)
      }
    }
    for _ in 0..<100_000 {
      let value = Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))
      let rounded = Float(BFloat16(value))
      if value.isNaN {
        #expect(rounded.isNaN)
        continue
      }
      let below = UInt16(value.bitPattern >> 16)
      // The neighbor away from zero may be the infinity.
      let candidates = [BFloat16(bitPattern: below), BFloat16(bitPattern: below &+ 1)]
      guard candidates.allSatisfy({ Float($0).isFinite }) else { continue }
      let distances = candidates.map { abs(Double(Float($0)) - Double(value)) }
      let expected =
        distances[0] == distances[1]
        ? candidates.first { $0.bitPattern & 1 == 0 }!
        : candidates[distances[0] < distances[1] ? 0 : 1]
      #expect(rounded == Float(expected))
    }
    #expect(Float(BFloat16(.greatestFiniteMagnitude)) == .infinity)
  }

  @Test func bytesAreReadBackFromTheirText() {
    var random = RandomStream(seed: printedSeed())
    for _ in 0..<500 {
      let bytes = (0..<random.next(below: 20)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      let text = HexadecimalText.encode(bytes)
      #expect(HexadecimalText.decode(Array(text.utf8)) == bytes)
      #expect(HexadecimalText.decode(Array(("0x" + text.dropFirst(2).uppercased()).utf8)) == bytes)
    }
    #expect(HexadecimalText.encode([]) == "0x")
    for bad in ["", "0", "0x0", "0xg0", "ff", "0X00", "0x 0"] {
      #expect(HexadecimalText.decode(Array(bad.utf8)) == nil, "\(bad)")
    }
  }

  @Test func valuesAreLiterals() {
    let values: [String: PropertyValue] = [
      "stars": 5, "title": "Dune", "score": 0.5, "seen": true, "x": [0.5, 1, -2],
    ]
    #expect(
      values == [
        "stars": .int(5), "title": .text("Dune"), "score": .float(0.5), "seen": .bool(true),
        "x": .vector([0.5, 1, -2]),
      ])
    let all: [PropertyValue] = [5, "Dune", 0.5, true, [0.5, 1], .bytes([1, 255])]
    #expect(all.map { "\($0)" } == ["5", "Dune", "0.5", "true", "0.5;1.0", "0x01ff"])
  }
}
