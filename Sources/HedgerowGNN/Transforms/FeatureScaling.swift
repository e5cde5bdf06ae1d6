import HedgerowCore
public import HedgerowTensor

/// Features less the least of all of them, each row divided by its sum where that is above 1: rows of numbers that
/// are not negative and add to one, as bags of words are fed to models.
///
/// Shapes: x [rows, width], result the same. As `NormalizeFeatures` of PyTorch Geometric.
public func rowsOfSumOne(_ x: Tensor) -> Tensor {
  require(x.shape.count == 2, "shape \(x.shape) is no matrix")
  if x.count == 0 { return x }
  let least = x.detached.scalars.reduce(Float.infinity) { Swift.min($0, $1) }
  let shifted = x - least
  return shifted / maximum(sum(shifted, along: 1, keeping: .one), Tensor(1))
}

/// The means and standard deviations of columns, to be taken from some rows and used on all.
///
/// ```swift
/// let scaling = ColumnScaling(of: x.gathered(rows: train))
/// let scaled = scaling(x)
/// ```
public struct ColumnScaling: Sendable {
  /// [width]
  public let means: Tensor
  /// The square roots of the mean squared differences from the means: [width]. A column of equal numbers has 1.
  public let deviations: Tensor

  /// Shapes: x [rows, width], of at least one row. Sums are in double precision.
  public init(of x: Tensor) {
    require(x.shape.count == 2 && x.rowCount > 0, "columns of shape \(x.shape) have no means")
    let (rows, width) = (x.rowCount, x.width)
    var means = [Double](repeating: 0, count: width)
    var squares = means
    x.withUnsafeBufferPointer { x in
      for row in 0..<rows {
        for column in 0..<width { means[column] += Double(x[row * width + column]) }
      }
      for column in 0..<width { means[column] /= Double(rows) }
      for row in 0..<rows {
        for column in 0..<width {
          let difference = Double(x[row * width + column]) - means[column]
          squares[column] += difference * difference
        }
      }
    }
    self.means = Tensor(means.map { Float($0) })
    deviations = Tensor(
      squares.map {
        let deviation = Float(($0 / Double(rows)).squareRoot())
        return deviation > 0 ? deviation : 1
      })
  }

  /// (x - means) / deviations
  public func callAsFunction(_ x: Tensor) -> Tensor {
    require(
      x.shape.count == 2 && x.width == means.count,
      "shape \(x.shape) has not the \(means.count) columns of these means")
    return (x - means) / deviations
  }
}
