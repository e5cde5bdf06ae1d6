public import HedgerowNN
public import HedgerowTensor

/// A network of all rows of a set side by side, zeros for those that are missing; what is more than it takes
/// is left out.
///
/// Shapes: messages [rows, width], network [segments, longest width] to [segments, output]. Not indifferent to
/// the rows' order. Names: `mlp`.
///
/// Source: Buterez et al., Graph Neural Networks with Adaptive Readouts, NeurIPS 2022.
public struct MLPAggregation: Aggregator {
  let network: any Layer
  /// The most rows that it takes of a set.
  public let longest: Int
  private let outputs: Int
  public static let pathNames = ["network": "mlp"]

  /// - Parameter network: takes rows of `longest` times their width.
  public init(_ network: any Layer, longest: Int, outputWidth: Int) {
    self.network = network
    self.longest = longest
    outputs = outputWidth
  }

  public func callAsFunction(_ messages: Tensor, by offsets: [UInt32]) -> Tensor {
    let padded = PaddedGroups(offsets, length: longest).padded(messages)
    return network(padded.reshaped(to: [offsets.count - 1, longest * messages.width]))
  }

  public func outputWidth(of width: Int) -> Int { outputs }
}
