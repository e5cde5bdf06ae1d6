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
/// but for its scratch buffer `_assoc`. Events that are kept are no part of the state: ``flush()`` before saving.
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
    kept = KeptEvents(nodes: nodes)
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
    require(
      events.messages.shape[1] == messageWidth,
      "messages of shape \(events.messages.shape) for a memory of width \(messageWidth)")
    let nodes = Set(events.sources).union(events.targets).sorted()
    if order == .rowsFirst { store(nodes) }
    kept.keep(events)
    if order == .eventsFirst { store(nodes) }
  }

  /// Forgets all: rows become zeros, and no events are kept.
  public func reset() {
    memory.value = .zeros(memory.shape)
    lastUpdate.value = .zeros(lastUpdate.shape)
    kept.removeAll()
  }

  /// Brings all rows up to date with the events that are kept, and forgets these: between training and evaluation.
  public func flush() {
    store((0..<UInt32(nodeCount)).map { $0 })
    kept.removeAll()
  }

  private func store(_ nodes: [UInt32]) {
    let (rows, times) = upToDate(nodes)
    let width = memory.shape[1]
    var (memory, last) = (memory.value, lastUpdate.value)
    rows.withUnsafeBufferPointer { rows in
      memory.withUnsafeMutableBufferPointer { memory in
        for (index, node) in nodes.enumerated() {
          for column in 0..<width {
            memory[Int(node) * width + column] = rows[index * width + column]
          }
        }
      }
    }
    last.withUnsafeMutableBufferPointer { last in
      for (node, time) in zip(nodes, times) { last[Int(node)] = time }
    }
    (self.memory.value, lastUpdate.value) = (memory, last)
  }

  private func upToDate(_ nodes: [UInt32]) -> (rows: Tensor, times: [Float]) {
    let last = lastUpdate.value.scalars
    var (own, other): ([UInt32], [UInt32]) = ([], [])
    var (elapsed, messages, offsets): ([Float], [Float], [UInt32]) = ([], [], [0])
    var times: [Float] = []
    for node in nodes {
      require(node < nodeCount, "node \(node) is none of \(nodeCount)")
      var events = kept.events(of: node)
      times.append(events.reduce(last[Int(node)]) { max($0, $1.time) })
      if aggregation == .last, var latest = events.first {
        for event in events where event.time >= latest.time { latest = event }
        events = [latest]
      }
      for event in events {
        own.append(node)
        other.append(event.other)
        elapsed.append(event.time - last[Int(node)])
        messages += event.message
      }
      offsets.append(UInt32(own.count))
    }
    let memory = memory.value
    let inputs = concatenated(
      memory.gathered(rows: own), memory.gathered(rows: other),
      Tensor(messages, shape: [own.count, messageWidth]), timeEncoder(Tensor(elapsed)))
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
/// `@unchecked Sendable`: as of a `Buffer`, only training writes, and its caller sees to it that nobody reads meanwhile.
private final class KeptEvents: @unchecked Sendable {
  struct Event {
    let other: UInt32
    let time: Float
    let message: [Float]
  }

  private var sent: [[Event]]
  private var received: [[Event]]

  init(nodes: Int) {
    sent = [[Event]](repeating: [], count: nodes)
    received = sent
  }

  func events(of node: UInt32) -> [Event] { sent[Int(node)] + received[Int(node)] }

  func removeAll() {
    sent = [[Event]](repeating: [], count: sent.count)
    received = sent
  }

  /// Those of a batch take the places of earlier ones of the same node.
  func keep(_ batch: Interactions) {
    for node in batch.sources { sent[Int(node)] = [] }
    for node in batch.targets { received[Int(node)] = [] }
    let (messages, width) = (batch.messages.scalars, batch.messages.shape[1])
    for index in 0..<batch.count {
      let (source, target) = (batch.sources[index], batch.targets[index])
      let message = Array(messages[index * width..<(index + 1) * width])
      let time = batch.times[index]
      sent[Int(source)].append(Event(other: target, time: time, message: message))
      received[Int(target)].append(Event(other: source, time: time, message: message))
    }
  }
}
