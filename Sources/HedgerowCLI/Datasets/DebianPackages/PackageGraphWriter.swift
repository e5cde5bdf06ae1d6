import Hedgerow

/// Writes the graph of a Packages file, a paragraph at a time: a node where it is first named, and
/// an edge for each time that a paragraph names one.
struct PackageGraphWriter {
  /// A key of a node that is longer is left out.
  private static let longestKey = 1024

  /// A file of nodes and the keys that are in it.
  private struct Nodes {
    let file: BufferedFile
    /// Bytes: to a store texts are equal when these are, and to `String` sooner.
    private var keys: Set<[UInt8]> = []

    init(file: BufferedFile) { self.file = file }

    var count: Int { keys.count }

    /// Writes the row of a node that is named for the first time.
    mutating func name(
      _ key: String, _ columns: String..., memory: inout NameMemory
    ) throws {
      guard keys.insert(Array(key.utf8)).inserted else { return }
      try memory.take(key)
      try file.writeRow([key] + columns)
    }
  }

  /// Where the edges of a relation go.
  private struct Relation {
    let kind: PackageRelation.Kind
    let packages: BufferedFile
    let virtual: BufferedFile
    var packageCount = 0
    var virtualCount = 0
  }

  private let survey: PackageSurvey
  private let split: HashedSplit
  private var memory: NameMemory

  private let packages: BufferedFile
  private var virtual: Nodes
  private var sources: Nodes
  private var maintainers: Nodes
  private var tags: Nodes
  private var relations: [Relation]
  private let builtFrom: BufferedFile
  private let maintainedBy: BufferedFile
  private let tagged: BufferedFile
  private var features: HashedWordsFile

  private var otherCounts = (builtFrom: 0, maintainedBy: 0, tagged: 0)
  private var packageCount = 0
  /// Packages by section and by part of the split.
  private(set) var sections = LabelCounts()
  /// Relations, names of sources, maintainers and tags that are none.
  private(set) var malformedCount = 0

  init(
    _ survey: PackageSurvey, split: HashedSplit, words: HashedWords, memory: NameMemory,
    makeFile: (String) throws -> BufferedFile
  ) throws {
    self.survey = survey
    self.split = split
    self.memory = memory
    let tables = try GraphFiles.packages.makeTables(makeFile)
    packages = tables.nodes[.package]!
    virtual = Nodes(file: tables.nodes[.virtual]!)
    sources = Nodes(file: tables.nodes[.source]!)
    maintainers = Nodes(file: tables.nodes[.maintainer]!)
    tags = Nodes(file: tables.nodes[.tag]!)
    relations = PackageRelation.Kind.allCases.map {
      Relation(
        kind: $0, packages: tables.edges[$0.edge(to: .package)]!,
        virtual: tables.edges[$0.edge(to: .virtual)]!)
    }
    builtFrom = tables.edges[.builtFrom]!
    maintainedBy = tables.edges[.maintainedBy]!
    tagged = tables.edges[.tagged]!
    features = try HashedWordsFile(
      words, rows: survey.packageCount, file: makeFile(GraphFiles.packages.features))
  }

  /// Nodes by type, in the order of the files.
  var nodeCounts: [(type: NodeType, count: Int)] {
    [
      (.package, packageCount), (.virtual, virtual.count), (.source, sources.count),
      (.maintainer, maintainers.count), (.tag, tags.count),
    ]
  }

  /// Edges by type, in the order of the files.
  var edgeCounts: [(type: EdgeType, count: Int)] {
    relations.flatMap {
      [
        ($0.kind.edge(to: .package), $0.packageCount),
        ($0.kind.edge(to: .virtual), $0.virtualCount),
      ]
    } + [
      (.builtFrom, otherCounts.builtFrom), (.maintainedBy, otherCounts.maintainedBy),
      (.tagged, otherCounts.tagged),
    ]
  }

  /// How often a paragraph relates its package to another one.
  var relationCount: Int { relations.reduce(0) { $0 + $1.packageCount + $1.virtualCount } }

