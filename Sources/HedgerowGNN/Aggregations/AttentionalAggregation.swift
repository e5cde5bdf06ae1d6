public import HedgerowNN
public import HedgerowTensor

/// y_t = the sum over the rows x_e of t of softmax(gate(x_e)) f(x_e).
///
/// Shapes: messages [rows, width]; gate(x) [rows, 1], a share for each row, or [rows, output], one for each
/// column; f(x) [rows, output]. Names: `gate_nn`, `nn`.
///
/// Source: Li et al., Graph Matching Networks for Learning the Similarity of Graph Structured Objects, ICML
/// 2019.
public struct AttentionalAggregation: Aggregator {
  let gate: any Layer
  let network: (any Layer)?
  private let outputs: Int?
  public static let pathNames = ["gate": "gate_nn", "network": "nn"]

  /// - Parameters:
  ///   - gate: gives the numbers that the softmax makes shares of.
  ///   - network: f; rows are taken as they are when it is `nil`.
  ///   - outputWidth: of f; `nil` when it is that of the rows.
  public init(gate: any Layer, network: (any Layer)? = nil, outputWidth: Int? = nil) {
    self.gate = gate
    self.network = network
    outputs = outputWidth
  }

  public func callAsFunction(_ messages: Tensor, by offsets: [UInt32]) -> Tensor {
    let shares = segmentSoftmax(gate(messages), by: offsets)
    return segmentSum(shares * (network?(messages) ?? messages), by: offsets)
  }

  public func outputWidth(of width: Int) -> Int { outputs ?? width }
}

/// y_t = g(the sum over the rows x_e of t of f(x_e)): any function of a set is of this form.
///
/// Names: `local_nn` for f, `global_nn` for g.
///
/// Source: Zaheer et al., Deep Sets, NIPS 2017; Buterez et al., Graph Neural Networks with Adaptive Readouts,
/// NeurIPS 2022.
public struct DeepSetsAggregation: Aggregator {
  let local: (any Layer)?
  let global: (any Layer)?
  private let outputs: Int?
  public static let pathNames = ["local": "local_nn", "global": "global_nn"]

  /// - Parameter outputWidth: of g, or of f where there is no g; `nil` when it is that of the rows.
  public init(local: (any Layer)?, global: (any Layer)?, outputWidth: Int? = nil) {
    self.local = local
    self.global = global
    outputs = outputWidth
  }

  public func callAsFunction(_ messages: Tensor, by offsets: [UInt32]) -> Tensor {
    let sums = segmentSum(local?(messages) ?? messages, by: offsets)
    return global?(sums) ?? sums
  }

  public func outputWidth(of width: Int) -> Int { outputs ?? width }
}
