import Glibc
import HedgerowMapped

/// A parser to be tried with mangled files: inputs that it reads, and words that mean something in them.
public struct FuzzTarget: Sendable, CustomStringConvertible {
  public typealias File = (name: String, bytes: [UInt8])

  /// What `tools/fuzz` calls it.
  public let name: String
  /// Each is an input: files that belong together.
  public let seeds: [[File]]
  let words: [[UInt8]]
  /// Makes the files that are read of those that were mangled.
  let pack: @Sendable ([File], _ settings: UInt64) -> [File]

  public init(
    _ name: String, seeds: [[File]], words: [[UInt8]],
    pack: @escaping @Sendable ([File], _ settings: UInt64) -> [File] = { files, _ in files }
  ) {
    self.name = name
    self.seeds = seeds
    self.words = words
    self.pack = pack
  }

  public init(
    _ name: String, seeds: [[File]], words: [String] = [],
    pack: @escaping @Sendable ([File], _ settings: UInt64) -> [File] = { files, _ in files }
  ) {
    self.init(name, seeds: seeds, words: words.map { Array($0.utf8) }, pack: pack)
  }

  public var description: String { name }

  /// Those that HEDGEROW_FUZZ_TARGETS names, all without it.
  public var isChosen: Bool {
    guard let names = getenv("HEDGEROW_FUZZ_TARGETS") else { return true }
    return String(cString: names).split(separator: " ").contains { $0 == name }
  }

  /// Folders of inputs that were found once: `Tests/FuzzInputs/NAME/CASE/FILE...`.
  public func keptInputs() throws -> [FuzzInput] {
    let root = FileSystem.parent(
      of: FileSystem.parent(of: FileSystem.parent(of: #filePath)))
    let folder = "\(root)/FuzzInputs/\(name)"
    guard FileSystem.isDirectory(folder) else { return [] }
    return try FileSystem.names(in: folder).sorted().flatMap { name in
      (0..<4).map { FuzzInput(folder: "\(folder)/\(name)", settings: $0) }
    }
  }
}

/// The files of one input.
public struct FuzzInput: Sendable {
  public let folder: String
  /// Random bits for whatever can be chosen beside the files.
  public let settings: UInt64

  /// The paths of the files in the folder itself, in the order of their names.
  public func paths() throws -> [String] {
    try FileSystem.names(in: folder).sorted().map { "\(folder)/\($0)" }
  }
}
