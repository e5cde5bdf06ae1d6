import ArgumentParser
import Hedgerow

/// `--target user:rates:item --decoder distmult`: what is told of training on links, beside the network.
struct LinkArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The edges' column that says train, valid or test; split unless given (hedgerow split writes one).",
      valueName: "column"))
  var split: String?
  @Option(
    help: ArgumentHelp(
      "What tells links from rows of nodes: \(LinkTrainingOptions.Decoder.names).",
      valueName: "name"),
    transform: LinkTrainingOptions.Decoder.parse)
  var decoder: LinkTrainingOptions.Decoder?
  @Option(
    help: ArgumentHelp("Pairs that are no links, for each that is one.", valueName: "count"))
  var negatives: Int?
  @Option(
    help: ArgumentHelp(
      "Where their targets come from: \(LinkTrainingOptions.Negatives.names).", valueName: "how"),
    transform: LinkTrainingOptions.Negatives.parse)
  var negativesFrom: LinkTrainingOptions.Negatives?
  @Option(
    help: ArgumentHelp(
      "Nodes among which a link is ranked when it is measured; 1000 unless given.",
      valueName: "count|all"),
    transform: parseCandidates)
  var candidates: Int?
  @Option(
    help: ArgumentHelp(
      "Of transe, distmult, complex and rotate: the edges' column of categories that says which relation each "
        + "is; else each edge type is one.", valueName: "column"))
  var relationColumn: String?
  @Option(
    help: ArgumentHelp(
      "Of the same models: triples of the validation set to rank after each epoch; 1000 unless given.",
      valueName: "count|all"),
    transform: parseCandidates)
  var validateOn: Int?
  @Option(
    help: ArgumentHelp(
      "Of tgn: the edges' column of times; that which their type declares unless given.",
      valueName: "column"))
  var times: String?

  /// The first option that is given, as it is written.
  var given: String? {
    let options: [(String, Bool)] = [
      ("--split", split != nil), ("--decoder", decoder != nil), ("--negatives", negatives != nil),
      ("--negatives-from", negativesFrom != nil), ("--candidates", candidates != nil),
      ("--relation-column", relationColumn != nil), ("--validate-on", validateOn != nil),
    ]
    return options.first { $0.1 }?.0
  }

  func validate() throws {
    if let negatives, !(1...10_000).contains(negatives) {
      throw ValidationError("--negatives is between 1 and 10000")
    }
  }

  /// Changes options as it was asked for.
  func apply(to options: inout LinkTrainingOptions) {
    if let split { options.splitColumn = split }
    if let decoder { options.decoder = decoder }
    if let negatives { options.negativeCount = negatives }
    if let negativesFrom { options.negatives = negativesFrom }
    if let candidates { options.candidateCount = candidates }
  }
}

/// A count, or 0 for all.
private func parseCandidates(_ text: String) throws -> Int {
  if text == "all" { return 0 }
  guard let count = Int(text), (1...100_000_000).contains(count) else {
    throw ValidationError("'\(text)' is no count: write 1000, or all")
  }
  return count
}

extension LinkTrainingOptions.Decoder: NamedCase { static var noun: String { "decoder" } }
extension LinkTrainingOptions.Negatives: NamedCase {
  static var noun: String { "source of negatives" }
}
extension LinkMetric: NamedCase { static var noun: String { "measure of links" } }
