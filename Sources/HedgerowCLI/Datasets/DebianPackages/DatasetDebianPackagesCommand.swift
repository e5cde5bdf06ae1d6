import ArgumentParser
import Hedgerow

/// `hedgerow dataset debian-packages DIR`
struct DatasetDebianPackagesCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "debian-packages",
    abstract: "The packages of a Debian archive, with their sections to predict.",
    discussion: """
      Reads the list of packages that apt has fetched, and writes packages, the names that they \
      relate to, source packages, maintainers and tags as nodes, every relation as edges, hashed \
      words of the descriptions as features, and ingest.sh, which makes a store of them. A \
      package's label is its section. The split goes by source package.
      """)

  @OptionGroup var dataset: DatasetOptions
  @OptionGroup var global: GlobalOptions

  @Option(
    help: ArgumentHelp(
      "A Packages file, plain or compressed, instead of the largest of apt's own.",
      valueName: "file"))
  var from: String?

  @OptionGroup var hashing: HashedWordsOptions

  func run() async throws {
    let directory = try DatasetDirectory(dataset, files: GraphFiles.packages.all)
    let path = try from ?? PackageLists().largest()
    if from == nil, !global.json { StandardError.write("reading \(path)\n") }
    var memory = NameMemory(global.makeBudget())
    let survey = try PackageSurvey(PackagesInput(path: path), memory: &memory)
    var info: [JSON.Member] = []
    var summary = ""
    try directory.write { makeFile in
      var writer = try PackageGraphWriter(
        survey, split: HashedSplit(seed: global.seed), words: hashing.words,
        memory: memory, makeFile: makeFile)
      try write(path, survey, to: &writer)
      info = self.info(survey, writer)
      summary = self.summary(survey, writer)
      try GraphFiles.packages.finish(info, makeFile)
    }
    if global.json {
      print(JSON.object([.init(key: "from", value: .string(path))] + info))
    } else {
      print("\(directory.path): of \(path)\n\(summary)")
    }
  }

  /// Reads the list again, now that it is known which names are packages.
  private func write(
    _ path: String, _ survey: PackageSurvey, to writer: inout PackageGraphWriter
  ) throws {
    let progress = ProgressBar("writing", total: survey.paragraphCount, unit: .items("packages"))
    defer { progress.finish() }
    let reader = try ControlReader(PackagesInput(path: path))
    var paragraph = ControlParagraph()
    var (count, kept) = (0, 0)
    while try reader.next(&paragraph) {
      if let name = paragraph.packageName, survey.isKept(name, paragraph: count) {
        try writer.write(name, paragraph)
        kept += 1
      }
      count += 1
      if count % 256 == 0 {
        try Interruption.check()
        progress.advance(by: 256)
      }
    }
    guard count == survey.paragraphCount, kept == survey.packageCount else {
      throw HedgerowError(.io, "was changed while it was read: start again", at: path)
    }
  }

  private func info(_ survey: PackageSurvey, _ writer: PackageGraphWriter) -> [JSON.Member] {
    [
      .init(key: "name", value: "debian-packages"), .init(key: "synthetic", value: false),
      .init(key: "seed", value: .string(String(global.seed))),
      .init(key: "words", value: .int(hashing.words.count)),
      .init(key: "nodes", value: counts(writer.nodeCounts)),
      .init(key: "edges", value: counts(writer.edgeCounts)),
      .init(key: "relations", value: .int(writer.relationCount)),
      .init(key: "sections", value: .int(writer.sections.classes.count)),
    ] + writer.sections.info + [
      .init(key: "older_versions", value: .int(survey.duplicateCount)),
      .init(key: "nameless", value: .int(survey.namelessCount)),
      .init(key: "malformed", value: .int(writer.malformedCount)),
    ]
  }

  private func summary(_ survey: PackageSurvey, _ writer: PackageGraphWriter) -> String {
    let nodes = Dictionary(uniqueKeysWithValues: writer.nodeCounts.map { ($0.type, $0.count) })
    var text = """
      \(nodes[.package]!) packages of \(nodes[.source]!) sources, \(nodes[.maintainer]!) \
      maintainers, \(nodes[.tag]!) tags; \(writer.relationCount) relations, some of them to \
      \(nodes[.virtual]!) names that no package has.
      \(writer.sections.classes.count) sections, of which the largest has \
      \(percent(writer.sections.majorityShare)) of the packages.
      """
    let left = [
      (survey.duplicateCount, "older versions of packages"),
      (survey.namelessCount, "paragraphs without a package's name"),
      (writer.malformedCount, "relations or names that are none"),
    ].filter { $0.0 > 0 }
    if !left.isEmpty {
      text += "\nLeft out: \(left.map { "\($0.0) \($0.1)" }.joined(separator: ", "))."
    }
    return text + "\nInto a store: sh \(dataset.directory)/\(GraphFiles.ingest) STORE"
  }
}
