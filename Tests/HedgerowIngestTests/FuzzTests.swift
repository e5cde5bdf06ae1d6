import Foundation
import HedgerowCore
import HedgerowIngest
import HedgerowStore
import HedgerowTestSupport
import Testing

/// Files of every format, mangled at random: each is read, or refused as bad data with its place.
///
/// Some in the fast set, and all that was found before; `tools/fuzz` goes on for as long as it is told.
@Suite struct FuzzTests {
  /// What is ingested of the files of an input.
  struct Parser: CustomStringConvertible {
    var target: FuzzTarget
    /// What else than bad data a bad input may be: the files of a folder may name others.
    var codes: Set<HedgerowError.Code> = []
    var options: @Sendable (FuzzInput) throws -> IngestOptions

    /// Every file is a graph of a format; nil for that which it looks like.
    static func graph(_ format: GraphFormat?, _ target: FuzzTarget) -> Parser {
      Parser(target: target) { input in
        var options = IngestOptions()
        options.graphs = try input.paths().map { .init($0, as: format) }
        return options
      }
    }

    /// The folder `d`.
    static func folder(_ format: GraphFormat, _ target: FuzzTarget) -> Parser {
      Parser(target: target, codes: [.noInput]) { input in
        var options = IngestOptions()
        options.graphs = [.init("\(input.folder)/d", as: format)]
        return options
      }
    }

    /// Files by the first letter of their names: of nodes, edges, sets, features and offsets.
    static func tables(_ target: FuzzTarget) -> Parser {
      // What a file says of its columns may not fit others, or what is asked of it.
      Parser(target: target, codes: [.usage]) { input in
        var options = IngestOptions()
        for path in try input.paths() {
          switch path.split(separator: "/").last?.first {
          case "n": options.nodes.append(.init("n", path))
          case "e": options.edges.append(.init(EdgeType("n", "r", "n"), path))
          case "s": options.sets.append(.init("n", path))
          case "x": options.features.append(.init("n", "x", path))
          case "o": options.offsets.append(.init(EdgeType("n", "in", "m"), path))
          default: Issue.record("\(path) is nothing")
          }
        }
        if input.settings & 4 != 0 { options.duplicateNodes = .merge }
        if input.settings & 8 != 0 { options.parallelEdges = .first }
        return options
      }
    }

    var description: String { target.name }
  }

  @Test(arguments: FuzzSeeds.parsers.filter(\.target.isChosen))
  func mangledFilesAreReadOrRefused(parser: Parser) throws {
    let workspace = try Workspace()
    let store = workspace.storePath
    let findings = try FuzzRun(parser.target, seed: printedSeed()).run { error in
      (error.code == .badData || parser.codes.contains(error.code))
        && (error.place != nil || error.code == .usage)
    } read: { input in
      defer { try? FileManager.default.removeItem(atPath: store) }
      var options = try parser.options(input)
      if input.settings & 1 != 0 { options.badLines = .report }
      if input.settings & 2 != 0 { options.missingNodes = .skip }
      try Ingest.run(
        options, into: store, budget: MemoryBudget(total: 64 << 20),
        pool: ThreadPool(threadCount: 1))
      guard input.settings & 0xF0 == 0 else { return }
      let problems = try StoreVerifier.verify(GraphStore.open(at: store, .readOnly)).problems
      if let problem = problems.first { throw HedgerowError(.damaged, "\(problem)") }
    }
    #expect(findings.isEmpty)
  }
}
