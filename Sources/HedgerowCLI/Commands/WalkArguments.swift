import ArgumentParser
import Hedgerow

/// `--walk-length 40 --near 5`: how walks go by which rows of nodes are learned.
struct WalkArguments: ParsableArguments {
  @Option(help: ArgumentHelp("Steps of a walk; 20 unless given.", valueName: "count"))
  var walkLength: Int?
  @Option(help: ArgumentHelp("Walks from each node; 10 unless given.", valueName: "count"))
  var walks: Int?
  @Option(
    name: .customLong("near"),
    help: ArgumentHelp(
      "Nodes of a walk that count as near, the first one included; 10 unless given.",
      valueName: "count"))
  var window: Int?
  @Option(
    name: .customLong("walk-return"),
    help: ArgumentHelp("node2vec's p: above 1, walks turn back more seldom.", valueName: "p"))
  var returning: Double?
  @Option(
    name: .customLong("walk-leave"),
    help: ArgumentHelp("node2vec's q: below 1, walks go outward.", valueName: "q"))
  var leaving: Double?

  /// The options that are given, as they are written.
  var given: [String] {
    let options: [(String, Bool)] = [
      ("--walk-length", walkLength != nil), ("--walks", walks != nil),
      ("--near", window != nil), ("--walk-return", returning != nil),
      ("--walk-leave", leaving != nil),
    ]
    return options.filter { $0.1 }.map(\.0)
  }
}
