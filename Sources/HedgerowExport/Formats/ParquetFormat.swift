import HedgerowColumnar
import HedgerowCore
import HedgerowStore

/// Parquet: a file for each type, keys first; sets as tables beside them. Each file notes what its columns
/// are in words of our own, from which ingest makes an equal graph. Undirected edges are written once.
struct ParquetFormat {
  private let graph: ExportedGraph
  private let output: OutputDirectory
  /// The longest value that ingest has a field for.
  private static let longestValue = 16 << 20

  init(_ graph: ExportedGraph, _ output: OutputDirectory) {
    self.graph = graph
    self.output = output
  }

  func write() throws -> ImportCommand {
    var command = ImportCommand()
    let tables = CSVFormat(graph, output, arrays: .text)
    for nodes in graph.nodes {
      let name = output.name(["nodes", nodes.type.name], ".parquet")
      try write(
        name, keys: [(nodes.keys, "id")], nodes.schema.properties
      ) { column in
        let rows = try graph.rows(of: nodes, columns: column.property.map { [$0] } ?? [])
        rows.isSilent = column.place > 0
        return Feed(
          columns: rows.columns, advance: { try rows.advance() ? rows.ids.count : 0 },
          key: { rows.ids[$0] })
      }
      command.add("--nodes", "\(nodes.type)=", file: name)
      try tables.writeSets(nodes, &command)
    }
    for edges in graph.edges {
      let name = output.name(["edges"] + edges.type.parts, ".parquet")
      try write(
        name, keys: [(edges.source.keys, "source"), (edges.target.keys, "target")],
        edges.schema.properties
      ) { column in
        let rows = try graph.rows(
          of: edges, columns: column.property.map { [$0] } ?? [], arcs: .fromSmaller)
        rows.isSilent = column.place > 0
        let isTarget = column.place == 1
        return Feed(
          columns: rows.columns, advance: { try rows.advance() ? rows.count : 0 },
          key: { isTarget ? rows.targets[$0] : rows.sources[$0] })
      }
      command.add("--edges", "\(edges.type)=", file: name)
      tables.addMeaning(of: edges, to: &command)
    }
    return command
  }

  // MARK: Files

  private struct Column {
    var place: Int
    /// `nil` for a key.
    var property: PropertySchema?
    var keys: NodeKeyReader?
    var written: ParquetWriter.Column
    /// As in a typed header.
    var spelled: String
  }

  /// Every column is read for itself, from the first row to the last, so that a row group need not be
  /// held.
  private func write(
    _ name: String, keys: [(reader: NodeKeyReader, name: String)], _ properties: [PropertySchema],
    _ makeFeed: (Column) throws -> Feed
  ) throws {
    let columns = columns(keys, properties)
    let rowLimit = Self.rowLimit(properties)
    try output.write(name) { file in
      let writer = try ParquetWriter(
        columns.map(\.written),
        notes: [("hedgerow.columns", columns.map(\.spelled).joined(separator: ","))],
        to: { try file.append($0) })
      let feeds = try columns.map(makeFeed)
      var count = rowLimit
      while count == rowLimit {
        count = try writer.appendGroup { place, chunk in
          try append(rowLimit, of: feeds[place], columns[place], to: chunk, in: name)
        }
        file.rowCount += count
      }
      try writer.finish()
    }
  }

  /// Rows of a row group: so many that columns of fixed width come to 64 MiB.
  private static func rowLimit(_ properties: [PropertySchema]) -> Int {
    let width = properties.reduce(16) {
      $0 + ($1.kind.hasVariableLength ? 32 : $1.kind.byteWidth)
    }
    return max(1 << 10, min(1 << 20, 64 << 20 / width))
  }

  private func columns(
    _ keys: [(reader: NodeKeyReader, name: String)], _ properties: [PropertySchema]
  ) -> [Column] {
    var columns = keys.enumerated().map { place, key in
      Column(
        place: place, keys: key.reader, written: .init(key.name, key.reader.columnarType),
        spelled: "\(key.name):\(key.reader.headerKind)")
    }
    // A property may be called as a key is; other tools want names that differ.
    var taken = Set(keys.map(\.name) + properties.map(\.name))
    for property in properties {
      var name = property.name
      var number = 2
      while keys.contains(where: { $0.name == property.name }), !taken.insert(name).inserted {
        name = "\(property.name)_\(number)"
        number += 1
      }
      let element = property.kind.element
      columns.append(
        Column(
          place: columns.count, property: property,
          written: .init(
            name, ColumnarType(element), isList: element != property.kind, isOptional: true),
          spelled: "\(property.name):\(property.kind)"))
      switch element {
      case .bfloat16, .scaledInt8, .timestamp(.seconds):
        graph.note(
          "Parquet has no bfloat16, no codes with a scale and no times in seconds: other tools see "
            + "float32 and int64")
      default: break
      }
    }
    return columns
  }

