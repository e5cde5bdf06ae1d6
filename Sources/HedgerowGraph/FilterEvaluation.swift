package import HedgerowCore
package import HedgerowRoaring

/// Finds the nodes of a filter from those of each of its conditions.
package struct FilterEvaluation {
  private let type: NodeType
  private let properties: [PropertySchema]
  private let nodes: RoaringBitmap

  /// - Parameter nodes: all nodes of the type that there are: what a negation leaves others of.
  package init(_ type: NodeType, in schema: GraphSchema, nodes: RoaringBitmap) throws {
    guard let node = schema.node(type) else {
      let known = schema.nodes.map(\.type.name).sorted()
      throw HedgerowError(
        .usage, "no node type '\(type)': there are \(known.joined(separator: ", "))")
    }
    self.type = type
    properties = node.properties
    self.nodes = nodes
  }

  /// - Parameter find: the nodes whose value in a column passes a test.
  /// - Throws: `usage` for a column that is not there or whose kind has no such comparison, before
  ///   anything is looked at.
  package func run(
    _ filter: Filter, find: (PropertySchema, ColumnTest) throws -> RoaringBitmap
  ) throws -> RoaringBitmap {
    try check(filter)
    return try evaluate(filter, find)
  }

  private func test(
    _ column: String, _ condition: Filter.Condition
  ) throws -> (PropertySchema, ColumnTest) {
    guard let property = properties.first(where: { $0.name == column }) else {
      let names = properties.map(\.name)
      throw HedgerowError(
        .usage,
        "no column '\(column)' of node type '\(type)': "
          + (names.isEmpty ? "it has none" : "there are \(names.joined(separator: ", "))"))
    }
    return (property, try ColumnTest(condition, property.kind, column: "\(type).\(column)"))
  }

  private func check(_ filter: Filter) throws {
    switch filter {
    case .condition(let column, let condition): _ = try test(column, condition)
    case .not(let filter): try check(filter)
    case .all(let filters), .any(let filters): try filters.forEach(check)
    }
  }

  private func evaluate(
    _ filter: Filter, _ find: (PropertySchema, ColumnTest) throws -> RoaringBitmap
  ) throws -> RoaringBitmap {
    switch filter {
    case .condition(let column, let condition):
      let (property, test) = try test(column, condition)
      return try find(property, test)
    case .not(let filter): return nodes.subtracting(try evaluate(filter, find))
    case .all(let filters):
      var found = nodes
      for filter in filters where !found.isEmpty {
        found.formIntersection(try evaluate(filter, find))
      }
      return found
    case .any(let filters):
      var found = RoaringBitmap()
      for filter in filters { found.formUnion(try evaluate(filter, find)) }
      return found
    }
  }
}
