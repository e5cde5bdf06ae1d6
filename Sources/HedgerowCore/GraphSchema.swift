/// What a column holds.
public enum PropertyKind: Hashable, Sendable {
  case bool
  case int8, int16, int32, int64
  case uint8
  case float16, bfloat16, float32, float64
  /// An int8 code that stands for code x scale: a number in a byte. The scale is finite and above 0.
  case scaledInt8(scale: Float)
  /// Int64 ticks of the unit since 1970-01-01 UTC.
  case timestamp(TimeUnit)
  /// One of few texts, stored as a code into a dictionary.
  case categorical
  case string
  /// Any bytes, any number of them.
  case bytes
  /// A fixed number of numeric elements in a row: a feature matrix.
  indirect case vector(element: PropertyKind, width: Int)

  public enum TimeUnit: String, Hashable, Sendable, CaseIterable {
    case seconds = "s"
    case milliseconds = "ms"
    case microseconds = "us"
    case nanoseconds = "ns"
  }
}

extension PropertyKind {
  /// Bytes of one value in a column; for `categorical`, `string` and `bytes`, of its code or offset.
  public var byteWidth: Int {
    switch self {
    case .bool, .int8, .uint8, .scaledInt8: 1
    case .int16, .float16, .bfloat16: 2
    case .int32, .float32, .categorical: 4
    case .int64, .float64, .timestamp, .string, .bytes: 8
    case .vector(let element, let width): element.byteWidth * width
    }
  }

  /// Elements of one value: the width of a vector, else 1.
  public var width: Int {
    if case .vector(_, let width) = self { width } else { 1 }
  }

  /// Whether each value has a length of its own.
  public var hasVariableLength: Bool { self == .string || self == .bytes }

  /// The kind of one element.
  public var element: PropertyKind {
    if case .vector(let element, _) = self { element } else { self }
  }
}

extension PropertyKind: CustomStringConvertible {
  /// The name used in typed headers, in `info` and in the catalog: `int64`, `timestamp[s]`,
  /// `float16[128]`, `int8[64]*0.0078125` for codes with a scale.
  public var description: String {
    switch self {
    case .bool: "bool"
    case .int8: "int8"
    case .int16: "int16"
    case .int32: "int32"
    case .int64: "int64"
    case .uint8: "uint8"
    case .float16: "float16"
    case .bfloat16: "bfloat16"
    case .scaledInt8(let scale): "int8*\(scale)"
    case .float32: "float32"
    case .float64: "float64"
    case .timestamp(let unit): "timestamp[\(unit.rawValue)]"
    case .categorical: "categorical"
    case .string: "string"
    case .bytes: "bytes"
    case .vector(.scaledInt8(let scale), let width): "int8[\(width)]*\(scale)"
    case .vector(let element, let width): "\(element)[\(width)]"
    }
  }

  static let scalars: [String: PropertyKind] = [
    "bool": .bool, "boolean": .bool,
    "int8": .int8, "byte": .int8, "int16": .int16, "short": .int16,
    "int32": .int32, "int64": .int64, "int": .int64, "long": .int64, "uint8": .uint8,
    "float16": .float16, "half": .float16, "bfloat16": .bfloat16,
    "float32": .float32, "float": .float32,
    "float64": .float64, "double": .float64,
    "timestamp": .timestamp(.seconds), "categorical": .categorical, "category": .categorical,
    "string": .string, "bytes": .bytes,
  ]

  /// Reads ``description`` and the usual synonyms (`int`, `long`, `float`, `double`); `nil` for
  /// anything else.
  public init?(_ text: some StringProtocol) {
    let text = text.lowercased()
    if let scalar = Self.scalars[text] {
      self = scalar
      return
    }
    if let star = text.firstIndex(of: "*") {
      guard let scale = Float(text[text.index(after: star)...]), scale.isFinite, scale > 0
      else { return nil }
      switch PropertyKind(text[..<star]) {
      case .int8: self = .scaledInt8(scale: scale)
      case .vector(.int8, let width):
        self = .vector(element: .scaledInt8(scale: scale), width: width)
      default: return nil
      }
      return
    }
    guard text.hasSuffix("]"), let open = text.firstIndex(of: "[") else { return nil }
    let inside = text[text.index(after: open)...].dropLast()
    if text[..<open] == "timestamp" {
      guard let unit = TimeUnit(rawValue: String(inside)) else { return nil }
      self = .timestamp(unit)
      return
    }
    guard let element = Self.scalars[String(text[..<open])], element.isNumeric,
      let width = Int(inside), (1...(1 << 24)).contains(width)
    else { return nil }
    self = .vector(element: element, width: width)
  }

