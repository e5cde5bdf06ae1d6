import HedgerowCore
import HedgerowMapped

extension IngestOptions {
  /// Takes arrays out of archives, and puts tables in the places of arrays of edges.
  mutating func readArrays(_ makeImport: () -> GraphImport) throws {
    for index in features.indices {
      guard let array = ArrayPath(features[index].path), array.isArchive else { continue }
      let (path, name) = try array.file(into: makeImport())
      features[index].path = path
      features[index].name = name
    }
    for index in edges.indices {
      guard let array = ArrayPath(edges[index].path) else { continue }
      let graph = makeImport()
      let (path, name) = try array.file(into: graph)
      let rows = try ArrayRows.pairs(NPYFile(path: path, called: name), into: graph)
      let table = try graph.makeTable(edges[index].type, from: name)
      while try rows.next() {
        for end in 0..<2 { try rows.withField(end) { table.append($0) } }
        try table.endRow()
      }
      var tables = IngestOptions()
      try graph.finish(into: &tables)
      let choice = edges[index].layout.choice
      edges[index] = tables.edges[0]
      edges[index].layout.choice = choice
    }
  }
}
