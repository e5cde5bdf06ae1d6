import HedgerowCore
import HedgerowExport
import HedgerowGraph
import HedgerowIngest
import HedgerowMapped
import HedgerowStore
import HedgerowTestSupport
import Testing

/// A budget that most graphs of these tests need a part of.
func makeBudget(_ total: Int = 64 << 20) -> MemoryBudget { MemoryBudget(total: total) }

/// Exports into the directory `name` and gives the report.
@discardableResult
func export(
  _ store: String, _ options: ExportOptions, to path: String, budget: MemoryBudget = makeBudget()
) throws -> ExportReport {
  try Export.run(options, from: store, to: path, budget: budget)
}

/// Does what an export's command says, with a new store at `path`.
func readBack(_ report: ExportReport, to path: String) throws -> Snapshot {
  let command = try #require(report.importCommand)
  // Quotes are for the shell; no name here has any.
  var words = command.split(separator: " ").map { String($0.filter { $0 != "'" }) }[...]
  try #require(Array(words.prefix(3)) == ["hedgerow", "ingest", "NEW"])
  words = words.dropFirst(3)
  var options = IngestOptions()
  while let word = words.popFirst() {
    guard word.hasPrefix("--") else {
      options.graphs.append(.init(word))
      continue
    }
    let value = words.popFirst() ?? ""
    let parts = value.split(separator: "=", maxSplits: 1).map { String($0) }
    switch word {
    case "--nodes": options.nodes.append(.init(NodeType(parts[0]), parts[1]))
    case "--edges": options.edges.append(.init(try EdgeType(validating: parts[0]), parts[1]))
    case "--sets": options.sets.append(.init(NodeType(parts[0]), parts[1]))
    case "--undirected-type": options.undirected.insert(try EdgeType(validating: value))
    case "--columns":
      options.edgeColumns[try EdgeType(validating: parts[0])] =
        parts[1].split(separator: ",").map { String($0) }
    case "--delimiter": options.delimiter = 9
    case "--comment": options.comment = 0
    case "--time", "--weight":
      let place = try #require(value.lastIndex(of: "."))
      let column = IngestOptions.EdgeColumn(
        try EdgeType(validating: String(value[..<place])),
        String(value[value.index(after: place)...]))
      if word == "--time" { options.times.append(column) } else { options.weights.append(column) }
    case "--features":
      let owner = parts[0].split(separator: ":").map { String($0) }
      let point = try #require(owner[0].lastIndex(of: "."))
      options.features.append(
        .init(
          NodeType(String(owner[0][..<point])), String(owner[0][owner[0].index(after: point)...]),
          parts[1], as: owner.count > 1 ? PropertyKind(owner[1]) : nil))
    default: Issue.record("unknown option \(word)")
    }
  }
  try Ingest.run(options, into: path, budget: makeBudget(), pool: ThreadPool(threadCount: 2))
  try #require(try StoreVerifier.verify(at: path).isClean)
  return try GraphStore.open(at: path, .readOnly).snapshot()
}

/// The values of a column as they are stored, categories by their texts: equal bytes, so that NaN and
/// -0 count; `nil` for null.
func values(_ reader: ColumnReader) throws -> [[UInt8]?] {
  var values: [[UInt8]?] = []
  for row in 0..<reader.rowCount {
    if reader.kind.hasVariableLength {
      try reader.readTexts(row..<row + 1) { values.append($0.map { Array($0) }) }
      continue
    }
    var bytes = [UInt8](repeating: 0, count: reader.kind.byteWidth)
    var isValid = [false]
    try bytes.withUnsafeMutableBytes { bytes in
      try isValid.withUnsafeMutableBufferPointer {
        try reader.read(row..<row + 1, into: bytes, isValid: $0)
      }
    }
    if reader.kind == .categorical, isValid[0] {
      let code = bytes.reversed().reduce(0) { $0 << 8 | Int($1) }
      bytes = Array(reader.categories[code].utf8)
    }
    values.append(isValid[0] ? bytes : nil)
  }
  return values
}

/// The lines of a file of an export.
func lines(_ directory: String, _ name: String) -> [String] {
  String(decoding: TemporaryDirectory.contents("\(directory)/\(name)"), as: UTF8.self)
    .split(separator: "\n", omittingEmptySubsequences: false).dropLast().map { String($0) }
}