  /// Whether values are numbers that features may be made of.
  public var isNumeric: Bool {
    switch self {
    case .int8, .int16, .int32, .int64, .uint8: true
    case .float16, .bfloat16, .float32, .float64, .scaledInt8: true
    case .bool, .timestamp, .categorical, .string, .bytes, .vector: false
    }
  }
}

/// A named column and what it holds.
public struct PropertySchema: Hashable, Sendable {
  public var name: String
  public var kind: PropertyKind
  public init(_ name: String, _ kind: PropertyKind) {
    self.name = name
    self.kind = kind
  }
}

public struct NodeSchema: Hashable, Sendable {
  public var type: NodeType
  public var properties: [PropertySchema]
  public init(_ type: NodeType, properties: [PropertySchema] = []) {
    self.type = type
    self.properties = properties
  }
  public func property(_ name: String) -> PropertySchema? { properties.first { $0.name == name } }
}

public struct EdgeSchema: Hashable, Sendable {
  public var type: EdgeType
  public var properties: [PropertySchema]
  /// Both arcs of every edge are stored, so that a backward reading would say nothing new.
  public var isUndirected: Bool
  /// The column by which samples respect time, and the one by which they are weighted.
  public var timeColumn: String?
  public var weightColumn: String?

  public init(
    _ type: EdgeType, properties: [PropertySchema] = [], isUndirected: Bool = false,
    timeColumn: String? = nil, weightColumn: String? = nil
  ) {
    self.type = type
    self.properties = properties
    self.isUndirected = isUndirected
    self.timeColumn = timeColumn
    self.weightColumn = weightColumn
  }
  public func property(_ name: String) -> PropertySchema? { properties.first { $0.name == name } }
}

/// The node and edge types of a graph with their columns, in order of declaration.
public struct GraphSchema: Hashable, Sendable {
  public var nodes: [NodeSchema]
  public var edges: [EdgeSchema]

  public init() { self.init(nodes: []) }

  public init(nodes: [NodeSchema], edges: [EdgeSchema] = []) {
    self.nodes = nodes
    self.edges = edges
  }

  public func node(_ type: NodeType) -> NodeSchema? { nodes.first { $0.type == type } }
  public func edge(_ type: EdgeType) -> EdgeSchema? { edges.first { $0.type == type } }

  /// Every way a message can travel: each edge type forward and, unless it is undirected or
  /// `includingReverse` is false, backward. The order is the schema's, forward first.
  public func relations(includingReverse: Bool = true) -> [Relation] {
    edges.enumerated().flatMap { index, edge in
      var both = [Relation(edge.type, .forward, index: index)]
      if includingReverse && !edge.isUndirected {
        both.append(Relation(edge.type, .backward, index: index))
      }
      return both
    }
  }
}

/// A stored edge type read in one direction: what messages travel along.
public struct Relation: Hashable, Sendable {
  public enum Direction: UInt8, Hashable, Sendable {
    /// Messages run as the edges do; rows are targets, read from the in index.
    case forward = 0
    /// Messages run against the edges; rows are the stored sources, read from the out index.
    case backward = 1
  }
  /// The type as it is stored.
  public let stored: EdgeType
  public let direction: Direction
  /// The stored type's place in its schema.
  public let index: Int

  public init(_ stored: EdgeType, _ direction: Direction, index: Int) {
    self.stored = stored
    self.direction = direction
    self.index = index
  }

  /// The same edges read the other way.
  public var reversed: Relation {
    Relation(stored, direction == .forward ? .backward : .forward, index: index)
  }
  /// The triple under which models name it: `stored` or its `rev_` reading.
  public var name: EdgeType { direction == .forward ? stored : stored.reversed }
  /// Where messages come from.
  public var source: NodeType { direction == .forward ? stored.source : stored.target }
  /// Where messages arrive.
  public var target: NodeType { direction == .forward ? stored.target : stored.source }
}
