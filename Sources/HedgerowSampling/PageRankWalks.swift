import HedgerowCore
import HedgerowGraph

/// The walks of a batch by pushes, as ``PageRankSampler`` has them, over rows that are read once for all.
///
/// Walks take turns on one dense state. One that comes to rows that nobody has read waits, with a list of
/// what it has, until all others do, too, so that rows are read many at a time. Memory is that of the rows
/// that are passed on along and, for each walk, of the places that it touched.
struct PageRankWalks<Graph: Topology> {
  private let graph: Graph
  /// With the places of their types among those that are reached.
  private let relations: [(relation: Relation, source: Int, target: Int)]
  private let pushes: PageRankPushes

  init(_ sampler: PageRankSampler<Graph>, types: [NodeType]) {
    graph = sampler.graph
    relations = sampler.relations.compactMap { relation in
      guard let target = types.firstIndex(of: relation.target) else { return nil }
      return (relation, types.firstIndex(of: relation.source)!, target)
    }
    pushes = PageRankPushes(returning: sampler.returning, tolerance: sampler.tolerance)
  }

  /// The places of largest rank of each seed's walk, the seed first.
  func top(
    _ count: Int, from seeds: [UInt32], ofTypesAt seedTypes: [UInt32]
  ) throws -> [[PageRankPushes.Ranked]] {
    var walks = pushes.number(seeds, ofTypesAt: seedTypes).map(PageRankPushes.Walk.init)
    var found = [[PageRankPushes.Ranked]](repeating: [], count: walks.count)
    var waiting = Array(walks.indices)
    while !waiting.isEmpty {
      waiting = waiting.filter { walk in
        guard pushes.goesToItsEnd(&walks[walk]) else { return true }
        found[walk] = pushes.top(count, of: walks[walk])
        pushes.clear()
        return false
      }
      try readRows()
    }
    return found
  }

  /// Reads the rows, along all relations, of the places that are waited for; no entries are read of one
  /// that has too many for what any walk has there.
  private func readRows() throws {
    let wanted = pushes.takeWanted()
    var degrees = [Int](repeating: 0, count: wanted.nodes.count)
    var parts: [(relation: Relation, source: Int, rows: Range<Int>, extents: [Extent])] = []
    for (relation, source, target) in relations {
      guard let rows = wanted.rows[target] else { continue }
      let extents = try graph.extents(
        of: wanted.nodes.span.extracting(rows), along: relation)
      for (row, extent) in zip(rows, extents) { degrees[row] += Int(extent.count) }
      parts.append((relation, source, rows, extents))
    }
    var ends = pushes.addRows(of: wanted.places, degrees: degrees)
    for part in parts {
      var addresses: [UInt64] = []
      for (row, extent) in zip(part.rows, part.extents) where ends[row] != nil {
        addresses.append(contentsOf: extent.start..<extent.start + UInt64(extent.count))
      }
      let neighbors = pushes.number(
        try graph.neighbors(at: addresses.span, along: part.relation),
        ofTypeAt: part.source)
      var first = 0
      for (row, extent) in zip(part.rows, part.extents) {
        guard let end = ends[row] else { continue }
        let next = first + Int(extent.count)
        pushes.setNeighbors(neighbors[first..<next], at: end)
        ends[row] = end + Int(extent.count)
        first = next
      }
    }
  }
}

/// The state of a batch's walks, and the pushes of the one whose turn it is.
///
/// A place is a node of a type, by a number that it gets when it is met.
final class PageRankPushes {
  /// What the walk whose turn it is has at a place, and what is known of the place.
  private struct Place {
    /// Its type and its node: the order of pushes.
    let key: UInt64
    /// What is still to be passed on.
    var rest = 0.0
    var rank = 0.0
    /// The least rest that is passed on: `tolerance` for each entry, or for one until they are counted.
    var threshold: Double
    /// The largest rest of walks that wait for the row.
    var wanted = 0.0
    var first = 0
    /// Entries, or ``unread``.
    var degree = unread
    /// Whether the walk whose turn it is came here.
    var isTouched = false
  }

  private static let unread = -1

