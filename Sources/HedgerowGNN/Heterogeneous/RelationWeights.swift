import HedgerowCore
import HedgerowNN
import HedgerowTensor

/// How the matrices of relations are made of fewer numbers.
public enum RelationRegularization: Sendable {
  case none
  /// Sums of so many matrices that relations share.
  case bases(Int)
  /// So many blocks along the diagonal, zeros elsewhere; they divide both widths.
  case blocks(Int)
}

/// A matrix for each relation, [relations, in, out].
///
/// Under the names that PyTorch Geometric's layers give them: of one matrix each, or of blocks, the first; of
/// bases, that of the shares [relations, bases] and that of the bases [bases, in, out].
struct RelationWeights: NamedValues, Sendable {
  let weight: Parameter
  let shares: Parameter?
  private let names: Names

  struct Names: Sendable {
    var weight = "weight"
    var shares = "comp"
    var bases = "weight"
  }

  init(
    _ relations: Int, _ inputWidth: Int, _ outputWidth: Int, _ form: RelationRegularization,
    names: Names = Names()
  ) {
    var names = names
    switch form {
    case .none:
      weight = Parameter(shape: [relations, inputWidth, outputWidth], from: .glorot)
      shares = nil
    case .bases(let count):
      require(count > 0, "no \(count) bases")
      weight = Parameter(shape: [count, inputWidth, outputWidth], from: .glorot)
      shares = Parameter(shape: [relations, count], from: .glorot)
      names.weight = names.bases
    case .blocks(let count):
      require(
        count > 0 && inputWidth.isMultiple(of: count) && outputWidth.isMultiple(of: count),
        "\(count) blocks do not divide widths \(inputWidth) and \(outputWidth)")
      weight = Parameter(
        shape: [relations, count, inputWidth / count, outputWidth / count], from: .glorot)
      shares = nil
    }
    self.names = names
  }

  var namedValues: [(name: String, value: Any)] {
    let weight = (name: names.weight, value: weight as Any)
    return shares.map { [weight, (name: names.shares, value: $0 as Any)] } ?? [weight]
  }

  /// As ``groupedMatmul(_:_:by:)`` takes them.
  var matrices: Tensor {
    let weight = weight.value
    guard let shares = shares?.value else { return weight }
    let (bases, inputs, outputs) = (weight.shape[0], weight.shape[1], weight.shape[2])
    return matmul(shares, weight.reshaped(to: [bases, inputs * outputs]))
      .reshaped(to: [shares.shape[0], inputs, outputs])
  }
}
