import HedgerowCore
public import HedgerowNN
public import HedgerowTensor

/// Events between two nodes each, in the order of their times.
///
/// Shapes: messages [events, message width]. Times are counted from the beginning of the data, in a unit of which
/// there are at most 2^24: single precision is exact up to there.
public struct Interactions: Sendable {
  public var sources: [UInt32]
  public var targets: [UInt32]
  public var times: [Float]
  /// What is known of each event.
  public var messages: Tensor

  /// Traps when they are not as many, or a time is not in 0...2^24.
  public init(sources: [UInt32], targets: [UInt32], times: [Float], messages: Tensor) {
    require(
      sources.count == targets.count && sources.count == times.count
        && messages.shape.count == 2 && messages.rowCount == sources.count,
      "\(sources.count) sources, \(targets.count) targets, \(times.count) times, messages of "
        + "shape \(messages.shape)")
    require(
      times.allSatisfy { (0...Float(1 << 24)).contains($0) },
      "times are from 0 to 2^24, not from \(times.min() ?? 0) to \(times.max() ?? 0)")
    (self.sources, self.targets, self.times, self.messages) = (sources, targets, times, messages)
  }

  public var count: Int { sources.count }
}

/// The memory of temporal graph networks: a row for each node, which a gated recurrent unit brings up to date with
/// the events that the node took part in.
/// ```
/// m' = GRU(aggregate over the node's last events of (own row, other's row, message, cos(W dt + b)), m)
/// ```
/// dt is the time since the node's row was last changed. A node's events are those of the last batch in which it was a
/// source, and of the last one in which it was a target; one without events takes a step with zeros.
///
/// Events are kept until later ones take their places, so that gradients reach the unit by rows that are asked for
/// after them. In a step of training, ask for the rows of a batch's nodes, compute the loss, and then ``update(with:_:)``
/// by the batch.
///
/// A model that is trained may be used by one thread only. Shapes: `memory` [nodes, width] and `last_update` [nodes],
/// buffers; result [asked for, width]. Names are those of PyTorch Geometric's `TGNMemory`, `time_enc.lin`, `gru...`,
/// but for its scratch buffer `_assoc`. Events that are kept are no part of the state: ``flush()`` before saving, or
/// ``keep(_:)`` those of the batches before once it is loaded.
///
/// Source: Rossi et al., Temporal Graph Networks for Deep Learning on Dynamic Graphs, 2020.
public struct TGNMemory: Module {
  /// How a node's events become one message.
  public enum EventAggregation: String, Sendable, CaseIterable {
    /// The latest one; of those at one time the last, as target before as source.
    case last
    case mean
  }

  /// What is done first with new events.
  public enum UpdateOrder: Sendable {
    /// Rows are brought up to date with the events before, then the new ones are kept: in training.
    case rowsFirst
    /// New events are kept, then rows are brought up to date with them: in evaluation.
    case eventsFirst
  }

  public let timeEncoder: TimeEncoder
  let unit: GRUCell
  let memory: Buffer
  let lastUpdate: Buffer
  private let kept: KeptEvents
  public let aggregation: EventAggregation
  private let messageWidth: Int

  public static let pathNames = [
    "timeEncoder": "time_enc", "unit": "gru", "lastUpdate": "last_update",
  ]

  public init(
    nodes: Int, messageWidth: Int, width: Int, timeWidth: Int,
    aggregation: EventAggregation = .last
  ) {
    timeEncoder = TimeEncoder(timeWidth)
    unit = GRUCell(2 * width + messageWidth + timeWidth, width)
    memory = Buffer(shape: [nodes, width], startingAs: 0)
    lastUpdate = Buffer(shape: [nodes], startingAs: 0)
    kept = KeptEvents(nodes: nodes, messageWidth: messageWidth, aggregation)
    self.aggregation = aggregation
    self.messageWidth = messageWidth
  }

  public var nodeCount: Int { memory.shape[0] }

  /// The rows of nodes, and when each was last changed: in training brought up to date with the events that are
  /// kept, without changing the memory, otherwise as the memory has them.
  public func callAsFunction(_ nodes: [UInt32]) -> (rows: Tensor, times: [Float]) {
    if Training.isActive { return upToDate(nodes) }
    return (
      memory.value.gathered(rows: nodes),
      lastUpdate.value.withUnsafeBufferPointer { times in nodes.map { times[Int($0)] } }
    )
  }

