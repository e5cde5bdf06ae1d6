import HedgerowCore
import HedgerowMapped
import Synchronization

/// The segment files of one generation, each mapped at its first use, shared by all who read it:
/// snapshots and live transactions.
///
/// What came since lies in the tables of changes and not here, so a row may be beyond what a segment
/// knows. Holds the pin that keeps the files.
final class Generation: Sendable {
  let number: UInt64
  let files: StoreFiles
  /// The manifest is the generation's; the catalog is that of whoever asked first.
  private let state: StoreState
  private let pin: FileLock?

  private struct Opened {
    var adjacencies: [AdjacencyKey: StoredAdjacency] = [:]
    var columns: [ColumnKey: StoredColumn] = [:]
    var keys: [UInt16: StoredKeys] = [:]
    var categories: [ColumnKey: [String: UInt32]] = [:]
  }
  private struct AdjacencyKey: Hashable {
    var type: UInt16
    var index: AdjacencyIndex
  }
  private let opened = Mutex(Opened())

  init(files: StoreFiles, state: StoreState, pin: FileLock?) {
    number = state.record.generation
    self.files = files
    self.state = state
    self.pin = pin
  }

  var rangeBits: Int { state.record.rangeBits }

  /// - Parameters:
  ///   - sourceCount: rows of the source type in segments; `targetCount`: of the target type.
  func adjacency(
    _ edge: EdgeTypeRecord, _ index: AdjacencyIndex, sourceCount: Int, targetCount: Int
  ) throws -> StoredAdjacency {
    try opened.withLock { opened in
      let key = AdjacencyKey(type: edge.id, index: index)
      if let known = opened.adjacencies[key] { return known }
      let made = try StoredAdjacency(
        files: files, state: state, edge: edge, index: index,
        rowCount: index == .out ? sourceCount : targetCount,
        neighborCount: index == .out ? targetCount : sourceCount)
      opened.adjacencies[key] = made
      return made
    }
  }

  /// A column's segments; one that was added since has no rows.
  func column(
    _ owner: Owner, _ type: UInt16, _ column: ColumnRecord, place: String
  ) throws -> StoredColumn {
    try opened.withLock { opened in
      let key = ColumnKey(owner, type, column.id)
      if let known = opened.columns[key] { return known }
      let made = try StoredColumn(
        files: files, state: state, part: owner == .node ? .nodeColumn : .edgeColumn, type: type,
        column: column, name: place)
      opened.columns[key] = made
      return made
    }
  }

  /// The codes of a categorical column's texts in segments.
  func codes(
    _ owner: Owner, _ type: UInt16, _ column: ColumnRecord, place: String
  ) throws -> [String: UInt32] {
    let categories = try self.column(owner, type, column, place: place).categories
    return opened.withLock { opened in
      let key = ColumnKey(owner, type, column.id)
      if let known = opened.categories[key] { return known }
      let made = Dictionary(
        zip(categories, 0..<UInt32(categories.count)), uniquingKeysWith: { first, _ in first })
      opened.categories[key] = made
      return made
    }
  }

  func keys(_ node: NodeTypeRecord) throws -> StoredKeys {
    try opened.withLock { opened in
      if let known = opened.keys[node.id] { return known }
      let made = try StoredKeys(files: files, state: state, node: node)
      opened.keys[node.id] = made
      return made
    }
  }
}

/// Where a store's files lie.
struct StoreFiles: Sendable {
  var path: String

  func segmentPath(_ name: String) -> String { "\(path)/\(StoreLayout.segmentsDirectory)/\(name)" }
}
