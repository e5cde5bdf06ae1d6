import HedgerowCore
public import HedgerowTensor

/// Linear layers with a normalization, an activation and a dropout between them.
///
/// Without normalization a layer is one pass: product, bias, activation, dropout. Names are those of PyTorch
/// Geometric's `MLP`: `lins.0.weight`, `norms.0.module.weight`.
public struct MLP: Layer {
  public enum Normalization: Sendable {
    case none
    case batch
    case layer
  }

  public struct Options: Sendable {
    public var activation = Activation.relu
    public var dropout = 0.0
    public var normalization = Normalization.none
    public var bias = Linear.Bias.learned
    /// Whether the last layer is linear alone.
    public var plainLast = true

    public init() {}
  }

  public let layers: [Linear]
  public let norms: [any Layer]
  public let options: Options
  public static let pathNames = ["layers": "lins"]

  /// - Parameter widths: of the input, of each hidden layer and of the result.
  public init(_ widths: [Int], options: Options = Options()) {
    require(widths.count >= 2, "no layer has widths \(widths)")
    self.options = options
    layers = zip(widths, widths.dropFirst()).map { Linear($0, $1, bias: options.bias) }
    let normalized = options.plainLast ? widths[1..<widths.count - 1] : widths[1...]
    norms = normalized.compactMap { width in
      switch options.normalization {
      case .none: nil
      case .batch: Wrapped(module: BatchNorm(width))
      case .layer: LayerNorm(width)
      }
    }
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    var x = x
    for (index, layer) in layers.enumerated() {
      if options.plainLast && index == layers.count - 1 { return layer(x) }
      if norms.isEmpty {
        x = layer.terms(x).evaluated(activation: options.activation, dropout: options.dropout)
      } else {
        x = dropout(options.activation(norms[index](layer(x))), rate: options.dropout)
      }
    }
    return x
  }

  /// PyTorch Geometric's batch normalization has PyTorch's in it.
  private struct Wrapped: Layer {
    let module: BatchNorm
    func callAsFunction(_ x: Tensor) -> Tensor { module(x) }
  }
}
