public import HedgerowCore
public import HedgerowGraph

extension ReferenceStore {
  /// The same graph in memory, with those columns of edges and nodes that hold integers or numbers. A
  /// column with nulls is one of numbers.
  public func memoryGraph(_ schema: GraphSchema) -> MemoryGraph {
    var graph = MemoryGraph()
    for node in schema.nodes {
      let nodes = self.nodes[node.type]!
      graph[node.type].count = nodes.keys.count
      for property in node.properties where property.kind.isNumeric {
        graph[node.type].columns[property.name] = Self.column(
          nodes.values.map { $0[property.name] })
      }
    }
    for edge in schema.edges {
      let list = edges[edge.type]!
      var made = graph[edge.type]
      made.isUndirected = edge.isUndirected
      for property in edge.properties where property.kind.isNumeric {
        made.columns[property.name] = Self.column(list.map { $0.values[property.name] })
      }
      made.timeColumn = edge.timeColumn
      made.weightColumn = edge.weightColumn
      made.edges = EdgeList(sources: list.map(\.source), targets: list.map(\.target))
      graph[edge.type] = made
    }
    return graph
  }

  private static func column(_ values: [PropertyValue?]) -> NumberColumn {
    let integers: [Int64] = values.compactMap {
      if case .int(let value)? = $0 { value } else { nil }
    }
    if integers.count == values.count { return .integers(integers) }
    return .numbers(
      values.map {
        switch $0 {
        case .int(let value)?: Double(value)
        case .float(let value)?: value
        default: .nan
        }
      })
  }
}
