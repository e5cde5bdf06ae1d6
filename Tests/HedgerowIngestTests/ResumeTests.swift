import Foundation
import HedgerowCore
import HedgerowGraph
import HedgerowTestSupport
import Synchronization
import Testing

@testable import HedgerowIngest
@testable import HedgerowStore

/// Runs that are killed, as copies of what their stores are at some moment, and begun again.
@Suite struct ResumeTests {
  private struct Input {
    let work: Workspace
    let options: IngestOptions
    let memory = 32 << 20

    init(seed: UInt64) throws {
      var random = RandomStream(seed: seed)
      work = try Workspace()
      var options = IngestOptions()
      var people = "name:string,age:int,part\n"
      for index in 0..<3000 {
        people += "p\(index),\(random.next(below: 90)),\(["train", "test"][index % 2])\n"
      }
      options.nodes = [.init("person", try work.write(people, to: "people.csv"))]
      options.splits = [.init("person", "part")]
      let floats = (0..<3000 * 16).map { Float($0) }
      options.features = [
        .init("person", "x", try work.write(floats, "<f4", width: 16, to: "x.npy"))
      ]
      var members = "id,set\n"
      for _ in 0..<500 { members += "p\(random.next(below: 3000)),some\n" }
      options.sets = [.init("person", try work.write(members, to: "sets.csv"))]
      var knows = "source,target,since:int,note:string\n"
      for index in 0..<50_000 {
        // Some people are not there.
        knows +=
          "p\(random.next(below: 3010)),p\(random.next(below: 3000)),\(index),\"note \(index % 777)\"\n"
      }
      var likes = ""
      for _ in 0..<300_000 {
        likes += "p\(random.next(below: 3000))\tp\(random.next(below: 3000))\n"
      }
      options.edges = [
        .init(EdgeType("person", "likes", "person"), try work.write(likes, to: "likes.tsv")),
        .init(EdgeType("person", "knows", "person"), try work.write(knows, to: "knows.csv")),
      ]
      options.missingNodes = .skip
      options.badLines = .report
      options.checkpointSeconds = 0
      self.options = options
    }
  }

  @Test(arguments: [false, true]) func aKilledRunGoesOnToTheSameStore(appends: Bool) throws {
    var random = RandomStream(seed: printedSeed())
    let input = try Input(seed: random.next())
    let work = input.work
    var options = input.options
    // What is there before the run, when it adds to a store.
    let base = work.storePath
    if appends {
      var first = IngestOptions()
      first.nodes = [.init("person", try work.write("name:string\nq1\nq2\n", to: "first.csv"))]
      let type = EdgeType("person", "likes", "person")
      first.edges = [.init(type, try work.write("q1\tq2\nq2\tq1\n", to: "first.tsv"))]
      try work.ingest(first, into: base)
      options.existingTypes = .append
    }
    func start() throws -> String {
      let path = work.storePath
      if appends { try FileManager.default.copyItem(atPath: base, toPath: path) }
      return path
    }
    func run(
      _ path: String, onProgress: @escaping @Sendable (IngestProgress) -> Void = { _ in }
    ) throws -> IngestReport {
      var options = options
      options.badLinesPath = "\(path).bad"
      return try Ingest.run(
        options, into: path, budget: MemoryBudget(total: input.memory),
        pool: ThreadPool(threadCount: 2), progress: onProgress)
    }
    func content(_ path: String) throws -> Contents {
      let store = try GraphStore.open(at: path, .readOnly)
      #expect(try StoreVerifier.verify(store).isClean)
      return try Contents(try store.snapshot())
    }

    let whole = try start()
    let steps = Atomic(0)
    let report = try run(whole) { _ in steps.add(1, ordering: .relaxed) }
    #expect(report.resumed.isEmpty)
    let expected = try content(whole)
    let expectedLines = try String(contentsOfFile: "\(whole).bad", encoding: .utf8)
    #expect(report.skipped > 0)

    // Copies of the store at moments of one more run, with the file of bad lines that it has by then.
    let count = steps.load(ordering: .relaxed)
    let moments = Set((0..<7).map { _ in Int(random.next(below: UInt64(count))) } + [count - 1])
    let original = try start()
    let step = Atomic(0)
    let images = Mutex<[String]>([])
    _ = try run(original) { progress in
      let number = step.add(1, ordering: .relaxed).oldValue
      guard moments.contains(number) else { return }
      let image = work.storePath
      images.withLock { $0.append(image) }
      try? FileManager.default.copyItem(atPath: original, toPath: image)
      let names = (try? FileManager.default.contentsOfDirectory(atPath: work.path)) ?? []
      for name in names where name.hasSuffix(".partial") {
        let draft = "\(work.path)/\(name)"
        try? FileManager.default.copyItem(
          atPath: draft, toPath: draft.replacingOccurrences(of: original, with: image))
      }
    }
    var resumed: Set<String> = []
    for image in images.withLock({ $0 }) {
      // A run that is made anew with another file of bad lines has another purpose.
      try renamePurpose(in: image, from: original)
      let again = try run(image)
      resumed.formUnion(again.resumed)
      #expect(try content(image) == expected)
      #expect(again.nodes.map { $1 } == report.nodes.map { $1 })
      #expect(again.edges.map { $1 } == report.edges.map { $1 })
      #expect(again.messages == report.messages && again.skipped == report.skipped)
      #expect(again.version == report.version)
      #expect(try String(contentsOfFile: "\(image).bad", encoding: .utf8) == expectedLines)
      let scratch = "\(image)/\(StoreLayout.scratchDirectory)"
      #expect(!FileManager.default.fileExists(atPath: scratch))
    }
    // The last moment is behind the nodes and the first type of edges.
    #expect(resumed.contains("node person") && resumed.contains("edge person:likes:person"))
  }

