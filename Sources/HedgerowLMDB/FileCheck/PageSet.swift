/// Which pages of a file have been met: a bit a page.
struct PageSet {
  let count: UInt64
  private var words: [UInt64]

  init(count: UInt64) {
    self.count = count
    words = [UInt64](repeating: 0, count: Int(count / 64) + 1)
  }

  /// Whether the page was not there before. It must be less than `count`.
  mutating func insert(_ page: UInt64) -> Bool {
    let bit = UInt64(1) << (page % 64)
    defer { words[Int(page / 64)] |= bit }
    return words[Int(page / 64)] & bit == 0
  }

  func contains(_ page: UInt64) -> Bool {
    words[Int(page / 64)] & 1 << (page % 64) != 0
  }
}
