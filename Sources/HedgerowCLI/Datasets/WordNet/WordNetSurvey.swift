/// What must be known of a database before it is written: which synsets there are, with how many words.
struct WordNetSurvey {
  private var wordCounts: [SynsetID: UInt8] = [:]

  var synsetCount: Int { wordCounts.count }

  func contains(_ id: SynsetID) -> Bool { wordCounts[id] != nil }

  init(_ folder: WordNetFolder, memory: inout NameMemory) throws {
    for part in PartOfSpeech.allCases {
      try folder.forEachLine(of: part.dataFile) { line, position, _ in
        let synset = try SynsetLine(line, of: part, at: position)
        // Of a table that may be only three eighths full.
        try memory.take(16)
        wordCounts[synset.id] = UInt8(synset.words.count)
      }
    }
  }

  /// - Throws: when a pointer leads to what is not there.
  func check(_ pointer: SynsetLine.Pointer) throws(WordNetSyntax) {
    guard let count = wordCounts[pointer.target] else {
      throw WordNetSyntax("has a pointer to \(pointer.target), which no line begins with")
    }
    if let words = pointer.words, words.target > count {
      throw WordNetSyntax(
        "has a pointer to word \(words.target) of \(pointer.target), which has \(count)")
    }
  }
}
