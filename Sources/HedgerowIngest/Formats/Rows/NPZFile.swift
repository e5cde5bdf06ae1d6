import Glibc
import HedgerowCore
import HedgerowMapped

/// The arrays of a `.npz` archive, which become files of their own in the scratch directory.
final class NPZFile {
  let name: String
  private let archive: ZipArchive
  private let graph: GraphImport
  private var members: [String: ZipArchive.Member] = [:]
  /// In the order of the archive.
  private(set) var arrayNames: [String] = []

  init(_ path: String, called name: String, into graph: GraphImport) throws {
    self.name = name
    self.graph = graph
    archive = try ZipArchive(path, called: name)
    for member in archive.members {
      let array = member.name.hasSuffix(".npy") ? String(member.name.dropLast(4)) : member.name
      if members.updateValue(member, forKey: array) == nil { arrayNames.append(array) }
    }
  }

  func has(_ array: String) -> Bool { members[array] != nil }

  /// The bytes that an array takes in the archive, 0 when it is not there.
  func compressedByteCount(of array: String) -> Int { members[array]?.compressedByteCount ?? 0 }

  /// What messages call an array.
  func place(_ array: String) -> String { "\(name):\(array)" }

  /// Writes an array to a file that stays until the run ends.
  func extract(_ array: String) throws -> String {
    guard let member = members[array] else {
      let names = arrayNames.prefix(20).map { "'\($0)'" }.joined(separator: ", ")
      throw HedgerowError(
        .badData,
        "has no array '\(array)'; \(names.isEmpty ? "it has none" : "it has \(names)")", at: name)
    }
    let path = "\(graph.scratch)/array-\(UInt64.random(in: 0...UInt64.max)).npy"
    try archive.extract(member, to: path) { try graph.note(place(array), $0, of: member.byteCount) }
    return path
  }

  /// An array; its file goes with it.
  func array(_ array: String) throws -> NPYFile {
    let path = try extract(array)
    defer { unlink(path) }
    return try NPYFile(path: path, called: place(array))
  }

  /// The text that an array without dimensions holds.
  func text(_ array: String) throws -> String {
    let path = try extract(array)
    defer { unlink(path) }
    return try NPYFile.text(in: path, called: place(array))
  }
}

/// A path to an array: `x.npy`, `x.npz` with one array, or `x.npz:NAME`.
struct ArrayPath {
  var path: String
  var array: String?

  /// - Returns: nil for what is named otherwise.
  init?(_ text: String) {
    if text.hasSuffix(".npy") || text.hasSuffix(".npz") {
      path = text
    } else if let range = text.ranges(of: ".npz:").last {
      path = String(text[..<text.index(before: range.upperBound)])
      array = String(text[range.upperBound...])
    } else {
      return nil
    }
  }

  var isArchive: Bool { path.hasSuffix(".npz") }

  /// A file with the array alone, and what messages call it.
  func file(into graph: GraphImport) throws -> (path: String, name: String) {
    guard isArchive else { return (path, path) }
    let archive = try NPZFile(path, called: path, into: graph)
    guard let array = array ?? (archive.arrayNames.count == 1 ? archive.arrayNames[0] : nil) else {
      let names = archive.arrayNames.prefix(20).map { "'\($0)'" }.joined(separator: ", ")
      throw HedgerowError(
        .badData,
        "has \(archive.arrayNames.count) arrays: say which by \(path):NAME; there are \(names)",
        at: path)
    }
    return (try archive.extract(array), archive.place(array))
  }
}
