import HedgerowCore
import HedgerowGraph

/// The edges of a block by type: a row for each pair of a type and a target that has edges of it.
///
/// What depends on an edge's type is done once for a pair, not for each edge, and pairs of one type stand
/// together: rows of one product (``groupedMatmul(_:_:by:)``).
struct TypedEdges {
  /// From sources to pairs, types in their order and targets rising within one; its ``Block/edges`` says which
  /// entry of the whole each entry is.
  let pairs: Block
  /// Pairs of type k are typeOffsets[k]..<typeOffsets[k + 1].
  let typeOffsets: [UInt32]
  /// The target of each pair.
  let targets: [UInt32]
  /// From pairs to targets.
  let sums: Block

  /// - Parameter types: of each entry of the block, below `typeCount`; traps otherwise.
  ///
  /// Time O(edges + types).
  init(_ block: Block, types: [UInt32], typeCount: Int) {
    require(
      types.count == block.edgeCount && types.allSatisfy { $0 < typeCount },
      "\(types.count) types up to \(types.max() ?? 0) for \(block.edgeCount) edges and "
        + "\(typeCount) types")
    var next = [Int](repeating: 0, count: typeCount + 1)
    for type in types { next[Int(type) + 1] += 1 }
    for type in 0..<typeCount { next[type + 1] += next[type] }
    // Entries by type; those of a type keep their order, which is that of targets.
    var ends = [UInt32](repeating: 0, count: types.count)
    var entries = ends
    for target in 0..<block.targetCount {
      for entry in Int(block.offsets[target])..<Int(block.offsets[target + 1]) {
        let place = next[Int(types[entry])]
        next[Int(types[entry])] += 1
        entries[place] = UInt32(entry)
        ends[place] = UInt32(target)
      }
    }
    self.init(
      sources: entries.map { block.sources[Int($0)] }, targets: ends, entries: entries,
      typeEnds: next.dropLast(), sourceCount: block.sourceCount, targetCount: block.targetCount)
  }

  /// - Parameters:
  ///   - sources, targets: of each edge, edges of one type together and their targets rising.
  ///   - entries: which entry of the whole each edge is.
  ///   - typeEnds: the edges up to the last one of each type.
  init(
    sources: [UInt32], targets: [UInt32], entries: [UInt32] = [], typeEnds: some Sequence<Int>,
    sourceCount: Int, targetCount: Int
  ) {
    var offsets: [UInt32] = [0]
    var (ends, typeOffsets): ([UInt32], [UInt32]) = ([], [0])
    var edge = 0
    for typeEnd in typeEnds {
      while edge < typeEnd {
        let target = targets[edge]
        while edge < typeEnd && targets[edge] == target { edge += 1 }
        offsets.append(UInt32(edge))
        ends.append(target)
      }
      typeOffsets.append(UInt32(ends.count))
    }
    pairs = Block(
      offsets: offsets, sources: sources, edges: entries, sourceCount: sourceCount,
      targetCount: ends.count)
    self.typeOffsets = typeOffsets
    self.targets = ends
    sums = Block(
      sources: (0..<UInt32(ends.count)).map { $0 }, targets: ends, sourceCount: ends.count,
      targetCount: targetCount)
  }

  var typeCount: Int { typeOffsets.count - 1 }
}

/// The pairs of a type and a row that occur, types in their order and rows rising within one.
struct TypedRows {
  /// The row of each pair.
  let rows: [UInt32]
  /// Pairs of type k are offsets[k]..<offsets[k + 1].
  let offsets: [UInt32]
  /// The pair of each occurrence.
  let places: [UInt32]

  /// - Parameters:
  ///   - occurrences: rows below `rowCount`.
  ///   - types: of each occurrence, below `typeCount`; traps otherwise.
  ///
  /// Time O(occurrences + rows + types).
  init(_ occurrences: [UInt32], types: [UInt32], rowCount: Int, typeCount: Int) {
    let byRow = RowGroups(occurrences, count: rowCount)
    let inOrder = byRow.order ?? (0..<UInt32(occurrences.count)).map { $0 }
    let byType = RowGroups(inOrder.map { types[Int($0)] }, count: typeCount)
    var (rows, offsets): ([UInt32], [UInt32]) = ([], [0])
    var places = [UInt32](repeating: 0, count: occurrences.count)
    for type in 0..<typeCount {
      let first = rows.count
      for index in Int(byType.offsets[type])..<Int(byType.offsets[type + 1]) {
        let occurrence = Int(inOrder[byType.order.map { Int($0[index]) } ?? index])
        let row = occurrences[occurrence]
        if rows.count == first || rows[rows.count - 1] != row { rows.append(row) }
        places[occurrence] = UInt32(rows.count - 1)
      }
      offsets.append(UInt32(rows.count))
    }
    (self.rows, self.offsets, self.places) = (rows, offsets, places)
  }
}
