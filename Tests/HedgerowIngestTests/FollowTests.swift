import Foundation
import HedgerowCore
import HedgerowGraph
import HedgerowTestSupport
import Synchronization
import Testing

@testable import HedgerowIngest
@testable import HedgerowStore

@Suite struct FollowTests {
  private func follow(
    _ options: IngestOptions, into store: String, from start: Int = 0,
    until isOver: @escaping @Sendable () -> Bool = { false },
    onRound: (FollowRound) throws -> Void = { _ in }
  ) throws -> FollowRound {
    try Ingest.follow(
      options, into: store, from: start, every: 0, budget: MemoryBudget(total: 64 << 20),
      pool: ThreadPool(threadCount: 2), isCancelled: isOver, onRound: onRound)
  }

  private func append(_ text: String, to path: String) throws {
    let handle = try #require(FileHandle(forWritingAtPath: path))
    try handle.seekToEnd()
    try handle.write(contentsOf: Data(text.utf8))
    try handle.close()
  }

  private func contents(_ store: String) throws -> Contents {
    try Contents(try GraphStore.open(at: store, .readOnly).snapshot())
  }

  /// A file that grows by pieces of any size, cut anywhere, comes to what it is in the end.
  @Test func aGrowingFileIsInTheStoreAsItIsWhole() throws {
    var random = RandomStream(seed: printedSeed())
    let work = try Workspace()
    let type = EdgeType("user", "rates", "item")
    var text = "source,target,stars:int,note\n"
    for index in 0..<400 {
      let note = index % 7 == 0 ? "\"a, \"\"b\"\"\nc\"" : "n\(index)"
      text += "u\(random.next(below: 30)),i\(random.next(below: 20)),\(index),\(note)\n"
    }
    let bytes = Array(text.utf8)
    let first = 60 + Int(random.next(below: 300))
    let path = try work.write(Array(bytes[..<first]), to: "rates.csv")
    var options = IngestOptions()
    options.edges = [.init(type, path)]
    let store = work.storePath
    var place = first
    var rounds = 0
    // Written to while it is followed; the end is known by the count of bytes.
    let written = Atomic(first)
    let read = Atomic(0)
    let end = try follow(
      options, into: store,
      until: {
        let isRead = read.load(ordering: .relaxed) == bytes.count
        return isRead && written.load(ordering: .relaxed) == bytes.count
      },
      onRound: { round in
        rounds += 1
        read.store(round.byteCount, ordering: .relaxed)
        let whole = bytes[..<round.byteCount]
        #expect(round.lineCount == whole.count { $0 == 10 } && whole.last == 10)
        guard place < bytes.count else { return }
        // At least to the next line's end, or nothing would come of it.
        var next = place + 1 + Int(random.next(below: 4000))
        if rounds > 6 { next = bytes.count }
        while next < bytes.count, bytes[next - 1] != 10 || bytes[next] == UInt8(ascii: "c") {
          next += 1
        }
        next = min(next, bytes.count)
        try append(String(decoding: bytes[place..<next], as: UTF8.self), to: path)
        place = next
        written.store(next, ordering: .relaxed)
      })
    #expect(end.byteCount == bytes.count)
    #expect(rounds > 1)

    // The kinds of values are those that the first lines have; so are they for the whole.
    let whole = try work.ingest(options).graph
    let (a, b) = (try contents(store), try Contents(whole))
    #expect(Set(a.keys[NodeType("user")]!) == Set(b.keys[NodeType("user")]!))
    func edges(_ contents: Contents) -> [String] {
      contents.out[type]!.map { "\($0.source) \($0.target) \($0.values)" }.sorted()
    }
    #expect(edges(a) == edges(b))
  }

  @Test func aPipeIsFollowedToItsEnd() throws {
    let work = try Workspace()
    let pipe = "\(work.path)/pipe"
    try #require(mkfifo(pipe, 0o600) == 0)
    var options = IngestOptions()
    options.edges = [.init(.plain, pipe)]
    let store = work.storePath
    let writer = HedgerowCore.Thread.start {
      guard let file = fopen(pipe, "w") else { return }
      for index in 0..<2000 {
        fputs("\(index)\t\(index + 1)\n", file)
        if index % 500 == 0 {
          fflush(file)
          usleep(30_000)
        }
      }
      // The last line has no end.
      fputs("7\t9", file)
      fclose(file)
    }
    var versions: [UInt64] = []
    let end = try follow(options, into: store, onRound: { versions.append($0.report.version) })
    pthread_join(writer, nil)
    #expect(versions == Array(1...UInt64(versions.count)))
    let graph = try GraphStore.open(at: store, .readOnly).snapshot()
    #expect(graph.count(of: EdgeType.plain) == 2001)
    #expect(end.byteCount == (0..<2000).reduce(3) { $0 + "\($1)\t\($1 + 1)\n".utf8.count })
  }

