public import HedgerowGraph
public import HedgerowTensor

extension NDTensor {
  /// For each entry of the block, its source's row. Shapes: [sources, ...] gives [edges, ...].
  public func gathered(alongSourcesOf block: Block) -> NDTensor {
    gathered(rows: block.usedSources)
  }

  /// For each entry of the block, its target's row. Shapes: [targets, ...] gives [edges, ...].
  public func gathered(alongTargetsOf block: Block) -> NDTensor {
    repeated(self, by: block.usedOffsets)
  }
}

extension Block {
  var rows: CompressedRows {
    CompressedRows(offsets: offsets, indices: sources, rowCount: targetCount)
  }

  var transposedRows: CompressedRows { compressed(transposed()) }
  var numberedTransposedRows: CompressedRows { compressed(transposed(entryNumbers: .present)) }

  private func compressed(_ rows: Transposed) -> CompressedRows {
    CompressedRows(
      offsets: rows.offsets, indices: rows.targets, rowCount: rows.rowCount,
      entries: rows.entries, places: rows.places)
  }

  /// Without what the arrays hold beyond this block.
  var usedOffsets: [UInt32] {
    offsets.count == targetCount + 1 ? offsets : Array(offsets[...targetCount])
  }
  var usedSources: [UInt32] {
    sources.count == edgeCount ? sources : Array(sources[..<edgeCount])
  }

  /// Edges that lead to each target: [targets].
  public func degrees<Scalar>(ofTargets: Scalar.Type = Float.self) -> NDTensor<Scalar> {
    NDTensor(shape: [targetCount]) { degrees in
      for target in 0..<targetCount {
        degrees[target] = Scalar(offsets[target + 1] - offsets[target])
      }
    }
  }

  /// The degree of each source: [sources].
  ///
  /// In a block of a whole graph, where sources are targets, edges that lead to the node; in a
  /// sampled layer, or between two types, edges of the block that leave it.
  public func degrees<Scalar>(ofSources: Scalar.Type = Float.self) -> NDTensor<Scalar> {
    if sourceCount == targetCount { return degrees(ofTargets: Scalar.self) }
    return NDTensor(shape: [sourceCount]) { degrees in
      for source in 0..<sourceCount { degrees[source] = 0 }
      for entry in 0..<edgeCount { degrees[Int(sources[entry])] += 1 }
    }
  }
}
