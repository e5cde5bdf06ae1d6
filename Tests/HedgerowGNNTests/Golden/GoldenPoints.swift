import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport

extension GoldenOperation {
  /// Layers of several aggregates, and of networks of both ends of an edge.
  static let pairNetworks: [GoldenConvolution] = [
    GoldenConvolution(
      "EdgeConv", "nn aggr",
      examples: "nn=Sequential(\n(0): Linear(10, 8)\n(1): ReLU()\n(2): Linear(8, 4)\n)",
      "nn=Linear(10, 4), aggr='mean'"
    ) { a in
      guard let network = try a.network("nn") else { throw a.unknown("nn", .null) }
      return EdgeConv(network, aggregation: try a.aggregator(or: "max", width: nil))
    },
    GoldenConvolution(
      "PNAConv",
      "in_channels out_channels aggregators scalers deg edge_dim towers pre_layers post_layers "
        + "divide_input act act_kwargs train_norm",
      examples: """
        5, 4, aggregators=['mean', 'min', 'max', 'std'], scalers=['identity', 'amplification']
        """,
      """
        5, 10, aggregators=['sum', 'var'], scalers=['linear', 'inverse_linear'], towers=5,
        divide_input=True, pre_layers=2, post_layers=2
      """,
      .edges(3, "5, 4, aggregators=['mean', 'mul'], scalers=['attenuation'], edge_dim=3")
    ) { a in
      var options = PNAConv.Options()
      options.aggregations = try (try a.strings("aggregators") ?? []).map { name in
        guard let aggregation = Aggregation(rawValue: name == "add" ? "sum" : name) else {
          throw a.unknown("aggregators", .string(name))
        }
        return aggregation
      }
      options.scalers = try (try a.strings("scalers") ?? []).map { name in
        guard let scaler = DegreeScaler(rawValue: name) else {
          throw a.unknown("scalers", .string(name))
        }
        return scaler
      }
      options.edgeWidth = try a.int("edge_dim")
      options.towers = try a.int("towers", or: 1)
      options.layersBefore = try a.int("pre_layers", or: 1)
      options.layersAfter = try a.int("post_layers", or: 1)
      options.towerInput = try a.bool("divide_input", or: false) ? .stretch : .all
      options.activation = try a.activation("act", or: "relu", try a.object("act_kwargs"))
      options.meanLearning = try a.bool("train_norm", or: false) ? .learned : .fixed
      // What it makes of degrees is in the state.
      a.ignore("deg")
      return PNAConv(
        try a.required("in_channels"), try a.required("out_channels"), degrees: [1, 2, 3],
        options: options)
    },
  ]

  /// Layers that take positions, or the graph of each node.
  static let points: [GoldenOperation] = [
    point("PointNetConv", "local_nn global_nn add_self_loops") { a in
      var options = PointNetConv.Options()
      options.aggregation = try a.aggregator(or: "max", width: nil)
      options.selfLoops = try a.bool("add_self_loops", or: true)
      return PointNetConv(
        local: try a.network("local_nn"), global: try a.network("global_nn"), options: options)
    },
    point("PointTransformerConv", "in_channels out_channels pos_nn attn_nn add_self_loops") { a in
      let widths = try a.widths("in_channels")
      var options = PointTransformerConv.Options()
      options.positionNetwork = try a.network("pos_nn")
      options.attentionNetwork = try a.network("attn_nn")
      options.selfLoops = try a.bool("add_self_loops", or: true)
      return PointTransformerConv(
        source: widths.source, target: widths.target, to: try a.required("out_channels"),
        options: options)
    },
    GoldenOperation(name: "GPSConv") { file in
      let arguments = try GoldenArguments(
        file.settings, of: "GPSConv",
        signature: "channels conv heads dropout act act_kwargs norm norm_kwargs attn_type "
          + "attn_kwargs")
      let layer = try gps(arguments)
      try arguments.finish()
      try layer.load(file.state)
      var inputs: [String: Parameter] = [:]
      for name in ["x", "edge_weight", "edge_attr"] where file.isGiven("in.\(name)") {
        inputs[name] = file.input(name)
      }
      let x = inputs["x"]!
      let block = file.block("edge_index", sources: x.shape[0], targets: x.shape[0])
      let graphs = file.isGiven("in.batch") ? file.groups("in.batch") : nil
      return file.differences(of: layer, inputs, "y") {
        layer(x.value, block, in: graphs) { conv, x, block in
          try! file.data(of: block, inputs).result(of: conv, source: x, target: x, block)
        }
      }
    },
  ]

  private static func gps(_ a: GoldenArguments) throws -> GPSConv {
    var options = GPSConv.Options()
    options.heads = try a.int("heads", or: 1)
    options.activation = try a.activation("act", or: "relu", try a.object("act_kwargs"))
    a.ignore("dropout")
    let own = try GoldenArguments(
      ["kwargs": .object(try a.object("attn_kwargs"))], of: "attn_kwargs", signature: "")
    own.ignore("dropout")
    if try a.string("attn_type", or: "multihead") == "multihead" {
      options.attention = .multihead(bias: try own.bool("bias", or: true) ? .learned : .absent)
    } else {
      var performer = PerformerAttention.Options()
      performer.headWidth = try own.int("head_channels", or: 64)
      performer.kernel = try own.activation("kernel", or: "relu", [:])
      performer.bias = try own.bool("qkv_bias", or: false) ? .learned : .absent
      performer.outputBias = try own.bool("attn_out_bias", or: true) ? .learned : .absent
      options.attention = .performer(performer)
    }
    try own.finish()
    let width = try a.required("channels")
    let conv = try a.string("conv").map { try GoldenConvolution.layer(printed: $0) }
    if a.isNone("norm") { return GPSConv(width, conv: conv, norm: nil, options: options) }
    let (name, settings) = (try a.string("norm", or: "batch_norm"), try a.object("norm_kwargs"))
    _ = try Normalization.named(name, width: width, settings)
    return GPSConv(
      width, conv: conv, norm: { try! Normalization.named(name, width: $0, settings) },
      options: options)
  }

  private static func point(
    _ name: String, _ signature: String,
    _ make: @escaping @Sendable (GoldenArguments) throws -> any PointConvolution
  ) -> GoldenOperation {
    GoldenOperation(name: name) { file in
      let arguments = try GoldenArguments(file.settings, of: name, signature: signature)
      let layer = try make(arguments)
      try arguments.finish()
      try layer.load(file.state)
      var inputs: [String: Parameter] = [:]
      for name in ["x", "x_src", "x_dst", "pos", "pos_src", "pos_dst"]
      where file.isGiven("in.\(name)") {
        inputs[name] = file.input(name)
      }
      let positions = (inputs["pos"] ?? inputs["pos_src"]!, inputs["pos"] ?? inputs["pos_dst"]!)
      let block = file.block(
        "edge_index", sources: positions.0.shape[0], targets: positions.1.shape[0])
      return file.differences(of: layer, inputs, "y") {
        layer(
          source: (inputs["x"] ?? inputs["x_src"])?.value,
          target: (inputs["x"] ?? inputs["x_dst"])?.value,
          positions: (positions.0.value, positions.1.value), block)
      }
    }
  }
}
