import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport
import Testing

/// Results and gradients of PyTorch Geometric, read from the folder `HEDGEROW_GOLDEN`. What is of PyTorch
/// alone is compared where it is tested.
@Suite struct GoldenTests {
  static let files = GoldenFile.names.filter { name in
    !["Activation_", "Loss_", "Optimizer_"].contains(where: name.hasPrefix)
  }

  @Test(
    .enabled(
      if: GoldenFile.folder != nil,
      "HEDGEROW_GOLDEN is not set: no reference values to compare with"))
  func everySupportedOperationAgrees() throws {
    #expect(!Self.files.isEmpty, "no reference values in HEDGEROW_GOLDEN")
    var (checked, others): ([String], [String]) = ([], [])
    for name in Self.files {
      let file = try GoldenFile(named: name)
      let isChecked = Self.operations.contains(file.op) ? try check(file) : false
      isChecked ? checked.append(name) : others.append(name)
    }
    print("golden: \(checked.count) agree or are reported: \(checked)")
    print("golden: \(others.count) of operations or settings not built yet: \(others)")
    #expect(!checked.isEmpty, "no file is of an operation that there is")
  }

  /// The operations that there are so far, as PyTorch Geometric names them.
  static let operations: Set = [
    "SAGEConv", "GATConv", "GCNConv", "HeteroConv",
    "SumAggregation", "MeanAggregation", "MaxAggregation", "MinAggregation",
  ]

  /// Compares, and says whether the operation is one that there is.
  func check(_ file: GoldenFile) throws -> Bool {
    switch file.op {
    case "SAGEConv": try checkConvolution(file, SAGEConv(golden: file.settings))
    case "GATConv": try checkGATConv(file)
    case "GCNConv": try checkGCNConv(file)
    case "HeteroConv": try checkHeteroConv(file)
    case "SumAggregation": checkAggregation(file, .sum)
    case "MeanAggregation": checkAggregation(file, .mean)
    case "MaxAggregation": checkAggregation(file, .max)
    case "MinAggregation": checkAggregation(file, .min)
    default: false
    }
  }

  /// A layer that takes nothing but features and edges.
  func checkConvolution(_ file: GoldenFile, _ layer: (some Convolution)?) throws -> Bool {
    guard let layer, !file.isGiven("in.edge_attr"), !file.isGiven("in.edge_weight") else {
      return false
    }
    try layer.load(file.state)
    if file.isGiven("in.x") {
      let x = file.input("x")
      let block = file.block("edge_index", sources: x.shape[0], targets: x.shape[0])
      file.compare(layer, ["x": x], "y") { layer(x.value, block) }
    } else {
      let (source, target) = (file.input("x_src"), file.input("x_dst"))
      let block = file.block("edge_index", sources: source.shape[0], targets: target.shape[0])
      file.compare(layer, ["x_src": source, "x_dst": target], "y") {
        layer(source: source.value, target: target.value, block)
      }
    }
    return true
  }

  func checkHeteroConv(_ file: GoldenFile) throws -> Bool {
    let combinations: [String: HeteroConv.Combination] = [
      "sum": .sum, "add": .sum, "mean": .mean, "max": .max, "min": .min, "cat": .concatenated,
    ]
    guard case .string(let aggregation) = file.settings["aggr"] ?? .string("sum"),
      let combination = combinations[aggregation],
      case .array(let layers)? = file.settings["layers"],
      layers.allSatisfy({ ["SAGEConv", "GATConv", "GCNConv"].map(JSON.string).contains($0) })
    else { return false }
    var x: [String: Parameter] = [:]
    var counts = PerNode<Int>()
    for name in file.names(under: "in.x.") {
      x["x.\(name)"] = file.input("x.\(name)")
      counts[NodeType(name)] = x["x.\(name)"]!.shape[0]
    }
    var convs = PerEdge<any Convolution>()
    var blocks = PerEdge<Block>()
    for name in file.names(under: "in.edge_index.") {
      let parts = name.split(separator: "__", maxSplits: 2).map(String.init)
      let relation = EdgeType(NodeType(parts[0]), parts[1], NodeType(parts[2]))
      convs[relation] = file.convolution(
        under: "param.convs.<\(parts[0])___\(parts[1])___\(parts[2])>.")
      blocks[relation] = file.block(
        "edge_index.\(name)", sources: counts[relation.source], targets: counts[relation.target])
    }
    let conv = HeteroConv(convs, combining: combination)
    try conv.load(file.state)
    let block = HeteroBlock(blocks: blocks, sourceCounts: counts, targetCounts: counts)
    for type in file.names(under: "out.") {
      // The gradient of all outputs together is compared once, below.
      file.expectClose(conv(file.features(x), block)[NodeType(type)], "out.\(type)")
    }
    file.compareGradients(conv, x) {
      let result = conv(file.features(x), block)
      return file.names(under: "out.").map {
        sum(result[NodeType($0)] * file["cotangent.\($0)"])
      }.reduce(Tensor(0), +)
    }
    return true
  }

