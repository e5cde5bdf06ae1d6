import HedgerowCore

extension TrainingOptions {
  /// - Throws: `usage` for more epochs than have numbers of batches that are numbers.
  func checkEpochs() throws {
    guard epochs <= 1 << 30 else {
      throw HedgerowError(.usage, "\(epochs) epochs: there are at most 1073741824")
    }
  }

  /// The options, as the command line names them, of the network and of its training that are others in `other`.
  func changes(to other: TrainingOptions) -> [String] {
    let (a, b) = (self, other)
    let parts: [(option: String, isChanged: Bool)] = [
      ("--activation", a.activation != b.activation), ("--jumping", a.jumping != b.jumping),
      ("--bases", a.bases != b.bases),
      ("--fanouts", a.fanouts != b.fanouts), ("--batch-size", a.batchSize != b.batchSize),
      ("--layers", a.layerCount != b.layerCount), ("--hidden", a.hiddenWidth != b.hiddenWidth),
      ("--learning-rate", a.learningRate != b.learningRate), ("--dropout", a.dropout != b.dropout),
      ("--input-scaling", a.inputScaling != b.inputScaling),
      ("--input-dropout", a.inputDropout != b.inputDropout),
      ("--weight-decay", a.weightDecay != b.weightDecay), ("--inputs", a.inputs != b.inputs),
      ("--encode", a.encodings != b.encodings), ("--precision", a.precision != b.precision),
      ("--sampler or an option of it", a.subgraphs != b.subgraphs),
      (
        "--select, --weight, --replace, --share, --disjoint, --edges or times",
        a.sampling != b.sampling
      ),
      ("--no-reverse", a.usesReverseRelations != b.usesReverseRelations),
      ("--seed", a.seed != b.seed),
    ]
    return parts.filter(\.isChanged).map(\.option)
  }

  /// What to say of a training that cannot go on.
  static func refusal(ofChanged options: [String]) -> HedgerowError {
    HedgerowError(
      .usage,
      options.isEmpty
        ? "the training that is to go on was of another schema: train anew"
        : "the training that is to go on had another \(options.joined(separator: ", ")): leave it "
          + "out, or train anew")
  }
}
