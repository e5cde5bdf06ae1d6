import Foundation
import HedgerowCore
import HedgerowTestSupport
import Testing

@testable import HedgerowCLI

/// `hedgerow dataset wordnet` as a user calls it.
@Suite struct WordNetTests {
  private static let small = WordNetFixture(synsets: [
    .init(
      type: "n", file: 5, words: [.init(form: "dog"), .init(form: "Canis_familiaris", lexID: 10)],
      pointers: [
        .init(symbol: "@", target: 1), .init(symbol: "+", target: 3, source: 1, word: 2),
        .init(symbol: "+", target: 3, source: 1, word: 2),
      ],
      gloss: "a member of the genus; \"the dog barked\""),
    .init(
      type: "n", file: 3, words: [.init(form: "animal")],
      pointers: [.init(symbol: "~", target: 0)], gloss: "a living organism"),
    .init(type: "n", file: 18, words: [.init(form: "Dog", lexID: 1)], gloss: "a dull person"),
    .init(
      type: "v", file: 38, words: [.init(form: "chase"), .init(form: "dog")],
      pointers: [.init(symbol: "+", target: 0, source: 2, word: 1)], gloss: "go after"),
    .init(
      type: "a", file: 0, words: [.init(form: "canine", marker: "a")],
      pointers: [
        .init(symbol: "\\", target: 0, source: 1, word: 1), .init(symbol: "&", target: 5),
      ],
      gloss: "of dogs"),
    .init(
      type: "s", file: 0, words: [.init(form: "doggy", lexID: 2)],
      pointers: [.init(symbol: "&", target: 4)], gloss: "like dogs"),
    .init(type: "r", file: 2, words: [.init(form: "AD"), .init(form: "ad")], gloss: "of our era"),
  ])

  /// `edges-synset-antonym-synset` and so on, in the order of the fixture's symbols.
  private static let relations = [
    "antonym", "hypernym", "instance_hypernym", "hyponym", "instance_hyponym", "member_holonym",
    "substance_holonym", "part_holonym", "member_meronym", "substance_meronym", "part_meronym",
    "attribute", "derivation", "topic_domain", "topic_member", "region_domain", "region_member",
    "usage_domain", "usage_member", "entailment", "cause", "also_see", "verb_group", "similar",
    "participle", "pertainym",
  ]

  private func make(
    _ fixture: WordNetFixture, _ options: String...
  ) throws -> (run: CommandLineRun, directory: TemporaryDirectory) {
    let directory = TemporaryDirectory()
    fixture.write(to: directory)
    let run = try CommandLineRun(
      arguments: ["dataset", "wordnet", directory("d"), "--from", directory.path] + options)
    return (run, directory)
  }

  private func rows(_ directory: TemporaryDirectory, _ file: String) -> [String] {
    let text = String(
      decoding: TemporaryDirectory.contents(directory("d/\(file).tsv")), as: UTF8.self)
    return text.split(separator: "\n").dropFirst().map(String.init)
  }