  /// Makes the checkpoint of a copied store one of a run into the copy.
  private func renamePurpose(in image: String, from original: String) throws {
    let file = "\(image)/\(StoreLayout.scratchDirectory)/\(BuildCheckpoint.fileName)"
    guard let bytes = FileManager.default.contents(atPath: file) else { return }
    var checkpoint = try JSONDecoder().decode(BuildCheckpoint.self, from: bytes)
    checkpoint.purpose = checkpoint.purpose.replacingOccurrences(of: original, with: image)
    // JSON writes slashes as `\/`.
    func escaped(_ path: String) -> String { path.replacingOccurrences(of: "/", with: "\\/") }
    let note = String(decoding: checkpoint.note, as: UTF8.self)
      .replacingOccurrences(of: escaped(original), with: escaped(image))
      .replacingOccurrences(of: original, with: image)
    checkpoint.note = Data(note.utf8)
    try JSONEncoder().encode(checkpoint).write(to: URL(fileURLWithPath: file))
  }

  /// A copy of a new store at the moment when the first edges are written in order.
  private func imageWhileWriting(_ input: Input) throws -> String {
    let original = input.work.storePath
    let image = input.work.storePath
    let isTaken = Atomic(false)
    _ = try Ingest.run(
      input.options, into: original, budget: MemoryBudget(total: input.memory),
      pool: ThreadPool(threadCount: 2)
    ) { progress in
      guard progress.phase == .write, !isTaken.exchange(true, ordering: .relaxed) else { return }
      try? FileManager.default.copyItem(atPath: original, toPath: image)
    }
    return image
  }

  @Test func anotherRunBeginsAnew() throws {
    let input = try Input(seed: printedSeed())
    let work = input.work
    let image = try imageWhileWriting(input)
    func run(_ path: String, _ options: IngestOptions) throws -> IngestReport {
      try Ingest.run(
        options, into: path, budget: MemoryBudget(total: input.memory),
        pool: ThreadPool(threadCount: 1))
    }
    func copy() throws -> String {
      let path = work.storePath
      try FileManager.default.copyItem(atPath: image, toPath: path)
      return path
    }
    #expect(try run(copy(), input.options).resumed.contains("node person"))
    var other = input.options
    other.parallelEdges = .first
    #expect(try run(copy(), other).resumed.isEmpty)
    // A file that a run has lost.
    let damaged = try copy()
    let segments = "\(damaged)/\(StoreLayout.segmentsDirectory)"
    let name = try FileManager.default.contentsOfDirectory(atPath: segments).first {
      $0.hasSuffix(".seg")
    }
    try FileManager.default.removeItem(atPath: "\(segments)/\(try #require(name))")
    #expect(try run(damaged, input.options).resumed.isEmpty)
    // A checkpoint that is no JSON.
    let torn = try copy()
    let checkpoint = "\(torn)/\(StoreLayout.scratchDirectory)/\(BuildCheckpoint.fileName)"
    try Data("{\"purpose\":".utf8).write(to: URL(fileURLWithPath: checkpoint))
    #expect(try run(torn, input.options).resumed.isEmpty)
    // An input that was written to.
    let changed = try copy()
    let likes = input.options.edges[0].path
    let handle = try #require(FileHandle(forWritingAtPath: likes))
    try handle.seekToEnd()
    try handle.write(contentsOf: Data("p1\tp2\n".utf8))
    try handle.close()
    #expect(try run(changed, input.options).resumed.isEmpty)
  }

  @Test func aRunThatGoesOnAndFailsLeavesNothing() throws {
    let input = try Input(seed: printedSeed())
    let image = try imageWhileWriting(input)
    let error = #expect(throws: HedgerowError.self) {
      try Ingest.run(
        input.options, into: image, budget: MemoryBudget(total: input.memory),
        pool: ThreadPool(threadCount: 2), isCancelled: { true })
    }
    #expect(error?.code == .interrupted)
    #expect(FileManager.default.fileExists(atPath: input.work.path))
    #expect(!FileManager.default.fileExists(atPath: image))
  }
}
