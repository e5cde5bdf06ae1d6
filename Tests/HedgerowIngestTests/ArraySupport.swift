import CHedgerowZlib
import Foundation
import HedgerowCore
import HedgerowGraph
import HedgerowStore
import Testing

/// Arrays and archives as NumPy writes them, made by hand.
enum NumPy {
  /// A `.npy` file.
  static func npy<T: BitwiseCopyable>(
    _ values: [T], _ descr: String, _ shape: [Int], fortran: Bool = false
  ) -> [UInt8] {
    let sizes = shape.map { "\($0)," }.joined(separator: " ")
    let header =
      "{'descr': '\(descr)', 'fortran_order': \(fortran ? "True" : "False"), 'shape': (\(sizes)), }\n"
    let start: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0]
    return start + [UInt8(header.utf8.count & 255), UInt8(header.utf8.count >> 8)]
      + Array(header.utf8) + values.withUnsafeBytes { Array($0) }
  }

  static func npy(_ values: [Int64]) -> [UInt8] { npy(values, "<i8", [values.count]) }

  /// An array without dimensions that holds a text.
  static func npy(text: String) -> [UInt8] {
    npy(Array(text.utf8), "|S\(text.utf8.count)", [])
  }

  /// How an archive is written.
  struct ZipForm: CaseIterable {
    var isDeflated = false
    /// Sizes behind the members instead of before them.
    var hasDescriptors = false
    /// Sizes of eight bytes.
    var isLarge = false
    var comment = ""

    static let allCases: [ZipForm] = [
      ZipForm(), ZipForm(isDeflated: true), ZipForm(isDeflated: true, hasDescriptors: true),
      ZipForm(isLarge: true), ZipForm(isDeflated: true, isLarge: true, comment: "PK\u{5}\u{6} x"),
    ]
  }

  static func deflated(_ bytes: [UInt8]) -> [UInt8] {
    var stream = z_stream()
    deflateInit2_(
      &stream, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
      Int32(MemoryLayout<z_stream>.size))
    defer { deflateEnd(&stream) }
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
    return Array(output[..<count])
  }

  static func little(_ value: Int, _ width: Int) -> [UInt8] {
    (0..<width).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  /// A zip archive.
  static func zip(_ members: [(name: String, bytes: [UInt8])], _ form: ZipForm = ZipForm())
    -> [UInt8]
  {
    var output: [UInt8] = []
    var directory: [UInt8] = []
    for (name, bytes) in members {
      let offset = output.count
      let packed = form.isDeflated ? deflated(bytes) : bytes
      let checksum = Int(crc32(0, bytes, UInt32(bytes.count)))
      let large = form.isLarge
      let sizes = [packed.count, bytes.count]
      let narrow = sizes.flatMap { little(large ? 0xFFFF_FFFF : $0, 4) }
      let wide = little(1, 2) + little(16, 2) + little(bytes.count, 8) + little(packed.count, 8)
      let method = little(form.isDeflated ? 8 : 0, 2)
      let flags = little(form.hasDescriptors ? 8 : 0, 2)
      let known = little(checksum, 4) + narrow
      output += [0x50, 0x4B, 3, 4, 45, 0] + flags + method + [0, 0, 0, 0]
      output += form.hasDescriptors ? [UInt8](repeating: 0, count: 12) : known
      output += little(name.utf8.count, 2) + little(large ? 20 : 0, 2) + Array(name.utf8)
      output += (large ? wide : []) + packed
      if form.hasDescriptors { output += [0x50, 0x4B, 7, 8] + known }
      directory += [0x50, 0x4B, 1, 2, 45, 0, 45, 0] + flags + method + [0, 0, 0, 0] + known
      directory += little(name.utf8.count, 2) + little(large ? 20 : 0, 2)
      directory += [UInt8](repeating: 0, count: 10) + little(offset, 4) + Array(name.utf8)
      directory += large ? wide : []
    }
    let start = output.count
    output += directory
    if form.isLarge {
      let record = output.count
      output += [0x50, 0x4B, 6, 6] + little(44, 8) + [45, 0, 45, 0] + little(0, 8)
      output += little(members.count, 8) + little(members.count, 8) + little(directory.count, 8)
      output += little(start, 8) + [0x50, 0x4B, 6, 7] + little(0, 4) + little(record, 8)
      output += little(1, 4)
    }
    output += [0x50, 0x4B, 5, 6, 0, 0, 0, 0]
    for _ in 0..<2 { output += little(form.isLarge ? 0xFFFF : members.count, 2) }
    output += little(form.isLarge ? 0xFFFF_FFFF : directory.count, 4)
    output += little(form.isLarge ? 0xFFFF_FFFF : start, 4)
    return output + little(form.comment.utf8.count, 2) + Array(form.comment.utf8)
  }
}

extension Workspace {
  /// Writes files into a folder, with folders in it where names have slashes.
  func writeFolder(_ name: String, _ files: [String: [UInt8]]) throws -> String {
    for (file, bytes) in files {
      let inner = "\(path)/\(name)/\(file)"
      try FileManager.default.createDirectory(
        atPath: String(inner[..<inner.lastIndex(of: "/")!]), withIntermediateDirectories: true)
      try Data(bytes).write(to: URL(fileURLWithPath: inner))
    }
    return "\(path)/\(name)"
  }

  func writeFolder(_ name: String, _ files: [String: String]) throws -> String {
    try writeFolder(name, files.mapValues { Array($0.utf8) })
  }
}

/// Edges by their keys, with columns' values.
func edges(_ type: EdgeType, _ columns: String..., in graph: Snapshot) throws -> [String] {
  let index = try #require(graph.schema.edges.firstIndex { $0.type == type })
  // Messages that go back come from the targets of a row.
  let relation = Relation(type, .backward, index: index)
  var found: [String] = []
  var number: UInt64 = 0
  for source in 0..<UInt32(graph.count(of: type.source)) {
    for target in try graph.neighbors(of: NodeID(source), along: relation) {
      let values = try columns.map { column in
        try graph.value(of: column, of: type, at: number).map { "\($0)" } ?? "null"
      }
      let ends =
        try graph.key(of: NodeID(source), of: type.source) + ">"
        + graph.key(of: NodeID(target), of: type.target)
      found.append(([ends] + values).joined(separator: " "))
      number += 1
    }
  }
  return found.sorted()
}

/// Nodes in their order: the key and columns' values.
func nodes(_ type: NodeType, _ columns: String..., in graph: Snapshot) throws -> [String] {
  try (0..<UInt32(graph.count(of: type))).map { id in
    let values = try columns.map { column in
      try graph.value(of: column, of: type, at: NodeID(id)).map { "\($0)" } ?? "null"
    }
    return ([try graph.key(of: NodeID(id), of: type)] + values).joined(separator: " ")
  }
}

/// The members of each set of a type, by their keys.
func sets(_ type: NodeType, in graph: Snapshot) throws -> [String: [String]] {
  var found: [String: [String]] = [:]
  for name in graph.setNames(of: type) {
    let members = try #require(try graph.set(named: name, of: type))
    found[name] = try members.map { try graph.key(of: NodeID($0), of: type) }
  }
  return found
}
