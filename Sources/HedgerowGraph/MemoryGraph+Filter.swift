public import HedgerowCore
public import HedgerowRoaring

extension MemoryGraph {
  /// Looks at labels as integers, null where negative, and at features of width 1 as numbers.
  public func nodes(of type: NodeType, where filter: Filter) throws -> RoaringBitmap {
    let all = RoaringBitmap(UInt32(0)..<UInt32(count(of: type)))
    let nodes = self[type]
    // A row of one number is compared as that number.
    var schema = schema
    for (index, node) in schema.nodes.enumerated() where node.type == type {
      schema.nodes[index].properties = node.properties.map {
        $0.kind == .vector(element: .float32, width: 1) ? PropertySchema($0.name, .float32) : $0
      }
    }
    return try FilterEvaluation(.nodes(type), in: schema, all: all).run(filter) { property, test in
      func value(_ node: UInt32) -> PropertyValue? {
        if let labels = nodes.labels[property.name] {
          guard Int(node) < labels.count, labels[Int(node)] >= 0 else { return nil }
          return .int(Int64(labels[Int(node)]))
        }
        if let column = nodes.columns[property.name] { return column.value(Int(node)) }
        guard let matrix = nodes.features[property.name], Int(node) < matrix.rowCount else {
          return nil
        }
        let row = Int(node) * matrix.width
        return matrix.width == 1
          ? .float(Double(matrix.values[row]))
          : .vector(Array(matrix.values[row..<row + matrix.width]))
      }
      return RoaringBitmap(all.lazy.filter { test.matches(value($0)) })
    }
  }

  public func edges(of type: EdgeType, where filter: Filter) throws -> RoaringBitmap {
    let edges = self[type]
    let places = edges.sorted.listPlaces
    let all = RoaringBitmap(0..<UInt32(places.count))
    return try FilterEvaluation(.edges(type), in: schema, all: all).run(filter) { property, test in
      let column = edges.columns[property.name]!
      return RoaringBitmap(
        all.lazy.filter { test.matches(column.value(Int(places[Int($0)]))) })
    }
  }
}

extension NumberColumn {
  /// `nil` beyond its end.
  fileprivate func value(_ row: Int) -> PropertyValue? {
    guard row < count else { return nil }
    return switch self {
    case .integers(let values): .int(values[row])
    case .numbers(let values): .float(values[row])
    }
  }
}
