import HedgerowGNN
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport

extension GoldenOperation {
  /// What makes a message of an edge's ends, its features or its type.
  static let messageNetworks: [GoldenConvolution] = [
    GoldenConvolution(
      "GINEConv", "nn eps train_eps edge_dim", examples: .edges(3, "\(exampleNetwork), edge_dim=3"),
      .edges(5, "\(exampleNetwork), train_eps=True")
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
    GoldenConvolution(
      "PDNConv",
      "in_channels out_channels edge_dim hidden_channels add_self_loops normalize bias",
      reach: .graph, examples: .edges(3, "5, 4, 3, 8"), .edges(3, "5, 4, 3, 8, normalize=False")
    ) { a in
      var options = PDNConv.Options(
        edgeWidth: try a.required("edge_dim"), hiddenWidth: try a.required("hidden_channels"))
      options.selfLoops = try a.bool("add_self_loops", or: true)
      options.normalization = try a.normalization()
      options.bias = try a.bool("bias", or: true)
      return PDNConv(
        try a.required("in_channels"), try a.required("out_channels"), options: options)
    },
    GoldenConvolution(
      "SplineConv",
      "in_channels out_channels dim kernel_size is_open_spline degree aggr root_weight bias",
      examples: .edges(3, "5, 4, 3, 2"), .edges(2, "5, 4, 2, [4, 5], degree=3"),
      .edges(2, "5, 4, 2, 4, is_open_spline=False, degree=2, aggr=max")
    ) { a in
      let (widths, count) = (try a.widths("in_channels"), try a.required("dim"))
      func each<Value>(_ values: [Value]) -> [Value] {
        values.count == 1 ? [Value](repeating: values[0], count: count) : values
      }
      var options = SplineConv.Options(kernelSizes: each(try a.ints("kernel_size") ?? []))
      let isOpen = try a.take("is_open_spline") { ($0.array ?? [$0]).map(\.bool) as? [Bool] }
      options.closedDimensions = Set(
        each(isOpen ?? [true]).enumerated().filter { !$0.element }.map(\.offset))
      guard let degree = SplineConv.Degree(rawValue: try a.int("degree", or: 1)) else {
        throw a.unknown("degree", .null)
      }
      options.degree = degree
      options.aggregation = try a.aggregator(or: "mean", width: widths.source)
      options.rootWeight = try a.bool("root_weight", or: true)
      options.bias = try a.bool("bias", or: true)
      return SplineConv(
        source: widths.source, target: widths.target, to: try a.required("out_channels"),
        options: options)
    },
  ]
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
}
