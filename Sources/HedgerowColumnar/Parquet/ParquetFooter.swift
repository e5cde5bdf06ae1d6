import HedgerowCore

/// What a Parquet file says at its end (https://github.com/apache/parquet-format): its schema, and where
/// the column chunks of each row group are.
struct ParquetFooter {
  /// A node of the schema; the first is its root.
  struct Element {
    var name = ""
    /// Of a leaf.
    var physical: Int?
    var length = 0
    var repetition = Repetition.required
    var childCount = 0
    var converted: Int?
    var logical = Logical.none
    var scale = 0
    var precision = 0
  }

  enum Repetition: Int { case required, optional, repeated }

  enum Logical: Equatable {
    case none, text, map, list, date, time, uuid, float16
    case decimal
    case timestamp(unit: Int)
    case integer(bits: Int, isSigned: Bool)
    case other
  }

  /// A column in a row group.
  struct Chunk {
    var codec = 0
    var valueCount = 0
    var byteCount = 0
    var dataOffset = 0
    var dictionaryOffset = 0
    var isElsewhere = false
    var isEncrypted = false
    var hasMetadata = false
  }

  var elements: [Element] = []
  var rowCount = 0
  /// The rows of each row group.
  var groups: [Int] = []
  /// Those of the first row group, then those of the second.
  var chunks: [Chunk] = []
  var notes: [String: String] = [:]
  var isEncrypted = false

  private static let elementLimit = 1 << 16

  init(_ bytes: UnsafeRawBufferPointer) throws {
    var reader = ThriftReader(bytes)
    try reader.structure { reader, field, kind in
      switch field {
      case 2:
        try reader.list(kind) { reader, kind in
          guard elements.count < Self.elementLimit else { throw ThriftReader.Failure.malformed }
          elements.append(try Self.element(&reader, kind))
        }
      case 3: rowCount = try reader.integer(kind)
      case 4:
        try reader.list(kind) { reader, kind in
          var rowCount = 0
          try reader.structure(kind) { reader, field, kind in
            switch field {
            case 1: try reader.list(kind) { chunks.append(try Self.chunk(&$0, $1)) }
            case 3: rowCount = try reader.integer(kind)
            default: try reader.skip(kind)
            }
          }
          groups.append(rowCount)
        }
      case 5:
        try reader.list(kind) { reader, kind in
          var key = ""
          var value = ""
          try reader.structure(kind) { reader, field, kind in
            switch field {
            case 1: key = try reader.text(kind)
            // Only our own notes are of any use here.
            case 2 where key.hasPrefix(ParquetFile.notePrefix): value = try reader.text(kind)
            default: try reader.skip(kind)
            }
          }
          if key.hasPrefix(ParquetFile.notePrefix) { notes[key] = value }
        }
      case 8:
        isEncrypted = true
        try reader.skip(kind)
      default: try reader.skip(kind)
      }
    }
  }

  private static func element(
    _ reader: inout ThriftReader, _ kind: ThriftReader.Kind
  ) throws -> Element {
    var element = Element()
    try reader.structure(kind) { reader, field, kind in
      switch field {
      case 1: element.physical = try reader.integer(kind)
      case 2: element.length = try reader.integer(kind)
      case 3:
        guard let repetition = Repetition(rawValue: try reader.integer(kind)) else {
          throw ThriftReader.Failure.malformed
        }
        element.repetition = repetition
      case 4: element.name = try reader.text(kind)
      case 5: element.childCount = try reader.integer(kind)
      case 6: element.converted = try reader.integer(kind)
      case 7: element.scale = try reader.integer(kind)
      case 8: element.precision = try reader.integer(kind)
      case 10: try reader.structure(kind) { try readLogical(&$0, $1, $2, into: &element) }
      default: try reader.skip(kind)
      }
    }
    return element
  }

  private static func readLogical(
    _ reader: inout ThriftReader, _ field: Int, _ kind: ThriftReader.Kind,
    into element: inout Element
  ) throws {
    switch field {
    case 5:
      element.logical = .decimal
      try reader.structure(kind) { reader, field, kind in
        switch field {
        case 1: element.scale = try reader.integer(kind)
        case 2: element.precision = try reader.integer(kind)
        default: try reader.skip(kind)
        }
      }
    case 8:
      var unit = 0
      try reader.structure(kind) { reader, field, kind in
        guard field == 2 else { return try reader.skip(kind) }
        try reader.structure(kind) { reader, field, kind in
          unit = field
          try reader.skip(kind)
        }
      }
      element.logical = .timestamp(unit: unit)
    case 10:
      var bits = 0
      var isSigned = true
      try reader.structure(kind) { reader, field, kind in
        switch field {
        case 1: bits = try reader.integer(kind)
        case 2: isSigned = try reader.flag(kind)
        default: try reader.skip(kind)
        }
      }
      element.logical = .integer(bits: bits, isSigned: isSigned)
    default:
      let known: [Int: Logical] = [
        1: .text, 2: .map, 3: .list, 4: .text, 6: .date, 7: .time, 12: .text, 14: .uuid,
        15: .float16,
      ]
      element.logical = known[field] ?? .other
      try reader.skip(kind)
    }
  }

  private static func chunk(
    _ reader: inout ThriftReader, _ kind: ThriftReader.Kind
  ) throws -> Chunk {
    var chunk = Chunk()
    try reader.structure(kind) { reader, field, kind in
      switch field {
      case 1: chunk.isElsewhere = try !reader.text(kind).isEmpty
      case 3:
        chunk.hasMetadata = true
        try reader.structure(kind) { reader, field, kind in
          switch field {
          case 4: chunk.codec = try reader.integer(kind)
          case 5: chunk.valueCount = try reader.integer(kind)
          case 7: chunk.byteCount = try reader.integer(kind)
          case 9: chunk.dataOffset = try reader.integer(kind)
          case 11: chunk.dictionaryOffset = try reader.integer(kind)
          default: try reader.skip(kind)
          }
        }
      case 8, 9:
        chunk.isEncrypted = true
        try reader.skip(kind)
      default: try reader.skip(kind)
      }
    }
    return chunk
  }
}
