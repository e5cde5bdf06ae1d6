import Glibc
import HedgerowCore
import HedgerowMapped

/// Formats of files that say by themselves what types a graph has.
public enum GraphFormat: String, Sendable, CaseIterable {
  /// Two keys a line: node type `node`, edge type `node:edge:node`.
  case edgeList = "edge-list"
  case matrixMarket = "matrix-market"
  case nTriples = "n-triples"
  case nQuads = "n-quads"

  /// What a file looks like by its name, else by its first bytes.
  static func detect(_ path: String) throws -> GraphFormat {
    var name = path[...]
    for suffix in [".gz", ".zst"] where name.hasSuffix(suffix) {
      name = name.dropLast(suffix.count)
    }
    if name.hasSuffix(".mtx") { return .matrixMarket }
    if name.hasSuffix(".nt") { return .nTriples }
    if name.hasSuffix(".nq") { return .nQuads }
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return .edgeList }
    let source = try ByteSource(path: path)
    var start = [UInt8](repeating: 0, count: 64)
    let count = try start.withUnsafeMutableBytes { try source.read(into: $0) }
    let text = String(decoding: start[..<count], as: UTF8.self).lowercased()
    return text.hasPrefix("%%matrixmarket") ? .matrixMarket : .edgeList
  }
}

extension IngestOptions {
  /// The options with tables in place of all files of other formats, which are read for that.
  func resolved(
    scratch: String, progress: @escaping (IngestProgress) -> Void,
    isCancelled: @escaping () -> Bool
  ) throws -> IngestOptions {
    var options = self
    options.graphs = []
    var lists: [EdgeFile] = []
    for file in graphs {
      let (path, name) = try localCopy(of: file.path, in: scratch)
      let graph = GraphImport(scratch: scratch, progress: progress, isCancelled: isCancelled)
      let format = try file.format ?? .detect(name)
      switch format {
      case .edgeList:
        var list = EdgeFile(EdgeType("node", "edge", "node"), path)
        if path != name { list.layout.name = name }
        lists.append(list)
        continue
      case .matrixMarket: try MatrixMarket.read(path, called: name, into: graph)
      case .nTriples, .nQuads:
        try NTriples.read(
          path, called: name, hasGraphs: format == .nQuads, into: graph)
      }
      try graph.finish(into: &options, from: name)
    }
    options.edges.insert(contentsOf: lists, at: 0)
    if isUndirected {
      let types = options.edgeTypes.filter { $0.source == $0.target }
      guard !types.isEmpty else {
        throw HedgerowError(
          .usage, "--undirected needs an edge type whose ends are of one node type")
      }
      options.undirected.formUnion(types)
    }
    try options.checkTypes()
    return options
  }
}
