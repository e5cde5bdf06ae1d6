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
    GoldenOperation(name: "EdgePooling") { file in
      let arguments = try GoldenArguments(
        file.settings, of: "EdgePooling",
        signature: "in_channels edge_score_method dropout add_to_edge_score")
      var options = EdgePooling.Options()
      let method = try arguments.string("edge_score_method", or: "softmax")
      options.scoring =
        method.contains("tanh") ? .tanh : method.contains("sigmoid") ? .sigmoid : .softmax
      options.addend = Float(try arguments.number("add_to_edge_score", or: 0.5))
      arguments.ignore("dropout")
      let pooling = EdgePooling(try arguments.required("in_channels"), options: options)
      try arguments.finish()
      try pooling.load(file.state)
      let x = file.input("x")
      let block = file.block("edge_index", sources: x.shape[0], targets: x.shape[0])
      let graphs = file.groups("in.batch")
      let result = pooling(x.value, block, in: graphs)
      return file.differences(of: pooling, ["x": x], "x") {
        pooling(x.value, block, in: graphs).pooled.x
      } + file.difference(pairsOf: result.pooled.block)
        + file.difference(result.pooled.graphs.groups, from: "out.batch")
    },
    GoldenOperation(name: "ASAPooling") { file in
      let arguments = try GoldenArguments(
        file.settings, of: "ASAPooling",
        signature: "in_channels ratio GNN dropout negative_slope add_self_loops")
      let width = try arguments.required("in_channels")
      var options = ASAPooling.Options()
      options.kept = try arguments.topK().kept
      options.negativeSlope = Float(try arguments.number("negative_slope", or: 0.2))
      options.selfLoops = try arguments.bool("add_self_loops", or: false)
      arguments.ignore("dropout")
      if file.settings["kwargs"]?.object?["GNN"] != nil {
        let layer = try arguments.layer("GNN", or: "", from: width, to: width)
        options.network = layer as? any EdgeWeightedConvolution
      }
      try arguments.finish()
      let pooling = ASAPooling(width, options: options)
      try pooling.load(file.state)
      var inputs = ["x": file.input("x")]
      if file.isGiven("in.edge_weight") { inputs["edge_weight"] = file.input("edge_weight") }
      let count = inputs["x"]!.shape[0]
      let block = file.block("edge_index", sources: count, targets: count)
      let graphs = file.isGiven("in.batch") ? file.groups("in.batch") : nil
      func run() -> ASAPooling.Result {
        let weights = inputs["edge_weight"]?.value.gathered(rows: block.edges)
        return pooling(inputs["x"]!.value, block, in: graphs, weights: weights)
      }
      let result = run()
      return file.differences(of: pooling, inputs, "x") { run().pooled.x }
        + file.difference(pairsOf: result.pooled.block)
        + file.difference(result.nodes, from: "out.perm")
    },
    GoldenOperation(name: "MemPooling") { file in
      let arguments = try GoldenArguments(
        file.settings, of: "MemPooling",
        signature: "in_channels out_channels heads num_clusters tau")
      let pooling = MemPooling(
        try arguments.required("in_channels"), try arguments.required("out_channels"),
        heads: try arguments.required("heads"), clusters: try arguments.required("num_clusters"),
        temperature: Float(try arguments.number("tau", or: 1)))
      try arguments.finish()
      try pooling.load(file.state)
      let x = file.input("x")
      let graphs = file.isGiven("in.batch") ? file.groups("in.batch") : nil
      return file.difference(pooling(x.value, in: graphs).x, from: "out.x")
        + file.difference(pooling(x.value, in: graphs).shares, from: "out.S")
        + file.gradientDifferences(of: pooling, ["x": x]) {
          let (x, shares) = pooling(x.value, in: graphs)
          return sum(x * file["cotangent.x"]) + sum(shares * file["cotangent.S"])
        }
    },
    dense("dense_diff_pool", "normalize") { a, x, adjacency, s, mask in
      let loss = try a.bool("normalize", or: true) ? DenseLinkLoss.mean : .total
      return {
        denseDiffPool(
          x.value, adjacency: adjacency.value, assignments: s.value, mask: mask, linkLoss: loss)
      }
    },
    dense("dense_mincut_pool", "temp") { a, x, adjacency, s, mask in
      let temperature = Float(try a.number("temp", or: 1))
      return {
        denseMinCutPool(
          x.value, adjacency: adjacency.value, assignments: s.value, mask: mask,
          temperature: temperature)
      }
    },
    GoldenOperation(name: "DMoNPooling") { file in
      let arguments = try GoldenArguments(
        file.settings, of: "DMoNPooling", signature: "channels k dropout")
      arguments.ignore("dropout")
      let pooling = DMoNPooling(
        try arguments.ints("channels") ?? [], clusters: try arguments.required("k"))
      try arguments.finish()
      try pooling.load(file.state)
      let (x, adjacency) = (file.input("x"), file.input("adj"))
      let mask = file.mask("in.mask")
      return file.differences(of: pooling, ["x": x, "adj": adjacency]) {
        let (shares, pooled) = pooling(x.value, adjacency: adjacency.value, mask: mask)
        return ["s": shares, "x": pooled.x, "adj": pooled.adjacency]
          .merging(pooled.losses.map { ($0.name, $0.value) }) { $1 }
      }
    },
  ]

  private static func dense(
    _ name: String, _ signature: String,
    _ make:
      @escaping @Sendable (GoldenArguments, Parameter, Parameter, Parameter, Mask?) throws -> (
        () -> DensePooled
      )
  ) -> GoldenOperation {
    GoldenOperation(name: name) { file in
      let arguments = try GoldenArguments(file.settings, of: name, signature: signature)
      let (x, adjacency, s) = (file.input("x"), file.input("adj"), file.input("s"))
      let run = try make(arguments, x, adjacency, s, file.mask("in.mask"))
      try arguments.finish()
      return file.differences(of: Nothing(), ["x": x, "adj": adjacency, "s": s]) {
        let pooled = run()
        return ["x": pooled.x, "adj": pooled.adjacency]
          .merging(pooled.losses.map { ($0.name, $0.value) }) { $1 }
      }
    }
  }

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
      var inputs: [String: Parameter] = [:]
      for name in ["x", "attn", "edge_attr"] where file.isGiven("in.\(name)") {
        inputs[name] = file.input(name)
      }
      let count = inputs["x"]!.shape[0]
      let block = file.block("edge_index", sources: count, targets: count)
      let graphs = file.isGiven("in.batch") ? file.groups("in.batch") : nil
      func run() -> SelectedGraph {
        select(inputs["x"]!.value, block, graphs, inputs["attn"]?.value)
      }
      let result = run()
      let edges = result.pooled.block.edges.sorted()
      return file.differences(of: module, inputs) {
        let result = run()
        let outputs = [
          "x": result.pooled.x, "score": result.scores,
          "edge_attr": inputs["edge_attr"]?.value.gathered(rows: edges),
        ]
        return outputs.compactMapValues { $0 }
      }
        + file.difference(result.pooled.block)
        + file.difference(result.nodes, from: "out.perm")
        + file.difference(result.pooled.graphs.groups, from: "out.batch")
    }
  }
}

