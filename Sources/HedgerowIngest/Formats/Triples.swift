import HedgerowCore
import HedgerowMapped

/// Knowledge graphs as files of lines with head, relation and tail, and without a header.
///
/// Of several files, as of training, validation and test, each edge says in the column `split` which
/// one it is from.
struct Triples {
  static let type = EdgeType("entity", "triple", "entity")
  private var files: [(path: String, name: String)] = []

  mutating func add(_ path: String, called name: String) { files.append((path, name)) }

  var edgeFiles: [IngestOptions.EdgeFile] {
    files.map { path, name in
      var file = IngestOptions.EdgeFile(Self.type, path)
      if path != name { file.layout.name = name }
      file.layout.header = .absent
      file.layout.columns = ["source", "relation:categorical", "target"]
      if files.count > 1 {
        file.layout.choice.constants = [.init("split:categorical", Self.part(name))]
      }
      return file
    }
  }

  /// What a file is a part of is said by its name: `train` of `data/train.txt.gz`.
  private static func part(_ name: String) -> String {
    let name = FileSystem.name(of: name).withoutCompression
    return String(name.lastIndex(of: ".").map { name[..<$0] } ?? name)
  }
}
