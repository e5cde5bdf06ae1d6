import HedgerowGNN
import HedgerowGraph
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport

/// One layer: how it is built of its arguments in PyTorch Geometric.
struct GoldenConvolution: Sendable, CustomStringConvertible {
  /// What a target's result depends on.
  enum Reach: Sendable {
    /// Its edges and the features at their ends.
    case neighbors
    /// More of the graph: degrees of its sources, or their sources.
    case graph
  }

  /// Arguments, as Python prints them, that the tests of all layers build one with.
  struct Example: Sendable, ExpressibleByStringInterpolation {
    let arguments: String
    /// The width of edges' features; `nil` for none.
    var edgeWidth: Int?
    init(stringLiteral value: String) { arguments = value }
    static func edges(_ width: Int, _ arguments: String) -> Example {
      var example = Example(stringLiteral: arguments)
      example.edgeWidth = width
      return example
    }
  }

  let name: String
  let signature: String
  let reach: Reach
  let examples: [Example]
  let make: @Sendable (GoldenArguments) throws -> any Convolution
  /// Where PyTorch Geometric gives its layer another graph than the layer's equation says: that graph.
  let graph: @Sendable (_ arguments: GoldenArguments, Block) throws -> Block

  init(
    _ name: String, _ signature: String, reach: Reach = .neighbors, examples: Example...,
    graph: @escaping @Sendable (GoldenArguments, Block) throws -> Block = { $1 },
    make: @escaping @Sendable (GoldenArguments) throws -> any Convolution
  ) {
    self.name = name
    self.signature = signature
    self.reach = reach
    self.examples = examples
    self.graph = graph
    self.make = make
  }

  var description: String { name }

  /// The layer of these settings, and which way messages flow.
  func layer(
    _ settings: [String: JSON], of file: GoldenFile? = nil
  ) throws -> (layer: any Convolution, flow: Flow) {
    let arguments = try GoldenArguments(settings, of: name, signature: signature)
    arguments.file = file
    let flow = try arguments.string("flow", or: Flow.sourceToTarget.rawValue)
    let layer = try make(arguments)
    try arguments.finish()
    guard let flow = Flow(rawValue: flow) else { throw arguments.unknown("flow", .string(flow)) }
    return (layer, flow)
  }

  enum Flow: String {
    case sourceToTarget = "source_to_target"
    case targetToSource = "target_to_source"
  }

  /// A layer that is an argument of another one, as Python prints it.
  ///
  /// - Parameter names: of its parameters; what it prints without, they tell.
  static func layer(
    printed text: String, parameters names: [String]? = nil
  ) throws -> any Convolution {
    let printed = try PrintedModule(text)
    guard let row = GoldenOperation.layers.first(where: { $0.name == printed.name }) else {
      throw GoldenArguments.Unknown(description: "no layer of the name \(printed.name)")
    }
    var settings = printed.settings
    if let names, case .object(var named)? = settings["kwargs"] {
      let arguments = Set(row.signature.split(separator: " ").map(String.init))
      if arguments.contains("bias"), !names.contains(where: { $0.hasSuffix("bias") }) {
        named["bias"] = .bool(false)
      }
      if row.name == "SAGEConv", !names.contains("lin_r.weight") {
        named["root_weight"] = .bool(false)
      }
      settings["kwargs"] = .object(named)
    }
    return try row.layer(settings).layer
  }

  var operation: GoldenOperation {
    GoldenOperation(name: name) { file in
      let (layer, flow) = try layer(file.settings, of: file)
      return try file.differences(of: layer, flow) {
        try graph(GoldenArguments(file.settings, of: name, signature: signature), $0)
      }
    }
  }
}

/// What the edges of a block bring along, in the order of its entries.
struct EdgeData {
  var weights: Tensor?
  var features: Tensor?
  var types: [UInt32]?
  /// Of the nodes, for a layer that adds something of them.
  var initial: Tensor?

  /// The layer's result; throws when the layer does not take what there is.
  func result(
    of layer: any Convolution, source: Tensor, target: Tensor, _ block: Block
  ) throws -> Tensor {
    var left = self
    var result: Tensor?
    switch layer {
    case let layer as any InitialResidualConvolution:
      result = layer(source, initial: initial ?? target, block, weights: weights)
      (left.initial, left.weights) = (nil, nil)
    case let layer as any EdgeWeightedConvolution:
      result = layer.terms(source: source, target: target, along: block, weights: weights)
        .evaluated()
      left.weights = nil
    case let layer as any EdgeFeaturedConvolution:
      result = layer.terms(source: source, target: target, along: block, edges: features)
        .evaluated()
      left.features = nil
    case let layer as any EdgeTypedFeaturedConvolution:
      result = layer.terms(
        source: source, target: target, along: block, types: types, edges: features
      ).evaluated()
      (left.types, left.features) = (nil, nil)
    case let layer as any EdgeTypedConvolution:
      result = layer.terms(source: source, target: target, along: block, types: types).evaluated()
      left.types = nil
    default:
      result = layer(source: source, target: target, block)
    }
    guard left.weights == nil, left.features == nil, left.types == nil, left.initial == nil else {
      throw GoldenArguments.Unknown(description: "\(type(of: layer)) does not take \(left)")
    }
    return result!
  }
}

extension GoldenFile {
  /// What differs when a layer is run on the nodes and edges of the file.
  func differences(
    of layer: any Convolution, _ flow: GoldenConvolution.Flow, on graph: (Block) throws -> Block
  ) throws -> [String] {
    try layer.load(state)
    var inputs: [String: Parameter] = [:]
    for name in ["x", "x_src", "x_dst", "x0", "edge_weight", "edge_attr"]
    where isGiven("in.\(name)") {
      inputs[name] = input(name)
    }
    let source = inputs["x"] ?? inputs["x_src"]!
    let target = inputs["x"] ?? inputs["x_dst"]!
    let block = try graph(
      block("edge_index", sources: source.shape[0], targets: target.shape[0], flow: flow))
    // Whatever a layer does not take shows in the first run.
    _ = try data(of: block, inputs).result(
      of: layer, source: source.value, target: target.value, block)
    return differences(of: layer, inputs, "y") {
      try! data(of: block, inputs).result(
        of: layer, source: source.value, target: target.value, block)
    }
  }

  /// What the edges of a block of the file's edges bring along, of inputs and types.
  func data(of block: Block, _ inputs: [String: Parameter]) -> EdgeData {
    var data = EdgeData()
    data.initial = inputs["x0"]?.value
    data.weights = inputs["edge_weight"]?.value.gathered(rows: block.edges)
    if let features = inputs["edge_attr"] {
      let width = features.shape.dropFirst().reduce(1, *)
      data.features = features.value.reshaped(to: [features.shape[0], width])
        .gathered(rows: block.edges)
    }
    if isGiven("in.edge_type") {
      let types = integers("in.edge_type")
      data.types = block.edges.map { UInt32(types[Int($0)]) }
    }
    return data
  }

  func block(
    _ name: String, sources: Int, targets: Int, flow: GoldenConvolution.Flow = .sourceToTarget
  ) -> Block {
    let edges = integers("in.\(name)").map { UInt32($0) }
    let (first, second) = (edges[..<(edges.count / 2)], edges[(edges.count / 2)...])
    return flow == .sourceToTarget
      ? Block(
        sources: Array(first), targets: Array(second), sourceCount: sources, targetCount: targets)
      : Block(
        sources: Array(second), targets: Array(first), sourceCount: targets, targetCount: sources)
  }
}
