import ArgumentParser
import Hedgerow

/// The words of a text, counted in so many places that a hash deals them to.
///
/// A word is a run of ASCII letters and digits, and of bytes beyond ASCII, in small letters. Its place
/// is its 64-bit FNV-1a hash, after the finalizer of ``RandomStream/mix(_:)``, modulo the number of
/// places. A place counts to 255.
struct HashedWords {
  let count: Int

  func add(_ text: ArraySlice<UInt8>, to row: inout [UInt8]) {
    var hash = FNV1a()
    var isInWord = false
    func end(_ row: inout [UInt8]) {
      let place = Int(RandomStream.mix(hash.value) % UInt64(count))
      if row[place] < .max { row[place] += 1 }
    }
    for byte in text {
      if byte.isAlphanumeric || byte >= 0x80 {
        hash.add(byte.asciiLowercase)
        isInWord = true
      } else if isInWord {
        end(&row)
        hash = FNV1a()
        isInWord = false
      }
    }
    if isInWord { end(&row) }
  }
}

/// How many columns a data set has for the words of its texts.
struct HashedWordsOptions: ParsableArguments {
  @Option(
    name: .customLong("words"), help: ArgumentHelp("Columns to hash words to.", valueName: "count"))
  var count = 256

  var words: HashedWords { HashedWords(count: count) }

  func validate() throws {
    guard (1...65536).contains(count) else {
      throw ValidationError("--words \(count) is not between 1 and 65536")
    }
  }
}

/// The NumPy array of hashed words, a row of uint8 for each text.
struct HashedWordsFile {
  private let words: HashedWords
  private let file: BufferedFile
  private var row: [UInt8]

  init(_ words: HashedWords, rows: Int, file: BufferedFile) throws {
    self.words = words
    self.file = file
    row = [UInt8](repeating: 0, count: words.count)
    try file.writeArrayHead(element: "|u1", rows: rows, columns: words.count)
  }

  mutating func write(_ text: ArraySlice<UInt8>) throws {
    for index in row.indices { row[index] = 0 }
    words.add(text, to: &row)
    try row.withUnsafeBytes { try file.write($0) }
  }
}

/// Fowler, Noll and Vo's hash of bytes, of 64 bits.
struct FNV1a {
  private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

  @inline(__always)
  mutating func add(_ byte: UInt8) { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
}
