public import HedgerowCore
import HedgerowGraph
import HedgerowStore

/// What an ingest would do, as its first pass over the files says.
///
/// Counts, kinds and what is wrong are those of the ingest itself but for what only its second pass
/// sees: edges to nodes that are missing, parallel edges and pairs that are listed both ways, which are
/// counted as they are listed, and members of sets. Bytes and seconds are estimates.
public struct IngestPlan: Sendable {
  /// New nodes of each type.
  public var nodes = PerNode<Int>()
  /// New edges of each type, both arcs of undirected ones.
  public var edges = PerEdge<Int>()
  public var schema = GraphSchema()
  public var duplicates = 0
  public var leftOut: [LeftOutLines] = []
  public var skipped: Int { leftOut.reduce(0) { $0 + $1.count } }
  public var messages: [String] { leftOut.flatMap(\.messages) }
  /// Of the store's new files.
  public var storeByteCount = 0
  /// Of files that are there while the store is made, beside it.
  public var scratchByteCount = 0
  /// What the first pass took, and about what all of it would take.
  public var scanSeconds = 0.0
  public var seconds = 0.0
  public var peakResidentByteCount = 0

  var hasTexts = false
  var hasTextKeys = false

  /// How often as long a whole ingest takes as its first pass, about: that was 21 to 25 % of the time
  /// with integer keys, 33 to 64 % in a small table with columns, and 48 to 52 % with text keys, which
  /// the first pass puts into their table.
  static func timeFactor(hasTextKeys: Bool) -> Double { hasTextKeys ? 2 : 4 }

  mutating func add(rows: Int, of kinds: [PropertyKind]) {
    for kind in kinds {
      if kind.hasVariableLength {
        // Offsets; the texts are counted by their files.
        storeByteCount += 8 * rows
        hasTexts = true
      } else {
        storeByteCount += kind.byteWidth * rows
      }
      storeByteCount += rows / 8
    }
  }

  mutating func addKeys(_ count: Int, byteCount: Int, _ kind: KeyKind) {
    switch kind {
    case .identity: break
    case .int64, .uuid: storeByteCount += byteCount + 4 * count
    case .string:
      storeByteCount += byteCount + 12 * count
      hasTextKeys = true
    }
  }

  /// Neighbors of both directions, and the edge's place where it has columns.
  mutating func addIndices(
    _ edges: Int, between sources: Int, and targets: Int, columns: Int
  ) {
    for count in [sources, targets] {
      storeByteCount +=
        NumberPacker.byteCount(edges, bits: NumberPacker.bitCount(below: count)) ?? 0
    }
    storeByteCount += columns == 0 ? 0 : 4 * edges
  }

  /// Records of the sorters, which go to disk where they do not fit in memory.
  mutating func addSorting(_ edges: Int, columns: [PropertyKind]) {
    let width = columns.isEmpty ? 8 : 16 + columns.reduce(0) { $0 + $1.byteWidth }
    scratchByteCount = max(scratchByteCount, 2 * width * edges)
  }
}