  private struct Push {
    let key: UInt64
    let place: UInt32
    let rest: Double
  }

  struct Walk {
    let seed: UInt32
    /// Where rest came to be enough to pass it on.
    fileprivate var active: [UInt32]
    /// What there is at places that were touched, while the walk waits.
    fileprivate var kept: [(place: UInt32, rest: Double, rank: Double)]

    init(from seed: UInt32) {
      self.seed = seed
      active = [seed]
      kept = [(seed, 1, 0)]
    }
  }

  struct Ranked {
    let type: Int
    let node: UInt32
    let rank: Double
  }

  private let returning: Double
  private let tolerance: Double
  /// Types stand in place of trees.
  private let table = NodeTable()
  private let places = Buffer<Place>()
  private var placeCount = 0
  /// Of all rows that were read.
  private let neighbors = Buffer<UInt32>()
  private var neighborCount = 0
  private var wanted: [UInt32] = []
  private let touched = Buffer<UInt32>()
  private var touchedCount = 0
  private let active = Buffer<UInt32>()
  private let pushes = Buffer<Push>()

  init(returning: Double, tolerance: Double) {
    self.returning = returning
    self.tolerance = tolerance
    table.clear(hasTrees: true)
  }

  func number(_ nodes: [UInt32], ofTypeAt type: Int) -> [UInt32] {
    number(nodes, ofTypesAt: [UInt32](repeating: UInt32(type), count: nodes.count))
  }

  /// The places of nodes.
  func number(_ nodes: [UInt32], ofTypesAt types: [UInt32]) -> [UInt32] {
    var numbers = nodes
    numbers.withUnsafeMutableBufferPointer { numbers in
      types.withUnsafeBufferPointer {
        table.number(UnsafeBufferPointer(numbers), in: $0.baseAddress, into: numbers.baseAddress)
      }
    }
    places.grow(to: table.count, keeping: placeCount)
    let places = places.reserve(table.count)
    let (known, types) = (table.known.reserve(table.count), table.trees.reserve(table.count))
    for place in placeCount..<table.count {
      places[place] = Place(
        key: UInt64(types[place]) << 32 | UInt64(known[place]), threshold: tolerance)
    }
    placeCount = table.count
    return numbers
  }

  /// The places whose rows walks wait for, in the order of pushes, and where those of each type are among
  /// them; nothing is waited for then.
  func takeWanted() -> (places: [UInt32], nodes: [UInt32], rows: [Int: Range<Int>]) {
    let all = places.reserve(placeCount)
    let places = wanted.sorted { all[Int($0)].key < all[Int($1)].key }
    wanted = []
    var rows: [Int: Range<Int>] = [:]
    for (row, place) in places.enumerated() {
      let type = Int(all[Int(place)].key >> 32)
      rows[type] = (rows[type]?.lowerBound ?? row)..<row + 1
    }
    return (places, places.map { UInt32(truncatingIfNeeded: all[Int($0)].key) }, rows)
  }

  /// Makes room for the rows of places: where each begins, or `nil` when no waiting walk has enough
  /// to pass it on.
  func addRows(of added: [UInt32], degrees: [Int]) -> [Int?] {
    let places = places.reserve(placeCount)
    let firsts = zip(added, degrees).map { place, degree -> Int? in
      let threshold = tolerance * Double(max(degree, 1))
      let wanted = places[Int(place)].wanted
      places[Int(place)].wanted = 0
      places[Int(place)].threshold = threshold <= 1 ? threshold : .infinity
      guard threshold <= 1 && wanted >= threshold else { return nil }
      places[Int(place)].degree = degree
      places[Int(place)].first = neighborCount
      defer { neighborCount += degree }
      return neighborCount
    }
    let before = firsts.lazy.compactMap(\.self).first ?? neighborCount
    neighbors.grow(to: neighborCount, keeping: before)
    return firsts
  }

  func setNeighbors(_ found: ArraySlice<UInt32>, at first: Int) {
    found.withUnsafeBufferPointer {
      guard let start = $0.baseAddress else { return }
      (neighbors.reserve(neighborCount) + first).update(from: start, count: $0.count)
    }
  }

