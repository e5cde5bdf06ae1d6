import HedgerowCore

/// The two indices that every edge type has.
public enum AdjacencyIndex: UInt8, Sendable, CaseIterable, CustomStringConvertible {
  /// Rows are sources; each row's targets rise. Its order is the canonical order of edges.
  case out = 0
  /// Rows are targets; each row's sources rise, by time first where the type declares one.
  case `in` = 1

  public var description: String { self == .out ? "out" : "in" }
}

/// Names and section numbers of what is in a store's directory; drawn in `docs/format.md`.
enum StoreLayout {
  /// Of the whole store. From 1 on it is frozen: see `docs/format.md` for what may be added to it.
  static let format: UInt64 = 1
  static let segmentsDirectory = "segments"
  static let generationsDirectory = "generations"
  static let scratchDirectory = "scratch"
  /// Held by whoever commits: a write for a moment, a build from its beginning to its end.
  static let writerLock = "writer.lock"
  /// Held by whoever waits for the writers' lock.
  static let turnLock = "turn.lock"
  /// Held by whoever makes segment files: builds, compactions and changes of the schema.
  static let buildLock = "build.lock"
  static let dataFile = "data.mdb"

  enum AdjacencySection {
    static let bases: UInt32 = 1
    static let deltas: UInt32 = 2
    static let neighbors: UInt32 = 3
    static let positions: UInt32 = 4
    static let rows: UInt32 = 5
  }

  /// Of an adjacency with packed neighbors: bits of each.
  static let neighborBitsAttribute = 4

  enum ColumnSection {
    static let values: UInt32 = 1
    static let validity: UInt32 = 2
    static let offsets: UInt32 = 3
  }

  /// Keys and dictionaries: `integers`, `uuids`, or `offsets` into `bytes`; `order` lists ids by rising
  /// key.
  enum KeySection {
    static let integers: UInt32 = 1
    static let offsets: UInt32 = 2
    static let bytes: UInt32 = 3
    static let order: UInt32 = 4
    static let uuids: UInt32 = 5
  }

  /// Distinct values, as `integers` or as `offsets` into `bytes`; the rows of each as a bitmap behind
  /// `bitmapOffsets`.
  enum IndexSection {
    static let integers: UInt32 = 1
    static let offsets: UInt32 = 2
    static let bytes: UInt32 = 3
    static let bitmapOffsets: UInt32 = 4
    static let bitmaps: UInt32 = 5
  }
}

/// Which part of the graph a segment file holds. Together with a generation it names the file.
struct SegmentID: Hashable, Sendable {
  enum Part: UInt8, Sendable {
    case adjacencyOut = 0
    case adjacencyIn = 1
    case nodeColumn = 2
    case edgeColumn = 3
    case keys = 4
    case nodeDictionary = 5
    case edgeDictionary = 6
    case nodeIndex = 7
  }
  var part: Part
  /// The node or edge type's number in the catalog.
  var type: UInt16
  /// The column's number in its type; 0 for other parts.
  var column: UInt16 = 0
  /// The node range; 0 for parts that are not cut into ranges.
  var range: UInt32 = 0

  static func adjacency(_ type: UInt16, _ index: AdjacencyIndex, range: UInt32) -> SegmentID {
    SegmentID(part: index == .out ? .adjacencyOut : .adjacencyIn, type: type, range: range)
  }

  func fileName(generation: UInt64) -> String {
    let number = String(range)
    let range = "r" + String(repeating: "0", count: max(0, 4 - number.count)) + number
    return switch part {
    case .adjacencyOut: "adjacency-\(type)-out-\(range)-\(generation).seg"
    case .adjacencyIn: "adjacency-\(type)-in-\(range)-\(generation).seg"
    case .nodeColumn: "column-\(type)-\(column)-\(range)-\(generation).seg"
    case .edgeColumn: "edge-column-\(type)-\(column)-\(range)-\(generation).seg"
    case .keys: "keys-\(type)-\(generation).seg"
    case .nodeDictionary: "dictionary-\(type)-\(column)-\(generation).seg"
    case .edgeDictionary: "edge-dictionary-\(type)-\(column)-\(generation).seg"
    case .nodeIndex: "index-\(type)-\(column)-\(generation).seg"
    }
  }
}

/// What the manifest says of one segment.
struct SegmentRecord: Hashable, Sendable {
  var id: SegmentID
  var generation: UInt64
  /// Rows of the range or that an index covers, or keys, or dictionary entries.
  var rowCount: UInt64
  /// Entries of an adjacency; for an edge column equal to `rowCount`; distinct values of an index;
  /// else 0.
  var edgeCount: UInt64
  var fileByteCount: UInt64

  var fileName: String { id.fileName(generation: generation) }
}
