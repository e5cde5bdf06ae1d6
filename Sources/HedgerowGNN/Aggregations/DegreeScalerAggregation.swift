import HedgerowCore
public import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// What an aggregate is multiplied by for how many rows d it is of; δ is the mean of d over the graph that a
/// model was made for, λ that of log(d + 1).
public enum DegreeScaler: String, Sendable, CaseIterable {
  case identity
  /// log(d + 1) / λ
  case amplification
  /// λ / log(max(d, 1) + 1)
  case attenuation
  /// d / δ
  case linear
  /// δ / max(d, 1)
  case inverseLinear = "inverse_linear"
}

/// An aggregate several times, side by side, scaled by how many rows it is of.
///
/// Shapes: as of the aggregator; each result as often as there are scalers. Names: `aggr`, `avg_deg_lin`,
/// `avg_deg_log`, buffers [1] unless they are learned.
///
/// Source: Corso et al., Principal Neighbourhood Aggregation for Graph Nets, NeurIPS 2020.
public struct DegreeScalerAggregation: Aggregator {
  public let aggregator: any Aggregator
  public let scalers: [DegreeScaler]
  let means: DegreeMeans
  public static let pathNames = ["aggregator": "aggr", "means": ""]

  public init(_ aggregator: any Aggregator, scalers: [DegreeScaler], means: DegreeMeans) {
    require(!scalers.isEmpty, "an aggregate needs a scaler, if only the identity")
    self.aggregator = aggregator
    self.scalers = scalers
    self.means = means
  }

  public func callAsFunction(_ messages: Tensor, by offsets: [UInt32]) -> Tensor {
    scaled(aggregator(messages, by: offsets), offsets)
  }

  public func callAsFunction(_ x: Tensor, along block: Block) -> Tensor {
    scaled(aggregator(x, along: block), block.usedOffsets)
  }

  public func callAsFunction(_ x: Tensor, scaledBy weights: Tensor, along block: Block) -> Tensor {
    scaled(aggregator(x, scaledBy: weights, along: block), block.usedOffsets)
  }

  /// The aggregates y of sets with these offsets, by each of the scalers.
  func scaled(_ y: Tensor, _ offsets: [UInt32]) -> Tensor {
    concatenated(
      scalers.map { scaler in means.factors(of: scaler, offsets).map { y * $0 } ?? y })
  }

  public func outputWidth(of width: Int) -> Int {
    scalers.count * aggregator.outputWidth(of: width)
  }
}

/// The means that degrees are compared with.
public struct DegreeMeans: Module {
  let linear: Value
  let logarithmic: Value
  public static let pathNames = ["linear": "avg_deg_lin", "logarithmic": "avg_deg_log"]

  public enum Learning: Sendable { case fixed, learned }

  struct Value: Module {
    let parameter: Parameter?
    let buffer: Buffer?
    static let pathNames = ["parameter": "", "buffer": ""]

    init(_ start: Float, _ learning: Learning) {
      parameter = learning == .learned ? Parameter(shape: [1], from: .constant(start)) : nil
      buffer = learning == .fixed ? Buffer(shape: [1], startingAs: start) : nil
    }

    var tensor: Tensor { parameter?.value ?? buffer!.value }
  }

  /// - Parameter histogram: how many nodes have each degree, from 0 on.
  public init(histogram: [Int], learning: Learning = .fixed) {
    self.init(MeanDegrees(histogram: histogram), learning: learning)
  }

  public init(_ degrees: MeanDegrees, learning: Learning = .fixed) {
    linear = Value(degrees.linear, learning)
    logarithmic = Value(degrees.logarithmic, learning)
  }

  /// What sets of so many rows are multiplied by, [segments, 1]; `nil` for the identity.
  func factors(of scaler: DegreeScaler, _ offsets: [UInt32]) -> Tensor? {
    let count = offsets.count - 1
    func degrees(_ value: (Float) -> Float) -> Tensor {
      Tensor(
        (0..<count).map { value(Float(offsets[$0 + 1] - offsets[$0])) }, shape: [count, 1])
    }
    return switch scaler {
    case .identity: nil
    case .amplification: log(degrees { $0 + 1 }) / logarithmic.tensor
    case .attenuation: logarithmic.tensor / log(degrees { max($0, 1) + 1 })
    case .linear: degrees { $0 } / linear.tensor
    case .inverseLinear: linear.tensor / degrees { max($0, 1) }
    }
  }
}
