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
    /// By what is made for rows of a width.
    case made(by: @Sendable (_ width: Int) -> any Layer)
  }

  public struct Options: Sendable {
    public var activation = Activation.relu
    public var dropout = 0.0
    public var normalization = Normalization.none
    /// Where the activation stands when there is a normalization.
    public var activationPlace = ActivationPlace.afterNormalization
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
      case .made(let make): make(width)
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
        x = options.activationPlace.normalized(
          layer.terms(x), by: norms[index].callAsFunction, options.activation,
          dropout: options.dropout)
      }
    }
    return x
  }

  /// The same one after the other: linear layers, normalizations, activations and dropouts.
  public var parts: [any Layer] {
    layers.enumerated().flatMap { index, layer -> [any Layer] in
      if options.plainLast && index == layers.count - 1 { return [layer] }
      let norm = norms.isEmpty ? [] : [norms[index]]
      let between: [any Layer] =
        options.activationPlace == .afterNormalization
        ? norm + [options.activation] : [options.activation] + norm
      return [layer] + between + (options.dropout > 0 ? [Dropout(options.dropout)] : [])
    }
  }

  /// PyTorch Geometric's batch normalization has PyTorch's in it.
  private struct Wrapped: Layer {
    let module: BatchNorm
    func callAsFunction(_ x: Tensor) -> Tensor { module(x) }
  }
}

/// Which of the two comes first behind a layer that is followed by a normalization and an activation.
public enum ActivationPlace: Sendable {
  case afterNormalization
  case beforeNormalization

  /// A layer's terms through both, in their order, and then dropout.
  public func normalized(
    _ terms: AffineSum<Float>, by norm: (Tensor) -> Tensor, _ activation: Activation,
    dropout rate: Double
  ) -> Tensor {
    let result =
      switch self {
      case .afterNormalization: activation(norm(terms.evaluated()))
      case .beforeNormalization: norm(terms.evaluated(activation: activation))
      }
    return dropout(result, rate: rate)
  }
}
