import CHedgerowKernels
import HedgerowCore
import Testing

@Suite struct SortKernelTests {
  @Test func wordsAreSortedOverAnyBits() {
    let seed: UInt64 = 51
    print("seed \(seed)")
    var random = RandomStream(seed: seed)
    let masks: [UInt64] = [.max, 0xFFFFF_000F_FFFF, 0x8000_0000_0000_0001, 0xFF, 0, 0x7FF << 53]
    for mask in masks {
      for count in [0, 1, 2, 3, 1000, 20_000] {
        var words = (0..<count).map { _ in random.next() & mask }
        var scratch = words
        let expected = words.sorted()
        let result = words.withUnsafeMutableBufferPointer { words in
          scratch.withUnsafeMutableBufferPointer { scratch -> [UInt64] in
            guard let start = words.baseAddress else { return [] }
            let sorted = hr_sort_u64(start, scratch.baseAddress!, count)
            return Array(UnsafeBufferPointer(start: sorted, count: count))
          }
        }
        #expect(result == expected)
      }
    }
  }

  @Test func recordsAreSortedStablyByTheirKeyBytes() {
    let seed: UInt64 = 52
    print("seed \(seed)")
    var random = RandomStream(seed: seed)
    for (width, keyWidth) in [(8, 8), (12, 8), (16, 8), (24, 16), (21, 3), (40, 9)] {
      let count = 3000
      let records = (0..<count).map { index in
        (0..<width).map { byte in
          byte < keyWidth ? UInt8(random.next(below: 4)) : UInt8(index >> (8 * (byte % 2)) & 255)
        }
      }
      let expected = records.enumerated().sorted { a, b in
        let (x, y) = (a.element[..<keyWidth], b.element[..<keyWidth])
        return x.lexicographicallyPrecedes(y) || (x == y && a.offset < b.offset)
      }.flatMap(\.element)
      var bytes = records.flatMap { $0 }
      var scratch = bytes
      let result = bytes.withUnsafeMutableBufferPointer { bytes in
        scratch.withUnsafeMutableBufferPointer { scratch in
          let sorted = hr_sort_records(
            bytes.baseAddress!, scratch.baseAddress!, count, width, keyWidth)
          return Array(UnsafeBufferPointer(start: sorted, count: count * width))
        }
      }
      #expect(result == expected)
    }
  }

  @Test(arguments: [0, 3, 8, 13]) func textsAreSortedByTheirBytes(shared: Int) {
    let seed: UInt64 = 53
    print("seed \(seed)")
    var random = RandomStream(seed: seed)
    var arena: [UInt8] = []
    var texts: [hr_text] = []
    for _ in 0..<5000 {
      let count = Int(random.next(below: 20))
      texts.append(hr_text(offset: UInt64(arena.count), count: UInt32(shared + count), tag: 0))
      arena += [UInt8](repeating: 120, count: shared)
      // Long shared prefixes, so that the first 8 bytes do not decide.
      arena += (0..<count).map { $0 < 9 ? 97 : UInt8(97 + random.next(below: 3)) }
    }
    func text(_ index: UInt32) -> ArraySlice<UInt8> {
      let text = texts[Int(index)]
      return arena[Int(text.offset)..<(Int(text.offset) + Int(text.count))]
    }
    var order = (0..<UInt32(texts.count)).map { $0 }
    let expected = order.sorted { a, b in
      text(a).lexicographicallyPrecedes(text(b)) || (text(a) == text(b) && a < b)
    }
    var prefixes = [UInt64](repeating: 0, count: texts.count)
    var scratch = order
    hr_sort_texts(arena, texts, &prefixes, &order, &scratch, texts.count)
    #expect(order == expected)
  }

  @Test func bitsNumberTheirKeys() {
    let seed: UInt64 = 54
    print("seed \(seed)")
    var random = RandomStream(seed: seed)
    let limit: UInt64 = 8192
    var bits = [UInt64](repeating: 0, count: Int(limit) / 64)
    let keys = (0..<2000).map { _ in Int64(random.next(below: limit)) }
    #expect(hr_bits_set(&bits, limit, keys, keys.count) == keys.count)
    #expect(hr_bits_set(&bits, limit, [1, -1], 2) == 1)
    #expect(hr_bits_set(&bits, limit, [8192], 1) == 0)
    let sorted = Set(keys).union([1]).sorted()
    var ranks = [UInt32](repeating: 0, count: (bits.count + 7) / 8)
    #expect(hr_bits_index(bits, bits.count, &ranks) == UInt64(sorted.count))
    let asked = (0..<3000).map { _ in Int64(random.next(below: 9000)) - 100 }
    var ids = [UInt32](repeating: 0, count: asked.count)
    hr_bits_rank(bits, ranks, limit, asked, asked.count, &ids)
    for (key, id) in zip(asked, ids) {
      #expect(id == sorted.firstIndex(of: key).map { UInt32($0) } ?? .max)
    }
    var unknown = [Int64](repeating: 0, count: asked.count)
    let count = hr_bits_unknown(bits, limit, asked, asked.count, &unknown)
    #expect(Array(unknown[..<count]) == asked.filter { !sorted.contains($0) })
  }
}
