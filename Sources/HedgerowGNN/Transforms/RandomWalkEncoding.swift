import HedgerowCore
public import HedgerowGraph
public import HedgerowTensor

/// How likely a random walk from each node is to be back after 1, 2, ... `length` steps: the diagonals of the powers of
/// D^-1 A.
///
/// A step goes along an edge that leaves the node, drawn by the edges' weights; a walk ends where none does. Shapes: a
/// block of a whole graph, weights [edges], result [nodes, length]. Time O(length x edges x nodes), memory
/// O(nodes x 64): columns of the powers are made 64 at a time.
///
/// - Parameter weights: in the order of the block's entries, not negative; ones where they are `nil`.
///
/// Source: Dwivedi et al., Graph Neural Networks with Learnable Structural and Positional Representations, ICLR 2022.
public func randomWalkEncoding(_ block: Block, length: Int, weights: Tensor? = nil) -> Tensor {
  requireWholeGraph(block)
  require(length >= 0, "a walk has no \(length) steps")
  let weights = (weights ?? .ones([block.edgeCount])).detached
  require(
    weights.shape == [block.edgeCount],
    "weights of shape \(weights.shape) for \(block.edgeCount) edges")
  // The transposed matrix has the same diagonals: to a target from its sources, by what leaves these.
  let leaving = inverses(weights.summed(bySourcesOf: block))
  let steps = Propagation(
    block, weights: weights * leaving.gathered(alongSourcesOf: block), normalization: .none)
  let count = block.targetCount
  var encoding = [Float](repeating: 0, count: count * length)
  for first in stride(from: 0, to: count, by: 64) {
    let width = min(64, count - first)
    var columns = Tensor(shape: [count, width]) { numbers in
      numbers.initialize(repeating: 0)
      for column in 0..<width { numbers[(first + column) * width + column] = 1 }
    }
    for step in 0..<length {
      columns = steps(columns)
      columns.withUnsafeBufferPointer { numbers in
        for column in 0..<width {
          encoding[(first + column) * length + step] = numbers[(first + column) * width + column]
        }
      }
    }
  }
  return Tensor(encoding, shape: [count, length])
}
