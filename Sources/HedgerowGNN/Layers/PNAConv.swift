import HedgerowCore
public import HedgerowGraph
import HedgerowNN
public import HedgerowTensor

/// Principal neighbourhood aggregation: x_t' = W g(x_t, aggregates over the sources s of t of f(x_t, x_s, e_st))
/// + b, of several aggregators, each scaled by functions of how many sources t has.
///
/// f and g are networks of their own in each of several towers, of all of the features or of a stretch of them.
/// f's first layer is applied to nodes, not to edges; where it is the only one and edges have no features,
/// aggregates of U x_t + V x_s are made of those of V x_s, and no edge has a row.
///
/// Shapes: source and target [.., width], edge features [edges, edge width], result [targets, output width].
/// Names: `pre_nns.<tower>.<layer>` for f, `post_nns...` for g, `lin` for W, `edge_encoder`,
/// `aggr_module.avg_deg_lin`, `aggr_module.avg_deg_log`.
///
/// Source: Corso et al., Principal Neighbourhood Aggregation for Graph Nets, NeurIPS 2020.
public struct PNAConv: EdgeFeaturedConvolution {
  public struct Options: Sendable {
    public var aggregations: [Aggregation] = [.mean, .min, .max, .standardDeviation]
    public var scalers: [DegreeScaler] = [.identity, .amplification, .attenuation]
    /// Width of the edges' features, where they have any.
    public var edgeWidth: Int?
    public var towers = 1
    /// What a tower sees of the features.
    public var towerInput = TowerInput.all
    /// Linear layers of f and of g.
    public var layersBefore = 1
    public var layersAfter = 1
    /// Between them.
    public var activation = Activation.relu
    /// Whether the means that degrees are compared with are learned.
    public var meanLearning = DegreeMeans.Learning.fixed

    public init() {}
  }

  public enum TowerInput: Sendable {
    case all
    /// A stretch as wide as those of the other towers.
    case stretch
  }

  let before: [Sequential]
  let after: [Sequential]
  let output: Linear
  let edgeEncoder: Linear?
  let aggregator: DegreeScalerAggregation
  public let options: Options
  private let inputWidth: Int

  public static let pathNames = [
    "before": "pre_nns", "after": "post_nns", "output": "lin", "edgeEncoder": "edge_encoder",
    "aggregator": "aggr_module",
  ]

  /// - Parameter degrees: how many nodes of the graph have each degree, from 0 on.
  public init(_ width: Int, _ outputWidth: Int, degrees: [Int], options: Options = .init()) {
    self.init(width, outputWidth, degrees: MeanDegrees(histogram: degrees), options: options)
  }

  /// - Parameter degrees: those of the graph's nodes.
  public init(_ width: Int, _ outputWidth: Int, degrees: MeanDegrees, options: Options = .init()) {
    require(
      options.towers > 0 && outputWidth.isMultiple(of: options.towers)
        && (options.towerInput == .all || width.isMultiple(of: options.towers)),
      "\(options.towers) towers do not share widths \(width) and \(outputWidth)")
    require(
      options.layersBefore > 0 && options.layersAfter > 0 && !options.aggregations.isEmpty,
      "a tower has layers and aggregations")
    let inner = options.towerInput == .stretch ? width / options.towers : width
    let outer = outputWidth / options.towers
    aggregator = DegreeScalerAggregation(
      MultiAggregation(options.aggregations), scalers: options.scalers,
      means: DegreeMeans(degrees, learning: options.meanLearning))
    func network(_ input: Int, _ output: Int, layers: Int) -> Sequential {
      let first: [any Layer] = [Linear(input, output)]
      return Sequential(
        (1..<layers).reduce(first) { layers, _ in
          layers + [options.activation, Linear(output, output)]
        })
    }
    let ends = options.edgeWidth == nil ? 2 : 3
    let aggregates = options.aggregations.count * options.scalers.count
    before = (0..<options.towers).map { _ in
      network(ends * inner, inner, layers: options.layersBefore)
    }
    after = (0..<options.towers).map { _ in
      network((aggregates + 1) * inner, outer, layers: options.layersAfter)
    }
    output = Linear(outputWidth, outputWidth)
    edgeEncoder = options.edgeWidth.map { Linear($0, inner) }
    self.options = options
    inputWidth = inner
  }

  public func terms(
    source: Tensor, target: Tensor, along block: Block, edges: Tensor?
  ) -> AffineSum<Float> {
    require(
      (edges != nil) == (edgeEncoder != nil),
      "edges \(edges == nil ? "without" : "with") features for a layer made for "
        + (edgeEncoder == nil ? "none" : "some"))
    let encoded = edges.map { edgeEncoder!($0) }
    let towers = (0..<options.towers).map { tower in
      func own(_ x: Tensor) -> Tensor {
        options.towerInput == .all
          ? x : x.sliced(tower * inputWidth..<(tower + 1) * inputWidth, along: 1)
      }
      let (x, y) = (own(source), own(target))
      let aggregated: Tensor
      if encoded == nil, options.layersBefore == 1,
        let linear = before[tower].layers[0] as? Linear
      {
        aggregated = aggregates(linear, x, y, block)
      } else {
        let messages = EdgeNetwork(before[tower])(
          source: .init(x, columns: inputWidth), target: .init(y, columns: 0),
          edge: encoded.map { .init($0, columns: 2 * inputWidth) },
          width: (encoded == nil ? 2 : 3) * inputWidth, along: block)
        aggregated = aggregator(messages, by: block.usedOffsets)
      }
      return after[tower](concatenated(y, aggregated))
    }
    return output.terms(concatenated(towers))
  }

  /// The aggregates of U x_t + V x_s + c: the first term is the same for all sources of t.
  private func aggregates(
    _ linear: Linear, _ source: Tensor, _ target: Tensor, _ block: Block
  ) -> Tensor {
    let weight = linear.weight.value
    let rows = AffineSum(
      source, weight: weight.sliced(inputWidth..<2 * inputWidth, along: 1)
    ).evaluated()
    let shift = AffineSum(
      target, weight: weight.sliced(0..<inputWidth, along: 1), bias: linear.bias?.value
    ).evaluated()
    let degrees = block.degrees(ofTargets: Float.self).reshaped(to: [block.targetCount, 1])
    let isReached = degrees .> 0
    return aggregator.scaled(
      concatenated(
        options.aggregations.map { aggregation in
          let aggregate = aggregation(rows, along: block)
          return switch aggregation {
          case .mean, .max, .min:
            aggregate + select(isReached, shift, otherwise: Tensor(0))
          case .sum: aggregate + degrees * shift
          case .variance, .standardDeviation: aggregate
          case .product:
            Aggregation.product(
              edgeSum(rows, shift, along: block), by: block.usedOffsets)
          }
        }), block.usedOffsets)
  }
}
