import HedgerowGNN
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport

extension GoldenOperation {
  /// Layers that take features, edges, and what those bring along.
  static let convolutions: [GoldenConvolution] = [
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
    GoldenConvolution(
      "GATConv",
      "in_channels out_channels heads concat negative_slope dropout add_self_loops edge_dim "
        + "fill_value bias residual",
      examples: "5, 4, heads=2", "5, 4, heads=3, concat=False, residual=True",
      .edges(3, "5, 4, heads=2, edge_dim=3")
    ) { a in
      var options = GATConv.Options()
      options.heads = try a.int("heads", or: 1)
      options.heading = try a.bool("concat", or: true) ? .concatenated : .averaged
      options.negativeSlope = Float(try a.number("negative_slope", or: 0.2))
      // Between two types, too, there are self-loops unless they are not asked for.
      options.selfLoops = try a.bool("add_self_loops", or: true)
      options.edgeWidth = try a.int("edge_dim")
      options.bias = try a.bool("bias", or: true)
      options.residual = try a.bool("residual", or: false)
      if let fill = a.json("fill_value"), fill != .string("mean") {
        throw a.unknown("fill_value", fill)
      }
      a.ignore("dropout")
      let (widths, output) = (try a.widths("in_channels"), try a.required("out_channels"))
      return widths.isOne
        ? GATConv(widths.source, output, options: options)
        : GATConv(source: widths.source, target: widths.target, to: output, options: options)
    },
  ]
}
