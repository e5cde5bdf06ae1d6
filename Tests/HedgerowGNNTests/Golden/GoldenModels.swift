import HedgerowGNN
import HedgerowGraph
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport

extension GoldenOperation {
  /// Whole models.
  static let models: [GoldenOperation] = networks + embeddings + wholeModels

  /// What a stack of convolutions makes of features, a whole graph and what its edges bring along.
  typealias RunNetwork = (Tensor, Block, EdgeData, RowGroups?) -> Tensor

  /// Stacks of convolutions.
  private static let networks: [GoldenOperation] = [
    network("GCN") { a, own in
      var options = GCNConv.Options()
      options.normalization = try a.bool("normalize", or: true)
      options.selfLoops = try a.bool("add_self_loops", or: options.normalization)
      // PyTorch Geometric improves graphs of weighted edges alone.
      options.selfLoopWeight =
        try a.bool("improved", or: false) && a.file!.isGiven("in.edge_weight") ? 2 : 1
      options.bias = try a.bool("bias", or: true)
      let model = GCN(
        own.width, own.hiddenWidth, layers: own.layers, outputs: own.outputs,
        convolution: options, options: own.options)
      return (
        model,
        { x, block, edges, graphs in
          edges.weights.map { model(x, block, weights: $0, in: graphs) } ?? graphs.map {
            model(x, block, in: $0)
          } ?? model(x, block)
        }
      )
    },
    network("GraphSAGE") { a, own in
      var options = SAGEConv.Options()
      options.aggregation = try a.aggregator(or: "mean", width: own.hiddenWidth)
      options.projection = try a.bool("project", or: false)
      let model = GraphSAGE(
        own.width, own.hiddenWidth, layers: own.layers, outputs: own.outputs,
        convolution: options, options: own.options)
      return (model, { x, block, _, _ in model(x, block) })
    },
    network("GAT") { a, own in
      if try a.bool("v2", or: false) {
        var options = GATv2Conv.Options()
        options.heads = try a.int("heads", or: 1)
        options.heading = try a.heading()
        options.sharedWeights = try a.bool("share_weights", or: false)
        options.edgeWidth = try a.int("edge_dim")
        let model = GATv2(
          own.width, own.hiddenWidth, layers: own.layers, outputs: own.outputs,
          convolution: options, options: own.options)
        return (
          model,
          { x, block, edges, _ in
            edges.features.map { model(x, block, edges: $0) } ?? model(x, block)
          }
        )
      }
      var options = GATConv.Options()
      options.heads = try a.int("heads", or: 1)
      options.heading = try a.heading()
      options.residual = try a.bool("residual", or: false)
      let model = GAT(
        own.width, own.hiddenWidth, layers: own.layers, outputs: own.outputs,
        convolution: options, options: own.options)
      return (model, { x, block, _, _ in model(x, block) })
    },
    network("GIN") { a, own in
      var options = GINConv.Options()
      if try a.bool("train_eps", or: false) { options.epsilon = .learned(from: 0) }
      let model = GIN(
        own.width, own.hiddenWidth, layers: own.layers, outputs: own.outputs,
        convolution: options, options: own.options)
      return (model, { x, block, _, _ in model(x, block) })
    },
    network("PNA") { a, own in
      var options = PNAConv.Options()
      options.aggregations = (try a.strings("aggregators") ?? []).map {
        Aggregation(rawValue: $0)!
      }
      options.scalers = (try a.strings("scalers") ?? []).map { DegreeScaler(rawValue: $0)! }
      options.towers = try a.int("towers", or: 1)
      options.edgeWidth = try a.int("edge_dim")
      // What it makes of degrees is in the state.
      a.ignore("deg")
      let model = PNA(
        own.width, own.hiddenWidth, layers: own.layers, outputs: own.outputs,
        degrees: [1, 2, 3], convolution: options, options: own.options)
      return (
        model,
        { x, block, edges, _ in
          edges.features.map { model(x, block, edges: $0) } ?? model(x, block)
        }
      )
    },
    network("EdgeCNN") { a, own in
      let name = try a.string("aggr", or: "max")
      let model = EdgeCNN(
        own.width, own.hiddenWidth, layers: own.layers, outputs: own.outputs,
        aggregation: Aggregation(rawValue: name)!, options: own.options)
      return (model, { x, block, _, _ in model(x, block) })
    },
    GoldenOperation(name: "JumpingKnowledge") { file in
      let arguments = try GoldenArguments(
        file.settings, of: "JumpingKnowledge", signature: "mode channels num_layers")
      let name = try arguments.string("mode", or: "")
      guard let mode = JumpingKnowledge.Mode(rawValue: name) else {
        throw arguments.unknown("mode", .string(name))
      }
      let module = JumpingKnowledge(
        mode, width: try arguments.required("channels"),
        layers: try arguments.required("num_layers"))
      try arguments.finish()
      try module.load(file.state)
      let layers = file.names(under: "in.").sorted()
      let inputs = Dictionary(uniqueKeysWithValues: layers.map { ($0, file.input($0)) })
      return file.differences(of: module, inputs, "y") {
        module(layers.map { inputs[$0]!.value })
      }
    },
  ]

