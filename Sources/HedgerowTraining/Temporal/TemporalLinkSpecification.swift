import HedgerowCore

/// All that it takes to build a ``TemporalLinkPredictor`` again and to run it over a store.
public struct TemporalLinkSpecification: NodeRowSpecification {
  public static var savedTask: SavedTask { .temporalLinks }

  public private(set) var task = SavedTask.temporalLinks
  /// The triple of the links' edge type.
  public var target: String
  /// Nodes of the types at its ends, which follow each other in one memory.
  public var nodes: [NodesOfType]
  /// The links' column of times.
  public var timeColumn: String
  /// How times are counted: from that of the first event, in so many of the column's units.
  public var clock: EventClock
  /// Of the training set, whose events the memory has taken in: how many there were, and when the last one was.
  public var trainedCount: Int
  public var trainedUntil: Float
  public var options: TemporalLinkOptions
  public var dataVersion: UInt64

  /// The links' edge type.
  var type: EdgeType { get throws { try EdgeType(validating: target) } }

  public var isSound: Bool {
    guard task == Self.savedTask, options.isSound, clock.unit > 0, trainedCount > 0,
      let type = try? type,
      (1...2).contains(nodes.count), nodes.allSatisfy({ (0...1 << 31).contains($0.count) }),
      nodeCount <= 1 << 31
    else { return false }
    return rows(of: type.source) != nil && rows(of: type.target) != nil
      && Set(nodes.map(\.type)).count == nodes.count
  }
}

/// How times of any size become numbers of single precision.
public struct EventClock: Codable, Hashable, Sendable {
  /// What is 0.
  public var origin: Int64
  /// How much longer 1 is; what is less apart has equal numbers.
  public var unit: UInt64

  /// The finest in which times from the first to the last stay within 2^24.
  init(from first: Int64, to last: Int64) {
    origin = first
    let span = UInt64(bitPattern: last &- first)
    unit = max(1, (span >> 24) + (span & (1 << 24 - 1) == 0 ? 0 : 1))
  }

  /// `nil` for a time before the first, or behind the last that is counted.
  func number(of time: Int64) -> Float? {
    guard time >= origin else { return nil }
    let number = UInt64(bitPattern: time &- origin) / unit
    return number <= 1 << 24 ? Float(number) : nil
  }
}