  func checkGATConv(_ file: GoldenFile) throws -> Bool {
    guard let layer = GATConv(golden: file.settings) else { return false }
    if file.isGiven("in.x_src"), file.input("x_src").shape[0] < file.input("x_dst").shape[0],
      case .object(let named)? = file.settings["kwargs"], named["add_self_loops"] != .bool(false)
    {
      // Self-loops of some targets only.
      return false
    }
    guard file.isGiven("in.edge_attr") else { return try checkConvolution(file, layer) }
    try layer.load(file.state)
    let edges = file.input("edge_attr")
    func rows(_ block: Block) -> Tensor { edges.value.gathered(rows: block.edges) }
    if file.isGiven("in.x") {
      let x = file.input("x")
      let block = file.block("edge_index", sources: x.shape[0], targets: x.shape[0])
      file.compare(layer, ["x": x, "edge_attr": edges], "y") {
        layer(x.value, block, edges: rows(block))
      }
    } else {
      let (source, target) = (file.input("x_src"), file.input("x_dst"))
      let block = file.block("edge_index", sources: source.shape[0], targets: target.shape[0])
      file.compare(layer, ["x_src": source, "x_dst": target, "edge_attr": edges], "y") {
        layer(source: source.value, target: target.value, block, edges: rows(block))
      }
    }
    return true
  }

  func checkGCNConv(_ file: GoldenFile) throws -> Bool {
    guard let layer = GCNConv(golden: file.settings) else { return false }
    try layer.load(file.state)
    let x = file.input("x")
    let block = file.block("edge_index", sources: x.shape[0], targets: x.shape[0])
    if file.isGiven("in.edge_weight") {
      let weights = file.input("edge_weight")
      file.compare(layer, ["x": x, "edge_weight": weights], "y") {
        layer(x.value, block, weights: weights.value.gathered(rows: block.edges))
      }
    } else {
      file.compare(layer, ["x": x], "y") { layer(x.value, block) }
    }
    return true
  }

  func checkAggregation(_ file: GoldenFile, _ aggregation: Aggregation) -> Bool {
    let x = file.input("x")
    let targets = file.integers("in.index").map { UInt32($0) }
    let block = Block(
      sources: (0..<UInt32(targets.count)).map { $0 }, targets: targets,
      sourceCount: targets.count, targetCount: file["out.y"].shape[0])
    file.compare(Nothing(), ["x": x], "y") { aggregate(x.value, along: block, by: aggregation) }
    return true
  }

}

private struct Nothing: Module {}

/// A layer's constructor arguments in PyTorch Geometric.
private struct LayerArguments {
  /// One width, or those of sources and targets.
  let inputs: [Int]
  let output: Int
  let named: [String: JSON]

  init?(_ settings: [String: JSON]) {
    guard case .array(let arguments)? = settings["args"], arguments.count == 2,
      case .object(let named)? = settings["kwargs"], case .number(let output) = arguments[1]
    else { return nil }
    let widths: [JSON] = if case .array(let both) = arguments[0] { both } else { [arguments[0]] }
    inputs = widths.compactMap { if case .number(let width) = $0 { Int(width) } else { nil } }
    guard inputs.count == widths.count, (1...2).contains(inputs.count) else { return nil }
    self.output = Int(output)
    self.named = named
  }
}

// Each is `nil` when we have no such variant.

