/// One node or edge type of a schema that is written out in code: see ``GraphSchema``.
public enum SchemaElement: Sendable {
  case node(NodeSchema)
  case edge(EdgeSchema)

  /// A node type.
  ///
  /// - Parameters:
  ///   - features: width of a column `x` of float32, which models take as input.
  ///   - properties: further columns, in their order.
  public static func node(
    _ type: NodeType, features: Int? = nil,
    properties: KeyValuePairs<String, PropertyKind> = [:]
  ) -> SchemaElement {
    var columns = properties.map { PropertySchema($0.key, $0.value) }
    if let features {
      columns.insert(PropertySchema("x", .vector(element: .float32, width: features)), at: 0)
    }
    return .node(NodeSchema(type, properties: columns))
  }

  /// An edge type.
  ///
  /// - Parameters:
  ///   - isUndirected: both arcs of every edge are kept.
  ///   - time: the column by which samples respect time; `weight`: by which they are weighted.
  public static func edge(
    _ type: EdgeType, properties: KeyValuePairs<String, PropertyKind> = [:],
    isUndirected: Bool = false, time: String? = nil, weight: String? = nil
  ) -> SchemaElement {
    .edge(
      EdgeSchema(
        type, properties: properties.map { PropertySchema($0.key, $0.value) },
        isUndirected: isUndirected, timeColumn: time, weightColumn: weight))
  }
}

extension GraphSchema: ExpressibleByArrayLiteral {
  public init(arrayLiteral elements: SchemaElement...) {
    self.init(nodes: [], edges: [])
    for element in elements {
      switch element {
      case .node(let node): nodes.append(node)
      case .edge(let edge): edges.append(edge)
      }
    }
  }
}