  /// The arguments that all stacks have.
  struct NetworkArguments {
    let width: Int
    let hiddenWidth: Int
    let layers: Int
    let outputs: Int?
    var options = GraphNetworkOptions()

    init(_ a: GoldenArguments) throws {
      width = try a.required("in_channels")
      hiddenWidth = try a.required("hidden_channels")
      layers = try a.required("num_layers")
      outputs = try a.int("out_channels")
      options.activation = try a.activation("act", or: "relu", try a.object("act_kwargs"))
      options.activationPlace =
        try a.bool("act_first", or: false) ? .beforeNormalization : .afterNormalization
      let settings = try a.object("norm_kwargs")
      if let name = try a.string("norm") {
        _ = try Normalization.named(name, width: hiddenWidth, settings)
        options.norm = { try! Normalization.named(name, width: $0, settings) }
      }
      if let name = try a.string("jk") {
        guard let mode = JumpingKnowledge.Mode(rawValue: name) else {
          throw a.unknown("jk", .string(name))
        }
        options.jumping = mode
      }
      a.ignore("dropout")
    }
  }

  private static func network(
    _ name: String,
    _ make:
      @escaping @Sendable (GoldenArguments, NetworkArguments) throws -> (any Module, RunNetwork)
  ) -> GoldenOperation {
    GoldenOperation(name: name) { file in
      let arguments = try GoldenArguments(
        file.settings, of: name,
        signature: "in_channels hidden_channels num_layers out_channels dropout act act_first "
          + "act_kwargs norm norm_kwargs jk")
      arguments.file = file
      let (model, run) = try make(arguments, NetworkArguments(arguments))
      try arguments.finish()
      try model.load(file.state)
      var inputs: [String: Parameter] = [:]
      for name in ["x", "edge_weight", "edge_attr"] where file.isGiven("in.\(name)") {
        inputs[name] = file.input(name)
      }
      let x = inputs["x"]!
      let block = file.block("edge_index", sources: x.shape[0], targets: x.shape[0])
      let graphs = file.isGiven("in.batch") ? file.groups("in.batch") : nil
      return file.differences(of: model, inputs, "y") {
        run(x.value, block, file.data(of: block, inputs), graphs)
      }
    }
  }

