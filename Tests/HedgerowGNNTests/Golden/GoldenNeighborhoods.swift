import HedgerowGNN
import HedgerowGraph
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport

extension GoldenOperation {
  /// Sums of what neighbors send, weighed by the graph alone.
  static let neighborhoods: [GoldenConvolution] = [
    GoldenConvolution(
      "SAGEConv", "in_channels out_channels aggr normalize root_weight project bias",
      examples: "5, 4", "5, 4, aggr=max, normalize=True", "5, 4, project=True"
    ) { a in
      let widths = try a.widths("in_channels")
      var options = SAGEConv.Options()
      options.aggregation = try a.aggregator(or: "mean", width: widths.source)
      options.normalization = try a.bool("normalize", or: false)
      options.rootWeight = try a.bool("root_weight", or: true)
      options.projection = try a.bool("project", or: false)
      options.bias = try a.bool("bias", or: true)
      return SAGEConv(
        source: widths.source, target: widths.target, to: try a.required("out_channels"),
        options: options)
    },
    GoldenConvolution(
      "GraphConv", "in_channels out_channels aggr bias",
      examples: "5, 4", "5, 4, aggr=max", "5, 4, aggr=mean, bias=False"
    ) { a in
      let widths = try a.widths("in_channels")
      var options = GraphConv.Options()
      options.aggregation = try a.aggregator(or: "add", width: widths.source)
      options.bias = try a.bool("bias", or: true)
      return GraphConv(
        source: widths.source, target: widths.target, to: try a.required("out_channels"),
        options: options)
    },
    GoldenConvolution(
      "SimpleConv", "aggr combine_root",
      examples: "", "aggr=mean, combine_root=cat", "combine_root=self_loop"
    ) { a in
      let roots: [String: SimpleConv.Root] = [
        "sum": .added, "cat": .concatenated, "self_loop": .selfLoop,
      ]
      var options = SimpleConv.Options()
      options.aggregation = try a.aggregator(or: "sum", width: 0)
      options.root = try a.take("combine_root") { $0.string.flatMap { roots[$0] } } ?? .absent
      return SimpleConv(options: options)
    },
    GoldenConvolution(
      "GINConv", "nn eps train_eps", examples: "\(exampleNetwork), eps=0.5, train_eps=True"
    ) { a in
      var options = GINConv.Options()
      options.aggregation = try a.aggregator(or: "add", width: 0)
      options.epsilon = try a.epsilon()
      return GINConv(try a.requiredNetwork("nn"), options: options)
    },
    GoldenConvolution(
      "MFConv", "in_channels out_channels max_degree bias", examples: "5, 4, max_degree=3"
    ) { a in
      var options = MFConv.Options()
      options.largestDegree = try a.int("max_degree", or: 10)
      options.bias = try a.bool("bias", or: true)
      let widths = try a.widths("in_channels")
      return MFConv(
        source: widths.source, target: widths.target, to: try a.required("out_channels"),
        options: options)
    },
    GoldenConvolution(
      "LEConv", "in_channels out_channels bias", examples: "5, 4", "5, 4, bias=False"
    ) { a in
      var options = LEConv.Options()
      options.bias = try a.bool("bias", or: true)
      let widths = try a.widths("in_channels")
      return LEConv(
        source: widths.source, target: widths.target, to: try a.required("out_channels"),
        options: options)
    },
    GoldenConvolution(
      "EGConv",
      "in_channels out_channels aggregators num_heads num_bases cached add_self_loops bias",
      reach: .graph, examples: "5, 8", "5, 4, ['mean', 'max', 'var', 'std'], num_heads=2",
      graph: { a, block in
        // It gives a node behind the last one with an edge no self-loop, unless it counts degrees.
        let isCounting = try a.strings("aggregators")?.contains("symnorm") ?? true
        let hasLoops = try a.bool("add_self_loops", or: true)
        return hasLoops && !isCounting ? block.addingSelfLoopsToConnected() : block
      },
      make: { a in
        let aggregators: [String: EGConv.Aggregator] = [
          "sum": .sum, "mean": .mean, "max": .max, "min": .min, "symnorm": .symmetricNormalized,
          "var": .variance, "std": .standardDeviation,
        ]
        var options = EGConv.Options()
        options.aggregators =
          try a.strings("aggregators")?.map { name in
            guard let aggregator = aggregators[name] else {
              throw a.unknown("aggregators", .string(name))
            }
            return aggregator
          } ?? options.aggregators
        options.heads = try a.int("num_heads", or: 8)
        options.baseCount = try a.int("num_bases", or: 4)
        options.selfLoops =
          try a.bool("add_self_loops", or: true)
          && options.aggregators.contains(.symmetricNormalized)
        options.bias = try a.bool("bias", or: true)
        return EGConv(
          try a.required("in_channels"), try a.required("out_channels"), options: options)
      }),
    GoldenConvolution(
      "DirGNNConv", "conv alpha root_weight", reach: .graph,
      examples: "SAGEConv(5, 4)", "GCNConv(5, 4), alpha=0.2", "GATConv(5, 4), root_weight=False"
    ) { a in
      var options = DirGNNConv.Options()
      options.alpha = Float(try a.number("alpha", or: 0.5))
      options.rootWeight = try a.bool("root_weight", or: true)
      guard let printed = try a.string("conv") else { throw a.unknown("conv", .null) }
      // Its first two arguments are its widths.
      let arguments = try PrintedModule(printed).arguments("in_channels out_channels")
      return DirGNNConv(
        try arguments.required("in_channels"), try arguments.required("out_channels"),
        incoming: try a.layer(printed: printed, under: "conv_in"),
        outgoing: try a.layer(printed: printed, under: "conv_out"), options: options)
    },
    GoldenConvolution(
      "AntiSymmetricConv", "in_channels phi num_iters epsilon gamma act act_kwargs bias",
      reach: .graph, examples: "5", "5, SAGEConv(5, 5), num_iters=3, act=relu"
    ) { a in
      var options = AntiSymmetricConv.Options()
      options.stepCount = try a.int("num_iters", or: 1)
      options.epsilon = Float(try a.number("epsilon", or: 0.1))
      options.gamma = Float(try a.number("gamma", or: 0.1))
      options.activation = try a.activation("act", or: "tanh", try a.object("act_kwargs"))
      options.bias = try a.bool("bias", or: true)
      let convolution = try a.string("phi").map { try a.layer(printed: $0, under: "phi") }
      return AntiSymmetricConv(
        try a.required("in_channels"), convolution: convolution, options: options)
    },
    GoldenConvolution("WLConvContinuous", "", examples: "") { _ in WLConvContinuous() },
  ]
}

