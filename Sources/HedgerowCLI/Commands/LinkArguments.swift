import ArgumentParser
import Hedgerow

/// `--target user:rates:item --decoder distmult`: what is told of training on links, beside the network.
struct LinkArguments: ParsableArguments {
  @OptionGroup var pairs: PairArguments
  @Option(
    help: ArgumentHelp(
      "What tells links from rows of nodes: \(LinkTrainingOptions.Decoder.names).",
      valueName: "name"),
    transform: LinkTrainingOptions.Decoder.parse)
  var decoder: LinkTrainingOptions.Decoder?
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
    let others: [(String, Bool)] = [
      ("--decoder", decoder != nil), ("--candidates", candidates != nil),
      ("--relation-column", relationColumn != nil), ("--validate-on", validateOn != nil),
    ]
    return (pairs.options + others).first { $0.1 }?.0
  }

  func validate() throws { try pairs.check(negatives: 1...10_000) }

  /// Changes options as it was asked for.
  func apply(to options: inout LinkTrainingOptions) {
    if let split = pairs.split { options.splitColumn = split }
    if let decoder { options.decoder = decoder }
    if let negatives = pairs.negatives { options.negativeCount = negatives }
    if let negativesFrom = pairs.negativesFrom { options.negatives = negativesFrom }
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
