public import HedgerowGraph
public import HedgerowNN
public import HedgerowTensor

/// A layer over points: new features of targets, from features and positions.
///
/// Shapes: source [sources, source width], target [targets, target width], positions [sources, dimensions] and
/// [targets, dimensions], result [targets, output width].
public protocol PointConvolution: Module {
  /// - Parameter source: `nil` for points that have positions only, where the layer takes such.
  func callAsFunction(
    source: Tensor?, target: Tensor?, positions: (source: Tensor, target: Tensor), _ block: Block
  ) -> Tensor
}

extension PointConvolution {
  /// Within one set of points: targets are the first of the sources.
  public func callAsFunction(_ x: Tensor?, positions: Tensor, _ block: Block) -> Tensor {
    self(
      source: x, target: x?.prefix(rows: block.targetCount),
      positions: (positions, positions.prefix(rows: block.targetCount)), block)
  }
}

extension Block {
  /// The block with an edge from each target to itself in place of those that it has: also between two sets of
  /// points, of as many as both have.
  func withOneSelfLoop() -> Block {
    if targetCount <= sourceCount { return addingSelfLoops() }
    var (sources, targets): ([UInt32], [UInt32]) = ([], [])
    for target in 0..<targetCount {
      let row = self.sources[Int(offsets[target])..<Int(offsets[target + 1])]
      sources += row.filter { $0 != target }
      if target < sourceCount { sources.append(UInt32(target)) }
      targets += [UInt32](repeating: UInt32(target), count: sources.count - targets.count)
    }
    return Block(
      sources: sources, targets: targets, sourceCount: sourceCount, targetCount: targetCount)
  }
}
