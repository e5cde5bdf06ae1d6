import HedgerowCore
import HedgerowGNN
import HedgerowStore

extension NodeClassificationTrainer {
  /// What the options come to over this graph's schema.
  ///
  /// - Throws: `usage` when the schema has not what they ask for.
  func specification() throws -> ModelSpecification {
    var options = options
    guard options.layerCount > 0 else {
      throw HedgerowError(.usage, "a model needs at least one layer")
    }
    guard options.model.modes.contains(options.mode) else {
      throw HedgerowError(
        .usage,
        options.model.isOfPoints
          ? "\(options.model.rawValue) classifies graphs, whose nodes are points: say with --readout that the "
            + "target's nodes are some"
          : options.mode == .sampled
            ? "\(options.model.rawValue) learns of the whole graph: add --full-batch"
            : "\(options.model.rawValue) classifies nodes of a whole graph: take another --model")
    }
    try checkSubgraphs()
    if options.mode != .sampled { options.fanouts = [] }
    if options.mode != .graphs { options.readout = nil }
    let heads = options.network.heads
    guard !options.model.hasHeads || options.hiddenWidth.isMultiple(of: heads) else {
      throw HedgerowError(
        .usage,
        "\(options.model.rawValue) has \(heads) heads: a width of \(options.hiddenWidth) is no multiple"
      )
    }
    guard options.jumping != .lstm || options.layerCount * options.hiddenWidth > 1 else {
      throw HedgerowError(.usage, "--jumping lstm needs two layers, or a width above 1")
    }
    guard options.jumping == nil || options.model.layers != nil else {
      throw HedgerowError(
        .usage, "--jumping is of models of layers, not of \(options.model.rawValue)")
    }
    guard options.bases == nil || options.model == .rgcn else {
      throw HedgerowError(.usage, "--bases is of --model rgcn, not of \(options.model.rawValue)")
    }
    guard options.metapaths == nil || options.model == .han else {
      throw HedgerowError(.usage, "--metapaths is of --model han, not of \(options.model.rawValue)")
    }
    guard let schema = graph.schema.node(target.type) else {
      let types = graph.schema.nodes.map(\.type.name).joined(separator: ", ")
      throw HedgerowError(.usage, "no node type '\(target.type)': there are \(types)")
    }
    guard let property = schema.property(target.column) else {
      let columns = schema.properties.map(\.name).joined(separator: ", ")
      throw HedgerowError(
        .usage,
        "'\(target.type)' has no column '\(target.column)': "
          + (columns.isEmpty ? "it has no columns at all" : "there are \(columns)"))
    }
    guard (options.epochs > 0) == options.model.isTrained else {
      throw HedgerowError(
        .usage,
        options.model.isTrained
          ? "a training has at least one epoch"
          : "\(options.model.rawValue) learns nothing: leave out --epochs")
    }
    try options.checkEpochs()
    guard (options.propagation != nil) == options.model.spreadsLabels else {
      throw HedgerowError(
        .usage,
        "--steps and --alpha are of label-propagation and correct-and-smooth, not of "
          + options.model.rawValue)
    }
    let classes = try classes(property)
    let all = graph.schema.relations(includingReverse: options.usesReverseRelations)
    if options.mode == .graphs { try checkGraphs(along: all.map(\.name)) }
    let metapaths = options.model == .han ? try metapaths(along: all.map(\.name)) : nil
    let reached = options.reach(
      of: target.type,
      along: metapaths?.enumerated().map { $1.edgeType(number: $0) } ?? all.map(\.name))
    if options.model.isOfOneType { try checkOneType(reached) }
    try checkPositions(of: reached.types)
    let used = Set(metapaths?.flatMap(\.relations) ?? reached.relations)
    let relations = all.filter { used.contains($0.name) }
    var specification = ModelSpecification(
      targetType: target.type.name, targetColumn: target.column, classes: classes,
      hasIntegerClasses: property.kind != .categorical,
      inputs: try InputChoice(
        graph: graph, options: options, target: target, resources: resources
      ).inputs(of: reached.types),
      relations: relations.map { "\($0.name)" }, options: options, dataVersion: graph.version)
    specification.metapaths = metapaths?.map { "\($0)" }
    if options.model == .pna {
      specification.meanDegrees = try relations.map {
        try graph.meanDegrees(along: $0, checkInterruption: resources.checkInterruption)
      }
    }
    if options.mode == .graphs,
      let bare = specification.inputs.first(where: { $0.isEmbedded })
    {
      throw HedgerowError(
        .usage,
        "graphs are told apart by their nodes' features, and '\(bare.type)' has none: name some with "
          + "--inputs")
    }
    if options.model.needsFeatures, specification.inputs.allSatisfy(\.isEmbedded) {
      throw HedgerowError(
        .usage,
        "\(options.model.rawValue) learns from features alone, and '\(target.type)' has none: name some with --inputs"
      )
    }
    return specification
  }

  /// - Throws: `usage` when samples are not what a model of these options can take.
  private func checkSubgraphs() throws {
    guard options.mode == .sampled else {
      guard options.subgraphs == nil, (options.sampling?.edges ?? .sampled) == .sampled else {
        throw HedgerowError(
          .usage, "--sampler and --edges are of batches of nodes, not of whole graphs")
      }
      return
    }
    guard options.hasHopsOfLayers else {
      throw HedgerowError(
        .usage, "\(options.fanouts.count) hops of fanouts for \(options.layerCount) layers")
    }
    guard options.hasSamplingOfSubgraphs else {
      throw HedgerowError(
        .usage, "which neighbors are taken is a matter of the sampler of neighbors")
    }
    guard let subgraphs = options.subgraphs else { return }
    guard subgraphs.isSound, !subgraphs.isOfHops || options.fanouts.allSatisfy({ $0 >= 1 }) else {
      throw HedgerowError(.usage, "a sampler takes at least 1 of what it draws")
    }
    guard !subgraphs.weighsMessages || options.model == .gcn || options.model == .graph else {
      throw HedgerowError(
        .usage,
        "messages have weights where layers are drawn, or GraphSAINT's draws are normalized: "
          + "\(options.model.rawValue) has no place for them, take --model gcn or graph")
    }
    guard options.classWeights == nil || subgraphs.isOfSeeds else {
      throw HedgerowError(
        .usage, "--class-weights are of samplers of seeds: these batches are of the whole graph")
    }
  }

  static let classLimit = 65_536

  private func classes(_ property: PropertySchema) throws -> [String] {
    switch property.kind {
    case .categorical:
      return try graph.categories(of: property.name, of: target.type)
    case .int8, .int16, .int32, .int64, .uint8:
      // Integers are their own classes: the largest says how many.
      var largest: Int32 = -1
      let count = graph.count(of: target.type)
      for start in stride(from: 0, to: count, by: 1 << 16) {
        let nodes = (start..<min(count, start + 1 << 16)).map { UInt32($0) }
        let labels = try graph.labels(nodes.span, of: target.type, column: property.name)
        largest = max(largest, labels.max() ?? -1)
      }
      guard largest >= 0, largest < Self.classLimit else {
        throw HedgerowError(
          .usage,
          "'\(target.type).\(property.name)' has "
            + (largest < 0 ? "no labels" : "values up to \(largest): those are no classes"))
      }
      return (0...largest).map { "\($0)" }
    default:
      throw HedgerowError(
        .usage,
        "'\(target.type).\(property.name)' is of kind \(property.kind): labels are integers or "
          + "categories")
    }
  }
}
