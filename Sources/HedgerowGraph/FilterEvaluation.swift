package import HedgerowCore
package import HedgerowRoaring

/// Finds the nodes, or edges, of a filter from those of each of its conditions.
package struct FilterEvaluation {
  private let owner: ColumnOwner
  private let properties: [PropertySchema]
  private let all: RoaringBitmap

  /// - Parameter all: all nodes or edges of the type that there are: what a negation leaves others of.
  package init(_ owner: ColumnOwner, in schema: GraphSchema, all: RoaringBitmap) throws {
    switch owner {
    case .nodes(let type):
      guard let node = schema.node(type) else {
        throw Self.unknown(owner, among: schema.nodes.map(\.type.name))
      }
      properties = node.properties
    case .edges(let type):
      guard let edge = schema.edge(type) else {
        throw Self.unknown(owner, among: schema.edges.map(\.type.description))
      }
      properties = edge.properties
    }
    self.owner = owner
    self.all = all
  }

  private static func unknown(_ owner: ColumnOwner, among known: [String]) -> HedgerowError {
    HedgerowError(
      .usage,
      "no \(owner.kind) type '\(owner)': there are \(known.sorted().joined(separator: ", "))")
  }

  /// - Parameter find: the nodes or edges whose value in a column passes a test.
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
        "no column '\(column)' of \(owner.kind) type '\(owner)': "
          + (names.isEmpty ? "it has none" : "there are \(names.joined(separator: ", "))"))
    }
    return (property, try ColumnTest(condition, property.kind, column: "\(owner).\(column)"))
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
    case .not(let filter): return all.subtracting(try evaluate(filter, find))
    case .all(let filters):
      var found = all
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

extension ColumnOwner {
  /// What messages call it.
  fileprivate var kind: String {
    switch self {
    case .nodes: "node"
    case .edges: "edge"
    }
  }
}
