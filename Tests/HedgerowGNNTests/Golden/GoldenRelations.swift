import HedgerowGNN
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport

extension GoldenOperation {
  /// Layers whose edges are of numbered types, by relations that have matrices of their own.
  static let relationConvolutions: [GoldenConvolution] = [
    relational("RGCNConv", "root_weight is_sorted bias"),
    relational("FastRGCNConv", "root_weight is_sorted bias"),
    GoldenConvolution(
      "RGATConv",
      "in_channels out_channels num_relations num_bases num_blocks mod attention_mechanism "
        + "attention_mode heads dim concat negative_slope dropout edge_dim bias",
      examples: "5, 4, 3, heads=2", "5, 4, 3, num_bases=2, mod='scaled', concat=False",
      "5, 4, 3, attention_mode='multiplicative-self-attention', dim=2, mod='additive'",
      "5, 4, 3, attention_mechanism='within-relation', mod='f-scaled'"
    ) { a in
      var options = RGATConv.Options()
      options.regularization = try a.regularization()
      switch try a.string("mod") {
      case nil: options.cardinality = .forgotten
      case "additive": options.cardinality = .additive
      case "scaled": options.cardinality = .scaled
      case "f-additive": options.cardinality = .fixedAdditive
      case "f-scaled": options.cardinality = .fixedScaled
      case let name?: throw a.unknown("mod", .string(name))
      }
      let across = "across-relation"
      options.scope =
        try a.string("attention_mechanism", or: across) == across
        ? .acrossRelations : .withinRelations
      let additive = "additive-self-attention"
      options.scoring =
        try a.string("attention_mode", or: additive) == additive ? .additive : .multiplicative
      options.heads = try a.int("heads", or: 1)
      options.dimensions = try a.int("dim", or: 1)
      options.heading = try a.bool("concat", or: true) ? .concatenated : .averaged
      options.negativeSlope = Float(try a.number("negative_slope", or: 0.2))
      options.edgeWidth = try a.int("edge_dim")
      options.bias = try a.bool("bias", or: true)
      a.ignore("dropout")
      return RGATConv(
        try a.required("in_channels"), try a.required("out_channels"),
        relations: try a.required("num_relations"), options: options)
    },
  ]

  private static func relational(_ name: String, _ rest: String) -> GoldenConvolution {
    GoldenConvolution(
      name, "in_channels out_channels num_relations num_bases num_blocks aggr \(rest)",
      examples: "5, 4, 3", "5, 4, 3, num_bases=2, aggr='add'", "5, 10, 3, num_blocks=5"
    ) { a in
      var options = RGCNConv.Options()
      let widths = try a.widths("in_channels")
      options.aggregation = try a.aggregator(or: "mean", width: widths.source)
      options.regularization = try a.regularization()
      options.rootWeight = try a.bool("root_weight", or: true)
      options.bias = try a.bool("bias", or: true)
      a.ignore("is_sorted")
      return RGCNConv(
        source: widths.source, target: widths.target, to: try a.required("out_channels"),
        relations: try a.required("num_relations"), options: options)
    }
  }
}

extension GoldenArguments {
  fileprivate func regularization() throws -> RelationRegularization {
    switch (try int("num_bases"), try int("num_blocks")) {
    case (nil, nil): .none
    case (let bases?, nil): .bases(bases)
    case (nil, let blocks?): .blocks(blocks)
    default: throw Unknown(description: "bases and blocks at once")
    }
  }
}
