public import HedgerowGraph
public import HedgerowTensor

/// For each entry e = (s, t), x_s + y_t.
///
/// Shapes: x [sources, ...], y [targets, ...], result [edges, ...].
public func edgeSum<Scalar>(
  _ x: NDTensor<Scalar>, _ y: NDTensor<Scalar>, along block: Block
) -> NDTensor<Scalar> {
  edgeSum(x, y, over: block.rows) { block.numberedTransposedRows }
}

/// For each entry e = (s, t), the product of x_s and y_t, or one for each of `heads` equal stretches.
///
/// Shapes: x [sources, width], y [targets, width], result [edges], with heads [edges, heads].
public func edgeDot<Scalar>(
  _ x: NDTensor<Scalar>, _ y: NDTensor<Scalar>, heads: Int? = nil, along block: Block
) -> NDTensor<Scalar> {
  edgeDot(x, y, heads: heads, over: block.rows) { block.numberedTransposedRows }
}

/// Softmax over the entries of each target, column by column. Shapes: [edges, ...].
public func edgeSoftmax<Scalar>(
  _ scores: NDTensor<Scalar>, along block: Block
) -> NDTensor<Scalar> {
  segmentSoftmax(scores, by: block.usedOffsets)
}

/// What the features of a self-loop are that is added to a graph whose edges have features.
public enum SelfLoopFeatures: Sendable {
  /// The aggregate over the other edges to its node.
  case aggregated(Aggregation)
  case constant(Float)
}

extension Block {
  /// The block with the edge from each target to itself replaced by one, and its entries' features.
  ///
  /// Targets that are no sources have none. Shapes: features [edges, width].
  func addingSelfLoops(
    features: Tensor, _ filling: SelfLoopFeatures
  ) -> (block: Block, features: Tensor) {
    let looped = numberedByEntries.addingSelfLoops(.whereMissing)
    let others = looped.withoutLastOfRows(upTo: sourceCount)
    let loops =
      switch filling {
      case .constant(let value):
        Tensor(repeating: value, shape: [targetCount] + features.shape.dropFirst())
      case .aggregated(let aggregation):
        aggregation(features.gathered(rows: others.entries), by: others.offsets)
      }
    var places = looped.edges
    for target in 0..<min(targetCount, sourceCount) {
      places[Int(looped.offsets[target + 1]) - 1] = UInt32(features.rowCount + target)
    }
    return (looped, concatenated(features, loops, along: 0).gathered(rows: places))
  }

  /// Which edges the entries are, but the last one of each of the first rows.
  private func withoutLastOfRows(
    upTo count: Int
  ) -> (entries: [UInt32], offsets: [UInt32]) {
    var (entries, offsets): ([UInt32], [UInt32]) = ([], [0])
    for target in 0..<targetCount {
      let row = edges[Int(self.offsets[target])..<Int(self.offsets[target + 1])]
      entries += target < count ? row.dropLast() : row
      offsets.append(UInt32(entries.count))
    }
    return (entries, offsets)
  }

  /// The same with ``edges`` as the entries of this block, whatever its own edges are.
  var numberedByEntries: Block {
    edges.isEmpty
      ? self
      : Block(
        offsets: offsets, sources: sources, sourceCount: sourceCount, targetCount: targetCount)
  }

  /// The entries as sources of their targets: what reduces features of edges as if they were of nodes.
  var entryRows: CompressedRows {
    CompressedRows(
      offsets: offsets, indices: (0..<UInt32(edgeCount)).map { $0 }, rowCount: targetCount)
  }

  /// The other way round: the target of each entry.
  var transposedEntryRows: CompressedRows {
    var targets: [UInt32] = []
    targets.reserveCapacity(edgeCount)
    for target in 0..<targetCount {
      targets += repeatElement(
        UInt32(target), count: Int(offsets[target + 1] - offsets[target]))
    }
    let numbers = (0...UInt32(edgeCount)).map { $0 }
    return CompressedRows(
      offsets: numbers, indices: targets, rowCount: edgeCount, entries: numbers)
  }

  /// The entries of each of `count` types, as a block, with the entries that they are as its edges.
  ///
  /// Time O(edges + count targets).
  func parted(by types: [UInt32], count: Int) -> [Block] {
    var parts = [(offsets: [UInt32], sources: [UInt32], edges: [UInt32])](
      repeating: ([0], [], []), count: count)
    for target in 0..<targetCount {
      for entry in Int(offsets[target])..<Int(offsets[target + 1]) {
        let type = Int(types[entry])
        parts[type].sources.append(sources[entry])
        parts[type].edges.append(UInt32(entry))
      }
      for type in parts.indices { parts[type].offsets.append(UInt32(parts[type].sources.count)) }
    }
    return parts.map {
      Block(
        offsets: $0.offsets, sources: $0.sources, edges: $0.edges, sourceCount: sourceCount,
        targetCount: targetCount)
    }
  }
}

extension NDTensor {
  /// For each source of the block, the sum of its entries' numbers: [edges] gives [sources].
  func summed(bySourcesOf block: Block) -> NDTensor {
    let rows = block.transposed(entryNumbers: .present)
    let sums = segmentSum(gathered(rows: rows.entries), by: rows.offsets)
    guard let places = rows.places else { return sums }
    // Sources that send nothing get the zero behind the sums.
    var rowOfSource = [UInt32](repeating: UInt32(places.count), count: block.sourceCount)
    for (row, place) in places.enumerated() { rowOfSource[Int(place)] = UInt32(row) }
    return concatenated(sums, .zeros([1])).gathered(rows: rowOfSource)
  }
}
