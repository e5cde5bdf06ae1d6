import HedgerowGNN
import HedgerowGraph

/// The last events of each node, whichever end it was.
///
/// A ring for each node, in flat arrays: 8 bytes a place, and 12 a node.
struct RecentEvents {
  private let capacity: Int
  private var others: [UInt32]
  private var events: [UInt32]
  /// How many there have been.
  private var counts: [Int]
  /// Where nodes are in the neighborhood that is being made; `none` outside.
  private var rows: [UInt32]
  private static let none = UInt32.max

  static func byteCount(nodes: Int, capacity: Int) -> Int { nodes * (8 * capacity + 12) }

  /// - Parameter capacity: most events of a node.
  init(nodes: Int, capacity: Int) {
    self.capacity = capacity
    others = [UInt32](repeating: 0, count: nodes * capacity)
    events = others
    counts = [Int](repeating: 0, count: nodes)
    rows = [UInt32](repeating: Self.none, count: nodes)
  }

  mutating func removeAll() {
    for node in counts.indices { counts[node] = 0 }
  }

  /// Takes in events that follow each other, of which `first` is the number of the first.
  mutating func insert(sources: [UInt32], targets: [UInt32], first: Int) {
    for index in sources.indices {
      let event = UInt32(first + index)
      insert(sources[index], targets[index], event)
      insert(targets[index], sources[index], event)
    }
  }

  private mutating func insert(_ node: UInt32, _ other: UInt32, _ event: UInt32) {
    let place = Int(node) * capacity + counts[Int(node)] % capacity
    (others[place], events[place]) = (other, event)
    counts[Int(node)] += 1
  }

  /// Some nodes with their last events, the oldest first, and the row of each that was asked for.
  mutating func neighborhood(
    of asked: [UInt32], in source: TemporalEvents
  ) throws -> (RecentNeighborhood, rows: [UInt32]) {
    var nodes: [UInt32] = []
    func row(of node: UInt32, _ rows: inout [UInt32]) -> UInt32 {
      if rows[Int(node)] == Self.none {
        rows[Int(node)] = UInt32(nodes.count)
        nodes.append(node)
      }
      return rows[Int(node)]
    }
    let askedRows = asked.map { row(of: $0, &rows) }
    let targetCount = nodes.count
    var (offsets, sources, found): ([UInt32], [UInt32], [UInt32]) = ([0], [], [])
    for target in 0..<targetCount {
      let node = Int(nodes[target])
      for number in max(0, counts[node] - capacity)..<counts[node] {
        let place = node * capacity + number % capacity
        sources.append(row(of: others[place], &rows))
        found.append(events[place])
      }
      offsets.append(UInt32(sources.count))
    }
    for node in nodes { rows[Int(node)] = Self.none }
    let block = Block(
      offsets: offsets, sources: sources, sourceCount: nodes.count, targetCount: targetCount)
    let neighborhood = RecentNeighborhood(
      nodes: nodes, block: block, times: found.map { source.time(of: $0) },
      messages: try source.messages(of: found))
    return (neighborhood, askedRows)
  }
}
