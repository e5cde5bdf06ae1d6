public import HedgerowCore
public import HedgerowNN
public import HedgerowTensor

/// y = x W_k + b_k for rows of type k: the rows of all types in one operation (``groupedMatmul(_:_:by:)``).
///
/// Shapes: x [rows, in], types [rows], W [types, in, out], b [types, out], y [rows, out]. Names: `weight`,
/// `bias`. Rows whose types rise are multiplied where they are.
public struct HeteroLinear: Module {
  public let weight: Parameter
  public let bias: Parameter?

  public init(
    _ inputWidth: Int, _ outputWidth: Int, types: Int, bias: Linear.Bias = .learned
  ) {
    let bound = inputWidth > 0 ? 1 / Float(inputWidth).squareRoot() : 0
    weight = Parameter(shape: [types, inputWidth, outputWidth], from: .uniform(bound: bound))
    self.bias =
      bias == .learned
      ? Parameter(shape: [types, outputWidth], from: .uniform(bound: bound)) : nil
  }

  /// - Parameter types: of each row, below the count of types; traps otherwise.
  public func callAsFunction(_ x: Tensor, types: [UInt32]) -> Tensor {
    let groups = RowGroups(types, count: weight.shape[0])
    let products = groupedMatmul(groups.together(x), weight.value, by: groups.offsets)
    guard let bias else { return groups.apart(products) }
    return groups.apart(products + repeated(bias.value, by: groups.offsets))
  }
}

/// A linear layer for each node type. Names: `lins.<type>.weight`, `lins.<type>.bias`.
///
/// Shapes: x[type] [rows, in[type]], result[type] [rows, out].
public struct HeteroDictLinear: Module {
  public let lins: PerNode<Linear>

  /// - Parameter widths: of each type's features.
  public init(_ widths: PerNode<Int>, to outputWidth: Int, bias: Linear.Bias = .learned) {
    lins = widths.mapValues { Linear($0, outputWidth, bias: bias) }
  }

  /// Of the types that are there; ends the program at one without a layer.
  public func callAsFunction(_ x: PerNode<Tensor>) -> PerNode<Tensor> {
    var results = PerNode<Tensor>()
    for (type, features) in x { results[type] = lins[type](features) }
    return results
  }
}
