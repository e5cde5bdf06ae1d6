import Foundation
import HedgerowCore
import HedgerowSampling
import Testing

@Suite struct SamplingOptionsCodingTests {
  private func encoded(_ options: SamplingOptions) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    return try encoder.encode(options)
  }

  @Test func optionsComeBackAsTheyWereWritten() throws {
    var all: [SamplingOptions] = [SamplingOptions()]
    var options = SamplingOptions()
    options.selection = .weighted(column: "w")
    options.replacement = .with
    options.edges = .induced(layers: 3)
    options.edgeIDs = .present
    all.append(options)
    options = SamplingOptions()
    options.coupling = .shared(batches: 5)
    options.trees = .disjoint
    options.time = TemporalConstraint(
      nodes: ["paper": .column("year"), "venue": .timeless, "author": .timeless],
      edges: [("paper", "cites", "paper"): .column("at")], window: 9)
    options.time!.seedTimes = "asked"
    options.time!.boundary = .before
    all.append(options)
    options.time = TemporalConstraint(edges: [:])
    all.append(options)
    for options in all {
      let data = try encoded(options)
      #expect(try JSONDecoder().decode(SamplingOptions.self, from: data) == options)
      // The same bytes, in whatever order a dictionary is.
      for _ in 0..<5 { #expect(try encoded(options) == data) }
    }
  }

  @Test func whatConstrainsNothingIsRefused() throws {
    for text in [
      #"{"boundary":{"before":{}}}"#, #"{"nodes":{},"window":0,"boundary":{"before":{}}}"#,
      #"{"edges":{"paper":null},"boundary":{"before":{}}}"#,
    ] {
      #expect(throws: (any Error).self) {
        try JSONDecoder().decode(TemporalConstraint.self, from: Data(text.utf8))
      }
    }
  }
}
