import Glibc
import Hedgerow

/// The folder of a WordNet database as wndb(5WN) describes it: for each part of speech a file of synsets
/// and one that lists in which of them a word is.
struct WordNetFolder {
  /// Where Debian's package wordnet-base has it.
  static let usualPath = "/usr/share/wordnet"

  let path: String

  /// - Throws: `noInput` when a file is not there.
  init(path: String = usualPath) throws {
    self.path = path
    for part in PartOfSpeech.allCases {
      for name in [part.dataFile, part.indexFile] where access("\(path)/\(name)", R_OK) != 0 {
        throw HedgerowError(
          .noInput,
          "no WordNet is here: apt-get install wordnet-base brings it to \(Self.usualPath), "
            + "--from names another folder",
          at: "\(path)/\(name)")
      }
    }
  }

  /// Hands `body` each line behind the notice at the beginning of a file, with where it begins.
  ///
  /// - Throws: `badData` for a line that is no text or cut short, and what `body` throws, which gives
  ///   only a message, with the file and the line.
  func forEachLine(
    of name: String, _ body: (_ line: String, _ position: Int, _ number: Int) throws -> Void
  ) throws {
    let progress = ProgressBar("reading \(name)", total: nil, unit: .bytes)
    defer { progress.finish() }
    var shown = 0
    let reader = try LineReader("\(path)/\(name)", called: "\(path)/\(name)") { reader in
      try Interruption.check()
      progress.advance(by: reader.position - shown)
      shown = reader.position
    }
    var position = 0
    var isInNotice = true
    while let bytes = try reader.next() {
      defer { position += bytes.count + 1 }
      isInNotice = isInNotice && bytes.starts(with: "  ".utf8)
      if isInNotice { continue }
      guard let line = String(validating: bytes, as: UTF8.self) else {
        throw reader.wrong("is not UTF-8")
      }
      if reader.isCutShort { throw reader.wrong("ends without a line feed: the file is cut short") }
      guard line.utf8.allSatisfy({ $0 >= 32 && $0 != 127 }) else {
        throw reader.wrong("has a control character")
      }
      do {
        try body(line, position, reader.number)
      } catch let error as WordNetSyntax {
        throw reader.wrong(error.message)
      }
    }
    if isInNotice { throw HedgerowError(.badData, "has no line but a notice", at: reader.name) }
  }
}

/// What is wrong with a line, for whoever knows which line it is.
struct WordNetSyntax: Error {
  let message: String

  init(_ message: String) { self.message = message }
}

enum PartOfSpeech: UInt32, CaseIterable {
  case noun, verb, adjective, adverb

  /// - Parameter letter: as pointers name it; satellites are adjectives.
  init?(letter: some StringProtocol) {
    switch letter {
    case "n": self = .noun
    case "v": self = .verb
    case "a", "s": self = .adjective
    case "r": self = .adverb
    default: return nil
    }
  }

  var letter: String {
    switch self {
    case .noun: "n"
    case .verb: "v"
    case .adjective: "a"
    case .adverb: "r"
    }
  }

  /// As files are named.
  var suffix: String {
    switch self {
    case .noun: "noun"
    case .verb: "verb"
    case .adjective: "adj"
    case .adverb: "adv"
    }
  }

  var dataFile: String { "data.\(suffix)" }
  var indexFile: String { "index.\(suffix)" }
}

/// A synset: its part of speech and where in that file it begins.
struct SynsetID: Hashable, CustomStringConvertible {
  /// The offset has eight decimal digits, so less than 27 bits.
  private let bits: UInt32

  init(_ part: PartOfSpeech, offset: Int) { bits = part.rawValue << 27 | UInt32(offset) }

  var part: PartOfSpeech { PartOfSpeech.allCases[Int(bits >> 27)] }

  /// As `n00001740`.
  var description: String {
    let digits = String(bits & (1 << 27 - 1))
    return part.letter + String(repeating: "0", count: 8 - digits.utf8.count) + digits
  }
}