  /// Rows that are learned, and what spreads rows over a graph.
  private static let embeddings: [GoldenOperation] = [
    GoldenOperation(name: "LightGCN") { file in
      let a = try GoldenArguments(
        file.settings, of: "LightGCN",
        signature: "num_nodes embedding_dim num_layers alpha normalize")
      var options = LGConv.Options()
      options.normalization = try a.normalization()
      a.ignore("alpha")
      let model = LightGCN(
        nodes: try a.required("num_nodes"), width: try a.required("embedding_dim"),
        layers: try a.required("num_layers"), options: options)
      try a.finish()
      try model.load(file.state)
      let count = model.namedParameters[0].parameter.shape[0]
      let block = file.block("edge_index", sources: count, targets: count)
      let inputs = file.isGiven("in.edge_weight") ? ["edge_weight": file.input("edge_weight")] : [:]
      let (pairs, others) = (file.pairs("pairs"), file.pairs("others"))
      return file.differences(of: model, inputs) {
        let weights = inputs["edge_weight"]?.value.gathered(rows: block.edges)
        let rows = model.embeddings(block, weights: weights)
        let (scores, falseScores) = (model.scores(rows, pairs), model.scores(rows, others))
        return [
          "y": rows, "scores": scores,
          "loss": model.loss(scores, against: falseScores, regularization: 0.1),
          "part": model.loss(
            scores, against: falseScores, nodes: Set(pairs.sources).sorted(), regularization: 0.1),
        ]
      }
    },
    GoldenOperation(name: "Node2Vec") { file in
      let a = try GoldenArguments(file.settings, of: "Node2Vec", signature: "nodes width")
      let model = Node2Vec(nodes: try a.required("nodes"), width: try a.required("width"))
      try a.finish()
      try model.load(file.state)
      let (pairs, others) = (file.contexts("walks"), file.contexts("others"))
      return file.differences(of: model, [:]) { ["y": model.loss(of: pairs, against: others)] }
    },
    GoldenOperation(name: "MetaPath2Vec") { file in
      let a = try GoldenArguments(file.settings, of: "MetaPath2Vec", signature: "nodes width")
      let count = try a.required("nodes")
      let model = MetaPath2Vec(
        path: ["a", "b"], counts: ["a": count - 8, "b": 7], width: try a.required("width"))
      try a.finish()
      try model.load(file.state)
      let (pairs, others) = (file.contexts("walks"), file.contexts("others"))
      return file.differences(of: model, [:]) { ["y": model.loss(of: pairs, against: others)] }
    },
    GoldenOperation(name: "LabelPropagation") { file in
      let a = try GoldenArguments(
        file.settings, of: "LabelPropagation", signature: "num_layers alpha")
      let model = LabelPropagation(
        steps: try a.required("num_layers"), alpha: Float(try a.number("alpha", or: 0)))
      try a.finish()
      let (y, block) = (file["in.y"], file.graph("in.y"))
      let known = file.isGiven("in.known") ? file.integers("in.known").map { UInt32($0) } : nil
      return file.difference(
        model(y, block, known: known, weights: file.weights(of: block)), from: "out.y")
    },
    GoldenOperation(name: "CorrectAndSmooth") { file in
      let a = try GoldenArguments(
        file.settings, of: "CorrectAndSmooth",
        signature: "num_correction_layers correction_alpha num_smoothing_layers smoothing_alpha "
          + "autoscale scale")
      func propagation(_ name: String) throws -> LabelPropagation {
        LabelPropagation(
          steps: try a.required("num_\(name)_layers"),
          alpha: Float(try a.number("\(name)_alpha", or: 0)))
      }
      let fixed = Float(try a.number("scale", or: 1))
      let model = CorrectAndSmooth(
        correction: try propagation("correction"), smoothing: try propagation("smoothing"),
        scale: try a.bool("autoscale", or: true) ? .automatic : .fixed(fixed))
      try a.finish()
      let (y, labels, block) = (file["in.y"], file["in.labels"], file.graph("in.y"))
      let (known, weights) = (
        file.integers("in.known").map { UInt32($0) }, file.weights(of: block)
      )
      return file.difference(
        model.corrected(y, labels: labels, known: known, block, weights: weights),
        from: "out.corrected")
        + file.difference(
          model(y, labels: labels, known: known, block, weights: weights), from: "out.y")
    },
  ]
}

extension GoldenFile {
  /// Two rows of nodes, as pairs.
  func pairs(_ name: String) -> NodePairs {
    let nodes = integers("in.\(name)").map { UInt32($0) }
    return NodePairs(
      sources: Array(nodes[..<(nodes.count / 2)]), targets: Array(nodes[(nodes.count / 2)...]))
  }

  /// The first node of each window beside the others.
  fileprivate func contexts(_ name: String) -> NodePairs {
    let places = shape(of: "in.\(name)")[1]
    return .contexts(
      ofWalks: integers("in.\(name)").map { UInt32($0) }, places: places, within: places)
  }

  /// The whole graph of as many nodes as an array has rows.
  func graph(_ path: String) -> Block {
    let count = shape(of: path)[0]
    return block("edge_index", sources: count, targets: count)
  }

  func weights(of block: Block) -> Tensor? {
    isGiven("in.edge_weight") ? self["in.edge_weight"].gathered(rows: block.edges) : nil
  }
}
