import Foundation
import HedgerowCore
import HedgerowIngest
import HedgerowStore
import HedgerowTestSupport
import Testing

/// Files of every format, mangled at random: each is read, or refused as bad data with its place.
///
/// A few in the fast set. `tools/fuzz` goes on for as long as it is told, under the address sanitizer,
/// and keeps what is found.
@Suite struct FuzzTests {
  /// Files of one call, and words that mean something in them.
  struct Corpus: CustomTestStringConvertible {
    var format: GraphFormat?
    var name: String
    var files: [(name: String, text: String)]
    var words: [String]

    var testDescription: String { name }
  }

  private static let corpora: [Corpus] = [
    Corpus(
      format: .matrixMarket, name: "matrix-market",
      files: [
        (
          "m.mtx",
          "%%MatrixMarket matrix coordinate complex hermitian\n% x\n3 3 2\n1 1 4 0\n2 1 1 -2.5\n"
        )
      ], words: ["array", "pattern", "skew-symmetric", "symmetric", "integer", "\n", "0", "1e999"]),
    Corpus(
      format: .nQuads, name: "n-quads",
      files: [("q.nq", "<a:a> <a:p#q> \"x\\n\\u00e9\"@en <a:g> .\n_:b <a:p> <a:c> .\n")],
      words: ["<", ">", "\"", "\\u", "_:", ".", "^^<a:t>", "#", "\\"]),
    Corpus(
      format: .propertyCSV, name: "property-csv",
      files: [
        (
          "n.csv",
          "i:ID(S),:LABEL,name,x:float[],n:int\na,A;B,\"q \"\"r\"\"\",1;2,3\nb,B,,,\nc,A,z,3;4,-1\n"
        ), ("e.csv", ":START_ID(S),:END_ID(S),:TYPE,w:double\na,b,r,.5\nc,c,s,\nb,a,r,1e3\n"),
      ], words: [":ID", "(S)", ";", ",", "\"", "\n", ":TYPE", "~id", "~from", "[]", ":long", "|"]),
    Corpus(
      format: .propertyCSV, name: "gremlin",
      files: [
        ("n.csv", "~id,~label,w:Int(single),t:String\n1,A,5,x\n2,B,,\"a\nb\"\n3,A,7,\n"),
        ("e.csv", "~id,~from,~to,~label\n1,1,2,r\n2,3,3,r\n"),
      ], words: ["~id", "~label", "~to", ",", "\n", "\"", ":Date", "{", "}", "(set)"]),
    Corpus(
      format: .apocJSON, name: "apoc-json",
      files: [
        (
          "g.json",
          """
          {"type":"node","id":"0","labels":["U","V"],"properties":{"n":"\\u00e9\\n","a":4,"l":[1,2]}}
          {"type":"node","id":"1","properties":{"a":1.5,"o":{"x":[null]}}}
          {"type":"relationship","id":"0","label":"K","start":{"id":"0"},"end":{"id":"1","labels":["W"]}}
          """
        )
      ],
      words: ["{", "}", "[", "]", "\"", ":", ",", "null", "\\ud800", "-0", "1e400", "\"id\"", "\n"]),
    Corpus(
      format: nil, name: "json-lines",
      files: [
        ("n.jsonl", "{\"id\":1,\"x\":[1,2.5],\"t\":\"a\"}\n{\"id\":2,\"t\":null,\"b\":true}\n"),
        ("e.jsonl", "{\"source\":1,\"target\":\"2\",\"w\":-3}\n{\"target\":1,\"source\":1}\n"),
      ],
      words: ["{", "}", "[", "]", "\"", ",", "9223372036854775808", "\\u0000", "\"id\"", "\n"]),
    Corpus(
      format: .graphML, name: "graphml",
      files: [
        (
          "g.graphml",
          """
          <?xml version="1.0" encoding="UTF-8"?>
          <graphml><key id="l" for="node" attr.name="labelV"/><key id="k" attr.type="int"><default>1</default></key>
          <graph edgedefault="undirected"><node id="a"><data key="l">:A:B</data></node><node id="b"/>
          <edge id="e" source="a" target="b" directed="true"><data key="k">5</data></edge></graph></graphml>
          """
        )
      ],
      words: [
        "<", ">", "/>", "&amp;", "&#0;", "<![CDATA[", "]]>", "<!DOCTYPE x [", "<graph>", "</graph>",
        "UTF-16", "\"",
      ]),
  ]