  @Test func aRoundThatIsStoppedLeavesTheStoreAndThePlace() throws {
    let work = try Workspace()
    let path = try work.write("a b\nb c\n", to: "edges.txt")
    var options = IngestOptions()
    options.edges = [.init(.plain, path)]
    let store = work.storePath
    let end = try follow(options, into: store, until: { true })
    #expect(end.byteCount == 0 && end.lineCount == 0)
    #expect(!FileManager.default.fileExists(atPath: store))
  }

  @Test func anEmptyPipeIsRefusedAndMakesNoStore() throws {
    let work = try Workspace()
    let pipe = "\(work.path)/pipe"
    try #require(mkfifo(pipe, 0o600) == 0)
    var options = IngestOptions()
    options.edges = [.init(.plain, pipe)]
    let store = work.storePath
    let writer = HedgerowCore.Thread.start {
      if let file = fopen(pipe, "w") { fclose(file) }
    }
    let error = #expect(throws: HedgerowError.self) { try follow(options, into: store) }
    pthread_join(writer, nil)
    #expect(error?.code == .badData)
    #expect(!FileManager.default.fileExists(atPath: store))
  }

  @Test func aRunGoesOnFromAByte() throws {
    let work = try Workspace()
    let path = try work.write("a b\nb c\nc d\n", to: "edges.txt")
    var options = IngestOptions()
    options.graphs = [.init(path)]
    let store = work.storePath
    let isRead = Atomic(false)
    let first = try follow(
      options, into: store, until: { isRead.load(ordering: .relaxed) },
      onRound: { _ in isRead.store(true, ordering: .relaxed) })
    #expect(first.byteCount == 12 && first.lineCount == 3)
    try append("d a\nx\n", to: path)
    options.existingTypes = .append
    options.badLines = .report
    var messages: [String] = []
    isRead.store(false, ordering: .relaxed)
    let second = try follow(
      options, into: store, from: first.byteCount, until: { isRead.load(ordering: .relaxed) },
      onRound: {
        messages += $0.report.messages
        isRead.store(true, ordering: .relaxed)
      })
    #expect(second.byteCount == 18)
    // Lines are counted from the file's beginning.
    #expect(messages.count == 1 && messages[0].contains(":5: "))
    #expect(try contents(store).out[.plain]!.count == 4)
  }

  @Test func filesThatCannotBeFollowedAreRefused() throws {
    let work = try Workspace()
    func code(_ options: IngestOptions, from start: Int = 0) -> HedgerowError.Code? {
      do {
        _ = try follow(options, into: work.storePath, from: start, until: { true })
        return nil
      } catch { return (error as? HedgerowError)?.code }
    }
    let text = try work.write("a b\n", to: "edges.txt")
    var options = IngestOptions()
    options.edges = [.init(.plain, text), .init(.plain, text)]
    #expect(code(options) == .usage)
    options.edges.removeLast()
    #expect(code(options, from: 5) == .usage)
    options.order = .degree
    #expect(code(options) == .usage)
    options.order = .input
    let packed = try work.write(Workspace.gzip(Array("a b\nb c\n".utf8)), to: "edges.gz")
    options.edges = [.init(.plain, packed)]
    #expect(code(options) == .badData)
    options.edges = [.init(.plain, work.path)]
    #expect(code(options) == .noInput)
    options.edges = [.init(.plain, "\(work.path)/nowhere")]
    #expect(code(options) == .noInput)
  }

  @Test func aFileThatIsCutOrReplacedEndsIt() throws {
    let work = try Workspace()
    for replaces in [false, true] {
      let path = try work.write("a b\nb c\n", to: "edges-\(replaces).txt")
      var options = IngestOptions()
      options.edges = [.init(.plain, path)]
      let store = work.storePath
      let error = #expect(throws: HedgerowError.self) {
        try follow(
          options, into: store,
          onRound: { _ in
            if replaces {
              let other = try work.write("x y\ny z\nz a\n", to: "other.txt")
              _ = rename(other, path)
            } else {
              truncate(path, 3)
            }
          })
      }
      #expect(error?.code == .io)
      #expect(try contents(store).out[.plain]!.count == 2)
    }
  }
}
