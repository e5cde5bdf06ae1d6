import CHedgerowKernels
import HedgerowCore
import HedgerowGraph
import HedgerowTestSupport
import Testing

@Suite struct NumberPackerTests {
  @Test(arguments: 1...32) func numbersComeBackByTheirPlaces(bits: Int) throws {
    var stream = RandomStream(seed: printedSeed())
    for count in [0, 1, 2, 31, 32, 33, 40_000] {
      let most = UInt32(truncatingIfNeeded: (1 << bits) - 1)
      let numbers = (0..<count).map { place in
        place % 7 == 0 ? most : UInt32(truncatingIfNeeded: stream.next()) & most
      }
      var packer = NumberPacker(bits: bits)
      for _ in 0..<2 {
        // Behind some that fill no byte, a few at a time, and all over again.
        var bytes: [UInt8] = []
        var rest = numbers[...]
        while !rest.isEmpty {
          let part = Array(rest.prefix(1 + Int(stream.next(below: 20_000))))
          rest = rest.dropFirst(part.count)
          part.withUnsafeBufferPointer { packer.append($0) { bytes += $0 } }
        }
        packer.finish { bytes += $0 }
        #expect(bytes.count == NumberPacker.byteCount(count, bits: bits))
        let found = numbers.indices.map { hr_unpack(bytes, UInt32(bits), UInt64($0)) }
        #expect(found == numbers, "\(count) numbers")
        // One bit after the other, by itself.
        for place in numbers.indices.prefix(100) {
          var number: UInt32 = 0
          for bit in 0..<bits {
            let at = place * bits + bit
            number |= UInt32(bytes[at / 8] >> UInt8(at % 8) & 1) << UInt32(bit)
          }
          #expect(number == numbers[place])
        }
      }
    }
  }

  @Test func bitsAreThoseOfTheLargest() {
    #expect(
      [0, 1, 2, 3, 4, 5, 256, 257].map { NumberPacker.bitCount(below: $0) } == [
        1, 1, 1, 2, 2, 3, 8, 9,
      ])
    #expect(NumberPacker.bitCount(below: 1 << 31) == 31)
    #expect(NumberPacker.bitCount(below: 1 << 32) == 32)
    #expect(NumberPacker.bitCount(below: 1 << 40) == 32)
    #expect(NumberPacker.byteCount(3, bits: 20) == 8 + 7)
    #expect(NumberPacker.byteCount(.max, bits: 20) == nil)
  }
}
