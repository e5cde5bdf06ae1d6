import HedgerowCore
import HedgerowTestSupport
import Synchronization
import Testing

@testable import HedgerowStore

@Suite struct SearchFencesTests {
  /// Sorted texts, each once, and what to ask for: all of them, and others near to them.
  static func texts(
    _ count: Int, beginning: [UInt8], alphabet: UInt64, _ random: inout RandomStream
  )
    -> (sorted: [[UInt8]], wanted: [[UInt8]])
  {
    var drawn: Set<[UInt8]> = []
    var wanted: [[UInt8]] = [[], beginning, beginning + [0], Array(beginning.dropLast())]
    for _ in 0..<count {
      var text = beginning
      for _ in 0..<random.next(below: 24) { text.append(UInt8(random.next(below: alphabet))) }
      drawn.insert(text)
      wanted += [text, text + [0], text.dropLast(), text.map { $0 ^ 1 }]
    }
    return (drawn.sorted { $0.lexicographicallyPrecedes($1) }, wanted)
  }

  @Test(arguments: [1, 2, 31, 64, 1000, 20_000])
  func everySearchFindsWhatADictionaryDoes(count: Int) throws {
    var random = RandomStream(seed: printedSeed())
    for alphabet: UInt64 in [1, 2, 256] {
      for beginning in [[], Array("http://example.org/resource/".utf8), [0, 0, 0]] {
        let (sorted, wanted) = Self.texts(
          count, beginning: beginning, alphabet: alphabet, &random)
        let places = Dictionary(uniqueKeysWithValues: sorted.enumerated().map { ($1, $0) })
        var bytes: [UInt8] = []
        var ends = [0]
        for text in sorted {
          bytes += text
          ends.append(bytes.count)
        }
        try bytes.withUnsafeBytes { bytes in
          func text(_ place: Int) -> UnsafeRawBufferPointer {
            UnsafeRawBufferPointer(rebasing: bytes[ends[place]..<ends[place + 1]])
          }
          let fences = SearchFences(
            textCount: sorted.count, first: text(0), last: text(sorted.count - 1))
          // Twice: the first searches fill what the second ones are led by.
          for _ in 0..<2 {
            for wanted in wanted {
              let place = wanted.withUnsafeBytes { wanted in
                fences.place(of: wanted, approach: { _ in }, text: text)
              }
              try #require(place == places[wanted], "\(wanted) of \(sorted.count)")
            }
          }
        }
      }
    }
  }

  @Test func threadsSearchAndFillAtOnce() {
    let sorted = (0..<50_000).map { id in Array("node/\(String(id + 100_000, radix: 36))".utf8) }
      .sorted { $0.lexicographicallyPrecedes($1) }
    let fences = sorted[0].withUnsafeBytes { first in
      sorted[sorted.count - 1].withUnsafeBytes { last in
        SearchFences(textCount: sorted.count, first: first, last: last)
      }
    }
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 16 * sorted.count, alignment: 16)
    defer { bytes.deallocate() }
    for (place, text) in sorted.enumerated() {
      for (offset, byte) in text.enumerated() { bytes[16 * place + offset] = byte }
    }
    nonisolated(unsafe) let texts = UnsafeRawBufferPointer(bytes)
    let wrong = Atomic(0)
    ThreadPool(threadCount: 4).run(parts: 4) { part in
      var random = RandomStream(seed: UInt64(part))
      for _ in 0..<20_000 {
        let place = Int(random.next(below: UInt64(sorted.count)))
        let found = sorted[place].withUnsafeBytes { wanted in
          fences.place(of: wanted, approach: { _ in }) {
            UnsafeRawBufferPointer(rebasing: texts[16 * $0..<16 * $0 + sorted[$0].count])
          }
        }
        if found != place { wrong.add(1, ordering: .relaxed) }
      }
    }
    #expect(wrong.load(ordering: .relaxed) == 0)
  }
}
