import HedgerowCore
import HedgerowGraph
import HedgerowRoaring
import HedgerowStore

/// The new numbers of a snapshot's nodes: for each type the old ids in the new order, and back.
struct NodeNumbering {
  /// The old id of each new one.
  private(set) var old = PerNode<[UInt32]>()
  /// The new id of each old one; ``dropped`` for a deleted node.
  private(set) var new = PerNode<[UInt32]>()

  static let dropped = UInt32.max

  /// Bytes that a node takes while its number is found out, and afterwards.
  static let byteCountWhileOrdering = 13
  static let byteCount = 8

  /// - Parameters:
  ///   - memory: for sorting nodes, beside ``byteCountWhileOrdering`` a node.
  ///   - onNodes: called often, with the nodes that were numbered since the last call; may throw to
  ///     stop.
  init(
    _ order: NodeOrder, of snapshot: Snapshot, memory: Int, scratch: String,
    onNodes: (Int) throws -> Void
  ) throws {
    let types = snapshot.schema.nodes.map(\.type)
    switch order {
    case .input:
      for type in types {
        let deleted = snapshot.deletedNodes(of: type)
        let count = snapshot.count(of: type)
        var ids: [UInt32] = []
        ids.reserveCapacity(count)
        for block in Self.blocks(of: count) {
          ids += (UInt32(block.lowerBound)..<UInt32(block.upperBound)).lazy.filter {
            !deleted.contains($0)
          }
          try onNodes(block.count)
        }
        old[type] = ids
      }
    case .degree:
      let nodes = try AllNodes(snapshot) { try onNodes(0) }
      for (number, type) in types.enumerated() {
        var ids: [UInt32] = []
        ids.reserveCapacity(snapshot.count(of: type))
        let sorter = try nodes.sorter(
          of: number..<number + 1, falling: true, memory: memory, scratch: scratch,
          onBlock: { try onNodes(0) })
        let sorted = try sorter.finish()
        while let block = try sorted.next() {
          try onNodes(block.count / 8)
          for word in block.bindMemory(to: UInt64.self) {
            ids.append(UInt32(truncatingIfNeeded: word) - nodes.starts[number])
          }
        }
        old[type] = ids
      }
    case .bfs, .rcm:
      let nodes = try AllNodes(snapshot) { try onNodes(0) }
      let sorter = try nodes.sorter(
        of: 0..<types.count, falling: order == .bfs, memory: memory, scratch: scratch,
        onBlock: { try onNodes(0) })
      var search = NodeSearch(nodes, snapshot, sortsByDegree: order == .rcm)
      let sorted = try sorter.finish()
      while let block = try sorted.next() {
        for word in block.bindMemory(to: UInt64.self) {
          try search.run(from: UInt32(truncatingIfNeeded: word), onNodes: onNodes)
        }
      }
      var found = types.map { type in
        var ids: [UInt32] = []
        ids.reserveCapacity(snapshot.count(of: type))
        return ids
      }
      func add(_ node: UInt32) {
        let number = nodes.type(of: node)
        found[number].append(node - nodes.starts[number])
      }
      let last = search.order.count - 1
      for block in Self.blocks(of: search.order.count) {
        for place in block { add(search.order[order == .rcm ? last - place : place]) }
        try onNodes(0)
      }
      for (number, type) in types.enumerated() {
        old[type] = found[number]
        found[number] = []
      }
    }
    for (type, ids) in old {
      var numbers = [UInt32](repeating: Self.dropped, count: snapshot.count(of: type))
      for block in Self.blocks(of: ids.count) {
        for place in block { numbers[Int(ids[place])] = UInt32(place) }
        try onNodes(0)
      }
      new[type] = numbers
    }
  }

  /// Parts of a long loop, between which is asked whether to go on.
  private static func blocks(of count: Int) -> some Sequence<Range<Int>> {
    let size = 1 << 18
    return stride(from: 0, to: count, by: size).lazy.map { $0..<min(count, $0 + size) }
  }
}

/// The nodes of all types in one row, with the number of edges that each has.
struct AllNodes {
  /// Where each type begins, and the end.
  let starts: [UInt32]
  let types: [NodeType]
  /// Edges of all types; of an undirected one an edge counts once at each end.
  private(set) var degrees: [UInt32]
  private let deleted: [RoaringBitmap]

