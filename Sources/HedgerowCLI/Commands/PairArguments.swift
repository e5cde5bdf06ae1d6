import ArgumentParser
import Hedgerow

/// `--split part --negatives 5`: which edges are meant, and which pairs that are none come with them.
struct PairArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The edges' column that says train, valid or test; split unless given (hedgerow split writes one).",
      valueName: "column"))
  var split: String?
  @Option(
    help: ArgumentHelp("Pairs that are no edges, for each edge.", valueName: "count"))
  var negatives: Int?
  @Option(
    help: ArgumentHelp(
      "Where their targets come from: \(LinkTrainingOptions.Negatives.names).", valueName: "how"),
    transform: LinkTrainingOptions.Negatives.parse)
  var negativesFrom: LinkTrainingOptions.Negatives?

  /// Which options are given, as they are written.
  var options: [(String, Bool)] {
    [
      ("--split", split != nil), ("--negatives", negatives != nil),
      ("--negatives-from", negativesFrom != nil),
    ]
  }

  /// - Parameter range: of the number of negatives.
  func check(negatives range: ClosedRange<Int>) throws {
    if let negatives, !range.contains(negatives) {
      throw ValidationError("--negatives is between \(range.lowerBound) and \(range.upperBound)")
    }
  }
}