  /// Writes what the paragraph of a package says.
  mutating func write(_ name: String, _ paragraph: ControlParagraph) throws {
    let source = sourceName(of: paragraph) ?? name
    // Packages of one source are alike: one in `train` would give away the others.
    let part = split.part(of: source)
    let section = section(of: paragraph)
    try packages.writeRow(
      name, section ?? "", part.rawValue, paragraph.text(of: "Version") ?? "",
      paragraph.text(of: "Architecture") ?? "", paragraph.text(of: "Priority") ?? "",
      paragraph.integer(of: "Installed-Size").map(String.init) ?? "",
      paragraph.integer(of: "Size").map(String.init) ?? "", paragraph.summary ?? "")
    packageCount += 1
    sections.add(section, in: part)
    try features.write(paragraph.value(of: "Description") ?? [])
    try writeRelations(of: paragraph, from: name)

    try sources.name(source, memory: &memory)
    try builtFrom.writeRow(name, source)
    otherCounts.builtFrom += 1
    try writeMaintainer(of: paragraph, from: name)
    try writeTags(of: paragraph, from: name)
  }

  private mutating func writeRelations(of paragraph: ControlParagraph, from name: String) throws {
    for index in relations.indices {
      guard let field = paragraph.value(of: relations[index].kind.field) else { continue }
      malformedCount += try PackageRelation.parse(field) { relation in
        let target = String(decoding: relation.name, as: UTF8.self)
        if survey.isPackage(target) {
          try relations[index].packages.writeRow(
            name, target, String(relation.clause), relation.constraint)
          relations[index].packageCount += 1
          return
        }
        try virtual.name(target, memory: &memory)
        try relations[index].virtual.writeRow(
          name, target, String(relation.clause), relation.constraint)
        relations[index].virtualCount += 1
      }
    }
  }

  private mutating func writeMaintainer(of paragraph: ControlParagraph, from name: String) throws {
    guard let maintainer = paragraph.text(of: "Maintainer") else { return }
    guard maintainer.utf8.count <= Self.longestKey else {
      malformedCount += 1
      return
    }
    try maintainers.name(maintainer, memory: &memory)
    try maintainedBy.writeRow(name, maintainer)
    otherCounts.maintainedBy += 1
  }

  private mutating func writeTags(of paragraph: ControlParagraph, from name: String) throws {
    guard let field = paragraph.value(of: "Tag") else { return }
    var seen: Set<String> = []
    for part in field.parts(between: UInt8(ascii: ",")) {
      let tag = ControlParagraph.line(part)
      guard tag.utf8.count <= Self.longestKey else {
        malformedCount += 1
        continue
      }
      guard seen.insert(tag).inserted else { continue }
      let facet = tag.firstRange(of: "::").map { String(tag[..<$0.lowerBound]) }
      try tags.name(tag, facet ?? "", memory: &memory)
      try tagged.writeRow(name, tag)
      otherCounts.tagged += 1
    }
  }

  /// `2048-qt (0.1.6-2)` without the version. A package without the field has its source's name.
  private mutating func sourceName(of paragraph: ControlParagraph) -> String? {
    guard let field = paragraph.value(of: "Source") else { return nil }
    let name = field.prefix { !$0.isSpace && $0 != UInt8(ascii: "(") }
    guard name.isPackageName else {
      malformedCount += 1
      return nil
    }
    return String(decoding: name, as: UTF8.self)
  }

  /// `contrib/utils` without the archive's area.
  private func section(of paragraph: ControlParagraph) -> String? {
    guard let text = paragraph.text(of: "Section") else { return nil }
    let section = text.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
    return section.isEmpty ? nil : String(section)
  }
}

extension ControlParagraph {
  /// A field that is a number, and not below zero.
  fileprivate func integer(of field: StaticString) -> Int? {
    text(of: field).flatMap { $0.utf8.first.map { (48...57).contains($0) } == true ? Int($0) : nil }
  }

  /// The first line of the description.
  fileprivate var summary: String? {
    value(of: "Description").map { Self.line($0.prefix { $0 != UInt8(ascii: "\n") }) }
  }
}
