import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowRoaring
import HedgerowStore
import HedgerowTensor

/// The links of one type in the order of their times, those of equal times in the order of edges: the training set,
/// then validation, then test.
///
/// What is held is where each event is and its time, 8 bytes an event, and 24 while they are sorted; who met whom, and
/// what is known of it, is read from the store as batches ask for it.
struct TemporalEvents: Sendable {
  private let graph: Snapshot
  private let type: EdgeType
  private let columns: [String]
  /// The first row of the nodes at either end.
  private let firstSource: UInt32
  private let firstTarget: UInt32
  /// Places in the order of edges.
  private var places: [UInt32] = []
  private var times: [Float] = []
  let clock: EventClock
  private(set) var train = 0..<0
  private(set) var valid = 0..<0
  private(set) var test = 0..<0
  private let share: MemoryBudget.Reservation

  private static let sets = [["train"], ["valid", "val", "validation"], ["test"]]
  private static var partCount: Int { 1 << 16 }

  /// - Parameters:
  ///   - clock: of a model that is there; else the finest that fits.
  ///   - rows: the first of the nodes at either end.
  /// - Throws: `usage` where a type or a column is not there, nothing is of the training set, or an event of one set is
  ///   later than one of the next; `badData` for an event without a time.
  init(
    _ graph: Snapshot, _ type: EdgeType, timeColumn: String, clock: EventClock?,
    rows: (source: UInt32, target: UInt32), options: TemporalLinkOptions,
    resources: TrainingResources
  ) throws {
    self.graph = graph
    self.type = type
    columns = options.messageColumns
    (firstSource, firstTarget) = rows
    let column = options.splitColumn
    _ = try DividedLinks.trainingEdges(of: graph, checking: [type], column)
    let members = try Self.sets.map { names in
      try names.reduce(into: RoaringBitmap()) { all, name in
        all.formUnion(try graph.edges(of: type, where: .column(column) == .text(name)))
      }
    }
    let count = members.reduce(0) { $0 + $1.count }
    let purpose = "the order of \(count) events"
    share = try resources.budget.reserve(8 * count, for: purpose)
    let sorting = try resources.budget.reserve(24 * count, for: purpose)
    defer { sorting.release() }
    var moments: [Int64] = []
    moments.reserveCapacity(count)
    places.reserveCapacity(count)
    var ranges: [Range<Int>] = []
    for (set, members) in members.enumerated() {
      let begin = places.count
      for event in try Self.sorted(members, graph, type, timeColumn, resources) {
        moments.append(event.time)
        places.append(event.place)
      }
      ranges.append(begin..<places.count)
      guard begin > 0, begin < places.count, moments[begin] < moments[begin - 1] else { continue }
      let earlier = ranges.lastIndex { !$0.isEmpty && $0.upperBound == begin } ?? 0
      throw HedgerowError(
        .usage,
        "an edge of '\(type)' that is '\(Self.sets[earlier][0])' is later than one that is "
          + "'\(Self.sets[set][0])', so that training would see what comes after: hedgerow split STORE "
          + "\(type) --by time --column \(timeColumn) --replace")
    }
    (train, valid, test) = (ranges[0], ranges[1], ranges[2])
    guard let first = moments.first, let last = moments.last else {
      throw HedgerowError(.usage, "no edge of '\(type)' is 'train' by its column '\(column)'")
    }
    let counted = clock ?? EventClock(from: first, to: last)
    self.clock = counted
    times = try moments.map { moment in
      guard let time = counted.number(of: moment) else {
        throw HedgerowError(
          .usage,
          "an edge of '\(type)' is at \(moment) by '\(timeColumn)', beyond the times that the model "
            + "counts, from \(counted.origin) on in units of \(counted.unit): train anew")
      }
      return time
    }
  }

  /// The events of a set by time, then place.
  private static func sorted(
    _ members: RoaringBitmap, _ graph: Snapshot, _ type: EdgeType, _ column: String,
    _ resources: TrainingResources
  ) throws -> [(time: Int64, place: UInt32)] {
    var events: [(time: Int64, place: UInt32)] = []
    events.reserveCapacity(members.count)
    // Of an undirected type both arcs are stored: one of them is the event.
    let isUndirected = graph.schema.edge(type)?.isUndirected == true
    for first in stride(from: 0, to: members.count, by: partCount) {
      try resources.checkInterruption()
      let places = members.values(in: first..<min(members.count, first + partCount))
        .map { UInt64($0) }
      let times = try graph.integers(
        of: column, of: .edges(type), at: places.span, null: .max)
      let ends = isUndirected ? try graph.endpoints(of: places.span, type) : nil
      for (index, place) in places.enumerated() {
        if let ends, ends.sources[index] > ends.targets[index] { continue }
        guard times[index] != .max else {
          throw HedgerowError(
            .badData,
            "an edge of '\(type)' has no time in its column '\(column)': leave it out of "
              + "the split")
        }
        events.append((times[index], UInt32(place)))
      }
    }
    events.sort { ($0.time, $0.place) < ($1.time, $1.place) }
    return events
  }

  /// Who met whom: rows of nodes.
  func ends(of events: Range<Int>) throws -> (sources: [UInt32], targets: [UInt32]) {
    let wanted = places[events].map { UInt64($0) }
    let (sources, targets) = try graph.endpoints(of: wanted.span, type)
    return (sources.map { firstSource + $0 }, targets.map { firstTarget + $0 })
  }

  func interactions(_ events: Range<Int>) throws -> Interactions {
    let (sources, targets) = try ends(of: events)
    return Interactions(
      sources: sources, targets: targets, times: Array(times[events]),
      messages: try messages(of: events.map { UInt32($0) }))
  }

  func time(of event: UInt32) -> Float { times[Int(event)] }

  var lastTrainingTime: Float { train.isEmpty ? 0 : times[train.upperBound - 1] }

  /// Numbers of the columns, side by side; 0 for those that are not there. Shape [events, columns].
  func messages(of events: [UInt32]) throws -> Tensor {
    let wanted = events.map { UInt64(places[Int($0)]) }
    let found = try columns.map { column in
      var numbers = [Double](repeating: 0, count: wanted.count)
      var span = numbers.mutableSpan
      try graph.numbers(of: column, of: .edges(type), at: wanted.span, into: &span)
      return numbers
    }
    return Tensor(
      events.indices.flatMap { event in
        found.map { $0[event].isNaN ? 0 : Float($0[event]) }
      }, shape: [events.count, columns.count])
  }
}
