import CHedgerowZlib
import CHedgerowZstd
import Foundation
import HedgerowCore
import HedgerowGraph
import HedgerowIngest
import HedgerowStore
import Testing

/// A directory for one test's files and stores.
final class Workspace: Sendable {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "hedgerow-ingest-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func write(_ text: String, to name: String) throws -> String {
    try write(Array(text.utf8), to: name)
  }

  func write(_ bytes: [UInt8], to name: String) throws -> String {
    let file = "\(path)/\(name)"
    try Data(bytes).write(to: URL(fileURLWithPath: file))
    return file
  }

  /// A two-dimensional array, or one of one dimension when `width` is nil.
  func write<T: BitwiseCopyable>(
    _ values: [T], _ descr: String, width: Int?, to name: String
  ) throws -> String {
    let shape = width.map { "(\(values.count / $0), \($0))" } ?? "(\(values.count),)"
    let header = "{'descr': '\(descr)', 'fortran_order': False, 'shape': \(shape), }\n"
    var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0]
    bytes += [UInt8(header.utf8.count & 255), UInt8(header.utf8.count >> 8)]
    bytes += Array(header.utf8) + values.withUnsafeBytes { Array($0) }
    return try write(bytes, to: name)
  }

  /// A zstd frame.
  static func zstd(_ bytes: [UInt8]) -> [UInt8] {
    var output = [UInt8](repeating: 0, count: ZSTD_compressBound(bytes.count))
    let count = ZSTD_compress(&output, output.count, bytes, bytes.count, 3)
    return Array(output[..<count])
  }

  /// A gzip member.
  static func gzip(_ bytes: [UInt8]) -> [UInt8] {
    var stream = z_stream()
    deflateInit2_(
      &stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
      Int32(MemoryLayout<z_stream>.size))
    var input = bytes
    var output = [UInt8](repeating: 0, count: bytes.count + 1000)
    let count = input.withUnsafeMutableBufferPointer { input in
      output.withUnsafeMutableBufferPointer { output in
        stream.next_in = input.baseAddress
        stream.avail_in = UInt32(input.count)
        stream.next_out = output.baseAddress
        stream.avail_out = UInt32(output.count)
        deflate(&stream, Z_FINISH)
        return output.count - Int(stream.avail_out)
      }
    }
    deflateEnd(&stream)
    return Array(output[..<count])
  }

  var storePath: String { "\(path)/store-\(UUID().uuidString)" }

  /// Ingests into a store, a new one unless it is named, verifies it and opens it.
  @discardableResult
  func ingest(
    _ options: IngestOptions, into path: String? = nil, memory: Int = 256 << 20, threads: Int = 2
  ) throws -> (report: IngestReport, graph: Snapshot) {
    let store = path ?? storePath
    let report = try Ingest.run(
      options, into: store, budget: MemoryBudget(total: memory),
      pool: ThreadPool(threadCount: threads))
    let opened = try GraphStore.open(at: store, .readOnly)
    let verified = try StoreVerifier.verify(opened)
    #expect(verified.isClean, "\(verified.problems)")
    return (report, try opened.snapshot())
  }
}

extension EdgeType {
  static let plain = EdgeType("node", "edge", "node")
}

/// All that a store says, in order, to compare with another or with a model of it.
struct Contents: Equatable {
  struct Edge: Equatable {
    var source: String
    var target: String
    var values: [PropertyValue?]
  }
  var keys: [NodeType: [String]] = [:]
  var nodes: [NodeType: [[PropertyValue?]]] = [:]
  var out: [EdgeType: [Edge]] = [:]
  /// Sources of each target in the in order.
  var into: [EdgeType: [[String]]] = [:]

  init() {}

  init(_ graph: Snapshot) throws {
    for node in graph.schema.nodes {
      let ids = 0..<UInt32(graph.count(of: node.type))
      keys[node.type] = try ids.map { try graph.key(of: NodeID($0), of: node.type) }
      nodes[node.type] = try ids.map { id in
        try node.properties.map {
          try graph.value(of: $0.name, of: node.type, at: NodeID(id))
        }
      }
    }
    for (index, edge) in graph.schema.edges.enumerated() {
      let sources = keys[edge.type.source]!
      let targets = keys[edge.type.target]!
      var list: [Edge] = []
      for (row, source) in sources.enumerated() {
        for target in try graph.neighbors(
          of: NodeID(UInt32(row)), along: Relation(edge.type, .backward, index: index))
        {
          let values = try edge.properties.map {
            try graph.value(of: $0.name, of: edge.type, at: UInt64(list.count))
          }
          list.append(Edge(source: source, target: targets[Int(target)], values: values))
        }
      }
      out[edge.type] = list
      into[edge.type] = try targets.indices.map { row in
        try graph.neighbors(
          of: NodeID(UInt32(row)), along: Relation(edge.type, .forward, index: index)
        ).map { sources[Int($0)] }
      }
    }
  }
}

/// That input is refused as bad data at a place, with a message that holds some words.
func expectRefused(at place: String, _ part: String, _ body: () throws -> Void) {
  #expect {
    try body()
  } throws: { error in
    guard let error = error as? HedgerowError else { return false }
    let fits =
      error.code == .badData && error.place?.hasSuffix(place) == true
      && (part.isEmpty || error.message.contains(part))
    if !fits { print("got \(error.code) \(error)") }
    return fits
  }
}

/// The columns of a node type as `name:kind`.
func columns(_ type: NodeType, in graph: Snapshot) -> [String] {
  graph.schema.node(type)!.properties.map { "\($0.name):\($0.kind)" }
}
