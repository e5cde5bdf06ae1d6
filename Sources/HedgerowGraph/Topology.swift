public import HedgerowCore
public import HedgerowRoaring

/// The entries of one row of an index, as addresses that only the topology can read.
public struct Extent: Hashable, Sendable, BitwiseCopyable {
  /// The address of the first entry; entry i of the row is at `start + i`.
  public var start: UInt64
  public var count: UInt32
  public init(start: UInt64, count: UInt32) {
    self.start = start
    self.count = count
  }
}

/// A graph as rows, and no algorithm in it: samplers make every choice, a topology only answers.
///
/// The store's snapshot and ``MemoryGraph`` implement it, and whoever reads one reads the other: the
/// entries of a row come in one canonical order, so equal graphs give equal samples. Questions are
/// asked for a whole frontier at a time, so that a disk is read in planned runs.
///
/// Along a ``Relation``, rows are the nodes where messages arrive and entries the nodes where they
/// come from.
public protocol Topology: Sendable {
  var schema: GraphSchema { get }

  /// Nodes of a type; 0 for a type that is not there.
  func count(of type: NodeType) -> Int

  /// Nodes that are no more: they have rows without entries, and nobody draws them as seeds.
  func deletedNodes(of type: NodeType) -> RoaringBitmap

  /// Edges of a stored type; 0 for a type that is not there.
  func count(of type: EdgeType) -> Int

  /// The members of a named set, or `nil` when there is no such set.
  func set(named name: String, of type: NodeType) throws -> RoaringBitmap?

  /// Starts reading what ``extents(of:along:into:)`` will touch for these rows.
  func prefetch(rows: Span<UInt32>, along relation: Relation)

  /// Where the entries of each row lie.
  ///
  /// - Throws: `damaged` when stored offsets make no sense. Traps on rows outside their type.
  func extents(
    of rows: Span<UInt32>, along relation: Relation, into extents: inout MutableSpan<Extent>) throws

  /// Bytes on the device in which ``extents(of:along:into:)`` looks, of all rows together.
  func extentByteCount(along relation: Relation) -> Int

  /// Bytes on the device of all neighbors that ``read(_:along:into:)`` gives.
  func neighborByteCount(along relation: Relation) -> Int

  /// Starts reading what ``read(_:along:into:)`` will touch for these addresses.
  func prefetch(addresses: Span<UInt64>, along relation: Relation)

  /// The neighbor at each address; each is below ``count(of:)`` of the relation's source.
  ///
  /// - Throws: `damaged` when a stored neighbor is out of range.
  func read(
    _ addresses: Span<UInt64>, along relation: Relation, into neighbors: inout MutableSpan<UInt32>
  ) throws

  /// The neighbors of stretches of rows, one stretch after the other: what ``read(_:along:into:)`` gives
  /// for all of their addresses.
  func read(
    _ stretches: Span<Extent>, along relation: Relation, into neighbors: inout MutableSpan<UInt32>
  ) throws

  /// Which edge the entry at each address is: its place in the order of the type's edges, which is
  /// by source, then target, then the order in which parallel edges came. Columns of edges lie in
  /// this order, and an edge is the same one in both readings of its type.
  ///
  /// - Parameter rows: the row of each entry.
  /// - Throws: `damaged` when stored places make no sense.
  func edges(
    at addresses: Span<UInt64>, in rows: Span<UInt32>, along relation: Relation,
    into edges: inout MutableSpan<UInt64>) throws

  /// The nodes between which edges of a type run, by their places in the order of edges, which are
  /// below the type's count. Time O(log nodes) an edge.
  func endpoints(
    of edges: Span<UInt64>, _ type: EdgeType, sources: inout MutableSpan<UInt32>,
    targets: inout MutableSpan<UInt32>) throws

  /// Integers or timestamps of a column, at places below the owner's count; whatever is to be read
  /// is asked for ahead.
  ///
  /// - Parameter null: what stands for a value that is not there.
  /// - Throws: `usage` for a column that is not there or holds something else.
  func integers(
    of column: String, of owner: ColumnOwner, at places: Span<UInt64>, null: Int64,
    into values: inout MutableSpan<Int64>) throws

  /// Numbers of any kind of a column; NaN stands for a value that is not there.
  ///
  /// - Throws: `usage` for a column that is not there or holds something else.
  func numbers(
    of column: String, of owner: ColumnOwner, at places: Span<UInt64>,
    into values: inout MutableSpan<Double>) throws
}

/// What a column belongs to: its rows are nodes by id, or edges by their place in their order.
public enum ColumnOwner: Hashable, Sendable, CustomStringConvertible {
  case nodes(NodeType)
  case edges(EdgeType)

  public var description: String {
    switch self {
    case .nodes(let type): "\(type)"
    case .edges(let type): "\(type)"
    }
  }
}

/// Rows of numbers that belong to nodes.
public protocol FeatureSource: Sendable {
  /// How rows are kept, or `nil` when the type has no such column of numbers.
  func layout(of column: String, of type: NodeType) -> RowLayout?

  /// Starts reading the rows of these nodes.
  func prefetch(_ nodes: Span<UInt32>, of type: NodeType, column: String)

