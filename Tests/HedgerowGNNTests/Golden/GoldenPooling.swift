import HedgerowGNN
import HedgerowGraph
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport

extension GoldenOperation {
  /// What makes smaller graphs of graphs.
  static let poolings: [GoldenOperation] = [
    selecting("TopKPooling", "in_channels ratio min_score multiplier nonlinearity") { a in
      let pooling = TopKPooling(try a.required("in_channels"), options: try a.topK())
      return (pooling, { pooling($0, $1, in: $2, attention: $3) })
    },
    selecting("SAGPooling", "in_channels ratio GNN min_score multiplier nonlinearity") { a in
      let (width, options) = (try a.required("in_channels"), try a.topK())
      let pooling = SAGPooling(
        scoringBy: try a.layer("GNN", or: "GraphConv", from: width, to: 1), options: options)
      return (pooling, { pooling($0, $1, in: $2, attention: $3) })
    },
  ]

  private typealias Select = (Tensor, Block, RowGroups?, Tensor?) -> SelectedGraph

  private static func selecting(
    _ name: String, _ signature: String,
    _ make: @escaping @Sendable (GoldenArguments) throws -> (any Module, Select)
  ) -> GoldenOperation {
    GoldenOperation(name: name) { file in
      let arguments = try GoldenArguments(file.settings, of: name, signature: signature)
      let (module, select) = try make(arguments)
      try arguments.finish()
      try module.load(file.state)
      var inputs = ["x": file.input("x")]
      if file.isGiven("in.attn") { inputs["attn"] = file.input("attn") }
      let count = inputs["x"]!.shape[0]
      let block = file.block("edge_index", sources: count, targets: count)
      let graphs = file.isGiven("in.batch") ? file.groups("in.batch") : nil
      func run() -> SelectedGraph {
        select(inputs["x"]!.value, block, graphs, inputs["attn"]?.value)
      }
      let result = run()
      return file.differences(of: module, inputs, "x") { run().pooled.x }
        + file.difference(result.pooled.block)
        + file.difference(result.nodes, from: "out.perm")
        + file.difference(result.pooled.graphs.groups, from: "out.batch")
    }
  }
}

extension GoldenFile {
  /// What differs of the edges of a graph, in the order of those that they were.
  func difference(_ block: Block) -> [String] {
    let targets = (0..<block.targetCount).flatMap { target in
      [UInt32](
        repeating: UInt32(target), count: Int(block.offsets[target + 1] - block.offsets[target]))
    }
    let order = (0..<block.edgeCount).sorted { block.edges[$0] < block.edges[$1] }
    return difference(
      order.map { block.sources[$0] } + order.map { targets[$0] }, from: "out.edge_index")
  }

  func difference(_ numbers: [UInt32], from path: String) -> [String] {
    guard isGiven(path), numbers.map({ Int64($0) }) != integers(path) else { return [] }
    return ["\(name): \(path) is \(numbers), not \(integers(path))"]
  }
}

extension GoldenArguments {
  fileprivate func topK() throws -> TopKPooling.Options {
    var options = TopKPooling.Options()
    let ratio = try number("ratio", or: 0.5)
    options.kept = ratio >= 1 ? .count(Int(ratio)) : .ratio(ratio)
    if let least = try take("min_score", { $0.number }) { options.kept = .above(Float(least)) }
    options.multiplier = Float(try number("multiplier", or: 1))
    options.activation = try activation("nonlinearity", or: "tanh", [:])
    return options
  }

  /// The layer of a class that is an argument; it takes all arguments that are left.
  func layer(
    _ name: String, or standard: String, from input: Int, to output: Int
  ) throws -> any Convolution {
    // A class is printed with its modules in front.
    let text = try string(name, or: standard)
    let known = GoldenOperation.layers.filter { text.contains($0.name) }
    guard let row = known.max(by: { $0.name.count < $1.name.count }) else {
      throw unknown(name, .string(text))
    }
    return try row.layer([
      "args": .array([.number(Double(input)), .number(Double(output))]),
      "kwargs": .object(takeRest()),
    ]).layer
  }
}
