import HedgerowGNN
import HedgerowGraph
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport

extension GoldenOperation {
  /// Layers that take something else than the features and the edges of one block.
  static let specialLayers = [
    hypergraph, signed, dynamicNeighborhood, dynamicEdges, gravity, transformedPoints,
  ]

  /// Takes the edges for the nodes' memberships in hyperedges.
  private static let hypergraph = GoldenOperation(name: "HypergraphConv") { file in
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

  private static let signed = GoldenOperation(name: "SignedConv") { file in
    let a = try GoldenArguments(
      file.settings, of: "SignedConv", signature: "in_channels out_channels first_aggr bias")
    var options = SignedConv.Options()
    options.place = try a.bool("first_aggr", or: true) ? .first : .later
    options.aggregation = try a.aggregator(or: "mean", width: nil)
    options.bias = try a.bool("bias", or: true)
    let layer = SignedConv(
      try a.required("in_channels"), try a.required("out_channels"), options: options)
    try a.finish()
    try layer.load(file.state)
    let x = file.input("x")
    func block(_ name: String) -> Block {
      file.block("\(name)_edge_index", sources: x.shape[0], targets: x.shape[0])
    }
    let (positive, negative) = (block("pos"), block("neg"))
    return file.differences(of: layer, ["x": x], "y") {
      layer(x.value, positive: positive, negative: negative)
    }
  }

  private static let dynamicNeighborhood = GoldenOperation(name: "DNAConv") { file in
    let a = try GoldenArguments(
      file.settings, of: "DNAConv",
      signature: "channels heads groups dropout cached normalize add_self_loops bias")
    var options = DNAConv.Options()
    options.heads = try a.int("heads", or: 1)
    options.groups = try a.int("groups", or: 1)
    options.normalization = try a.normalization()
    options.selfLoops = try a.bool("add_self_loops", or: true)
    options.bias = try a.bool("bias", or: true)
    a.ignore("dropout")
    let layer = DNAConv(try a.required("channels"), options: options)
    try a.finish()
    try layer.load(file.state)
    var inputs = ["x": file.input("x")]
    if file.isGiven("in.edge_weight") { inputs["edge_weight"] = file.input("edge_weight") }
    let nodes = inputs["x"]!.shape[0]
    let block = file.block("edge_index", sources: nodes, targets: nodes)
    return file.differences(of: layer, inputs, "y") {
      layer(
        inputs["x"]!.value, block,
        weights: inputs["edge_weight"]?.value.gathered(rows: block.edges))
    }
  }

  private static let dynamicEdges = GoldenOperation(name: "DynamicEdgeConv") { file in
    let a = try GoldenArguments(
      file.settings, of: "DynamicEdgeConv", signature: "nn k aggr num_workers")
    a.ignore("num_workers")
    let layer = DynamicEdgeConv(
      try a.requiredNetwork("nn"), neighbors: try a.required("k"),
      aggregation: try a.aggregator(or: "max", width: nil))
    try a.finish()
    try layer.load(file.state)
    let (x, graphs) = (file.input("x"), file.graphs)
    return file.differences(of: layer, ["x": x], "y") { layer(x.value, in: graphs) }
  }

  private static let gravity = GoldenOperation(name: "GravNetConv") { file in
    let a = try GoldenArguments(
      file.settings, of: "GravNetConv",
      signature: "in_channels out_channels space_dimensions propagate_dimensions k num_workers")
    a.ignore("num_workers")
    let layer = GravNetConv(
      try a.required("in_channels"), try a.required("out_channels"),
      options: .init(
        spaceDimensions: try a.required("space_dimensions"),
        messageWidth: try a.required("propagate_dimensions"), neighborCount: try a.required("k")))
    try a.finish()
    try layer.load(file.state)
    let (x, graphs) = (file.input("x"), file.graphs)
    return file.differences(of: layer, ["x": x], "y") { layer(x.value, in: graphs) }
  }

  private static let transformedPoints = GoldenOperation(name: "XConv") { file in
    let a = try GoldenArguments(
      file.settings, of: "XConv",
      signature: "in_channels out_channels dim kernel_size hidden_channels dilation bias "
        + "num_workers")
    var options = XConv.Options(
      dimensions: try a.required("dim"), neighborCount: try a.required("kernel_size"))
    options.liftedWidth = try a.int("hidden_channels")
    options.dilation = try a.int("dilation", or: 1)
    options.bias = try a.bool("bias", or: true)
    a.ignore("num_workers")
    let layer = XConv(
      try a.required("in_channels"), try a.required("out_channels"), options: options)
    try a.finish()
    try layer.load(file.state)
    let (x, places, graphs) = (file.input("x"), file.input("pos"), file.graphs)
    return file.differences(of: layer, ["x": x, "pos": places], "y") {
      layer(x.value, places: places.value, in: graphs)
    }
  }
}

extension GoldenFile {
  /// The graph of each node, where `batch` says it.
  fileprivate var graphs: RowGroups? {
    guard isGiven("in.batch") else { return nil }
    let groups = integers("in.batch").map { UInt32($0) }
    return RowGroups(groups, count: groups.max().map { Int($0) + 1 } ?? 0)
  }
}
