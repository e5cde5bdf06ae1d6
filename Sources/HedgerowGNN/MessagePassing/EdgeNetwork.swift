import HedgerowGraph
import HedgerowNN
import HedgerowTensor

/// A network of a row for each edge, which is a sum of what its source, its target and the edge itself put into
/// some of the columns.
///
/// Where the network begins with a linear layer, that is applied to nodes, which are fewer than edges: W (s + t)
/// = W s + W t.
struct EdgeNetwork {
  /// Rows of nodes or edges, and which columns of the network's input they are added to.
  struct Part {
    let rows: Tensor
    let columns: Range<Int>

    init(_ rows: Tensor, columns first: Int) {
      self.rows = rows
      columns = first..<first + rows.width
    }

    fileprivate func padded(to width: Int) -> Tensor {
      func zeros(_ width: Int) -> [Tensor] {
        width == 0 ? [] : [.zeros([rows.rowCount, width])]
      }
      return concatenated(zeros(columns.lowerBound) + [rows] + zeros(width - columns.upperBound))
    }
  }

  private let first: Linear?
  private let rest: [any Layer]

  init(_ network: any Layer) {
    let layers =
      switch network {
      case let sequence as Sequential: sequence.layers
      case let perceptron as MLP: perceptron.parts
      default: [network]
      }
    first = (layers.first as? Linear).flatMap { $0.weight.isOpen ? nil : $0 }
    rest = first == nil ? layers : Array(layers.dropFirst())
  }

  /// The network's result for each entry of a block. Shapes: parts [sources, ...], [targets, ...] and [entries,
  /// ...], result [entries, output].
  ///
  /// - Parameter width: of the network's input.
  func callAsFunction(
    source: Part, target: Part, edge: Part? = nil, width: Int, along block: Block
  ) -> Tensor {
    func made(of part: Part) -> Tensor {
      guard let weight = first?.weight.value else { return part.padded(to: width) }
      return AffineSum(part.rows, weight: weight.sliced(part.columns, along: 1)).evaluated()
    }
    let ends = first?.bias.map { made(of: target) + $0.value } ?? made(of: target)
    let sums = edgeSum(made(of: source), ends, along: block)
    return Sequential(rest)(edge.map { sums + made(of: $0) } ?? sums)
  }
}