  /// Takes new events in; the memory holds no gradients.
  public func update(with events: Interactions, _ order: UpdateOrder) {
    let nodes = Set(events.sources).union(events.targets).sorted()
    if order == .rowsFirst { store(nodes) }
    keep(events)
    if order == .eventsFirst { store(nodes) }
  }

  /// Keeps events as ``update(with:_:)`` does, and leaves the rows as they are: those of a state that was saved behind
  /// these events.
  public func keep(_ events: Interactions) {
    require(
      events.messages.shape[1] == messageWidth,
      "messages of shape \(events.messages.shape) for a memory of width \(messageWidth)")
    kept.keep(events)
  }

  /// Forgets the events that are kept; rows stay as they are.
  public func forgetEvents() { kept.removeAll() }

  /// Forgets all: rows become zeros, and no events are kept.
  public func reset() {
    memory.value = .zeros(memory.shape)
    lastUpdate.value = .zeros(lastUpdate.shape)
    kept.removeAll()
  }

  /// Brings all rows up to date with the events that are kept, and forgets these: between training and evaluation.
  public func flush() {
    // Messages are of the other nodes' rows from before.
    let before = memory.value
    let (count, partCount) = (UInt32(nodeCount), 1 << 14)
    for first in stride(from: 0, to: count, by: partCount) {
      let nodes = Array(first..<min(count, first + UInt32(partCount)))
      store(upToDate(nodes, of: before), of: nodes)
    }
    kept.removeAll()
  }

  /// Calls `body`, then goes back to the rows from before, and forgets the events that are kept: what an evaluation
  /// takes in leaves no trace.
  public func restoringRows<Result>(after body: () throws -> Result) rethrows -> Result {
    let (rows, times) = (memory.value, lastUpdate.value)
    defer {
      (memory.value, lastUpdate.value) = (rows, times)
      kept.removeAll()
    }
    return try body()
  }

  private func store(_ nodes: [UInt32]) { store(upToDate(nodes, of: memory.value), of: nodes) }

  private func store(_ new: (rows: Tensor, times: [Float]), of nodes: [UInt32]) {
    let width = memory.shape[1]
    new.rows.withUnsafeBufferPointer { rows in
      memory.withUnsafeMutableBufferPointer { memory in
        for (index, node) in nodes.enumerated() {
          for column in 0..<width {
            memory[Int(node) * width + column] = rows[index * width + column]
          }
        }
      }
    }
    lastUpdate.withUnsafeMutableBufferPointer { last in
      for (node, time) in zip(nodes, new.times) { last[Int(node)] = time }
    }
  }

  private func upToDate(_ nodes: [UInt32]) -> (rows: Tensor, times: [Float]) {
    upToDate(nodes, of: memory.value)
  }

  /// - Parameter memory: the rows that they are made of.
  private func upToDate(
    _ nodes: [UInt32], of memory: Tensor
  ) -> (rows: Tensor, times: [Float]) {
    var (own, other): ([UInt32], [UInt32]) = ([], [])
    var (elapsed, messages, offsets): ([Float], [Float], [UInt32]) = ([], [], [0])
    var times: [Float] = []
    lastUpdate.value.withUnsafeBufferPointer { last in
      for node in nodes {
        require(node < nodeCount, "node \(node) is none of \(nodeCount)")
        let events = kept.events(of: node)
        times.append(events.reduce(last[Int(node)]) { max($0, $1.time) })
        for event in events {
          own.append(node)
          other.append(event.other)
          elapsed.append(event.time - last[Int(node)])
          kept.appendMessage(of: event, to: &messages)
        }
        offsets.append(UInt32(own.count))
      }
    }
    let parts = [
      memory.gathered(rows: own), memory.gathered(rows: other),
      Tensor(messages, shape: [own.count, messageWidth]), timeEncoder(Tensor(elapsed)),
    ]
    let inputs = concatenated(parts.filter { $0.shape[1] > 0 })
    return (unit(segmentMean(inputs, by: offsets), memory.gathered(rows: nodes)), times)
  }
}

/// cos(w t + b), of times [rows]: [rows, width].
///
/// Names: `lin.weight` [width, 1], `lin.bias`.
///
/// Source: Xu et al., Inductive Representation Learning on Temporal Graphs, ICLR 2020.
public struct TimeEncoder: Module {
  let linear: Linear
  public static let pathNames = ["linear": "lin"]

