public import HedgerowNN
public import HedgerowTensor

/// A layer that brings the rows of a matrix to one scale: those of all nodes, or of each graph of a batch.
///
/// Shapes: x [nodes, width], result the same.
public protocol GraphNormalization: Layer {
  /// - Parameter graphs: the graph of each node; `nil` when all are of one.
  func callAsFunction(_ x: Tensor, in graphs: RowGroups?) -> Tensor
}

extension GraphNormalization {
  public func callAsFunction(_ x: Tensor) -> Tensor { self(x, in: nil) }
}

/// What a normalization multiplies columns by, and adds to them, as far as it learns that.
struct AffineColumns: Module {
  let weight: Parameter?
  let bias: Parameter?

  init(_ width: Int, _ affine: NormalizationAffine) {
    weight = affine == .learned ? Parameter(shape: [width], from: .constant(1)) : nil
    bias = affine == .learned ? Parameter(shape: [width], from: .constant(0)) : nil
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    let scaled = weight.map { x * $0.value } ?? x
    return bias.map { scaled + $0.value } ?? scaled
  }
}

/// Whether a normalization learns a weight and a bias of each column.
public enum NormalizationAffine: Sendable { case learned, absent }