extension GoldenFile {
  /// What differs of the edges of a graph, in the order of those that they were.
  func difference(_ block: Block) -> [String] {
    let targets = block.targetsOfEntries
    let order = (0..<block.edgeCount).sorted { block.edges[$0] < block.edges[$1] }
    return difference(
      order.map { block.sources[$0] } + order.map { targets[$0] }, from: "out.edge_index")
  }

  /// What differs of the edges of a graph, in whatever order.
  func difference(pairsOf block: Block) -> [String] {
    let own = zip(block.sources, block.targetsOfEntries).map { [Int64($0), Int64($1)] }
    let numbers = integers("out.edge_index")
    let others = numbers.indices.prefix(numbers.count / 2).map {
      [numbers[$0], numbers[numbers.count / 2 + $0]]
    }
    func sorted(_ pairs: [[Int64]]) -> [[Int64]] {
      pairs.sorted { $0.lexicographicallyPrecedes($1) }
    }
    return sorted(own) == sorted(others) ? [] : ["\(name): edges are \(own), not \(others)"]
  }

  /// What differs of several outputs, and of the gradients that all together send back.
  func differences(
    of module: some Module, _ inputs: [String: Parameter], _ body: () -> [String: Tensor]
  ) -> [String] {
    let (names, result) = (names(under: "cotangent."), body())
    return names.flatMap { difference(result[$0]!, from: "out.\($0)") }
      + gradientDifferences(of: module, inputs) {
        let result = body()
        return names.map { sum(result[$0]! * self["cotangent.\($0)"]) }.reduce(Tensor(0), +)
      }
  }

  /// Numbers that are 0 where there is nothing.
  func mask(_ path: String) -> Mask? { isGiven(path) ? self[path] .> 0 : nil }

  func difference(_ numbers: [UInt32], from path: String) -> [String] {
    guard isGiven(path), numbers.map({ Int64($0) }) != integers(path) else { return [] }
    return ["\(name): \(path) is \(numbers), not \(integers(path))"]
  }
}

extension Block {
  fileprivate var targetsOfEntries: [UInt32] {
    (0..<targetCount).flatMap { target in
      [UInt32](repeating: UInt32(target), count: Int(offsets[target + 1] - offsets[target]))
    }
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