  public init(_ width: Int) { linear = Linear(1, width) }

  public func callAsFunction(_ times: Tensor) -> Tensor {
    cos(linear(times.reshaped(to: [times.count, 1])))
  }
}

/// The last events of each node, those that it was a source of and those that it was a target of.
///
/// Two lists a node: entries lie in flat arrays, and one that is let go of is taken again. Where only the latest event
/// counts, a list has one entry.
///
/// `@unchecked Sendable`: as of a `Buffer`, only training writes, and its caller sees to it that nobody reads meanwhile.
private final class KeptEvents: @unchecked Sendable {
  struct Event {
    let other: UInt32
    let time: Float
    fileprivate let entry: Int
  }

  private static let none = UInt32.max
  private let nodeCount: Int
  private let messageWidth: Int
  private let isOfLatest: Bool
  /// The first and the last entry of what node n sent, at n, and of what it received, at n + nodes.
  private var first: [UInt32]
  private var last: [UInt32]
  // By entry.
  private var others: [UInt32] = []
  private var times: [Float] = []
  private var messages: [Float] = []
  /// The one behind it in its list.
  private var next: [UInt32] = []
  private var free: [UInt32] = []

  init(nodes: Int, messageWidth: Int, _ aggregation: TGNMemory.EventAggregation) {
    nodeCount = nodes
    self.messageWidth = messageWidth
    isOfLatest = aggregation == .last
    first = [UInt32](repeating: Self.none, count: 2 * nodes)
    last = first
  }

  /// Those that count: what it sent, then what it received, or the latest of them.
  func events(of node: UInt32) -> [Event] {
    let (sent, received) = (list(Int(node)), list(nodeCount + Int(node)))
    guard isOfLatest, let a = sent.last, let b = received.last else { return sent + received }
    return b.time >= a.time ? received : sent
  }

  private func list(_ row: Int) -> [Event] {
    var events: [Event] = []
    var entry = first[row]
    while entry != Self.none {
      let place = Int(entry)
      events.append(Event(other: others[place], time: times[place], entry: place))
      entry = next[place]
    }
    return events
  }

  func appendMessage(of event: Event, to numbers: inout [Float]) {
    numbers += messages[event.entry * messageWidth..<(event.entry + 1) * messageWidth]
  }

  func removeAll() {
    for row in first.indices { first[row] = Self.none }
    others.removeAll(keepingCapacity: true)
    times.removeAll(keepingCapacity: true)
    messages.removeAll(keepingCapacity: true)
    next.removeAll(keepingCapacity: true)
    free.removeAll(keepingCapacity: true)
  }

  /// Those of a batch take the places of earlier ones of the same node.
  func keep(_ batch: Interactions) {
    for node in batch.sources { clear(Int(node)) }
    for node in batch.targets { clear(nodeCount + Int(node)) }
    batch.messages.withUnsafeBufferPointer { messages in
      for index in 0..<batch.count {
        let (source, target, time) = (
          batch.sources[index], batch.targets[index], batch.times[index]
        )
        let message = UnsafeBufferPointer(
          rebasing: messages[index * messageWidth..<(index + 1) * messageWidth])
        add(target, time, message, to: Int(source))
        add(source, time, message, to: nodeCount + Int(target))
      }
    }
  }

  private func clear(_ row: Int) {
    while first[row] != Self.none {
      free.append(first[row])
      first[row] = next[Int(first[row])]
    }
  }

  private func add(
    _ other: UInt32, _ time: Float, _ message: UnsafeBufferPointer<Float>, to row: Int
  ) {
    let isEmpty = first[row] == Self.none
    if isOfLatest && !isEmpty && time < times[Int(last[row])] { return }
    let entry = isOfLatest && !isEmpty ? last[row] : freshEntry()
    let place = Int(entry)
    (others[place], times[place], next[place]) = (other, time, Self.none)
    for column in 0..<messageWidth { messages[place * messageWidth + column] = message[column] }
    if isEmpty { first[row] = entry } else if last[row] != entry { next[Int(last[row])] = entry }
    last[row] = entry
  }

  private func freshEntry() -> UInt32 {
    if let entry = free.popLast() { return entry }
    others.append(0)
    times.append(0)
    next.append(Self.none)
    messages.append(contentsOf: repeatElement(0, count: messageWidth))
    return UInt32(others.count - 1)
  }
}
