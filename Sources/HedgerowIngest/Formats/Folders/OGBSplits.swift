import HedgerowCore
import HedgerowMapped

/// The splits of a data set of the Open Graph Benchmark: numbers of nodes or graphs, which become the sets
/// `train`, `valid` and `test`; where there are several splits, `NAME_train` and so on.
struct OGBSplits {
  private let folder: DatasetFolder
  private let graph: GraphImport

  init(_ folder: DatasetFolder, into graph: GraphImport) {
    self.folder = folder
    self.graph = graph
  }

  private static let parts = ["train", "valid", "test"]

  /// - Parameters:
  ///   - types: what splits may be of, with the names of their folders in each split where they have any.
  ///   - count: how many there are of a type.
  func read(_ types: [(folder: String?, type: NodeType)], count: (NodeType) -> Int) throws {
    var splits: [(name: String, files: [(part: String, type: NodeType, source: RowSource)])] = []
    for name in try folder.names() where FileSystem.isDirectory(folder.path(name)) {
      let split = folder.folder(name)
      let files = types.flatMap { inner, type in
        Self.parts.compactMap { part in
          split.table(inner.map { "\($0)/\(part)" } ?? part).map { (part, type, $0) }
        }
      }
      if !files.isEmpty {
        splits.append((name, files))
      } else if let pickle = try split.names().first(where: { $0.hasSuffix(".pt") }) {
        try graph.leaveOut(
          "is a pickle of PyTorch, which is not read: write the numbers as train.csv.gz, valid.csv.gz "
            + "and test.csv.gz, or go on without them by --on-error report", in: split.path(pickle))
      }
    }
    var names = NameTable()
    var tables: [NodeType: TableSpool.Table] = [:]
    for split in splits {
      for (part, type, source) in split.files {
        let rows = try source.rows(into: graph)
        if tables[type] == nil { tables[type] = try graph.makeSetTable(type, from: folder.path) }
        let set = names.name(for: splits.count == 1 ? part : "\(split.name)_\(part)")
        // The set is there, also without members.
        tables[type]!.append(nil as String?)
        tables[type]!.append(set)
        try tables[type]!.endRow()
        while try rows.next() {
          let what = type == OGBFiles.graphs ? "a graph" : "a node"
          tables[type]!.append(try rows.index(0, of: what, count: count(type)))
          tables[type]!.append(set)
          try tables[type]!.endRow()
        }
      }
    }
  }
}
