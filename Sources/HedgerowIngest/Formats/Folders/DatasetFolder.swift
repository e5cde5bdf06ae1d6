import Glibc
import HedgerowCore
import HedgerowMapped

/// A folder that is one data set, by the files in it.
struct DatasetFolder {
  let path: String

  init(_ path: String) {
    var path = path[...]
    while path.count > 1, path.hasSuffix("/") { path = path.dropLast() }
    self.path = String(path)
  }

  func path(_ inner: String) -> String { "\(path)/\(inner)" }
  func has(_ inner: String) -> Bool { FileSystem.exists(path(inner)) }
  func folder(_ inner: String) -> DatasetFolder { DatasetFolder(path(inner)) }

  /// Names in the folder; none where there is no such folder.
  func names() throws -> [String] {
    FileSystem.isDirectory(path) ? try FileSystem.names(in: path) : []
  }

  /// A table without a header: `NAME.csv.gz` or `NAME.csv`.
  func table(_ name: String, hasHeader: Bool = false) -> RowSource? {
    for suffix in [".csv.gz", ".csv"] where has(name + suffix) {
      return .text(path: path(name + suffix), hasHeader: hasHeader)
    }
    return nil
  }

  /// An archive of arrays: `NAME.npz`.
  func archive(_ name: String, into graph: GraphImport) throws -> NPZFile? {
    let file = path(name + ".npz")
    return has(name + ".npz") ? try NPZFile(file, called: file, into: graph) : nil
  }

  func missing(_ what: String) -> HedgerowError {
    HedgerowError(.badData, "lacks \(what)", at: path)
  }

  /// The format of the data set that the folder is; nil where it is none.
  func format() throws -> GraphFormat? {
    if OGBFolder.isKnown(self) { return .ogb }
    if try !TUFolder.prefixes(in: self).isEmpty { return .tu }
    if KuzuFolder.isKnown(self) { return .kuzu }
    if GraphBoltFolder.isKnown(self) { return .graphBolt }
    if DGLFolder.isKnown(self) { return .dglCSV }
    return nil
  }
}

extension GraphFormat {
  /// Whether a folder is one data set, instead of files that are read one by one.
  var isFolder: Bool {
    switch self {
    case .ogb, .tu, .kuzu, .dglCSV, .graphBolt: true
    default: false
    }
  }

  /// Reads the data set that a folder is.
  func read(
    _ folder: DatasetFolder, into graph: GraphImport, budget: MemoryBudget
  ) throws {
    guard FileSystem.isDirectory(folder.path) else {
      throw HedgerowError(
        FileSystem.exists(folder.path) ? .badData : .noInput,
        "is no folder, as data sets of the format \(rawValue) are", at: folder.path)
    }
    switch self {
    case .ogb: try OGBFolder.read(folder, into: graph)
    case .tu: try TUFolder.read(folder, into: graph)
    case .kuzu: try KuzuFolder.read(folder, into: graph, budget: budget)
    case .dglCSV: try DGLFolder.read(folder, into: graph)
    case .graphBolt: try GraphBoltFolder.read(folder, into: graph)
    default: preconditionFailure("\(rawValue) is no format of folders")
    }
  }
}
