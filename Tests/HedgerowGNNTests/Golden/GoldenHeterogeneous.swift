import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport

extension GoldenOperation {
  /// Layers over several types of nodes and edges.
  static let heterogeneous: [GoldenOperation] = [
    GoldenOperation(name: "HeteroConv") { file in
      let combinations: [String: HeteroConv.Combination] = [
        "sum": .sum, "add": .sum, "mean": .mean, "max": .max, "min": .min, "cat": .concatenated,
      ]
      let arguments = try GoldenArguments(file.settings, of: "HeteroConv", signature: "")
      let aggregation = try arguments.string("aggr", or: "sum")
      guard let combination = combinations[aggregation] else {
        throw arguments.unknown("aggr", .string(aggregation))
      }
      arguments.ignore("layers")
      try arguments.finish()
      let (x, block) = file.heterogeneousInputs()
      var convs = PerEdge<any Convolution>()
      for relation in block.blocks.keys {
        convs[relation] = file.convolution(
          under: "param.convs.<\(relation.source)___\(relation.relation)___\(relation.target)>.")
      }
      let conv = HeteroConv(convs, combining: combination)
      return try file.differences(of: conv, x) { conv(file.features(x), block) }
    },
    GoldenOperation(name: "HGTConv") { file in
      let arguments = try GoldenArguments(
        file.settings, of: "HGTConv", signature: "in_channels out_channels metadata heads")
      let output = try arguments.int("out") ?? arguments.required("out_channels")
      let heads = try arguments.int("heads", or: 1)
      arguments.ignore("in", "in_channels", "metadata")
      try arguments.finish()
      let (x, block) = file.heterogeneousInputs()
      let widths = file.features(x).mapValues(\.width)
      // A file does not say in which order the relations were given, and so which matrix is whose.
      let layers = permutations(block.blocks.keys).map {
        HGTConv(widths, to: output, relations: $0, heads: heads)
      }
      let layer = try layers.first { layer in
        try layer.load(file.state)
        let result = layer(file.features(x), block)
        return file.names(under: "out.").allSatisfy {
          file.difference(result[NodeType($0)], from: "out.\($0)").isEmpty
        }
      }
      return try file.differences(of: layer ?? layers[0], x) {
        (layer ?? layers[0])(file.features(x), block)
      }
    },
    GoldenOperation(name: "HANConv") { file in
      let arguments = try GoldenArguments(
        file.settings, of: "HANConv",
        signature: "in_channels out_channels metadata heads negative_slope dropout")
      let output = try arguments.int("out") ?? arguments.required("out_channels")
      var options = HANConv.Options()
      options.heads = try arguments.int("heads", or: 1)
      options.negativeSlope = Float(try arguments.number("negative_slope", or: 0.2))
      arguments.ignore("in", "in_channels", "metadata", "dropout")
      try arguments.finish()
      let (x, block) = file.heterogeneousInputs()
      let layer = HANConv(
        file.features(x).mapValues(\.width), to: output, relations: block.blocks.keys,
        options: options)
      return try file.differences(of: layer, x) { layer(file.features(x), block) }
    },
  ]

  private static func permutations(_ relations: [EdgeType]) -> [[EdgeType]] {
    if relations.isEmpty { return [[]] }
    return relations.indices.flatMap { index in
      var rest = relations
      let first = rest.remove(at: index)
      return permutations(rest).map { [first] + $0 }
    }
  }
}

extension GoldenFile {
  /// Features of each type, as `x.<type>`, and the blocks of its relations.
  func heterogeneousInputs() -> (x: [String: Parameter], block: HeteroBlock) {
    var x: [String: Parameter] = [:]
    var counts = PerNode<Int>()
    for name in names(under: "in.x.") {
      x["x.\(name)"] = input("x.\(name)")
      counts[NodeType(name)] = x["x.\(name)"]!.shape[0]
    }
    var blocks = PerEdge<Block>()
    for name in names(under: "in.edge_index.") {
      let parts = name.split(separator: "__", maxSplits: 2).map(String.init)
      let relation = EdgeType(NodeType(parts[0]), parts[1], NodeType(parts[2]))
      blocks[relation] = block(
        "edge_index.\(name)", sources: counts[relation.source], targets: counts[relation.target])
    }
    return (x, HeteroBlock(blocks: blocks, sourceCounts: counts, targetCounts: counts))
  }

  func features(_ x: [String: Parameter]) -> PerNode<Tensor> {
    var features = PerNode<Tensor>()
    for (name, parameter) in x { features[NodeType(String(name.dropFirst(2)))] = parameter.value }
    return features
  }

  /// What differs of a layer that gives a result for each node type.
  func differences(
    of layer: some Module, _ x: [String: Parameter], _ body: () -> PerNode<Tensor>
  ) throws -> [String] {
    try layer.load(state)
    let (types, result) = (names(under: "out."), body())
    return types.flatMap { difference(result[NodeType($0)], from: "out.\($0)") }
      + gradientDifferences(of: layer, x) {
        let result = body()
        return types.map { sum(result[NodeType($0)] * self["cotangent.\($0)"]) }
          .reduce(Tensor(0), +)
      }
  }

  /// The layer that a nested one's parameters are of.
  func convolution(under path: String) -> any Convolution {
    let names = Set(names(under: path))
    func shape(_ name: String) -> [Int] { self[path + name].shape }
    if names.contains("att_src") {
      var options = GATConv.Options()
      options.heads = shape("att_src")[1]
      options.bias = names.contains("bias")
      options.residual = names.contains("res.weight")
      if names.contains("bias") && shape("bias")[0] < shape("att_src")[1] * shape("att_src")[2] {
        options.heading = .averaged
      }
      let width = shape("att_src")[2]
      return names.contains("lin.weight")
        ? GATConv(shape("lin.weight")[1], width, options: options)
        : GATConv(
          source: shape("lin_src.weight")[1], target: shape("lin_dst.weight")[1], to: width,
          options: options)
    }
    if names.contains("lin_l.weight") {
      var options = SAGEConv.Options()
      options.bias = names.contains("lin_l.bias")
      options.rootWeight = names.contains("lin_r.weight")
      options.projection = names.contains("lin.weight")
      let (output, source) = (shape("lin_l.weight")[0], shape("lin_l.weight")[1])
      return SAGEConv(
        source: source, target: options.rootWeight ? shape("lin_r.weight")[1] : source, to: output,
        options: options)
    }
    var options = GCNConv.Options()
    options.bias = names.contains("bias")
    return GCNConv(shape("lin.weight")[1], shape("lin.weight")[0], options: options)
  }
}