  // MARK: Values

  /// The rows of one column, a block at a time.
  private final class Feed {
    let columns: ColumnBlock
    private let advance: () throws -> Int
    let key: (Int) -> UInt32
    private var count = 0
    private var place = 0

    init(
      columns: ColumnBlock, advance: @escaping () throws -> Int, key: @escaping (Int) -> UInt32
    ) {
      self.columns = columns
      self.advance = advance
      self.key = key
    }

    /// Calls `body` with the places of so many rows in their blocks, or of those that are left.
    func forEach(_ limit: Int, _ body: (Int) throws -> Void) throws {
      for _ in 0..<limit {
        if place == count {
          count = try advance()
          place = 0
          if count == 0 { return }
        }
        try body(place)
        place += 1
      }
    }
  }

  private func append(
    _ limit: Int, of feed: Feed, _ column: Column, to chunk: ParquetChunkWriter, in name: String
  ) throws {
    if let keys = column.keys {
      return try feed.forEach(limit) { try Self.append(keyOf: feed.key($0), keys, to: chunk) }
    }
    try feed.forEach(limit) { row in
      try feed.columns.withValue(0, row) { value in
        switch value {
        case .null: try chunk.appendNull()
        case .bool(let flag): try chunk.append(Int64(flag ? 1 : 0))
        case .integer(let number): try chunk.append(number)
        case .half(let number): try chunk.append(Float(number))
        case .float(let number): try chunk.append(number)
        case .double(let number): try chunk.append(number)
        case .text(let bytes), .bytes(let bytes):
          try chunk.append(bytes)
          if bytes.count > Self.longestValue {
            graph.note("\(name) has values of more than 16 MiB, which ingest does not read")
          }
        case .vector(let vector):
          try chunk.appendList(count: vector.count)
          for index in 0..<vector.count { Self.put(vector[index], to: chunk) }
        }
      }
    }
  }

  private static func put(_ element: ExportedValue, to chunk: ParquetChunkWriter) {
    switch element {
    case .integer(let number): chunk.put(number)
    case .half(let number): chunk.put(Float(number))
    case .float(let number): chunk.put(number)
    case .double(let number): chunk.put(number)
    default: fatalError("an element of a vector is a number")
    }
  }

  private static func append(
    keyOf id: UInt32, _ keys: NodeKeyReader, to chunk: ParquetChunkWriter
  ) throws {
    switch keys.kind {
    case .identity, .int64: try chunk.append(keys.integer(of: id))
    case .uuid: try withUnsafeBytes(of: keys.uuid(of: id)) { try chunk.append($0) }
    case .string: try chunk.append(keys.text(of: id))
    }
  }
}

extension NodeKeyReader {
  fileprivate var columnarType: ColumnarType {
    switch kind {
    case .identity, .int64: .integer(bits: 64, isSigned: true)
    case .uuid: .uuid
    case .string: .text
    }
  }
}

extension ColumnarType {
  /// What one element of a kind is in a file of columns.
  fileprivate init(_ kind: PropertyKind) {
    switch kind {
    case .bool: self = .bool
    case .int8: self = .integer(bits: 8, isSigned: true)
    case .int16: self = .integer(bits: 16, isSigned: true)
    case .int32: self = .integer(bits: 32, isSigned: true)
    case .int64: self = .integer(bits: 64, isSigned: true)
    case .uint8: self = .integer(bits: 8, isSigned: false)
    case .float16: self = .float16
    case .float32, .bfloat16, .scaledInt8: self = .float32
    case .float64: self = .float64
    case .timestamp(let unit): self = .timestamp(unit)
    case .categorical, .string: self = .text
    case .bytes: self = .bytes
    case .vector(let element, _): self.init(element)
    }
  }
}