  /// - Parameter onBlock: called often; may throw to stop.
  init(_ snapshot: Snapshot, onBlock: () throws -> Void) throws {
    types = snapshot.schema.nodes.map(\.type)
    deleted = types.map { snapshot.deletedNodes(of: $0) }
    var total = 0
    var starts: [UInt32] = []
    for type in types {
      starts.append(UInt32(truncatingIfNeeded: total))
      total += snapshot.count(of: type)
    }
    guard total < UInt32.max else {
      throw HedgerowError(
        .usage, "has \(total) nodes; up to 2^32 - 2 can be put in order", at: snapshot.path)
    }
    self.starts = starts + [UInt32(total)]
    degrees = [UInt32](repeating: 0, count: total)
    let step = 4096
    for relation in snapshot.schema.relations() {
      let start = Int(starts[types.firstIndex(of: relation.target)!])
      let count = snapshot.count(of: relation.target)
      for first in stride(from: 0, to: count, by: step) {
        try onBlock()
        let rows = (UInt32(first)..<UInt32(min(count, first + step))).map { $0 }
        var extents = [Extent](repeating: Extent(start: 0, count: 0), count: rows.count)
        snapshot.prefetch(rows: rows.span, along: relation)
        var span = extents.mutableSpan
        try snapshot.extents(of: rows.span, along: relation, into: &span)
        for (row, extent) in extents.enumerated() {
          let place = start + first + row
          degrees[place] = UInt32(clamping: UInt64(degrees[place]) + UInt64(extent.count))
        }
      }
    }
  }

  var count: Int { degrees.count }

  func type(of node: UInt32) -> Int {
    var number = 0
    while node >= starts[number + 1] { number += 1 }
    return number
  }

  /// Sorts the nodes of some types that are there by their degrees, then by number: words whose lower
  /// half is a node.
  func sorter(
    of types: Range<Int>, falling: Bool, memory: Int, scratch: String,
    onBlock: () throws -> Void
  ) throws -> ExternalSorter {
    let nodes = types.isEmpty ? 0..<0 : starts[types.lowerBound]..<starts[types.upperBound]
    let sorter = ExternalSorter(.words, memory: memory, scratch: scratch, expected: nodes.count)
    var words: [UInt64] = []
    func flush() throws {
      try onBlock()
      try words.withUnsafeBytes { try sorter.append($0) }
      words.removeAll(keepingCapacity: true)
    }
    for number in types {
      for node in starts[number]..<starts[number + 1] {
        if deleted[number].contains(node - starts[number]) { continue }
        let degree = degrees[Int(node)]
        words.append(UInt64(falling ? ~degree : degree) << 32 | UInt64(node))
        if words.count == 1 << 14 { try flush() }
      }
    }
    try flush()
    return sorter
  }
}

/// A breadth-first search over the nodes of all types along all relations.
///
/// Nodes are taken from the queue some at a time and their neighbors read together, so that a disk sees
/// planned runs; the order is that of taking them one by one.
private struct NodeSearch {
  private let nodes: AllNodes
  private let snapshot: Snapshot
  private let relations: [(relation: Relation, source: Int, target: Int)]
  /// A node's neighbors go into the queue by rising degree.
  private let sortsByDegree: Bool
  private var isReached: [UInt64]
  /// Nodes as they were reached.
  private(set) var order: [UInt32] = []
  private var next = 0

  private static let nodeLimit = 1024
  private static let neighborLimit = 1 << 17

  init(_ nodes: AllNodes, _ snapshot: Snapshot, sortsByDegree: Bool) {
    self.nodes = nodes
    self.snapshot = snapshot
    self.sortsByDegree = sortsByDegree
    relations = snapshot.schema.relations().map { relation in
      (
        relation, nodes.types.firstIndex(of: relation.source)!,
        nodes.types.firstIndex(of: relation.target)!
      )
    }
    isReached = [UInt64](repeating: 0, count: (nodes.count + 63) / 64)
    order.reserveCapacity(nodes.count)
  }

  private mutating func reach(_ node: UInt32) {
    let (word, bit) = (Int(node) / 64, UInt64(1) << UInt64(node % 64))
    guard isReached[word] & bit == 0 else { return }
    isReached[word] |= bit
    order.append(node)
  }

