import HedgerowGNN
import HedgerowGraph
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport

extension GoldenOperation {
  /// Layers that take features, edges, and what those bring along.
  static let convolutions: [GoldenConvolution] =
    neighborhoods + attentions + propagations + messageNetworks
}

/// Where a network is an argument of the examples that the tests of all layers build.
private let network = "Sequential(\n(0): Linear(5, 8)\n(1): ReLU()\n(2): Linear(8, 4)\n)"

extension GoldenOperation {
  /// Sums of what neighbors send, weighed by the graph alone.
  private static let neighborhoods: [GoldenConvolution] = [
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
      "GINConv", "nn eps train_eps", examples: "\(network), eps=0.5, train_eps=True"
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
        incoming: try GoldenConvolution.layer(printed: printed),
        outgoing: try GoldenConvolution.layer(printed: printed), options: options)
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
      let convolution = try a.string("phi").map { try GoldenConvolution.layer(printed: $0) }
      return AntiSymmetricConv(
        try a.required("in_channels"), convolution: convolution, options: options)
    },
  ]

  /// Sums that scores of edges weigh.
  private static let attentions: [GoldenConvolution] = [
    GoldenConvolution(
      "GATConv",
      "in_channels out_channels heads concat negative_slope dropout add_self_loops edge_dim "
        + "fill_value bias residual",
      examples: "5, 4, heads=2", "5, 4, heads=3, concat=False, residual=True",
      .edges(3, "5, 4, heads=2, edge_dim=3"), .edges(3, "5, 4, edge_dim=3, fill_value=max")
    ) { a in
      var options = GATConv.Options()
      options.heads = try a.int("heads", or: 1)
      options.heading = try a.heading()
      options.negativeSlope = Float(try a.number("negative_slope", or: 0.2))
      // Between two types, too, there are self-loops unless they are not asked for.
      options.selfLoops = try a.bool("add_self_loops", or: true)
      options.edgeWidth = try a.int("edge_dim")
      options.selfLoopFeatures = try a.selfLoopFeatures()
      options.bias = try a.bool("bias", or: true)
      options.residual = try a.bool("residual", or: false)
      a.ignore("dropout")
      let (widths, output) = (try a.widths("in_channels"), try a.required("out_channels"))
      return widths.isOne
        ? GATConv(widths.source, output, options: options)
        : GATConv(source: widths.source, target: widths.target, to: output, options: options)
    },
    GoldenConvolution(
      "GATv2Conv",
      "in_channels out_channels heads concat negative_slope dropout add_self_loops edge_dim "
        + "fill_value bias share_weights residual",
      examples: "5, 4, heads=2", "5, 4, heads=3, concat=False, residual=True, share_weights=True",
      .edges(3, "5, 4, heads=2, edge_dim=3, fill_value=0.5")
    ) { a in
      var options = GATv2Conv.Options()
      options.heads = try a.int("heads", or: 1)
      options.heading = try a.heading()
      options.negativeSlope = Float(try a.number("negative_slope", or: 0.2))
      options.selfLoops = try a.bool("add_self_loops", or: true)
      options.edgeWidth = try a.int("edge_dim")
      options.selfLoopFeatures = try a.selfLoopFeatures()
      options.bias = try a.bool("bias", or: true)
      options.sharedWeights = try a.bool("share_weights", or: false)
      options.residual = try a.bool("residual", or: false)
      a.ignore("dropout")
      let widths = try a.widths("in_channels")
      return GATv2Conv(
        source: widths.source, target: widths.target, to: try a.required("out_channels"),
        options: options)
    },
    GoldenConvolution(
      "SuperGATConv",
      "in_channels out_channels heads concat negative_slope dropout add_self_loops bias "
        + "attention_type neg_sample_ratio edge_sample_ratio is_undirected",
      examples: "5, 4, heads=2", "5, 4, heads=3, concat=False, attention_type=SD"
    ) { a in
      let scores: [String: SuperGATConv.Score] = ["MX": .mixed, "SD": .scaledProduct]
      var options = SuperGATConv.Options()
      options.heads = try a.int("heads", or: 1)
      options.heading = try a.heading()
      options.negativeSlope = Float(try a.number("negative_slope", or: 0.2))
      options.selfLoops = try a.bool("add_self_loops", or: true)
      options.bias = try a.bool("bias", or: true)
      options.score =
        try a.take("attention_type") { $0.string.flatMap { scores[$0] } } ?? .mixed
      a.ignore("dropout", "neg_sample_ratio", "edge_sample_ratio", "is_undirected")
      return SuperGATConv(
        try a.required("in_channels"), try a.required("out_channels"), options: options)
    },
    GoldenConvolution(
      "TransformerConv",
      "in_channels out_channels heads concat beta dropout edge_dim bias root_weight",
      examples: "5, 4, heads=2", "5, 4, heads=3, concat=False, beta=True",
      .edges(3, "5, 4, heads=2, edge_dim=3, root_weight=False")
    ) { a in
      var options = TransformerConv.Options()
      options.heads = try a.int("heads", or: 1)
      options.heading = try a.heading()
      options.edgeWidth = try a.int("edge_dim")
      options.bias = try a.bool("bias", or: true)
      let isGated = try a.bool("beta", or: false)
      options.root = try a.bool("root_weight", or: true) ? (isGated ? .gated : .added) : .absent
      a.ignore("dropout")
      let widths = try a.widths("in_channels")
      return TransformerConv(
        source: widths.source, target: widths.target, to: try a.required("out_channels"),
        options: options)
    },
    GoldenConvolution(
      "AGNNConv", "requires_grad add_self_loops", examples: "", "False, add_self_loops=False"
    ) { a in
      var options = AGNNConv.Options()
      options.learning = try a.bool("requires_grad", or: true)
      options.selfLoops = try a.bool("add_self_loops", or: true)
      return AGNNConv(options: options)
    },
    GoldenConvolution(
      "FeaStConv", "in_channels out_channels heads add_self_loops bias",
      examples: "5, 4", "5, 4, heads=3, bias=False"
    ) { a in
      var options = FeaStConv.Options()
      options.heads = try a.int("heads", or: 1)
      options.selfLoops = try a.bool("add_self_loops", or: true)
      options.bias = try a.bool("bias", or: true)
      return FeaStConv(
        try a.required("in_channels"), try a.required("out_channels"), options: options)
    },
  ]

  /// What takes powers of a propagation.
  private static let propagations: [GoldenConvolution] = [
    GoldenConvolution(
      "GCNConv", "in_channels out_channels improved cached add_self_loops normalize bias",
      reach: .graph, examples: "5, 4", "5, 4, improved=True", "5, 4, normalize=False"
    ) { a in
      var options = GCNConv.Options()
      options.normalization = try a.bool("normalize", or: true)
      // Without normalization there are no self-loops, unless asked for.
      options.selfLoops = try a.bool("add_self_loops", or: options.normalization)
      options.selfLoopWeight = try a.bool("improved", or: false) ? 2 : 1
      options.bias = try a.bool("bias", or: true)
      return GCNConv(
        try a.required("in_channels"), try a.required("out_channels"), options: options)
    },
    GoldenConvolution("LGConv", "normalize", reach: .graph, examples: "", "normalize=False") { a in
      var options = LGConv.Options()
      options.normalization = try a.normalization()
      return LGConv(options: options)
    },
    GoldenConvolution(
      "SGConv", "in_channels out_channels K cached add_self_loops bias", reach: .graph,
      examples: "5, 4", "5, 7, K=3", "5, 4, K=2, bias=False"
    ) { a in
      var options = SGConv.Options()
      options.hopCount = try a.int("K", or: 1)
      options.selfLoops = try a.bool("add_self_loops", or: true)
      options.bias = try a.bool("bias", or: true)
      return SGConv(
        try a.required("in_channels"), try a.required("out_channels"), options: options)
    },
    GoldenConvolution(
      "SSGConv", "in_channels out_channels alpha K cached add_self_loops bias", reach: .graph,
      examples: "5, 4, 0.1", "5, 4, 0.1, K=3"
    ) { a in
      var options = SSGConv.Options(alpha: Float(try a.number("alpha", or: 0)))
      options.hopCount = try a.int("K", or: 1)
      options.selfLoops = try a.bool("add_self_loops", or: true)
      options.bias = try a.bool("bias", or: true)
      return SSGConv(
        try a.required("in_channels"), try a.required("out_channels"), options: options)
    },
    GoldenConvolution(
      "TAGConv", "in_channels out_channels K bias normalize", reach: .graph,
      examples: "5, 4", "5, 4, K=1, normalize=False"
    ) { a in
      var options = TAGConv.Options()
      options.hopCount = try a.int("K", or: 3)
      options.bias = try a.bool("bias", or: true)
      options.normalization = try a.normalization()
      return TAGConv(
        try a.required("in_channels"), try a.required("out_channels"), options: options)
    },
    GoldenConvolution(
      "MixHopConv", "in_channels out_channels powers add_self_loops bias", reach: .graph,
      examples: "5, 4", "5, 4, [1, 3]"
    ) { a in
      var options = MixHopConv.Options()
      options.powers = try a.ints("powers") ?? options.powers
      options.selfLoops = try a.bool("add_self_loops", or: true)
      options.bias = try a.bool("bias", or: true)
      return MixHopConv(
        try a.required("in_channels"), try a.required("out_channels"), options: options)
    },
    GoldenConvolution(
      "APPNP", "K alpha dropout cached add_self_loops normalize", reach: .graph,
      examples: "3, 0.2", "2, 0.1, normalize=False"
    ) { a in
      var options = APPNP.Options(
        hopCount: try a.required("K"), alpha: Float(try a.number("alpha", or: 0)))
      options.selfLoops = try a.bool("add_self_loops", or: true)
      options.normalization = try a.normalization()
      a.ignore("dropout")
      return APPNP(options: options)
    },
    GoldenConvolution(
      "ChebConv", "in_channels out_channels K normalization bias", reach: .graph,
      examples: "5, 4, 1", "5, 4, 4", "5, 4, 3, normalization=rw", "5, 4, 3, normalization=None"
    ) { a in
      let laplacians: [String: ChebConv.Laplacian] = ["sym": .symmetric, "rw": .randomWalk]
      var options = ChebConv.Options(filterCount: try a.required("K"))
      options.laplacian =
        a.isNone("normalization")
        ? .unnormalized
        : try a.take("normalization") { $0.string.flatMap { laplacians[$0] } } ?? .symmetric
      options.bias = try a.bool("bias", or: true)
      return ChebConv(
        try a.required("in_channels"), try a.required("out_channels"), options: options)
    },
    GoldenConvolution(
      "ARMAConv",
      "in_channels out_channels num_stacks num_layers shared_weights act dropout bias",
      reach: .graph, examples: "5, 4",
      "5, 4, num_stacks=3, num_layers=2", "5, 4, num_layers=3, shared_weights=True, act=None"
    ) { a in
      var options = ARMAConv.Options()
      options.stackCount = try a.int("num_stacks", or: 1)
      options.hopCount = try a.int("num_layers", or: 1)
      options.sharedWeights = try a.bool("shared_weights", or: false)
      options.activation = try a.activation("act", or: "relu")
      options.bias = try a.bool("bias", or: true)
      a.ignore("dropout")
      return ARMAConv(
        try a.required("in_channels"), try a.required("out_channels"), options: options)
    },
    GoldenConvolution(
      "GCN2Conv",
      "channels alpha theta layer shared_weights cached add_self_loops normalize",
      reach: .graph, examples: "5, 0.1, theta=0.5, layer=2", "5, 0.3, shared_weights=False"
    ) { a in
      var options = GCN2Conv.Options(alpha: Float(try a.number("alpha", or: 0)))
      if let theta = try a.number("theta"), let layer = try a.int("layer") {
        options.decay = (theta, layer)
      }
      options.sharedWeights = try a.bool("shared_weights", or: true)
      options.selfLoops = try a.bool("add_self_loops", or: true)
      options.normalization = try a.normalization()
      return GCN2Conv(try a.required("channels"), options: options)
    },
    GoldenConvolution(
      "FAConv", "channels eps dropout cached add_self_loops normalize", reach: .graph,
      examples: "5", "5, eps=0.3, add_self_loops=False"
    ) { a in
      var options = FAConv.Options()
      options.epsilon = Float(try a.number("eps", or: 0.1))
      options.selfLoops = try a.bool("add_self_loops", or: true)
      options.normalization = try a.normalization()
      a.ignore("dropout")
      return FAConv(try a.required("channels"), options: options)
    },
    GoldenConvolution(
      "GatedGraphConv", "out_channels num_layers aggr bias", reach: .graph,
      examples: "5, 2", "7, 3, aggr=mean, bias=False"
    ) { a in
      var options = GatedGraphConv.Options()
      options.aggregation = try a.aggregator(or: "add", width: 0)
      options.bias = try a.bool("bias", or: true)
      return GatedGraphConv(
        try a.required("out_channels"), layers: try a.required("num_layers"), options: options)
    },
    GoldenConvolution(
      "ClusterGCNConv", "in_channels out_channels diag_lambda add_self_loops bias",
      examples: "5, 4", "5, 4, diag_lambda=0.3"
    ) { a in
      var options = ClusterGCNConv.Options()
      options.diagonal = Float(try a.number("diag_lambda", or: 0))
      options.selfLoops = try a.bool("add_self_loops", or: true)
      options.bias = try a.bool("bias", or: true)
      return ClusterGCNConv(
        try a.required("in_channels"), try a.required("out_channels"), options: options)
    },
  ]

  /// What makes a message of an edge's ends, its features or its type.
  private static let messageNetworks: [GoldenConvolution] = [
    GoldenConvolution(
      "GINEConv", "nn eps train_eps edge_dim", examples: .edges(3, "\(network), edge_dim=3"),
      .edges(5, "\(network), train_eps=True")
    ) { a in
      var options = GINEConv.Options()
      options.aggregation = try a.aggregator(or: "add", width: 0)
      options.epsilon = try a.epsilon()
      let network = try a.requiredNetwork("nn")
      guard let edgeWidth = try a.int("edge_dim") else {
        return GINEConv(network, options: options)
      }
      let first = (network as? Sequential)?.layers.first ?? network
      guard let width = (first as? Linear)?.inputWidth else { throw a.unknown("nn", .null) }
      return GINEConv(network, width: width, edgeWidth: edgeWidth, options: options)
    },
    GoldenConvolution(
      "GeneralConv",
      "in_channels out_channels in_edge_channels aggr skip_linear directed_msg heads attention "
        + "attention_type l2_normalize bias",
      examples: "5, 4", "5, 5, heads=2, attention=True, directed_msg=False",
      .edges(3, "5, 4, 3, attention=True, attention_type=dot_product, l2_normalize=True")
    ) { a in
      let widths = try a.widths("in_channels")
      var options = GeneralConv.Options()
      options.edgeWidth = try a.int("in_edge_channels")
      options.aggregation = try a.aggregator(or: "add", width: widths.source)
      // A pair of widths is not the output's, even where both are.
      options.rootWeight = try a.bool("skip_linear", or: false) || !widths.isOne
      options.direction =
        try a.bool("directed_msg", or: true) ? .directed : .bidirectional
      options.heads = try a.int("heads", or: 1)
      let kinds: [String: GeneralConv.Attention] = [
        "additive": .additive, "dot_product": .dotProduct,
      ]
      let kind =
        try a.take("attention_type") { $0.string.flatMap { kinds[$0] } } ?? .additive
      options.attention = try a.bool("attention", or: false) ? kind : nil
      options.normalization = try a.bool("l2_normalize", or: false)
      options.bias = try a.bool("bias", or: true)
      return GeneralConv(
        source: widths.source, target: widths.target, to: try a.required("out_channels"),
        options: options)
    },
    GoldenConvolution(
      "NNConv", "in_channels out_channels nn aggr root_weight bias",
      examples: .edges(3, "5, 4, Linear(3, 20)"), .edges(3, "5, 4, Linear(3, 20), aggr=max")
    ) { a in
      let widths = try a.widths("in_channels")
      var options = NNConv.Options()
      options.aggregation = try a.aggregator(or: "add", width: widths.source)
      options.rootWeight = try a.bool("root_weight", or: true)
      options.bias = try a.bool("bias", or: true)
      return NNConv(
        source: widths.source, target: widths.target, to: try a.required("out_channels"),
        network: try a.requiredNetwork("nn"), options: options)
    },
    GoldenConvolution(
      "CGConv", "channels dim aggr batch_norm bias",
      examples: "5", .edges(3, "5, 3, aggr=mean, batch_norm=True")
    ) { a in
      let widths = try a.widths("channels")
      var options = CGConv.Options()
      options.edgeWidth = try a.int("dim").flatMap { $0 == 0 ? nil : $0 }
      options.aggregation = try a.aggregator(or: "add", width: widths.target)
      options.normalization = try a.bool("batch_norm", or: false)
      options.bias = try a.bool("bias", or: true)
      return CGConv(source: widths.source, target: widths.target, options: options)
    },
    GoldenConvolution(
      "ResGatedGraphConv", "in_channels out_channels act edge_dim root_weight bias",
      examples: "5, 4", .edges(3, "5, 4, act=tanh, edge_dim=3, root_weight=False")
    ) { a in
      let widths = try a.widths("in_channels")
      var options = ResGatedGraphConv.Options()
      options.activation = try a.activation("act", or: "sigmoid")
      options.edgeWidth = try a.int("edge_dim")
      options.rootWeight = try a.bool("root_weight", or: true)
      options.bias = try a.bool("bias", or: true)
      return ResGatedGraphConv(
        source: widths.source, target: widths.target, to: try a.required("out_channels"),
        options: options)
    },
    GoldenConvolution(
      "GMMConv",
      "in_channels out_channels dim kernel_size separate_gaussians aggr root_weight bias",
      examples: .edges(3, "5, 4, 3, 2"), .edges(3, "5, 4, 3, 2, separate_gaussians=True"),
      .edges(3, "5, 4, 3, 2, aggr=max")
    ) { a in
      let widths = try a.widths("in_channels")
      var options = GMMConv.Options(
        dimensions: try a.required("dim"), kernelCount: try a.required("kernel_size"))
      options.kernels = try a.bool("separate_gaussians", or: false) ? .separate : .shared
      options.aggregation = try a.aggregator(or: "mean", width: widths.source)
      options.rootWeight = try a.bool("root_weight", or: true)
      options.bias = try a.bool("bias", or: true)
      return GMMConv(
        source: widths.source, target: widths.target, to: try a.required("out_channels"),
        options: options)
    },
    GoldenConvolution(
      "GENConv",
      "in_channels out_channels aggr t learn_t p learn_p msg_norm learn_msg_scale norm num_layers "
        + "expansion eps bias edge_dim",
      examples: "5, 4", "5, 5, aggr=powermean, learn_p=True, msg_norm=True, norm=layer",
      .edges(3, "5, 4, aggr=max, edge_dim=3, norm=instance, num_layers=3")
    ) { a in
      let norms: [String: GENConv.Normalization] = [
        "batch": .batch, "layer": .layer, "instance": .instance,
      ]
      var options = GENConv.Options()
      options.messageNormalization =
        try a.bool("msg_norm", or: false)
        ? (try a.bool("learn_msg_scale", or: false) ? .learned : .fixed) : nil
      options.normalization =
        a.isNone("norm")
        ? .none : try a.take("norm") { $0.string.flatMap { norms[$0] } } ?? .batch
      options.layerCount = try a.int("num_layers", or: 2)
      options.expansion = try a.int("expansion", or: 2)
      options.epsilon = Float(try a.number("eps", or: 1e-7))
      options.bias = try a.bool("bias", or: false)
      options.edgeWidth = try a.int("edge_dim")
      options.aggregation = try a.generalizedAggregator()
      a.ignore("learn_msg_scale")
      let widths = try a.widths("in_channels")
      return GENConv(
        source: widths.source, target: widths.target, to: try a.required("out_channels"),
        options: options)
    },
    GoldenConvolution(
      "FiLMConv", "in_channels out_channels num_relations nn act aggr",
      examples: "5, 4, num_relations=3", "5, 4, num_relations=3, nn=Linear(5, 8), act=None"
    ) { a in
      let widths = try a.widths("in_channels")
      var options = FiLMConv.Options()
      options.relationCount = try a.int("num_relations", or: 1)
      options.aggregation = try a.aggregator(or: "mean", width: widths.source)
      options.activation = try a.activation("act", or: "relu")
      if let printed = try a.string("nn") {
        _ = try PrintedModule(printed).layer()
        options.network = { try! PrintedModule(printed).layer() }
      }
      return FiLMConv(
        source: widths.source, target: widths.target, to: try a.required("out_channels"),
        options: options)
    },
  ]

  /// Takes the edges for the nodes' memberships in hyperedges.
  static let hypergraph = GoldenOperation(name: "HypergraphConv") { file in
    let a = try GoldenArguments(
      file.settings, of: "HypergraphConv",
      signature: "in_channels out_channels use_attention attention_mode heads concat "
        + "negative_slope dropout bias")
    let kinds: [String: HypergraphConv.Attention] = ["node": .nodes, "edge": .hyperedges]
    var options = HypergraphConv.Options()
    let kind = try a.take("attention_mode") { $0.string.flatMap { kinds[$0] } } ?? .nodes
    options.attention = try a.bool("use_attention", or: false) ? kind : nil
    options.heads = try a.int("heads", or: 1)
    options.heading = try a.heading()
    options.negativeSlope = Float(try a.number("negative_slope", or: 0.2))
    options.bias = try a.bool("bias", or: true)
    a.ignore("dropout")
    let layer = HypergraphConv(
      try a.required("in_channels"), try a.required("out_channels"), options: options)
    try a.finish()
    try layer.load(file.state)
    var inputs: [String: Parameter] = [:]
    for name in ["x", "hyperedge_weight", "hyperedge_attr"] where file.isGiven("in.\(name)") {
      inputs[name] = file.input(name)
    }
    let index = file.isGiven("in.edge_index") ? "edge_index" : "hyperedge_index"
    let edges = file.integers("in.\(index)")
    let count =
      inputs["hyperedge_weight"]?.shape[0] ?? inputs["hyperedge_attr"]?.shape[0]
      ?? Int(edges[(edges.count / 2)...].max() ?? -1) + 1
    let block = file.block(index, sources: inputs["x"]!.shape[0], targets: count)
    return file.differences(of: layer, inputs, "y") {
      layer(
        inputs["x"]!.value, block, weights: inputs["hyperedge_weight"]?.value,
        features: inputs["hyperedge_attr"]?.value)
    }
  }
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
  /// Of ``GENConv``, whose own arguments are those of its aggregation.
  fileprivate func generalizedAggregator() throws -> any Aggregator {
    let names = ["softmax_sg": "softmax", "power": "powermean"]
    let given = json("aggr") ?? .string("softmax")
    let name = given.string.map { names[$0] ?? $0 }
    var settings = try object("aggr_kwargs")
    let own: [String: [(String, String)]] = [
      "softmax": [("t", "t"), ("learn_t", "learn")],
      "powermean": [("p", "p"), ("learn_p", "learn")],
    ]
    if settings.isEmpty {
      for (argument, setting) in name.flatMap({ own[$0] }) ?? [] {
        settings[setting] = json(argument)
      }
      if given == .string("softmax_sg") { settings["semi_grad"] = .bool(true) }
    }
    ignore("t", "learn_t", "p", "learn_p")
    return try GoldenAggregator.resolved(name.map(JSON.string) ?? given, settings, width: nil)
  }

  /// Of ``GINConv`` and ``GINEConv``.
  fileprivate func epsilon() throws -> GINConv.Epsilon {
    let value = Float(try number("eps", or: 0))
    return try bool("train_eps", or: false) ? .learned(from: value) : .fixed(value)
  }

  func requiredNetwork(_ name: String) throws -> any Layer {
    guard let network = try network(name) else {
      throw Unknown(description: "\(self.name) needs \(name)")
    }
    return network
  }
}
