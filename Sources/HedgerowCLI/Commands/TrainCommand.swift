import ArgumentParser
import Hedgerow

/// `hedgerow train STORE --target paper.label`
struct TrainCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract:
      "Train a graph neural network to classify nodes or graphs, or to tell links, from batches off the store.",
    discussion: """
      Trains on the set named train, keeps the weights of the epoch that is best on the set \
      named valid, and prints the metrics on valid and test. The same --seed gives the same result \
      to the last bit, for any --threads and --memory, and when a run is stopped and resumed. The \
      defaults were chosen on validation sets, or are those of a model's paper.
      """)

  @OptionGroup var store: StoreArgument
  @Option(
    help: ArgumentHelp(
      "The column of labels, the edge type whose links are learned, or the node type whose rows are.",
      valueName: "type.column|source:relation:target|type"))
  var target: String
  @Option(
    name: .customLong("model"),
    help: ArgumentHelp("The architecture: \(ModelChoice.names).", valueName: "name"),
    transform: ModelChoice.parse)
  var modelChoice: ModelChoice?
  var model: TrainingOptions.Model? { modelChoice?.trained }
  @OptionGroup var filter: FilterOptions
  @Flag(help: "Hold the whole graph in memory and take one step an epoch.")
  var fullBatch = false
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Neighbors to sample at each hop; one layer a hop. Of ladies and fastgcn, draws along each relation; of hgt, "
        + "nodes of each type.", valueName: "counts"),
    transform: parseFanouts)
  var fanouts: [Int]?
  @Option(help: ArgumentHelp("Layers, when --fanouts does not say.", valueName: "count"))
  var layers: Int?
  @Option(help: ArgumentHelp("Seeds in a batch.", valueName: "count"))
  var batchSize: Int?
  @Option(
    help: ArgumentHelp(
      "Draw seeds by their class: balanced, all classes alike, or a weight for each, in the order of their "
        + "codes.", valueName: "balanced|x,..."),
    transform: ClassWeights.parse)
  var classWeights: ClassWeights?
  @Option(help: ArgumentHelp("Width of the layers but the last.", valueName: "width"))
  var hidden: Int?
  @Option(
    help: ArgumentHelp(
      "Matrices that the relations of rgcn share; else each has its own.", valueName: "count"))
  var bases: Int?
  @Option(
    help: ArgumentHelp(
      "Of han: chains of relations from the target's type back to it; else all of two relations.",
      valueName: "type:relation:type:relation:type,..."))
  var metapaths: String?
  @Option(
    help: ArgumentHelp(
      "Of dgcnn, pointnet and schnet: the column of vectors that says where nodes are.",
      valueName: "type.column"))
  var positions: String?
  @Option(
    help: ArgumentHelp(
      "Of pointnet and schnet: how far around a point others count.", valueName: "distance"))
  var radius: Float?
  @Option(
    help: ArgumentHelp(
      "Of label-propagation and correct-and-smooth: steps along edges.", valueName: "count"))
  var steps: Int?
  @Option(
    help: ArgumentHelp(
      "Of these: the share of its neighbors in what becomes of a node in a step.",
      valueName: "share"))
  var alpha: Float?
  @Option(help: ArgumentHelp("Most epochs to run.", valueName: "count"))
  var epochs: Int?
  @Option(help: ArgumentHelp("Adam's step size.", valueName: "rate"))
  var learningRate: Float?
  @Option(
    help: ArgumentHelp("What follows each layer but the last: relu or elu.", valueName: "name"),
    transform: TrainingOptions.Activation.parse)
  var activation: TrainingOptions.Activation?
  @Option(
    help: ArgumentHelp(
      "Make the outputs of one row of each node's rows in all layers: cat, max, lstm or last.",
      valueName: "name"),
    transform: JumpingKnowledge.Mode.parse)
  var jumping: JumpingKnowledge.Mode?
  @Option(
    help: ArgumentHelp(
      "The target's nodes are graphs: what one has of the nodes that belong to it, sum, mean or max.",
      valueName: "name"),
    transform: NodeNetwork.Readout.parse)
  var readout: NodeNetwork.Readout?
  @Option(help: ArgumentHelp("Rate of dropout between layers.", valueName: "rate"))
  var dropout: Double?
  @Option(
    help: ArgumentHelp(
      "Divide each node's inputs by their length or sum: length, sum, none, or automatic and "
        + "automatic-sum, which do it where none is negative.", valueName: "scaling"),
    transform: TrainingOptions.InputScaling.parse)
  var inputScaling: TrainingOptions.InputScaling?
  @Option(help: ArgumentHelp("Rate of dropout of the inputs.", valueName: "rate"))
  var inputDropout: Double?
  @Option(
    help: ArgumentHelp(
      "What factors of matrix products are rounded to: float32, bfloat16, in which processors with the "
        + "instruction multiply faster, or float16, with scaled losses.", valueName: "type"),
    transform: Precision.parse)
  var precision: Precision?
  @Option(help: ArgumentHelp("L2 penalty.", valueName: "rate"))
  var weightDecay: Float?
  @Option(
    name: .customLong("best"),
    help: ArgumentHelp(
      "Which epoch's weights are kept: that of the best accuracy or loss on the set valid, or of links of the "
        + "best mrr or another measure.",
      valueName: "metric"),
    transform: BestChoice.parse)
  var bestChoice: BestChoice?
  var best: TrainingOptions.Criterion? { bestChoice?.criterion }
  @Option(
    help: ArgumentHelp("Epochs without a better one to stop after.", valueName: "count"))
  var patience: Int?
  @Option(
    help: ArgumentHelp(
      "Feature columns to use, instead of every vector column named x; of tgn columns of its edges.",
      valueName: "type.column,..."))
  var inputs: String?
  @Option(
    help: ArgumentHelp(
      "Columns of one value a node to take in beside these, as standardize (numbers, by mean and deviation of "
        + "the training set), one-hot (its values) or hash:N (words of a text, in N numbers).",
      valueName: "type.column=how,..."))
  var encode: String?
  @Flag(name: .customLong("no-reverse"), help: "Use relations in their stored direction only.")
  var noReverse = false
  @Option(
    help: ArgumentHelp(
      "Keep the trained model in the store under this name, and checkpoints while it trains.",
      valueName: "name"))
  var save: String?
  @Option(
    help: ArgumentHelp(
      "Go on with the training that was saved under this name and was stopped, or that may run for "
        + "more --epochs; options are those that it began with.", valueName: "name"))
  var resume: String?
  @Option(
    help: ArgumentHelp("Seconds between two checkpoints, at least.", valueName: "seconds"))
  var checkpointEvery = 5.0
  @Option(
    help: ArgumentHelp("Seconds to wait for another writer when saving.", valueName: "seconds"))
  var wait = 0.0
  @OptionGroup(title: "Links") var links: LinkArguments
  @OptionGroup(title: "Walks") var walking: WalkArguments
  @OptionGroup(title: "Which sampler") var choice: SamplerArguments
  @OptionGroup(title: "Which neighbors") var sampling: SamplingArguments
  @OptionGroup(title: "Reading") var reading: ReadingOptions
  @OptionGroup var global: GlobalOptions

  func validate() throws {
    try checkTarget()
    func check(_ isRight: Bool?, _ what: String) throws {
      if isRight == false { throw ValidationError(what) }
    }
    try check(batchSize.map { $0 > 0 }, "--batch-size must be at least 1")
    try check(bases.map { (1...65536).contains($0) }, "--bases is between 1 and 65536")
    try check(hidden.map { (1...65536).contains($0) }, "--hidden is between 1 and 65536")
    try check(epochs.map { $0 > 0 }, "--epochs must be at least 1")
    try check(radius.map { $0 > 0 && $0 < 1e18 }, "--radius must be above 0")
    try check(steps.map { (1...10_000).contains($0) }, "--steps is between 1 and 10000")
    try check(alpha.map { (0...1).contains($0) }, "--alpha is between 0 and 1")
    try check(patience.map { $0 > 0 }, "--patience must be at least 1")
    try check(
      learningRate.map { $0 > 0 && $0.isFinite }, "--learning-rate must be above 0")
    try check(dropout.map { (0..<1).contains($0) }, "--dropout is at least 0 and below 1")
    try check(
      inputDropout.map { (0..<1).contains($0) }, "--input-dropout is at least 0 and below 1")
    try check(
      weightDecay.map { $0 >= 0 && $0.isFinite }, "--weight-decay must not be negative")
    try check(checkpointEvery >= 0, "--checkpoint-every must not be negative")
    try check(
      !fullBatch || readout == nil,
      "--full-batch is of nodes, --readout of graphs: take one of them")
    try check(
      !fullBatch
        || (fanouts == nil && batchSize == nil && classWeights == nil && !sampling.isGiven
          && choice.given == nil),
      "--full-batch takes every node at once: --fanouts, --batch-size, --class-weights, --sampler and what says "
        + "which neighbors are taken are of sampled training")
    try check(layers.map { (1...16).contains($0) }, "--layers is between 1 and 16")
    if let layers, let fanouts, !choice.hasOtherEdges {
      try check(
        fanouts.count == layers, "--fanouts gives \(fanouts.count) hops and --layers says \(layers)"
      )
    }
    try checkSampler()
    for name in [save, resume].compactMap({ $0 }) { try Identifier.check(name, as: "model") }
  }

  /// What a sampler does not go with, and what it needs.
  private func checkSampler() throws {
    typealias Sampler = SamplerArguments.Sampler
    typealias Rule = SamplerArguments.Rule
    let disjoint: [Sampler] = sampling.given == "--disjoint" ? [.pagerank] : []
    var rules = [
      Rule(
        option: "--class-weights", isGiven: classWeights != nil, samplers: Sampler.ofSeeds),
      Rule(
        option: sampling.given ?? "", isGiven: sampling.given != nil,
        samplers: [.neighbors] + disjoint),
      Rule(option: reading.given ?? "", isGiven: reading.given != nil, samplers: [.neighbors]),
    ]
    if choice.sampler != .neighbors {
      rules += [
        Rule(option: "--walk-length", isGiven: walking.walkLength != nil, samplers: [.saintWalks]),
        Rule(
          option: "--fanouts", isGiven: fanouts != nil,
          samplers: Sampler.ofFanouts + Sampler.ofDraws + Sampler.ofParts,
          isNeeded: Sampler.ofFanouts.contains(choice.sampler) && resume == nil),
      ]
    }
    try choice.check(rules)
    if choice.sampler == .saintWalks {
      try SamplerArguments.check([("--walk-length", walking.walkLength, 1...10_000)])
    }
  }

  func run() async throws {
    if case .embedding(let model)? = modelChoice { return try await runEmbedding(model) }
    if modelChoice == .temporal { return try await runTemporal() }
    if isOfLinks { return try await runLinks() }
    let name = save ?? resume
    var resources = try global.trainingResources()
    resources.pinnedByteLimit = reading.pin
    resources.packing = reading.pack
    resources.scratchDirectory = reading.scratch
    resources.trace = try reading.makeTrace()
    let store = try GraphStore.open(at: store.path, name == nil ? .readOnly : .readWrite)
    let graph = try store.snapshot()
    let checkpoint = try resume.map { try Checkpoint(named: $0, in: graph) }
    var trainer = try trainer(
      over: graph, goingOnWith: checkpoint?.specification.options, resources: resources)
    let options = trainer.options
    if let option = reading.given, options.mode == .sampled, !options.knowsInclusion {
      throw HedgerowError(
        .usage, "\(option) is of sampled neighbors, of which it is known how likely each is needed")
    }
    trainer.checkpointName = name
    trainer.checkpointInterval = checkpointEvery

    let progress = ProgressBar("training", total: options.epochs, unit: .items("epochs"))
    progress.advance(by: checkpoint?.progress.epoch ?? 0)
    let (model, report) = try await Compute.with(global.makePool()) {
      try await trainer.run(resuming: checkpoint) { _, _, _ in progress.advance(by: 1) }
    }
    progress.finish()
    try resources.trace?.finish()
    if let name {
      try store.saveModel(model.record(named: name), waiting: wait)
    }
    print(global.json ? json(model, report, graph) : text(model, report, savedAs: name))
  }

  func trainer(
    over graph: Snapshot, goingOnWith before: TrainingOptions? = nil,
    resources: TrainingResources
  ) throws -> NodeClassificationTrainer {
    let (type, column) = try parsePair(target, at: ".", as: "column")
    return NodeClassificationTrainer(
      graph, target: (NodeType(type), column),
      options: try options(goingOnWith: before, graph.schema), resources: resources)
  }

  /// The model's defaults, or the options of a training that goes on, with what was given.
  func options(
    goingOnWith before: TrainingOptions?, _ schema: GraphSchema
  ) throws -> TrainingOptions {
    var options =
      before
      ?? defaults(schema)
    if let model { options.model = model }
    if fullBatch { options.mode = .fullBatch }
    if choice.givenSampler != nil {
      options.subgraphs = choice.subgraphs(walkLength: walking.walkLength)
    }
    let count = layers ?? (choice.hasOtherEdges ? nil : fanouts?.count)
    if let count { options.layerCount = count }
    if options.mode == .sampled {
      if options.subgraphs?.takesAllNeighbors == true && (count != nil || before == nil) {
        options.fanouts = Array(repeating: -1, count: options.layerCount)
      } else if count != nil {
        options.fanouts = Self.defaultFanouts(options.layerCount)
      }
    }
    func set<Value>(_ path: WritableKeyPath<TrainingOptions, Value>, _ value: Value?) {
      if let value { options[keyPath: path] = value }
    }
    set(\.fanouts, fanouts)
    set(\.batchSize, batchSize)
    set(\.hiddenWidth, hidden)
    if let bases { options.bases = bases }
    if let metapaths { options.metapaths = metapaths.split(separator: ",").map { String($0) } }
    set(\.epochs, epochs)
    set(\.learningRate, learningRate)
    set(\.dropout, dropout)
    if let activation { options.activation = activation }
    if let jumping { options.jumping = jumping }
    if let positions {
      let (type, column) = try parsePair(positions, at: ".", as: "column")
      options.positions = [NodeType(type): column]
    }
    if let radius { options.radius = radius }
    if steps != nil || alpha != nil {
      var propagation = options.propagation ?? .init()
      propagation.steps = steps ?? propagation.steps
      propagation.alpha = alpha ?? propagation.alpha
      options.propagation = propagation
    }
    if let readout { options.readout = readout }
    set(\.inputDropout, inputDropout)
    set(\.inputScaling, inputScaling)
    set(\.weightDecay, weightDecay)
    if let precision { options.precision = precision == .float32 ? nil : precision }
    if let best { options.criterion = best }
    set(\.patience, patience)
    set(\.seed, global.givenSeed)
    if let classWeights { options.classWeights = classWeights }
    if sampling.isGiven || choice.edges != nil {
      var chosen = try sampling.options(for: schema)
      choice.apply(to: &chosen, layers: options.layerCount)
      options.sampling = chosen
    }
    if let filter = filter.text { options.filter = filter }
    if noReverse { options.usesReverseRelations = false }
    if let inputs {
      var columns = PerNode<[String]>()
      for part in inputs.split(separator: ",") {
        let (type, column) = try parsePair(String(part), at: ".", as: "column")
        columns[NodeType(type)] = (columns[optional: NodeType(type)] ?? []) + [column]
      }
      options.inputs = columns
    }
    if let encode {
      var encodings = PerNode<[ColumnEncoding]>()
      for part in encode.split(separator: ",") {
        let (place, how) = try parsePair(String(part), at: "=", as: "encoding")
        let (type, column) = try parsePair(place, at: ".", as: "column")
        encodings[NodeType(type)] =
          (encodings[optional: NodeType(type)] ?? [])
          + [ColumnEncoding(column, try ColumnEncoding.Kind(validating: how))]
      }
      options.encodings = encodings
    }
    return options
  }

  private func defaults(_ schema: GraphSchema) -> TrainingOptions {
    let type = NodeType(target.split(separator: ".").first.map { String($0) } ?? "")
    if fullBatch { return TrainingOptions(model: model ?? .sage, mode: .fullBatch) }
    if readout != nil || schema.isOfGraphs(type) {
      return TrainingOptions(model: model ?? .gin, mode: .graphs)
    }
    return TrainingOptions(model: model ?? .sage)
  }

  /// 15 neighbors of each seed, 10 of each node after, 5 from the third hop on.
  static func defaultFanouts(_ layers: Int) -> [Int] {
    (0..<layers).map { $0 == 0 ? 15 : $0 == 1 ? 10 : 5 }
  }
}