extension Block {
  /// Self-loops where they are missing, up to the last node that an edge touches.
  fileprivate func addingSelfLoopsToConnected() -> Block {
    let reached = (0..<targetCount).last { offsets[$0] < offsets[$0 + 1] } ?? -1
    let last = max(reached, sources.prefix(edgeCount).max().map { Int($0) } ?? -1)
    let looped = addingSelfLoops()
    let kept = (0..<targetCount).flatMap { target in
      (looped.offsets[target]..<looped.offsets[target + 1]).filter { _ in target <= last }
        .map { (looped.sources[Int($0)], UInt32(target)) }
    }
    return Block(
      sources: kept.map(\.0), targets: kept.map(\.1), sourceCount: sourceCount,
      targetCount: targetCount)
  }
}

extension GoldenArguments {
  /// A layer that is an argument, whose parameters have this path.
  func layer(printed text: String, under path: String) throws -> any Convolution {
    try GoldenConvolution.layer(
      printed: text, parameters: file?.names(under: "param.\(path)."))
  }

  /// Of ``GINConv`` and ``GINEConv``.
  func epsilon() throws -> GINConv.Epsilon {
    let value = Float(try number("eps", or: 0))
    return try bool("train_eps", or: false) ? .learned(from: value) : .fixed(value)
  }
}
