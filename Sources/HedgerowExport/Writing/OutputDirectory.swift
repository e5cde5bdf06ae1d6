import HedgerowCore
import HedgerowMapped

/// The directory that an export fills, and the names of its files.
final class OutputDirectory {
  private let path: String
  private(set) var files: [ExportReport.File] = []
  private var taken: Set<String> = ["import.txt"]

  init(_ path: String) { self.path = path }

  /// A name made of names of types and columns that no other file has, whatever the case of letters.
  func name(_ parts: [String], _ ending: String) -> String {
    let base = parts.joined(separator: "-")
    var name = base + ending
    var number = 2
    while !taken.insert(name.lowercased()).inserted {
      name = "\(base)-\(number)\(ending)"
      number += 1
    }
    return name
  }

  func makeFile(_ name: String) throws -> OutputFile { try OutputFile(name, at: "\(path)/\(name)") }

  /// Makes a file of so many rows whole.
  func write(_ name: String, _ body: (OutputFile) throws -> Void) throws {
    let file = try makeFile(name)
    try body(file)
    try file.finish()
    files.append(.init(name: name, rowCount: file.rowCount, byteCount: file.byteCount))
  }
}

extension EdgeType {
  /// What names of files are made of.
  var parts: [String] { [source.name, relation, target.name] }
}
