import HedgerowCore
public import HedgerowGraph

extension Block {
  /// The edges of several blocks of the same nodes, each target's one block after the other; `nil` of none.
  ///
  /// Time O(edges + targets) of more than one.
  public init?(joining blocks: [Block]) {
    guard let first = blocks.first else { return nil }
    guard blocks.count > 1 else {
      self = first
      return
    }
    var offsets: [UInt32] = [0]
    var sources: [UInt32] = []
    offsets.reserveCapacity(first.targetCount + 1)
    let edgeCount = blocks.reduce(0) { $0 + $1.edgeCount }
    require(edgeCount < UInt32.max, "a block holds at most 2^32 - 1 edges")
    sources.reserveCapacity(edgeCount)
    for target in 0..<first.targetCount {
      for block in blocks {
        sources += block.sources[Int(block.offsets[target])..<Int(block.offsets[target + 1])]
      }
      offsets.append(UInt32(sources.count))
    }
    self.init(
      offsets: offsets, sources: sources, sourceCount: first.sourceCount,
      targetCount: first.targetCount)
  }
}
