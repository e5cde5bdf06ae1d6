import HedgerowCore
public import HedgerowGraph
public import HedgerowTensor

/// How many edges lead to each target, as a one among zeros: [targets, mostDegree + 1]; more than the most count as
/// the most. Time O(targets x mostDegree).
public func degreeOneHot(_ block: Block, mostDegree: Int) -> Tensor {
  require(mostDegree >= 0, "a degree is not \(mostDegree)")
  return Tensor(shape: [block.targetCount, mostDegree + 1]) { rows in
    rows.initialize(repeating: 0)
    for target in 0..<block.targetCount {
      let degree = Int(block.offsets[target + 1] - block.offsets[target])
      rows[target * (mostDegree + 1) + min(degree, mostDegree)] = 1
    }
  }
}

/// For each node its degree, and the least, the greatest, the mean and the standard deviation of the degrees of the
/// nodes whose edges lead to it; zeros where there are none.
///
/// Shapes: a block of a whole graph, where sources are targets, result [targets, 5]. A standard deviation is the root
/// of the mean squared difference, and 0 where its square is at most 1e-5, as `LocalDegreeProfile` of PyTorch
/// Geometric has it for graphs without direction.
///
/// Source: Cai and Wang, A Simple yet Effective Baseline for Non-attributed Graph Classification, 2018.
public func localDegreeProfile(_ block: Block) -> Tensor {
  requireWholeGraph(block)
  return Tensor(shape: [block.targetCount, 5]) { rows in
    for target in 0..<block.targetCount {
      let range = Int(block.offsets[target])..<Int(block.offsets[target + 1])
      let degrees = range.lazy.map { entry in
        let source = Int(block.sources[entry])
        return Double(block.offsets[source + 1] - block.offsets[source])
      }
      let count = Double(max(1, range.count))
      let mean = degrees.reduce(0, +) / count
      let variance = degrees.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
      let profile = [
        Double(range.count), degrees.min() ?? 0, degrees.max() ?? 0, mean,
        variance > 1e-5 ? variance.squareRoot() : 0,
      ]
      for (column, number) in profile.enumerated() { rows[target * 5 + column] = Float(number) }
    }
  }
}

/// Traps unless the sources of a block are its targets.
func requireWholeGraph(_ block: Block) {
  require(
    block.sourceCount == block.targetCount,
    "a block of \(block.sourceCount) sources and \(block.targetCount) targets is no whole graph")
}
