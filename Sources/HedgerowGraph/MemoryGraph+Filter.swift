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
    return try FilterEvaluation(type, in: schema, nodes: all).run(filter) { property, test in
      func value(_ node: UInt32) -> PropertyValue? {
        if let labels = nodes.labels[property.name] {
          guard Int(node) < labels.count, labels[Int(node)] >= 0 else { return nil }
          return .int(Int64(labels[Int(node)]))
        }
        switch nodes.columns[property.name] {
        case .integers(let values)?: return Int(node) < values.count ? .int(values[Int(node)]) : nil
        case .numbers(let values)?:
          return Int(node) < values.count ? .float(values[Int(node)]) : nil
        case nil: break
        }
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
}
