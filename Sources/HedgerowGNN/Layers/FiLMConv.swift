import HedgerowCore
public import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// Feature-wise linear modulation: x_t' = sum over the relations r of the aggregate over the edges (s, t) of r
/// of activation(g_rt W_r x_s + h_rt), and the same of x_t itself by weights of its own. h_rt and g_rt, one
/// behind the other, are what the relation's network gives of x_t.
///
/// Shapes: source [sources, source width], target [targets, target width], types [edges], result [targets,
/// output width]. Parameters as in PyTorch Geometric: `lins.r.weight`, `films.r...`, `lin_skip.weight`,
/// `film_skip...`.
///
/// Source: Brockschmidt, GNN-FiLM: Graph Neural Networks with Feature-wise Linear Modulation, ICML 2020.
public struct FiLMConv: EdgeTypedConvolution {
  public struct Options: Sendable {
    public var relationCount = 1
    public var activation = Activation.relu
    public var aggregation: any Aggregator = Aggregation.mean
    /// Makes the network that modulates a relation, or the target itself, from targets' width to twice the
    /// output's; one linear map unless it is given.
    public var network: (@Sendable () -> any Layer)?

    public init() {}
  }

  let linears: [Linear]
  let modulations: [any Layer]
  let root: Linear
  let rootModulation: any Layer
  let aggregator: any Aggregator
  private let activation: Activation

  public static let pathNames = [
    "linears": "lins", "modulations": "films", "root": "lin_skip", "rootModulation": "film_skip",
    "aggregator": "aggr_module",
  ]

  /// For sources and targets of two widths.
  public init(
    source sourceWidth: Int, target targetWidth: Int, to outputWidth: Int,
    options: Options = .init()
  ) {
    let count = max(1, options.relationCount)
    linears = (0..<count).map { _ in Linear(sourceWidth, outputWidth, bias: .absent) }
    modulations = (0..<count).map { _ in
      options.network?() ?? Linear(targetWidth, 2 * outputWidth)
    }
    root = Linear(targetWidth, outputWidth, bias: .absent)
    rootModulation = options.network?() ?? Linear(targetWidth, 2 * outputWidth, bias: .absent)
    aggregator = options.aggregation
    activation = options.activation
  }

  /// For sources and targets of one width.
  public init(_ width: Int, _ outputWidth: Int, options: Options = .init()) {
    self.init(source: width, target: width, to: outputWidth, options: options)
  }

  public func terms(
    source: Tensor, target: Tensor, along block: Block, types: [UInt32]?
  ) -> AffineSum<Float> {
    let parts =
      types.map { block.parted(by: $0, count: linears.count) }
      ?? [block] + linears.dropFirst().map { _ in block.withoutEdges }
    let (shift, scale) = modulation(rootModulation, of: target)
    var sum = AffineSum(activation(scale * root(target) + shift))
    for (relation, part) in parts.enumerated() where part.edgeCount > 0 {
      let (shift, scale) = modulation(modulations[relation], of: target)
      let x = linears[relation](source)
      let messages = activation(
        scale.gathered(alongTargetsOf: part) * x.gathered(alongSourcesOf: part)
          + shift.gathered(alongTargetsOf: part))
      sum = sum + AffineSum(aggregator(messages, by: part.usedOffsets))
    }
    return sum
  }

  /// h and g.
  private func modulation(_ network: any Layer, of x: Tensor) -> (shift: Tensor, scale: Tensor) {
    let both = network(x).split(every: root.outputWidth, along: 1)
    return (both[0], both[1])
  }
}

extension Block {
  fileprivate var withoutEdges: Block {
    Block(sources: [], targets: [], sourceCount: sourceCount, targetCount: targetCount)
  }
}
