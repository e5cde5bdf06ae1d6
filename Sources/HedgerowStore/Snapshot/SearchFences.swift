import Glibc
import HedgerowCore
import Synchronization

/// What binary searches over sorted texts saw in their first steps, kept in memory: of each text that
/// they met there, eight bytes behind the beginning that all texts share.
///
/// Most steps of a search are decided here, by one word that is in the processor's cache, instead of
/// in the file: on ten million keys, all but the last five. Fills itself as searches pass, so that opening
/// reads nothing; holds at most 4 MiB.
final class SearchFences: @unchecked Sendable {
  /// Steps of a search that are kept at most.
  private static let maximumLevelCount = 19

  /// Words by the number of the step in a tree of steps: 1 is the first, 2n and 2n + 1 are those
  /// behind step n to the left and to the right; 0 where none was seen.
  private let words: UnsafeMutablePointer<Atomic<UInt64>>
  private let count: Int
  private let textCount: Int
  private let beginning: [UInt8]

  /// - Parameters:
  ///   - textCount: texts that are searched. The last steps are not kept: their texts lie side by
  ///     side in the file.
  ///   - first, last: the ends of the sorted side.
  init(textCount: Int, first: UnsafeRawBufferPointer, last: UnsafeRawBufferPointer) {
    self.textCount = textCount
    let steps = Int.bitWidth - textCount.leadingZeroBitCount
    count = 1 << min(Self.maximumLevelCount, max(0, steps - 4))
    // Zeroed pages that take no memory before they are written to.
    guard let zeroed = calloc(count, MemoryLayout<Atomic<UInt64>>.stride) else {
      fatalError("no memory for \(count) words")
    }
    words = zeroed.bindMemory(to: Atomic<UInt64>.self, capacity: count)
    beginning = zip(first, last).prefix { $0 == $1 }.map(\.0)
  }

  deinit { free(words) }

  /// The word of a text: its eight bytes behind the beginning, zeros behind its end, so that words
  /// that differ are in the order of their texts.
  private func word(of text: UnsafeRawBufferPointer) -> UInt64 {
    let start = beginning.count
    if text.count >= start + 8 {
      return UInt64(bigEndian: text.loadUnaligned(fromByteOffset: start, as: UInt64.self))
    }
    var word: UInt64 = 0
    for place in start..<start + 8 {
      word = word << 8 | (place < text.count ? UInt64(text[place]) : 0)
    }
    return word
  }

  /// Where a text stands among those that are searched, by binary search; `nil` when it is not there.
  ///
  /// - Parameters:
  ///   - approach: is told of the places that are left when those that are kept do not decide any more.
  ///   - text: the text at a place of the sorted side.
  func place(
    of wanted: UnsafeRawBufferPointer,
    approach: (Range<Int>) -> Void, text: (Int) throws -> UnsafeRawBufferPointer
  ) rethrows -> Int? {
    guard wanted.starts(with: beginning) else { return nil }
    let wantedWord = word(of: wanted)
    var (low, high) = (0, textCount)
    var step = 1
    while low < high {
      let middle = low + (high - low) / 2
      let seen = step < count ? words[step].load(ordering: .relaxed) : 0
      let isBefore: Bool
      if seen != 0 && seen != wantedWord {
        isBefore = seen < wantedWord
      } else {
        let text = try text(middle)
        if seen == 0 && step < count { words[step].store(word(of: text), ordering: .relaxed) }
        let order = StoredKeys.compare(text, wanted)
        if order == 0 { return middle }
        isBefore = order < 0
      }
      if isBefore { low = middle + 1 } else { high = middle }
      if step < count {
        step = 2 * step + (isBefore ? 1 : 0)
        if step >= count { approach(low..<high) }
      }
    }
    return nil
  }
}