extension GraphSchema {
  /// Whether a type's nodes are graphs to which others belong: it has edges, and all are `TYPE:in:` it.
  func isOfGraphs(_ type: NodeType) -> Bool {
    let touching = edges.map(\.type).filter { $0.source == type || $0.target == type }
    return !touching.isEmpty
      && touching.allSatisfy { $0.relation == "in" && $0.target == type && $0.source != type }
  }
}

extension ClassWeights {
  @Sendable static func parse(_ text: String) throws -> Self {
    if text == "balanced" { return .balanced }
    let weights = text.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
    guard weights.allSatisfy({ $0.map { $0 >= 0 && $0.isFinite } ?? false }) else {
      throw ValidationError("'\(text)' are no weights of classes: write balanced, or 1,0.5,2")
    }
    return .given(weights.compactMap { $0 })
  }
}

extension GlobalOptions {
  func trainingResources() throws -> TrainingResources {
    try BLAS.check()
    let budget = makeBudget()
    // The rest is for what is no tensor: sampled neighborhoods and their indices.
    BufferPool.byteLimit = budget.shareable / 8 * 7
    let limit = budget.shareable / 16 * 15
    BufferPool.limitTensors(to: limit) {
      Failure(
        HedgerowError(
          .usage,
          "a batch needs more than the \(ByteSize.format(limit)) that --memory leaves for tensors, "
            + "parameters included: take smaller batches, fanouts or a smaller model, or raise "
            + "--memory")
      ).exit()
    }
    return TrainingResources(
      budget: budget, threads: threads ?? ProcessResources.processorCount,
      checkInterruption: { try Interruption.check() })
  }
}