extension SAGEConv {
  fileprivate init?(golden settings: [String: JSON]) {
    guard let arguments = LayerArguments(settings) else { return nil }
    var options = Options()
    for (name, value) in arguments.named {
      switch (name, value) {
      case ("aggr", .string(let name)):
        guard let aggregation = Aggregation(rawValue: name == "add" ? "sum" : name) else {
          return nil
        }
        options.aggregation = aggregation
      case ("normalize", .bool(let normalization)): options.normalization = normalization
      case ("bias", .bool(let bias)): options.bias = bias
      case ("root_weight", .bool(let root)): options.rootWeight = root
      case ("project", .bool(let project)): options.projection = project
      default: return nil
      }
    }
    self.init(
      source: arguments.inputs.first!, target: arguments.inputs.last!, to: arguments.output,
      options: options)
  }
}

extension GCNConv {
  fileprivate init?(golden settings: [String: JSON]) {
    guard let arguments = LayerArguments(settings), arguments.inputs.count == 1 else { return nil }
    var options = Options()
    for (name, value) in arguments.named {
      switch (name, value) {
      case ("add_self_loops", .bool(let selfLoops)): options.selfLoops = selfLoops
      case ("normalize", .bool(let normalization)): options.normalization = normalization
      case ("improved", .bool(let improved)): options.selfLoopWeight = improved ? 2 : 1
      case ("bias", .bool(let bias)): options.bias = bias
      case ("cached", .bool): break
      default: return nil
      }
    }
    // Without normalization there are no self-loops, unless asked for.
    if !options.normalization && arguments.named["add_self_loops"] == nil {
      options.selfLoops = false
    }
    self.init(arguments.inputs[0], arguments.output, options: options)
  }
}

extension GATConv {
  fileprivate init?(golden settings: [String: JSON]) {
    guard let arguments = LayerArguments(settings) else { return nil }
    var options = Options()
    for (name, value) in arguments.named {
      switch (name, value) {
      case ("heads", .number(let heads)): options.heads = Int(heads)
      case ("concat", .bool(let isConcatenated)):
        options.heading = isConcatenated ? .concatenated : .averaged
      case ("negative_slope", .number(let slope)): options.negativeSlope = Float(slope)
      case ("add_self_loops", .bool(let selfLoops)): options.selfLoops = selfLoops
      case ("bias", .bool(let bias)): options.bias = bias
      case ("residual", .bool(let residual)): options.residual = residual
      case ("edge_dim", .number(let width)): options.edgeWidth = Int(width)
      case ("edge_dim", .null), ("fill_value", .string("mean")), ("dropout", .number): break
      default: return nil
      }
    }
    // Between two types, too, there are self-loops unless they are not asked for.
    options.selfLoops = options.selfLoops ?? true
    if arguments.inputs.count == 1 {
      self.init(arguments.inputs[0], arguments.output, options: options)
    } else {
      self.init(
        source: arguments.inputs[0], target: arguments.inputs[1], to: arguments.output,
        options: options)
    }
  }
}

extension GoldenFile {
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

  func features(_ x: [String: Parameter]) -> PerNode<Tensor> {
    var features = PerNode<Tensor>()
    for (name, parameter) in x { features[NodeType(String(name.dropFirst(2)))] = parameter.value }
    return features
  }

  func block(_ name: String, sources: Int, targets: Int) -> Block {
    let edges = integers("in.\(name)").map { UInt32($0) }
    return Block(
      sources: Array(edges[..<(edges.count / 2)]), targets: Array(edges[(edges.count / 2)...]),
      sourceCount: sources, targetCount: targets)
  }

  /// Compares the output, and the gradients that it sends back to inputs and parameters.
  func compare(
    _ module: some Module, _ inputs: [String: Parameter], _ output: String, _ body: () -> Tensor
  ) {
    expectNone(differences(of: module, inputs, output, body))
  }

  func compareGradients(
    _ module: some Module, _ inputs: [String: Parameter], _ body: () -> Tensor
  ) {
    expectNone(gradientDifferences(of: module, inputs, body))
  }

  func expectClose(_ a: Tensor, _ path: String) { expectNone(difference(a, from: path)) }

  private func expectNone(_ differences: [String]) {
    #expect(differences.isEmpty, "\(differences.joined(separator: "\n"))")
  }
}
