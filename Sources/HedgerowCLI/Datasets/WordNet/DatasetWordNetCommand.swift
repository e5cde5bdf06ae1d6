import ArgumentParser
import Hedgerow

/// `hedgerow dataset wordnet DIR`
struct DatasetWordNetCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "wordnet",
    abstract: "The synsets of WordNet, with their lexicographer files to predict.",
    discussion: """
      Reads the files of WordNet that Debian's package wordnet-base installs, and writes synsets \
      and words as nodes, each kind of pointer as edges of a type of its own, hashed words of the \
      glosses as features, and ingest.sh, which makes a store of them. A synset's label is its \
      lexicographer file.
      """)

  @OptionGroup var dataset: DatasetOptions
  @OptionGroup var global: GlobalOptions

  @Option(
    help: ArgumentHelp(
      "A folder with data.noun, index.noun and so on, instead of \(WordNetFolder.usualPath).",
      valueName: "folder"))
  var from: String = WordNetFolder.usualPath

  @OptionGroup var hashing: HashedWordsOptions

  func run() async throws {
    let files = GraphFiles.wordNet
    let directory = try DatasetDirectory(dataset, files: files.all)
    let folder = try WordNetFolder(path: from)
    var memory = NameMemory(global.makeBudget())
    let survey = try WordNetSurvey(folder, memory: &memory)
    var info: [JSON.Member] = []
    var summary = ""
    try directory.write { makeFile in
      var writer = try WordNetGraphWriter(
        folder, survey, split: HashedSplit(seed: global.seed), words: hashing.words,
        memory: memory, makeFile: makeFile)
      try writer.write()
      info = self.info(writer)
      summary = self.summary(writer)
      try files.finish(info, makeFile)
    }
    if global.json {
      print(JSON.object([.init(key: "from", value: .string(from))] + info))
    } else {
      print("\(directory.path): of \(from)\n\(summary)")
    }
  }

  private func info(_ writer: WordNetGraphWriter) -> [JSON.Member] {
    [
      .init(key: "name", value: "wordnet"), .init(key: "synthetic", value: false),
      .init(key: "seed", value: .string(String(global.seed))),
      .init(key: "words", value: .int(hashing.words.count)),
      .init(key: "nodes", value: counts(writer.nodeCounts)),
      .init(key: "edges", value: counts(writer.edgeCounts)),
      .init(key: "pointers", value: .int(writer.pointerCount)),
      .init(key: "lexical_pointers", value: .int(writer.lexicalCount)),
      .init(key: "lexnames", value: .int(writer.labels.classes.count)),
    ] + writer.labels.info
  }

  private func summary(_ writer: WordNetGraphWriter) -> String {
    let nodes = Dictionary(uniqueKeysWithValues: writer.nodeCounts.map { ($0.type, $0.count) })
    return """
      \(nodes[.synset]!) synsets of \(nodes[.word]!) words; \(writer.pointerCount) pointers of \
      \(writer.kindCount) kinds, \(writer.lexicalCount) of them between words.
      \(writer.labels.classes.count) lexicographer files, of which the largest has \
      \(percent(writer.labels.majorityShare)) of the synsets.
      Into a store: sh \(dataset.directory)/\(GraphFiles.ingest) STORE
      """
  }
}
