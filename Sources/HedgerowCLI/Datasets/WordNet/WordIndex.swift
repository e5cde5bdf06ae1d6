import Hedgerow

/// The words of all index files, with the synsets that each is in, by the numbers of its senses.
struct WordIndex {
  private struct Sense {
    var id: SynsetID
    /// Of the index file.
    var line: UInt32
    /// Whether a synset had the word.
    var isMet = false
  }

  private let folder: WordNetFolder
  /// By bytes: to a store texts are equal when these are, and to `String` sooner.
  private var words: [[UInt8]: [Sense]] = [:]

  var count: Int { words.count }

  init(_ folder: WordNetFolder, _ survey: WordNetSurvey, memory: inout NameMemory) throws {
    self.folder = folder
    for part in PartOfSpeech.allCases {
      try folder.forEachLine(of: part.indexFile) { line, _, number in
        var fields = WordNetFields(line)
        let lemma = try fields.next("word")
        let senses = try Self.senses(&fields, of: part, survey)
        let key = Array(lemma.utf8)
        if words[key] == nil { try memory.take(String(lemma)) }
        try memory.take(32 + 2 * MemoryLayout<Sense>.stride * senses.count)
        guard words[key]?.contains(where: { $0.id.part == part }) != true else {
          throw WordNetSyntax("lists '\(WordNetFields.shown(lemma))' again")
        }
        words[key, default: []] += senses.map { Sense(id: $0, line: UInt32(number)) }
      }
    }
  }

  private static func senses(
    _ fields: inout WordNetFields, of part: PartOfSpeech, _ survey: WordNetSurvey
  ) throws(WordNetSyntax) -> [SynsetID] {
    let letter = try fields.next("part of speech")
    guard letter == part.letter else {
      throw WordNetSyntax("is of '\(WordNetFields.shown(letter))' among words of '\(part.letter)'")
    }
    let count = try fields.number("number of synsets", digits: 1...4)
    for _ in 0..<(try fields.number("number of pointers", digits: 1...4)) {
      // Kinds of domains are told without their letters.
      let symbol = try fields.next("pointer")
      if symbol != ";" && symbol != "-" { _ = try PointerKind(symbol: symbol) }
    }
    let senseCount = try fields.number("number of senses", digits: 1...4)
    let taggedCount = try fields.number("number of tagged senses", digits: 1...4)
    guard count > 0, senseCount == count, taggedCount <= count else {
      throw WordNetSyntax(
        "counts \(count) synsets, \(senseCount) senses and \(taggedCount) tagged senses, "
          + "which does not fit")
    }
    var senses: [SynsetID] = []
    for _ in 0..<count {
      let id = SynsetID(part, offset: try fields.number("synset's offset", digits: 8...8))
      guard survey.contains(id) else {
        throw WordNetSyntax("leads to \(id), which no line of \(part.dataFile) begins with")
      }
      guard !senses.contains(id) else { throw WordNetSyntax("leads to \(id) twice") }
      senses.append(id)
    }
    guard fields.isAtEnd else {
      throw WordNetSyntax("has more than the \(count) synsets it counts")
    }
    return senses
  }

  /// Which sense of a word a synset is, from 1, and whether the word is met for the first time.
  mutating func meet(
    _ lemma: String, in id: SynsetID
  ) throws(WordNetSyntax) -> (sense: Int, isFirst: Bool) {
    let key = Array(lemma.utf8)
    guard let senses = words[key], let place = senses.firstIndex(where: { $0.id == id }) else {
      throw WordNetSyntax(
        "has the word '\(lemma)', which \(id.part.indexFile) does not list for it")
    }
    words[key]![place].isMet = true
    return (
      senses[...place].count { $0.id.part == id.part }, !senses.contains { $0.isMet }
    )
  }

  /// - Throws: `badData` when a sense was not met: the synset has no such word.
  func checkAllAreMet() throws {
    var first: (lemma: [UInt8], sense: Sense)?
    for (lemma, senses) in words {
      for sense in senses where !sense.isMet {
        if let other = first?.sense,
          (other.id.part.rawValue, other.line) < (sense.id.part.rawValue, sense.line)
        {
          continue
        }
        first = (lemma, sense)
      }
    }
    guard let (lemma, sense) = first else { return }
    throw HedgerowError(
      .badData,
      "lists '\(String(decoding: lemma, as: UTF8.self))' for \(sense.id), which has no such word",
      at: "\(folder.path)/\(sense.id.part.indexFile):\(sense.line)")
  }
}
