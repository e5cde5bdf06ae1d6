import Hedgerow

/// Writes the graph of a WordNet database, a synset at a time.
struct WordNetGraphWriter {
  private let folder: WordNetFolder
  private let survey: WordNetSurvey
  private let split: HashedSplit
  private var index: WordIndex

  private let synsets: BufferedFile
  private let words: BufferedFile
  private let pointers: [PointerKind: BufferedFile]
  private let means: BufferedFile
  private var features: HashedWordsFile

  private var synsetCount = 0
  private var wordCount = 0
  private var pointerCounts: [PointerKind: Int] = [:]
  private var meansCount = 0
  /// Pointers between two words of synsets, and not between these as a whole.
  private(set) var lexicalCount = 0
  /// Synsets by lexicographer file and by part of the split.
  private(set) var labels = LabelCounts()

  init(
    _ folder: WordNetFolder, _ survey: WordNetSurvey, split: HashedSplit, words: HashedWords,
    memory: NameMemory, makeFile: (String) throws -> BufferedFile
  ) throws {
    self.folder = folder
    self.survey = survey
    self.split = split
    var memory = memory
    index = try WordIndex(folder, survey, memory: &memory)
    let tables = try GraphFiles.wordNet.makeTables(makeFile)
    synsets = tables.nodes[.synset]!
    self.words = tables.nodes[.word]!
    pointers = Dictionary(
      uniqueKeysWithValues: PointerKind.allCases.map { ($0, tables.edges[$0.edge]!) })
    means = tables.edges[.means]!
    features = try HashedWordsFile(
      words, rows: survey.synsetCount, file: makeFile(GraphFiles.wordNet.features))
  }

  /// Nodes by type, in the order of the files.
  var nodeCounts: [(type: NodeType, count: Int)] {
    [(.synset, synsetCount), (.word, wordCount)]
  }

  /// Edges by type, in the order of the files.
  var edgeCounts: [(type: EdgeType, count: Int)] {
    PointerKind.allCases.map { ($0.edge, pointerCounts[$0] ?? 0) } + [(.means, meansCount)]
  }

  var pointerCount: Int { pointerCounts.values.reduce(0, +) }

  /// Kinds that pointers are of.
  var kindCount: Int { pointerCounts.count }

  /// Reads the database again, now that it is known where pointers may lead, and writes it.
  mutating func write() throws {
    let folder = folder
    for part in PartOfSpeech.allCases {
      try folder.forEachLine(of: part.dataFile) { line, position, _ in
        try write(SynsetLine(line, of: part, at: position))
      }
    }
    try index.checkAllAreMet()
    guard synsetCount == survey.synsetCount else {
      throw HedgerowError(.io, "was changed while it was read: start again", at: folder.path)
    }
  }

  private mutating func write(_ synset: SynsetLine) throws {
    let key = "\(synset.id)"
    let part = split.part(of: key)
    try synsets.writeRow(
      key, synset.lexname, part.rawValue, String(synset.type),
      synset.words.map { String($0.form) }.joined(separator: " "), synset.gloss)
    try features.write(Array(synset.gloss.utf8)[...])
    labels.add(synset.lexname, in: part)
    synsetCount += 1
    for (place, word) in synset.words.enumerated() {
      let lemma = word.lemma
      let (sense, isFirst) = try index.meet(lemma, in: synset.id)
      if isFirst {
        try words.writeRow(lemma)
        wordCount += 1
      }
      try means.writeRow(
        lemma, key, String(sense), String(word.form), String(place + 1), String(word.lexID),
        String(word.marker))
      meansCount += 1
    }
    for pointer in synset.pointers {
      try survey.check(pointer)
      try pointers[pointer.kind]!.writeRow(
        key, "\(pointer.target)", pointer.words.map { String($0.source) } ?? "",
        pointer.words.map { String($0.target) } ?? "")
      pointerCounts[pointer.kind, default: 0] += 1
      if pointer.words != nil { lexicalCount += 1 }
    }
  }
}