  /// Reaches all that hangs together with a node, unless it was reached before.
  mutating func run(from node: UInt32, onNodes: (Int) throws -> Void) throws {
    reach(node)
    while next < order.count {
      var end = next
      var neighborCount = 0
      while end < order.count, end - next < Self.nodeLimit {
        neighborCount += Int(nodes.degrees[Int(order[end])])
        if end > next, neighborCount > Self.neighborLimit { break }
        end += 1
      }
      let part = next..<end
      if part.count == 1, nodes.degrees[Int(order[next])] > Self.neighborLimit {
        try expandHub(order[next]) { try onNodes(0) }
      } else {
        try expand(part)
      }
      next = part.upperBound
      try onNodes(part.count)
    }
  }

  /// - Parameter onBlock: called often; may throw to stop.
  private mutating func sortReached(from start: Int, onBlock: () throws -> Void = {}) throws {
    guard sortsByDegree, order.count - start > 1 else { return }
    var comparisonCount = 0
    try order[start...].sort {
      comparisonCount += 1
      if comparisonCount % (1 << 20) == 0 { try onBlock() }
      return (nodes.degrees[Int($0)], $0) < (nodes.degrees[Int($1)], $1)
    }
  }

  private mutating func expand(_ part: Range<Int>) throws {
    var wanted = part
    // Nodes without edges need no look.
    while let first = wanted.first, nodes.degrees[Int(order[first])] == 0 {
      wanted = first + 1..<wanted.upperBound
    }
    if wanted.isEmpty { return }
    let types = wanted.map { nodes.type(of: order[$0]) }
    var neighbors: [[UInt32]] = []
    var extents: [[Extent]] = []
    for (relation, _, target) in relations {
      var rows: [UInt32] = []
      for (place, type) in zip(wanted, types) where type == target {
        rows.append(order[place] - nodes.starts[target])
      }
      extents.append(try read(extentsOf: rows, relation))
      var addresses: [UInt64] = []
      for extent in extents[extents.count - 1] {
        addresses.append(contentsOf: extent.start..<extent.start + UInt64(extent.count))
      }
      neighbors.append(try read(addresses, relation))
    }
    var rows = [Int](repeating: 0, count: relations.count)
    var places = rows
    for type in types {
      let start = order.count
      for (number, relation) in relations.enumerated() where relation.target == type {
        let count = Int(extents[number][rows[number]].count)
        for place in places[number]..<places[number] + count {
          reach(nodes.starts[relation.source] + neighbors[number][place])
        }
        rows[number] += 1
        places[number] += count
      }
      try sortReached(from: start)
    }
  }

  /// The same for one node whose neighbors are read some at a time.
  private mutating func expandHub(_ node: UInt32, onBlock: () throws -> Void) throws {
    let type = nodes.type(of: node)
    let start = order.count
    for (relation, source, target) in relations where target == type {
      let extent = try read(extentsOf: [node - nodes.starts[type]], relation)[0]
      for first in stride(from: 0, to: UInt64(extent.count), by: Self.neighborLimit) {
        let end = min(UInt64(extent.count), first + UInt64(Self.neighborLimit))
        let addresses = (first..<end).map { extent.start + $0 }
        for neighbor in try read(addresses, relation) { reach(nodes.starts[source] + neighbor) }
        try onBlock()
      }
    }
    try sortReached(from: start, onBlock: onBlock)
  }

  private func read(extentsOf rows: [UInt32], _ relation: Relation) throws -> [Extent] {
    var extents = [Extent](repeating: Extent(start: 0, count: 0), count: rows.count)
    snapshot.prefetch(rows: rows.span, along: relation)
    var span = extents.mutableSpan
    try snapshot.extents(of: rows.span, along: relation, into: &span)
    return extents
  }

  private func read(_ addresses: [UInt64], _ relation: Relation) throws -> [UInt32] {
    var neighbors = [UInt32](repeating: 0, count: addresses.count)
    snapshot.prefetch(addresses: addresses.span, along: relation)
    var span = neighbors.mutableSpan
    try snapshot.read(addresses.span, along: relation, into: &span)
    return neighbors
  }
}
