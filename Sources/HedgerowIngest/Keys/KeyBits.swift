import CHedgerowKernels
import Glibc
import HedgerowCore

/// A set of integer keys from zero up, as a bitmap that grows to the largest; a key's number is how
/// many lie below it.
///
/// An eighth of a byte a key where keys are dense, and a sixteenth of that again for the numbers.
final class KeyBits {
  private var words: UnsafeMutablePointer<UInt64>
  private var wordCount: Int
  private let wordLimit: Int
  private var ranks: [UInt32] = []
  /// Keys in the set, once ``seal()`` has counted them.
  private(set) var count = 0

  /// - Parameter memory: bytes that the bitmap may grow to.
  init(memory: Int) {
    wordCount = 1 << 10
    wordLimit = max(wordCount, memory / 17 * 16 / 8)
    words = Self.zeroed(wordCount)
  }

  deinit { free(words) }

  private static func zeroed(_ count: Int) -> UnsafeMutablePointer<UInt64> {
    guard let memory = calloc(count, 8) else {
      fatalError("no memory for \(count * 8) bytes of keys")
    }
    return memory.assumingMemoryBound(to: UInt64.self)
  }

  var byteCount: Int { wordCount * 8 + ranks.count * 4 }

  /// Adds keys until one is negative or too large for the memory; returns how many were added.
  func insert(_ keys: UnsafeBufferPointer<Int64>) -> Int {
    var done = 0
    while done < keys.count {
      done += hr_bits_set(
        words, UInt64(wordCount) * 64, keys.baseAddress! + done, keys.count - done)
      guard done < keys.count else { break }
      let key = keys[done]
      guard key >= 0, key / 64 < wordLimit else { break }
      grow(to: min(wordLimit, max(2 * wordCount, Int(key / 64) + 1)))
    }
    return done
  }

  private func grow(to count: Int) {
    let larger = Self.zeroed(count)
    memcpy(larger, words, wordCount * 8)
    free(words)
    words = larger
    wordCount = count
  }

  /// Adds one key from zero up; the bitmap is as long as it needs.
  func insert(_ key: Int) {
    withUnsafePointer(to: Int64(key)) {
      require(
        insert(UnsafeBufferPointer(start: $0, count: 1)) == 1, "key \(key) is beyond the bitmap")
    }
  }

  func contains(_ key: Int) -> Bool {
    key / 64 < wordCount && words[key / 64] >> UInt64(key % 64) & 1 == 1
  }

  /// How many keys lie below one that need not be in the set, once sealed.
  func count(below key: Int) -> Int {
    let word = min(key / 64, wordCount)
    if word == wordCount { return count }
    let block = word & ~7
    var rank = Int(ranks[word / 8])
    for index in block..<word { rank += words[index].nonzeroBitCount }
    return rank + (words[word] & (1 << UInt64(key % 64) - 1)).nonzeroBitCount
  }

  /// Keeps the keys that are not in the set, in order.
  func unknown(_ keys: UnsafeBufferPointer<Int64>) -> [Int64] {
    guard let start = keys.baseAddress else { return [] }
    return [Int64](unsafeUninitializedCapacity: keys.count) { buffer, count in
      count = hr_bits_unknown(
        words, UInt64(wordCount) * 64, start, keys.count, buffer.baseAddress!)
    }
  }

  /// Counts the keys, so that ``number(_:into:)`` works.
  func seal() {
    ranks = [UInt32](repeating: 0, count: (wordCount + 7) / 8)
    count = ranks.withUnsafeMutableBufferPointer {
      Int(hr_bits_index(words, wordCount, $0.baseAddress!))
    }
  }

  /// The number of each key, or `UInt32.max` for one that is not in the set.
  func number(_ keys: UnsafeBufferPointer<Int64>, into numbers: UnsafeMutablePointer<UInt32>) {
    guard let start = keys.baseAddress else { return }
    ranks.withUnsafeBufferPointer {
      hr_bits_rank(words, $0.baseAddress!, UInt64(wordCount) * 64, start, keys.count, numbers)
    }
  }

  /// Whether the keys are exactly 0..<count.
  var isContiguous: Bool {
    guard count > 0 else { return true }
    let last = count - 1
    var number: UInt32 = 0
    withUnsafePointer(to: Int64(last)) {
      self.number(UnsafeBufferPointer(start: $0, count: 1), into: &number)
    }
    return number == UInt32(last)
  }

  /// All keys, rising.
  func visit(_ body: (Int64) throws -> Void) rethrows {
    for index in 0..<wordCount {
      var word = words[index]
      while word != 0 {
        try body(Int64(index * 64 + word.trailingZeroBitCount))
        word &= word - 1
      }
    }
  }
}
