/// One value for each node type, in the order in which they were put in.
///
/// A graph has few types and many rows, so look-ups scan a short array: no hashing, and iteration
/// has one order on every run, which reproducible training needs.
public struct PerNode<Value> {
  public private(set) var keys: [NodeType] = []
  public private(set) var values: [Value] = []

  public init() {}

  public subscript(optional type: NodeType) -> Value? {
    keys.firstIndex(of: type).map { values[$0] }
  }

  /// The value of a type that must be there. Assigning adds or replaces.
  public subscript(type: NodeType) -> Value {
    get {
      guard let index = keys.firstIndex(of: type) else {
        fatalError("no value for node type '\(type)'; there are \(keys)")
      }
      return values[index]
    }
    set {
      if let index = keys.firstIndex(of: type) {
        values[index] = newValue
      } else {
        keys.append(type)
        values.append(newValue)
      }
    }
  }

  public func mapValues<T>(_ transform: (Value) throws -> T) rethrows -> PerNode<T> {
    var result = PerNode<T>()
    for (key, value) in self { result[key] = try transform(value) }
    return result
  }
}

extension PerNode: Sendable where Value: Sendable {}
extension PerNode: Sequence {
  public func makeIterator() -> Zip2Sequence<[NodeType], [Value]>.Iterator {
    zip(keys, values).makeIterator()
  }
  public var count: Int { keys.count }
}
extension PerNode: ExpressibleByDictionaryLiteral {
  public init(dictionaryLiteral elements: (NodeType, Value)...) {
    for (key, value) in elements { self[key] = value }
  }
}

/// An array of objects with `type` and `value`, which keeps the order.
extension PerNode: Codable where Value: Codable {
  private struct Entry: Codable {
    var type: String
    var value: Value
  }

  public init(from decoder: any Decoder) throws {
    for entry in try [Entry](from: decoder) { self[NodeType(entry.type)] = entry.value }
  }

  public func encode(to encoder: any Encoder) throws {
    try zip(keys, values).map { Entry(type: $0.name, value: $1) }.encode(to: encoder)
  }
}
extension PerNode: Equatable where Value: Equatable {}
extension PerNode: Hashable where Value: Hashable {}

/// One value for each edge type, in the order in which they were put in.
public struct PerEdge<Value> {
  public private(set) var keys: [EdgeType] = []
  public private(set) var values: [Value] = []

  public init() {}

  public subscript(optional type: EdgeType) -> Value? {
    keys.firstIndex(of: type).map { values[$0] }
  }

  /// The value of a type that must be there. Assigning adds or replaces.
  public subscript(type: EdgeType) -> Value {
    get {
      guard let index = keys.firstIndex(of: type) else {
        fatalError("no value for edge type '\(type)'; there are \(keys)")
      }
      return values[index]
    }
    set {
      if let index = keys.firstIndex(of: type) {
        values[index] = newValue
      } else {
        keys.append(type)
        values.append(newValue)
      }
    }
  }

  public func mapValues<T>(_ transform: (Value) throws -> T) rethrows -> PerEdge<T> {
    var result = PerEdge<T>()
    for (key, value) in self { result[key] = try transform(value) }
    return result
  }
}

extension PerEdge: Sendable where Value: Sendable {}
extension PerEdge: Sequence {
  public func makeIterator() -> Zip2Sequence<[EdgeType], [Value]>.Iterator {
    zip(keys, values).makeIterator()
  }
  public var count: Int { keys.count }
}
extension PerEdge: ExpressibleByDictionaryLiteral {
  /// `[("user", "rates", "item"): value]`
  public init(dictionaryLiteral elements: ((NodeType, String, NodeType), Value)...) {
    for (key, value) in elements { self[EdgeType(key.0, key.1, key.2)] = value }
  }
}
