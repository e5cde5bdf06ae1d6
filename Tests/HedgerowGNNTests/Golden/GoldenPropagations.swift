import HedgerowGNN
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport

extension GoldenOperation {
  /// What takes powers of a propagation.
  static let propagations: [GoldenConvolution] = [
    GoldenConvolution(
      "GCNConv", "in_channels out_channels improved cached add_self_loops normalize bias",
      reach: .graph, examples: "5, 4", "5, 4, improved=True", "5, 4, normalize=False"
    ) { a in
      var options = GCNConv.Options()
      options.normalization = try a.bool("normalize", or: true)
      // Without normalization there are no self-loops, unless asked for.
      options.selfLoops = try a.bool("add_self_loops", or: options.normalization)
      // PyTorch Geometric improves graphs of weighted edges alone.
      options.selfLoopWeight =
        try a.bool("improved", or: false) && a.file?.isGiven("in.edge_weight") ?? true ? 2 : 1
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
}
