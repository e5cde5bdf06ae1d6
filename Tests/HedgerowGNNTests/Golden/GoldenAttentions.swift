import HedgerowGNN
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport

extension GoldenOperation {
  /// Sums that scores of edges weigh.
  static let attentions: [GoldenConvolution] = [
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
}
