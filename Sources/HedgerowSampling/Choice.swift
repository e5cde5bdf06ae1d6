import CHedgerowKernels
import HedgerowCore
import HedgerowGraph

/// What one relation's rows choose at one hop, by the fastest way that there is.
struct Choice<Graph: Topology> {
  let graph: Graph
  /// `nil` where neither weights nor times nor sets count.
  let plan: RelationPlan?
  let relation: Relation
  let options: SamplingOptions
  let fanout: Int
  let rows: FrontierRows
  let extents: UnsafeMutablePointer<Extent>
  let shared: EntryScan.SharedNumbers?
  let key: UInt64
  let hubs: HubWeights
  let workspace: SamplingWorkspace

  private var raw: UnsafePointer<hr_extent> {
    UnsafePointer(UnsafeRawPointer(extents).assumingMemoryBound(to: hr_extent.self))
  }

  func run(into picks: SamplingWorkspace.Picks) throws {
    if plan == nil && rows.excluded.isEmpty, let shared {
      // Whoever takes all of a row asks for no number.
      guard fanout >= 0 else { return pick(into: picks) }
      return try SharedScan(
        graph: graph, relation: relation, fanout: fanout, rowCount: rows.count, extents: extents,
        numbers: shared, buffers: workspace.scan
      ).run(into: picks)
    }
    if let plan, plan.isSortedByTime {
      try TimeCut(graph: graph, plan: plan).cut(rows, extents, workspace.scan)
    }
    if looksAtEach {
      guard drawsFromHubs else { return try scan(extents, into: picks) }
      return try drawFromHubs(into: picks)
    }
    guard !rows.excluded.isEmpty else { return pick(into: picks) }
    // Rows with excluded entries are looked at entry by entry, the others are not.
    let scanned = workspace.scan.extents.reserve(rows.count)
    var isAny = false
    for row in 0..<rows.count {
      scanned[row] = Extent(start: 0, count: 0)
      if rows.excluded[rows.key(row)] != nil {
        swap(&scanned[row], &extents[row])
        isAny = true
      }
    }
    pick(into: picks)
    guard isAny else { return }
    let others = SamplingWorkspace.Picks()
    try scan(scanned, into: others)
    merge(others, into: picks)
  }

  /// Whether nothing but weights counts, and some rows are long.
  private var drawsFromHubs: Bool {
    guard let plan, plan.weight != nil, !plan.hasTime, plan.members == nil, shared == nil,
      fanout >= 0, rows.excluded.isEmpty
    else { return false }
    return (0..<rows.count).contains { extents[$0].count >= HubWeights.entryCount }
  }

  /// Long rows by sums of their weights, the others entry by entry.
  private func drawFromHubs(into picks: SamplingWorkspace.Picks) throws {
    let keys = workspace.scan.keys.reserve(rows.count)
    hr_row_keys(key, rows.ids.baseAddress, rows.trees, rows.count, keys)
    let degrees = picks.degrees.reserve(rows.count)
    picks.count = 0
    for row in 0..<rows.count {
      degrees[row] = 0
      guard extents[row].count >= HubWeights.entryCount else { continue }
      let draw = HubDraw(
        sums: try hubs.sums(of: rows.ids[row], extents[row], plan!, in: graph), key: keys[row])
      let drawn = options.replacement == .with ? draw.again(fanout) : draw.distinct(fanout)
      guard let drawn else { continue }
      picks.addresses.grow(to: picks.count + drawn.count, keeping: picks.count)
      let out = picks.addresses.reserve(picks.count + drawn.count) + picks.count
      for (place, entry) in drawn.enumerated() { out[place] = extents[row].start + UInt64(entry) }
      picks.count += drawn.count
      degrees[row] = UInt32(drawn.count)
      extents[row].count = 0
    }
    let others = SamplingWorkspace.Picks()
    try scan(extents, into: others)
    merge(others, into: picks)
  }

  /// Whether a choice depends on what entries hold.
  private var looksAtEach: Bool {
    guard let plan else { return shared != nil }
    return shared != nil || plan.weight != nil || plan.nodeTime != nil || plan.members != nil
      || (plan.edgeTime != nil && !plan.isSortedByTime)
  }

  /// By the number of entries alone.
  private func pick(into picks: SamplingWorkspace.Picks) {
    let count = rows.count
    if options.replacement == .with {
      let keys = workspace.scan.keys.reserve(count)
      hr_row_keys(key, rows.ids.baseAddress, rows.trees, count, keys)
      picks.count = hr_pick_again(
        raw, keys, count, fanout, picks.addresses.reserve(max(1, count * fanout)),
        picks.degrees.reserve(count))
      return
    }
    if options.selection == .mostRecent, let plan, plan.hasTime, fanout >= 0 {
      // Rows are sorted by time, and cut to what they see.
      for row in 0..<count where Int(extents[row].count) > fanout {
        extents[row].start += UInt64(Int(extents[row].count) - fanout)
        extents[row].count = UInt32(fanout)
      }
    }
    Self.pickUniformly(rows.ids, rows.trees, extents, fanout, key, into: picks, workspace)
  }

  /// Distinct entries of each row, all alike.
  static func pickUniformly(
    _ ids: UnsafeBufferPointer<UInt32>, _ trees: UnsafePointer<UInt32>?,
    _ extents: UnsafeMutablePointer<Extent>, _ fanout: Int, _ key: UInt64,
    into picks: SamplingWorkspace.Picks, _ workspace: SamplingWorkspace
  ) {
    let raw = UnsafeRawPointer(extents).assumingMemoryBound(to: hr_extent.self)
    let total = Int(hr_pick_count(raw, ids.count, Int64(fanout)))
    let scratch = workspace.scratch.reserve(max(1, 4 * max(0, fanout)))
    let addresses = picks.addresses.reserve(max(1, total))
    picks.count = hr_pick_uniform(
      raw, ids.baseAddress, trees, ids.count, Int64(fanout), key, scratch, addresses,
      picks.degrees.reserve(ids.count))
  }

  private func scan(
    _ extents: UnsafeMutablePointer<Extent>, into picks: SamplingWorkspace.Picks
  ) throws {
    try RelationScan(
      graph: graph, plan: plan ?? RelationPlan(relation), options: options, fanout: fanout,
      rows: rows, extents: extents, shared: shared, key: key, buffers: workspace.scan
    ).run(into: picks)
  }

  /// Puts the picks of other rows in their places.
  private func merge(_ others: SamplingWorkspace.Picks, into picks: SamplingWorkspace.Picks) {
    let degrees = picks.degrees.reserve(rows.count)
    let otherDegrees = others.degrees.reserve(rows.count)
    let mine = picks.addresses.array(0..<picks.count)
    let theirs = others.addresses.array(0..<others.count)
    picks.count += others.count
    let out = picks.addresses.reserve(max(1, picks.count))
    var (place, next, nextOther) = (0, 0, 0)
    for row in 0..<rows.count {
      for _ in 0..<degrees[row] {
        out[place] = mine[next]
        next += 1
        place += 1
      }
      for _ in 0..<otherDegrees[row] {
        out[place] = theirs[nextOther]
        nextOther += 1
        place += 1
      }
      degrees[row] += otherDegrees[row]
    }
  }
}
