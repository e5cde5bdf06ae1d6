import HedgerowCore
public import HedgerowTensor

/// Which set each row of a matrix belongs to: of each node its graph, of each message its target.
///
/// ```swift
/// let graphs = RowGroups([0, 0, 1, 2, 2], count: 3)
/// let pooled = Aggregation.mean(x, in: graphs)          // a row for each graph
/// ```
/// Rows of one group may lie anywhere. Where they lie together and groups rise, they are reduced where
/// they are; otherwise they are brought together first.
public struct RowGroups: Sendable {
  /// Groups, empty ones included.
  public let count: Int
  /// The group of each row.
  public let groups: [UInt32]
  /// Group g has the rows offsets[g]..<offsets[g + 1] once they are brought together.
  public let offsets: [UInt32]
  /// The rows in the order of their groups; `nil` when that is how they lie.
  let order: [UInt32]?

  /// Traps when a group is not below the count. Time O(rows + count).
  public init(_ groups: [UInt32], count: Int) {
    var offsets = [UInt32](repeating: 0, count: count + 1)
    for group in groups {
      require(group < count, "group \(group) is not below \(count)")
      offsets[Int(group) + 1] += 1
    }
    for group in 0..<count { offsets[group + 1] += offsets[group] }
    self.count = count
    self.groups = groups
    self.offsets = offsets
    if zip(groups, groups.dropFirst()).allSatisfy({ $0 <= $1 }) {
      order = nil
      return
    }
    var next = offsets
    var order = [UInt32](repeating: 0, count: groups.count)
    for (row, group) in groups.enumerated() {
      order[Int(next[Int(group)])] = UInt32(row)
      next[Int(group)] += 1
    }
    self.order = order
  }

  /// All rows as one group.
  public init(ofAll rowCount: Int) {
    self.init([UInt32](repeating: 0, count: rowCount), count: 1)
  }

  public var rowCount: Int { groups.count }

  /// Rows of each group: [groups].
  public var sizes: Tensor {
    Tensor((0..<count).map { Float(offsets[$0 + 1] - offsets[$0]) })
  }

  /// The most rows of a group.
  public var largestSize: Int {
    (0..<count).reduce(0) { Swift.max($0, Int(offsets[$1 + 1] - offsets[$1])) }
  }

  func check(_ x: Tensor) {
    require(
      x.rowCount == rowCount, "groups of \(rowCount) rows for rows of shape \(x.shape)")
  }

  /// The rows brought together.
  func together(_ x: Tensor) -> Tensor {
    check(x)
    return order.map { x.gathered(rows: $0) } ?? x
  }

  /// Rows that were brought together, back where they were.
  func apart(_ x: Tensor) -> Tensor {
    guard let order else { return x }
    var places = order
    for (place, row) in order.enumerated() { places[Int(row)] = UInt32(place) }
    return x.gathered(rows: places)
  }

  /// For each row that of its group. Shapes: [groups, ...] gives [rows, ...].
  func spread(_ x: Tensor) -> Tensor {
    order == nil ? repeated(x, by: offsets) : x.gathered(rows: groups)
  }

  /// Means of the groups' rows; zero for an empty group.
  func mean(_ x: Tensor) -> Tensor { segmentMean(together(x), by: offsets) }
}

extension Aggregator {
  /// One row for each group: the pooled features of each graph of a batch.
  ///
  /// Shapes: x [rows, width], result [groups, outputWidth(of: width)].
  public func callAsFunction(_ x: Tensor, in groups: RowGroups) -> Tensor {
    self(groups.together(x), by: groups.offsets)
  }
}