  /// Goes on with a walk: whether to its end, with its ranks at hand, or it waits for rows.
  func goesToItsEnd(_ walk: inout Walk) -> Bool {
    let places = places.reserve(placeCount)
    let touched = touched.reserve(placeCount)
    let active = active.reserve(placeCount)
    let pushes = pushes.reserve(placeCount)
    let neighbors = neighbors.reserve(neighborCount)
    var activeCount = walk.active.count
    for (index, place) in walk.active.enumerated() { active[index] = place }
    for (index, (place, rest, rank)) in walk.kept.enumerated() {
      touched[index] = place
      places[Int(place)].isTouched = true
      places[Int(place)].rest = rest
      places[Int(place)].rank = rank
    }
    touchedCount = walk.kept.count
    while activeCount > 0 {
      var pushCount = 0
      var isWaiting = false
      for index in 0..<activeCount {
        let place = active[index]
        let (rest, threshold) = (places[Int(place)].rest, places[Int(place)].threshold)
        if rest < threshold { continue }
        if places[Int(place)].degree == Self.unread {
          if places[Int(place)].wanted == 0 { wanted.append(place) }
          places[Int(place)].wanted = max(places[Int(place)].wanted, rest)
          isWaiting = true
        }
        pushes[pushCount] = Push(key: places[Int(place)].key, place: place, rest: rest)
        pushCount += 1
      }
      if isWaiting {
        walk.active = (0..<pushCount).map { pushes[$0].place }
        walk.kept = (0..<touchedCount).map {
          (touched[$0], places[Int(touched[$0])].rest, places[Int(touched[$0])].rank)
        }
        clear()
        return false
      }
      // What is passed on in a round counts from the next one on: the order of pushes is no matter but
      // for rounding, and that is fixed.
      for index in 0..<pushCount {
        let (place, rest) = (Int(pushes[index].place), pushes[index].rest)
        // With nowhere to go on to it stays.
        places[place].rank += places[place].degree == 0 ? rest : returning * rest
        places[place].rest = 0
      }
      var round = UnsafeMutableBufferPointer(start: pushes, count: pushCount)
      round.sort { $0.key < $1.key }
      activeCount = 0
      for index in 0..<pushCount {
        let (place, rest) = (Int(pushes[index].place), pushes[index].rest)
        let degree = places[place].degree
        let share = (1 - returning) * rest / Double(degree)
        for entry in places[place].first..<places[place].first + degree {
          let neighbor = neighbors[entry]
          let before = places[Int(neighbor)].rest
          let after = before + share
          places[Int(neighbor)].rest = after
          if !places[Int(neighbor)].isTouched {
            places[Int(neighbor)].isTouched = true
            touched[touchedCount] = neighbor
            touchedCount += 1
          }
          let threshold = places[Int(neighbor)].threshold
          if before < threshold && after >= threshold {
            active[activeCount] = neighbor
            activeCount += 1
          }
        }
      }
    }
    return true
  }

  /// The places of largest rank of the walk that came to its end, its seed first.
  func top(_ count: Int, of walk: Walk) -> [Ranked] {
    let places = places.reserve(placeCount)
    var others = touched.elements(0..<touchedCount).compactMap { place -> (Double, UInt64)? in
      let (rank, key) = (places[Int(place)].rank, places[Int(place)].key)
      return rank > 0 && place != walk.seed ? (rank, key) : nil
    }
    others.sort { ($1.0, $0.1) < ($0.0, $1.1) }
    let seed = (places[Int(walk.seed)].rank, places[Int(walk.seed)].key)
    return ([seed] + others.prefix(count - 1)).map { rank, key in
      Ranked(type: Int(key >> 32), node: UInt32(truncatingIfNeeded: key), rank: rank)
    }
  }

  /// Forgets the walk whose turn it was.
  func clear() {
    let places = places.reserve(placeCount)
    for place in touched.elements(0..<touchedCount) {
      places[Int(place)].isTouched = false
      places[Int(place)].rest = 0
      places[Int(place)].rank = 0
    }
    touchedCount = 0
  }
}
