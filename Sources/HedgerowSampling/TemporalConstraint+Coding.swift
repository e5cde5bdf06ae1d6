import HedgerowCore

/// The name of the column, or null for what is timeless.
extension TemporalConstraint.Clock: Codable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    self = container.decodeNil() ? .timeless : .column(try container.decode(String.self))
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .column(let name): try container.encode(name)
    case .timeless: try container.encodeNil()
    }
  }
}

/// An object for nodes and one for edges, by the names of types.
extension TemporalConstraint: Codable {
  private enum Key: String, CodingKey { case nodes, edges, seedTimes, window, boundary }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    let nodes = try container.decodeIfPresent([String: Clock].self, forKey: .nodes)
    let edges = try container.decodeIfPresent([String: Clock].self, forKey: .edges)
    let window = try container.decodeIfPresent(Int64.self, forKey: .window)
    guard nodes != nil || edges != nil, window.map({ $0 > 0 }) ?? true else {
      throw DecodingError.dataCorruptedError(
        forKey: .window, in: container, debugDescription: "this constrains nothing")
    }
    var ofNodes = PerNode<Clock>()
    for (name, clock) in nodes ?? [:] { ofNodes[try NodeType(validating: name)] = clock }
    var ofEdges = PerEdge<Clock>()
    for (name, clock) in edges ?? [:] { ofEdges[try EdgeType(validating: name)] = clock }
    self.init(
      nodes: nodes == nil ? nil : ofNodes, edges: edges == nil ? nil : ofEdges, window: window)
    seedTimes = try container.decodeIfPresent(String.self, forKey: .seedTimes)
    boundary = try container.decode(Boundary.self, forKey: .boundary)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    func named(_ clocks: some Sequence<(String, Clock)>) -> [String: Clock] {
      Dictionary(uniqueKeysWithValues: clocks)
    }
    try container.encodeIfPresent(
      nodes.map { named($0.map { ($0.key.name, $0.value) }) }, forKey: .nodes)
    try container.encodeIfPresent(
      edges.map { named($0.map { ($0.key.description, $0.value) }) }, forKey: .edges)
    try container.encodeIfPresent(seedTimes, forKey: .seedTimes)
    try container.encodeIfPresent(window, forKey: .window)
    try container.encode(boundary, forKey: .boundary)
  }
}