  /// Gives back what memory holds of the rows of these nodes: they will not be needed again soon.
  func release(_ nodes: Span<UInt32>, of type: NodeType, column: String)

  /// Writes the rows of these nodes, as float32, one after the other: nodes x width elements. A
  /// null row is zeros.
  func gather(
    _ nodes: Span<UInt32>, of type: NodeType, column: String,
    into rows: UnsafeMutableBufferPointer<Float>) throws

  /// Where the rows of these nodes are, as numbers that become float32, when they lie in memory or fit
  /// there; `nil` when that cannot be said. A null row is zeros.
  func rowsInPlace(
    _ nodes: Span<UInt32>, of type: NodeType, column: String
  ) throws -> RowsInPlace?

  /// Writes the rows of these nodes as they are kept, one after the other: nodes x the layout's
  /// bytes. A null row is zeros.
  func copy(
    _ nodes: Span<UInt32>, of type: NodeType, column: String,
    into rows: UnsafeMutableRawBufferPointer) throws

  /// Writes rows as ``copy(_:of:column:into:)`` does that will not be needed again soon: nothing of them
  /// stays in memory. Fastest for nodes that rise.
  func read(
    _ nodes: Span<UInt32>, of type: NodeType, column: String,
    into rows: UnsafeMutableRawBufferPointer) throws

  /// Class labels of these nodes: the codes of a categorical column or the values of an integer
  /// one; null, empty and negative labels are -1.
  func labels(_ nodes: Span<UInt32>, of type: NodeType, column: String) throws -> [Int32]

  /// The nodes that a filter takes, by the values of their columns.
  ///
  /// - Throws: `usage` for a column that is not there or whose kind has no such comparison.
  func nodes(of type: NodeType, where filter: Filter) throws -> RoaringBitmap

  /// The edges that a filter takes, by their places in the order of the type's edges.
  ///
  /// - Throws: `usage` for a column that is not there or whose kind has no such comparison, and for a
  ///   type of more than 2^32 edges.
  func edges(of type: EdgeType, where filter: Filter) throws -> RoaringBitmap

  /// The external keys of these nodes, as text: their ids where they have no others.
  func keys(_ nodes: Span<UInt32>, of type: NodeType) throws -> [String]
}

extension FeatureSource {
  public func rowsInPlace(
    _ nodes: Span<UInt32>, of type: NodeType, column: String
  ) throws -> RowsInPlace? { nil }

  public func read(
    _ nodes: Span<UInt32>, of type: NodeType, column: String,
    into rows: UnsafeMutableRawBufferPointer
  ) throws {
    try readThroughMemory(nodes, of: type, column: column, into: rows)
  }

  /// Reads rows part by part: each is let go of before there are so many that one leaves before it is looked
  /// at, and the next one is on its way.
  public func readThroughMemory(
    _ nodes: Span<UInt32>, of type: NodeType, column: String,
    into rows: UnsafeMutableRawBufferPointer
  ) throws {
    let size = 1024
    let width = layout(of: column, of: type)?.byteCount ?? 0
    func part(_ first: Int) -> Range<Int> {
      min(first, nodes.count)..<min(nodes.count, first + size)
    }
    prefetch(nodes.extracting(part(0)), of: type, column: column)
    for first in stride(from: 0, to: nodes.count, by: size) {
      prefetch(nodes.extracting(part(first + size)), of: type, column: column)
      let part = part(first)
      try copy(
        nodes.extracting(part), of: type, column: column,
        into: UnsafeMutableRawBufferPointer(
          rebasing: rows[part.lowerBound * width..<part.upperBound * width]))
      release(nodes.extracting(part), of: type, column: column)
    }
  }

  public func keys(_ nodes: Span<UInt32>, of type: NodeType) throws -> [String] {
    (0..<nodes.count).map { String(nodes[$0]) }
  }
}

extension FeatureSource {
  /// Elements of a row, or `nil` when the type has no such column of numbers.
  public func width(of column: String, of type: NodeType) -> Int? {
    layout(of: column, of: type)?.width
  }
}

extension Topology {
  public func deletedNodes(of type: NodeType) -> RoaringBitmap { RoaringBitmap() }

  /// All neighbors of one node along a relation, in the stored order. Time O(degree).
  public func neighbors(of node: NodeID, along relation: Relation) throws -> [UInt32] {
    let rows = [node.rawValue]
    let row = try extents(of: rows.span, along: relation)[0]
    let addresses = (0..<UInt64(row.count)).map { row.start + $0 }
    return try neighbors(at: addresses.span, along: relation)
  }

  /// The edge column by whose values the entries of a row are sorted before they are by neighbor.
  public func timeColumn(sortingRowsAlong relation: Relation) -> String? {
    relation.direction == .forward ? schema.edge(relation.stored)?.timeColumn : nil
  }

  /// How many edges arrive at one node along a relation.
  public func degree(of node: NodeID, along relation: Relation) throws -> Int {
    let rows = [node.rawValue]
    return Int(try extents(of: rows.span, along: relation)[0].count)
  }
}
