import ArgumentParser
import Hedgerow

// How the arguments of `hedgerow ingest` are written.

func parseCase<T: RawRepresentable & CaseIterable>(_ text: String) throws -> T
where T.RawValue == String {
  guard let value = T(rawValue: text) else {
    let cases = T.allCases.map(\.rawValue).joined(separator: ", ")
    throw ValidationError("'\(text)' is none of \(cases)")
  }
  return value
}

func parseNodeFile(_ text: String) throws -> IngestOptions.NodeFile {
  let (type, path) = try parsePair(text, at: "=", as: "node file: write paper=nodes.tsv")
  return try IngestOptions.NodeFile(NodeType(validating: type), path)
}

func parseEdgeFile(_ text: String) throws -> IngestOptions.EdgeFile {
  let (type, path) = try parsePair(
    text, at: "=", as: "edge file: write paper:cites:paper=edges.tsv")
  return try IngestOptions.EdgeFile(EdgeType(validating: type), path)
}

func parseFeatureFile(_ text: String) throws -> IngestOptions.FeatureFile {
  let (owner, path) = try parsePair(text, at: "=", as: "feature file: write paper.x=features.npy")
  var column = owner[...]
  var element: PropertyKind?
  if let colon = owner.lastIndex(of: ":") {
    element = PropertyKind(owner[owner.index(after: colon)...])
    guard element?.isNumeric == true else {
      throw ValidationError(
        "'\(owner[owner.index(after: colon)...])' is no kind of an array's elements: write "
          + "float32, float16, bfloat16 or int8*SCALE")
    }
    column = owner[..<colon]
  }
  let (type, name) = try parseColumn(String(column))
  return try IngestOptions.FeatureFile(NodeType(validating: type), name, path, as: element)
}

/// `paper.label`, `user:rates:item.time`: what follows the last point is the column.
func parseColumn(_ text: String) throws -> (type: String, column: String) {
  guard let point = text.lastIndex(of: "."), point != text.startIndex,
    text.index(after: point) != text.endIndex
  else { throw ValidationError("'\(text)' is no column: write TYPE.COLUMN, as paper.label") }
  return (String(text[..<point]), String(text[text.index(after: point)...]))
}

func parseEdgeColumn(_ text: String) throws -> IngestOptions.EdgeColumn {
  let (type, column) = try parseColumn(text)
  return try IngestOptions.EdgeColumn(EdgeType(validating: type), column)
}

func parseCombination(_ text: String) throws -> IngestOptions.EdgeCombination {
  let (column, combination) = try parsePair(
    text, at: "=", as: "combination: write user:rates:item.rating=sum")
  let owner = try parseEdgeColumn(column)
  return try IngestOptions.EdgeCombination(owner.type, owner.column, parseCase(combination))
}

/// The names that `--columns` gives to a type's files.
struct ColumnNames {
  enum Owner {
    case node(NodeType)
    case edge(EdgeType)
  }
  var type: Owner
  var names: [String]
}

func parseColumnNames(_ text: String) throws -> ColumnNames {
  let (type, list) = try parsePair(
    text, at: "=", as: "list of columns: write user:rates:item=source,target,rating")
  let names = list.split(separator: ",", omittingEmptySubsequences: false).map { String($0) }
  return ColumnNames(
    type: type.contains(":")
      ? .edge(try EdgeType(validating: type)) : .node(try NodeType(validating: type)),
    names: names)
}

func parseDelimiter(_ text: String, as what: String) throws -> UInt8 {
  guard let byte = IngestOptions.delimiter(named: text) else {
    throw ValidationError("'\(text)' is no \(what): \(IngestOptions.delimiterNames)")
  }
  return byte
}
