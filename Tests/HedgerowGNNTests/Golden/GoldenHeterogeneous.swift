import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowNN
import HedgerowTensor
import HedgerowTestSupport

extension GoldenOperation {
  /// Layers over several types of nodes and edges.
  static let heterogeneous: [GoldenOperation] = [
    relational("HeteroConv", "convs aggr") { file, a, x, relations in
      let ways: [String: HeteroConv.Combination] = [
        "sum": .sum, "add": .sum, "mean": .mean, "max": .max, "min": .min, "cat": .concatenated,
      ]
      // Stacked results are those side by side in another shape.
      let name = a.isNone("aggr") ? "cat" : try a.string("aggr", or: "sum")
      guard let combination = ways[name] else { throw a.unknown("aggr", .string(name)) }
      let layers = try a.strings("layers") ?? []
      let widths = file.features(x).mapValues(\.width)
      var convs = PerEdge<any Convolution>()
      for (relation, layer) in zip(relations, layers) {
        let parts = relations.count { $0.target == relation.target }
        let output = file.shape(of: "out.\(relation.target)")
        convs[relation] = try convolution(
          layer, widths[relation.source], widths[relation.target],
          to: output.count == 2 && name == "cat" ? output[1] / parts : output.last!)
      }
      let conv = HeteroConv(convs, combining: combination)
      return (conv, { conv($0, $1) })
    },
    relational("HGTConv", "in_channels out_channels metadata heads") { file, a, x, relations in
      let output = try a.int("out") ?? a.required("out_channels")
      let heads = try a.int("heads", or: 1)
      a.ignore("in", "in_channels", "metadata")
      let layer = HGTConv(
        file.features(x).mapValues(\.width), to: output, relations: relations, heads: heads)
      return (layer, { layer($0, $1) })
    },
    relational(
      "HANConv", "in_channels out_channels metadata heads negative_slope dropout"
    ) { file, a, x, relations in
      let output = try a.int("out") ?? a.required("out_channels")
      var options = HANConv.Options()
      options.heads = try a.int("heads", or: 1)
      options.negativeSlope = Float(try a.number("negative_slope", or: 0.2))
      a.ignore("in", "in_channels", "metadata", "dropout")
      let layer = HANConv(
        file.features(x).mapValues(\.width), to: output, relations: relations, options: options)
      return (layer, { layer($0, $1) })
    },
  ]

  private typealias Run = (PerNode<Tensor>, HeteroBlock) -> PerNode<Tensor>

  /// A layer over relations. A file does not say in which order these were given, and so which matrix or layer is
  /// whose: the first order that gives its results counts.
  private static func relational(
    _ name: String, _ signature: String,
    _ make:
      @escaping @Sendable (GoldenFile, GoldenArguments, [String: Parameter], [EdgeType]) throws -> (
        any Module, Run
      )
  ) -> GoldenOperation {
    GoldenOperation(name: name) { file in
      let (x, block) = file.heterogeneousInputs()
      var differences: [String]?
      for relations in permutations(block.blocks.keys) {
        let arguments = try GoldenArguments(file.settings, of: name, signature: signature)
        let (layer, run) = try make(file, arguments, x, relations)
        try arguments.finish()
        guard (try? layer.load(file.state)) != nil else { continue }
        let result = run(file.features(x), block)
        let own = file.results.flatMap { file.difference(result, of: $0) }
        if !own.isEmpty {
          differences = differences ?? own
          continue
        }
        return file.gradientDifferences(of: layer, x) {
          let result = run(file.features(x), block)
          return file.results.map { sum(file.output(result, $0) * file["cotangent.\($0)"]) }
            .reduce(Tensor(0), +)
        }
      }
      return differences ?? ["\(file.name): its parameters are those of no order of relations"]
    }
  }

  /// The layer of a relation, by its class or as Python prints it.
  private static func convolution(
    _ text: String, _ source: Int, _ target: Int, to output: Int
  ) throws -> any Convolution {
    if text.contains("(") { return try GoldenConvolution.layer(printed: text) }
    guard let row = layers.first(where: { $0.name == text }) else {
      throw GoldenArguments.Unknown(description: "no layer of the name \(text)")
    }
    let widths = JSON.array([source, target].map { .number(Double($0)) })
    // Between two types nodes have no edges to themselves.
    let named: [String: JSON] = text.contains("GAT") ? ["add_self_loops": .bool(false)] : [:]
    return try row.layer([
      "args": .array([widths, .number(Double(output))]), "kwargs": .object(named),
    ]).layer
  }

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

  /// The node types that there are results for.
  fileprivate var results: [String] { names(under: "out.") }

  /// A type's result in the shape that the file has it in.
  fileprivate func output(_ result: PerNode<Tensor>, _ type: String) -> Tensor {
    let (own, shape) = (result[NodeType(type)], shape(of: "out.\(type)"))
    return own.count == shape.reduce(1, *) ? own.reshaped(to: shape) : own
  }

  fileprivate func difference(_ result: PerNode<Tensor>, of type: String) -> [String] {
    guard result[optional: NodeType(type)] != nil else { return ["\(name): no result of \(type)"] }
    return difference(output(result, type), from: "out.\(type)")
  }
}