  private func object(_ text: String) throws -> [String: Any] {
    try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  @Test func aSmallDatabaseBecomesItsGraph() throws {
    let (run, directory) = try make(Self.small, "--json")
    #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
    func part(_ key: String) -> String { HashedSplit(seed: 0).part(of: key).rawValue }
    let offsets = Self.small.offsets
    #expect(offsets[0] == 42 && offsets[4] == 42)
    let keys = Self.small.synsets.indices.map(Self.small.key)
    #expect(keys[0] == "n00000042" && keys[5].hasPrefix("a000001"))
    #expect(
      rows(directory, "nodes-synset") == [
        "\(keys[0])\tnoun.animal\t\(part(keys[0]))\tn\tdog Canis_familiaris\t"
          + #""a member of the genus; ""the dog barked""""#,
        "\(keys[1])\tnoun.Tops\t\(part(keys[1]))\tn\tanimal\ta living organism",
        "\(keys[2])\tnoun.person\t\(part(keys[2]))\tn\tDog\ta dull person",
        "\(keys[3])\tverb.motion\t\(part(keys[3]))\tv\tchase dog\tgo after",
        "\(keys[4])\tadj.all\t\(part(keys[4]))\ta\tcanine\tof dogs",
        "\(keys[5])\tadj.all\t\(part(keys[5]))\ts\tdoggy\tlike dogs",
        "\(keys[6])\tadv.all\t\(part(keys[6]))\tr\tAD ad\tof our era",
      ])
    #expect(
      rows(directory, "nodes-word") == [
        "dog", "canis_familiaris", "animal", "chase", "canine", "doggy", "ad",
      ])
    #expect(
      rows(directory, "edges-word-means-synset") == [
        "dog\t\(keys[0])\t2\tdog\t1\t0\t",
        "canis_familiaris\t\(keys[0])\t1\tCanis_familiaris\t2\t10\t",
        "animal\t\(keys[1])\t1\tanimal\t1\t0\t", "dog\t\(keys[2])\t1\tDog\t1\t1\t",
        "chase\t\(keys[3])\t1\tchase\t1\t0\t", "dog\t\(keys[3])\t1\tdog\t2\t0\t",
        "canine\t\(keys[4])\t1\tcanine\t1\t0\ta", "doggy\t\(keys[5])\t1\tdoggy\t1\t2\t",
        "ad\t\(keys[6])\t1\tAD\t1\t0\t", "ad\t\(keys[6])\t1\tad\t2\t0\t",
      ])
    #expect(rows(directory, "edges-synset-hypernym-synset") == ["\(keys[0])\t\(keys[1])\t\t"])
    #expect(
      rows(directory, "edges-synset-derivation-synset") == [
        "\(keys[0])\t\(keys[3])\t1\t2", "\(keys[0])\t\(keys[3])\t1\t2",
        "\(keys[3])\t\(keys[0])\t2\t1",
      ])
    let info = try object(run.output)
    #expect(info["pointers"] as? Int == 8 && info["lexical_pointers"] as? Int == 4)
    #expect(info["lexnames"] as? Int == 6 && info["majority_class_share"] as? Double == 2.0 / 7)

    let array = TemporaryDirectory.contents(directory("d/features-synset.npy"))
    var expected: [UInt8] = []
    for synset in Self.small.synsets {
      var row = [UInt8](repeating: 0, count: 256)
      HashedWords(count: 256).add(Array(synset.gloss.utf8)[...], to: &row)
      expected += row
    }
    #expect(Array(array[128...]) == expected)
  }

  @Test func drawnDatabasesBecomeWhatTheirValuesSay() throws {
    var stream = RandomStream(seed: printedSeed())
    for round in 0..<6 {
      let fixture = WordNetFixture.drawn([1, 3, 12][round % 3], &stream)
      let (run, directory) = try make(fixture, "--seed", "\(round)", "--words", "5", "--json")
      #expect(run.status == 0, "\(run.errors)")
      #expect(
        rows(directory, "nodes-synset")
          == fixture.synsetRows(LexicographerFile.names) {
            HashedSplit(seed: UInt64(round)).part(of: $0).rawValue
          })
      #expect(rows(directory, "nodes-word") == fixture.wordRows)
      #expect(rows(directory, "edges-word-means-synset") == fixture.meansRows)
      var pointers = 0
      for (symbol, relation) in zip(WordNetFixture.symbols, Self.relations) {
        let expected = fixture.pointerRows(symbol)
        #expect(rows(directory, "edges-synset-\(relation)-synset") == expected)
        pointers += expected.count
      }
      #expect(try object(run.output)["pointers"] as? Int == pointers)
      let size = TemporaryDirectory.contents(directory("d/features-synset.npy")).count
      #expect(size == 128 + 5 * fixture.synsets.count)
    }
  }

  @Test func theScriptMakesAStoreOfIt() throws {
    let (run, directory) = try make(Self.small)
    #expect(run.status == 0)
    #expect(run.output.contains("7 synsets of 7 words; 8 pointers of 5 kinds, 4 of them between"))
    let script = Process()
    script.executableURL = URL(fileURLWithPath: "/bin/sh")
    script.arguments = [directory("d/ingest.sh"), directory("s"), "--json", "--on-missing", "fail"]
    script.environment = ["HEDGEROW": CommandLineRun.tool.path, "PATH": "/usr/bin:/bin"]
    let output = Pipe()
    script.standardOutput = output
    try script.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    script.waitUntilExit()
    #expect(script.terminationStatus == 0)
    let ingested = try object(text)
    let made = try object(
      String(decoding: TemporaryDirectory.contents(directory("d/info.json")), as: UTF8.self))
    for counts in ["nodes", "edges"] {
      let counted = try #require(ingested[counts] as? [String: Int])
      #expect(counted == made[counts] as? [String: Int])
    }
  }

  @Test func aMissingFileNamesThePackageThatHasIt() throws {
    let directory = TemporaryDirectory()
    Self.small.write(to: directory)
    try FileManager.default.removeItem(atPath: directory("index.verb"))
    for folder in [directory.path, directory("none")] {
      let run = try CommandLineRun("dataset", "wordnet", directory("d"), "--from", folder)
      #expect(run.status == 66 && run.errorLines == 1 && run.output.isEmpty)
      #expect(run.errors.contains("wordnet-base"), "\(run.errors)")
    }
    #expect(!FileManager.default.fileExists(atPath: directory("d")))
  }

  /// Edits of the small database, the line that is wrong then, and what is said of it.
  private static let edits: [(file: String, old: String, new: String, line: Int?, says: String)] = [
    ("data.noun", "00000042 05", "00000044 05", 3, "begins at byte 44, but does at 42"),
    ("data.noun", "dull", "very dull", nil, ""),
    ("data.noun", "living", "very living", 5, "begins at byte"),
    ("data.noun", "n 02 dog", "n 03 dog", 3, "hexadecimal"),
    ("data.noun", "n 02 dog", "n 01 dog", 3, "number of pointers"),
    ("data.noun", "n 02 dog", "n 00 dog", 3, "has no word"),
    ("data.noun", "n 02 dog", "n 2x dog", 3, "'2x' for the number of words"),
    ("data.noun", " 003 @", " 004 @", 3, "'|' for a pointer"),
    ("data.noun", " 003 @", " 002 @", 3, "count before it does not fit"),
    ("data.noun", " 003 @", " 3 3 @", 3, "number of 3 digits"),
    ("data.noun", " @ ", " ? ", 3, "'?' for a pointer"),
    ("data.noun", " v 0102", " x 0102", 3, "no part of speech"),
    ("data.noun", " v 0102", " v 0103", 3, "has a pointer to word 3"),
    ("data.noun", " v 0102", " v 0302", 3, "from word 3"),
    ("data.noun", " v 0102", " v 0100", 3, "to word 0"),
    ("data.noun", "00000042 v 0102", "00000043 v 0102", 3, "pointer to v00000043, which no line"),
    ("data.noun", " 05 n ", " 29 n ", 3, "lexicographer file 29"),
    ("data.noun", " 05 n ", " 99 n ", 3, "lexicographer file 99"),
    ("data.noun", " 05 n ", " 05 v ", 3, "type 'v'"),
    ("data.noun", "living", "liv\tng", 4, "control character"),
    ("data.noun", "dull person  \n", "dull per", 5, "cut short"),
    ("data.noun", " | a dull person", "", 5, "no gloss"),
    ("data.noun", " animal ", " animol ", 4, "'animol', which index.noun does not list"),
    ("data.verb", " 02 + 08", " 01 + 08", 3, "'+' where '|'"),
    ("data.verb", " 02 + 08", " 03 + 08", 3, "where a frame begins"),
    ("data.verb", " + 02 01", " + 02 03", 3, "frame of word 3"),
    ("data.adv", "ad", "\n\n", 3, "no word"),
    ("index.noun", "animal n 1 2", "animal n 2 2", 3, "does not fit"),
    ("index.noun", "animal n 1 2", "animal v 1 2", 3, "among words of 'n'"),
    ("index.noun", "animal n 1 2", "animal n 1 1", 3, "number of senses"),
    ("index.noun", " 1 0 0", " 1 2 0", 3, "does not fit"),
    ("index.noun", " 00000042  \n", "  \n", 4, "no synset's offset"),
    ("index.noun", " 00000042  \n", " 00000044  \n", 4, "leads to n00000044"),
    ("index.noun", " 00000042  \n", " 00000042 x\n", 4, "more than the 1"),
    ("index.noun", "animal", "dog", 5, "lists 'dog' again"),
    ("index.adv", "ad r", "ad_hoc r 1 2 @ ; 1 0 00000042\nad r", 3, "lists 'ad_hoc' for r00000042"),
  ]

  @Test(arguments: edits.indices)
  func whatDoesNotFitIsNamedWithItsLine(_ index: Int) throws {
    let (file, old, new, line, says) = Self.edits[index]
    let directory = TemporaryDirectory()
    Self.small.write(to: directory)
    let text = try #require(Self.small.files[file])
    let place = try #require(text.range(of: old))
    directory.write(file, text.replacingCharacters(in: place, with: new))
    let run = try CommandLineRun("dataset", "wordnet", directory("d"), "--from", directory.path)
    guard let line else {
      // The last line may have any length.
      #expect(run.status == 0, "\(run.errors)")
      return
    }
    #expect(run.status == 65 && run.errorLines == 1 && run.output.isEmpty, "\(run.errors)")
    #expect(run.errors.contains("\(directory(file)):\(line): "), "\(run.errors)")
    #expect(run.errors.contains(says), "\(run.errors)")
    #expect(!FileManager.default.fileExists(atPath: directory("d")))
  }

  @Test func bytesThatAreNoTextAndFilesWithoutLinesAreRefused() throws {
    let directory = TemporaryDirectory()
    Self.small.write(to: directory)
    var bytes = Array(Self.small.files["data.adj"]!.utf8)
    bytes[bytes.count - 5] = 0xC3
    directory.write("data.adj", bytes)
    var run = try CommandLineRun("dataset", "wordnet", directory("d"), "--from", directory.path)
    #expect(run.status == 65 && run.errors.contains("data.adj:4: is not UTF-8"), "\(run.errors)")
    for text in ["", WordNetFixture.notice] {
      directory.write("data.adj", text)
      run = try CommandLineRun("dataset", "wordnet", directory("d"), "--from", directory.path)
      #expect(run.status == 65 && run.errors.contains("data.adj: has no line"), "\(run.errors)")
    }
    run = try make(Self.small, "--memory", "24MiB").run
    #expect(run.status == 64 && run.errorLines == 1, "\(run.errors)")
  }

  /// Reads a folder and writes its graph, in this process.
  private func build(_ folder: String, into directory: TemporaryDirectory) throws {
    let folder = try WordNetFolder(path: folder)
    var memory = NameMemory(MemoryBudget(total: 64 << 20))
    let survey = try WordNetSurvey(folder, memory: &memory)
    var writer = try WordNetGraphWriter(
      folder, survey, split: HashedSplit(seed: 0), words: HashedWords(count: 4), memory: memory
    ) { try BufferedFile(final: directory($0)) }
    try writer.write()
  }

  @Test func mangledFilesAreReadOrRefused() throws {
    var stream = RandomStream(seed: printedSeed())
    let fixture = WordNetFixture.drawn(4, &stream)
    let names = fixture.files.keys.sorted()
    let pieces = Array(" \n|@+09afn\t\u{7F}é".utf8) + [0, 0xFF]
    let output = TemporaryDirectory()
    let input = TemporaryDirectory()
    fixture.write(to: input)
    try build(input.path, into: output)
    var refused = 0
    for _ in 0..<400 {
      let name = names[Int(stream.next(below: UInt64(names.count)))]
      let whole = Array(fixture.files[name]!.utf8)
      var bytes = whole
      for _ in 0...stream.next(below: 2) {
        let place = Int(stream.next(below: UInt64(bytes.count)))
        let piece = pieces[Int(stream.next(below: UInt64(pieces.count)))]
        switch stream.next(below: 4) {
        case 0: bytes.insert(piece, at: place)
        case 1: bytes.remove(at: place)
        case 2: bytes.removeSubrange(place...)
        default: bytes[place] = piece
        }
        if bytes.isEmpty { break }
      }
      input.write(name, bytes)
      do {
        try build(input.path, into: output)
      } catch let error as HedgerowError {
        #expect(error.code == .badData, "\(error)")
        refused += 1
      }
      input.write(name, whole)
    }
    #expect(refused > 200)
  }

  private static let isInstalled = FileManager.default.fileExists(
    atPath: "\(WordNetFolder.usualPath)/data.noun")

  @Test(.enabled(if: isInstalled, "the package wordnet-base is not installed"))
  func wordNetHasTheCountsThatOthersFound() throws {
    let directory = TemporaryDirectory()
    let run = try CommandLineRun("dataset", "wordnet", directory("d"), "--json")
    #expect(run.status == 0, "\(run.errors)")
    let info = try object(run.output)
    #expect(info["nodes"] as? [String: Int] == ["synset": 117_659, "word": 147_306])
    let edges = try #require(info["edges"] as? [String: Int])
    #expect(
      Self.relations.map { edges["synset:\($0):synset"]! } == [
        7979, 89_089, 8577, 89_089, 8577, 12_293, 797, 9097, 12_293, 797, 9097, 1278, 74_717, 6654,
        6654, 1360, 1360, 1376, 1376, 408, 220, 3272, 1750, 21_386, 73, 8023,
      ])
    #expect(edges["word:means:synset"] == 206_978)
    #expect(info["pointers"] as? Int == 377_592 && info["lexnames"] as? Int == 45)
    #expect(info["lexical_pointers"] as? Int == 92_244)
  }
}