  private struct Generator {
    var state: UInt64
    mutating func next(below bound: Int) -> Int {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return Int((z ^ (z >> 31)) >> 1) % max(1, bound)
    }
  }

  private static func mangle(
    _ bytes: [UInt8], words: [String], by generator: inout Generator
  ) -> [UInt8] {
    var bytes = bytes
    for _ in 0...generator.next(below: 4) {
      let place = generator.next(below: bytes.count + 1)
      let end = min(bytes.count, place + generator.next(below: 12))
      switch generator.next(below: 8) {
      case 0 where place < bytes.count: bytes[place] ^= 1 << UInt8(generator.next(below: 8))
      case 1 where place < bytes.count: bytes[place] = UInt8(generator.next(below: 256))
      case 2: bytes.removeSubrange(place..<end)
      case 3: bytes.insert(contentsOf: bytes[place..<end], at: generator.next(below: bytes.count))
      case 4 where generator.next(below: 4) == 0: bytes.removeSubrange(place...)
      case 5 where generator.next(below: 16) == 0:
        bytes.insert(contentsOf: repeatElement(UInt8(ascii: "["), count: 300_000), at: place)
      default:
        let word = Array(words[generator.next(below: words.count)].utf8)
        if generator.next(below: 2) == 0 { bytes.removeSubrange(place..<end) }
        bytes.insert(contentsOf: word, at: place)
      }
    }
    return bytes
  }

  @Test(arguments: corpora)
  func mangledFilesAreReadOrRefused(corpus: Corpus) throws {
    let environment = ProcessInfo.processInfo.environment
    let seconds = environment["HEDGEROW_FUZZ_SECONDS"].flatMap { Double($0) }
    let seed = printedSeed()
    let workspace = try Workspace()
    // Inputs stay there when the process ends over one of them.
    let folder = environment["HEDGEROW_FUZZ_DIR"].map { "\($0)/\(corpus.name)-\(seed)" }
    if let folder {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }
    let start = ContinuousClock.now
    var round: UInt64 = 0
    var found = false
    while seconds.map({ (ContinuousClock.now - start) / .seconds(1) < $0 }) ?? (round < 40) {
      var generator = Generator(state: seed &+ round &* 0x1234_5678_9ABC_DEF1)
      round += 1
      let chosen = generator.next(below: corpus.files.count)
      var options = IngestOptions()
      if generator.next(below: 2) == 0 { options.badLines = .report }
      if generator.next(below: 3) == 0 { options.missingNodes = .skip }
      for (index, file) in corpus.files.enumerated() {
        var bytes = Array(file.text.utf8)
        if index == chosen { bytes = Self.mangle(bytes, words: corpus.words, by: &generator) }
        let path = "\(folder ?? workspace.path)/\(file.name)"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        if corpus.format != nil {
          options.graphs.append(.init(path, as: corpus.format))
        } else if file.name.hasPrefix("n") {
          options.nodes.append(.init("n", path))
        } else {
          options.edges.append(.init(EdgeType("n", "r", "n"), path))
        }
      }
      let store = workspace.storePath
      do {
        try Ingest.run(
          options, into: store, budget: MemoryBudget(total: 64 << 20),
          pool: ThreadPool(threadCount: 1))
        if round % 16 == 0 {
          let problems = try StoreVerifier.verify(GraphStore.open(at: store, .readOnly)).problems
          #expect(problems.isEmpty, "round \(round - 1) of seed \(seed)")
          if !problems.isEmpty { found = true }
        }
        try FileManager.default.removeItem(atPath: store)
      } catch {
        let refused = error as? HedgerowError
        #expect(
          refused?.code == .badData && refused?.place != nil,
          "round \(round - 1) of seed \(seed): \(error)")
        if refused?.code != .badData || refused?.place == nil { found = true }
      }
      if found { break }
    }
    print("\(corpus.name): \(round) mangled inputs")
    if let folder, !found { try FileManager.default.removeItem(atPath: folder) }
  }
}
