import FoundationEssentials
import HedgerowCore
import HedgerowMapped
import HedgerowNN
public import HedgerowStore

/// Training as it stands between two batches: from it a run goes on bit for bit.
///
/// A safetensors file with a checksum beside the store's data: the weights under `model.`, those of the best epoch
/// under `best.`, what the optimizer remembers under `optimizer.`, and the rest as metadata.
public struct TrainingCheckpoint<Specification: SavedSpecification>: Sendable {
  public typealias Progress = TrainingProgress

  /// The numbers. They are many, so a checkpoint does not hold them.
  struct Numbers {
    var model: ModelState
    var best: ModelState?
    var optimizer: ModelState
  }

  public let specification: Specification
  public let progress: Progress
  private let path: String
  private let checksum: String
}

extension TrainingCheckpoint {
  private static func directory(in store: String) -> String { "\(store)/checkpoints" }

  private static func path(of name: String, in store: String) -> String {
    "\(directory(in: store))/\(name).safetensors"
  }

  /// Keeps other trainings from this name as long as it is held.
  ///
  /// - Throws: `locked` when one is under way.
  static func lock(_ name: String, in store: String) throws -> FileLock {
    try FileSystem.makeDirectory(directory(in: store))
    guard let lock = try FileLock(at: "\(directory(in: store))/\(name).lock", exclusive: true)
    else {
      throw HedgerowError(
        .locked, "a training named '\(name)' is under way: wait for it, or choose another name",
        at: store)
    }
    return lock
  }

  /// Writes one, in place of an earlier one of the name; a crash leaves one of the two.
  ///
  /// - Parameter dataIdentity: ``HedgerowStore/Snapshot/dataIdentity`` of what is trained on.
  static func save(
    _ numbers: Numbers, _ specification: Specification, _ progress: Progress,
    dataIdentity: String, named name: String, in store: String
  ) throws {
    var file = ModelState(tensors: [])
    func add(_ state: ModelState, _ prefix: String) {
      file.tensors += state.tensors.map { ("\(prefix).\($0.name)", $0.value) }
      for (key, value) in state.metadata { file.metadata["\(prefix).\(key)"] = value }
    }
    add(numbers.model, "model")
    if let best = numbers.best { add(best, "best") }
    add(numbers.optimizer, "optimizer")
    file.metadata["specification"] = String(decoding: try specification.encoded(), as: UTF8.self)
    file.metadata["progress"] = String(decoding: try JSONEncoder().encode(progress), as: UTF8.self)
    file.metadata["data"] = dataIdentity
    file.metadata["checksum"] = file.checksum
    try file.write(to: path(of: name, in: store))
  }

  /// - Throws: `usage` when there is none of that name, or the store's data has changed since;
  ///   `damaged` when its bytes are not those that were written.
  public init(named name: String, in graph: Snapshot) throws {
    path = Self.path(of: name, in: graph.path)
    guard FileSystem.exists(path) else {
      let names = ((try? FileSystem.names(in: Self.directory(in: graph.path))) ?? [])
        .filter { $0.hasSuffix(".safetensors") }.map { $0.dropLast(".safetensors".count) }
      throw HedgerowError(
        .usage,
        "no training named '\(name)' to go on with: "
          + (names.isEmpty
            ? "train with --save NAME keeps one" : "there are \(names.joined(separator: ", "))"))
    }
    let file: ModelState
    (file, checksum) = try Self.read(path)
    guard let specification = file.metadata["specification"],
      let text = file.metadata["progress"], let dataIdentity = file.metadata["data"],
      let progress = try? JSONDecoder().decode(Progress.self, from: Data(text.utf8)),
      progress.epoch >= 0, progress.batch >= 0
    else { throw HedgerowError(.damaged, "not the state of a training", at: path) }
    self.specification = try Specification(decoding: Array(specification.utf8), name: name)
    guard dataIdentity == graph.dataIdentity else {
      throw HedgerowError(
        .usage,
        "the store has other data than when '\(name)' began, at version "
          + "\(self.specification.dataVersion): train anew")
    }
    self.progress = progress
  }

  /// The numbers, read once more.
  ///
  /// - Throws: `locked` when another training has written the file since.
  func numbers() throws -> Numbers {
    let (file, checksum) = try Self.read(path)
    guard checksum == self.checksum else {
      throw HedgerowError(.locked, "another training of this name goes on: try again", at: path)
    }
    func part(_ prefix: String) -> ModelState {
      ModelState(
        tensors: file.tensors.filter { $0.name.hasPrefix("\(prefix).") }
          .map { (String($0.name.dropFirst(prefix.count + 1)), $0.value) },
        metadata: Dictionary(
          uniqueKeysWithValues: file.metadata.filter { $0.key.hasPrefix("\(prefix).") }
            .map { (String($0.key.dropFirst(prefix.count + 1)), $0.value) }))
    }
    let best = part("best")
    return Numbers(
      model: part("model"), best: best.tensors.isEmpty ? nil : best, optimizer: part("optimizer"))
  }

  /// What is in the file, and its checksum, which holds.
  private static func read(_ path: String) throws -> (file: ModelState, checksum: String) {
    var file = try ModelState(contentsOf: path)
    let written = file.metadata.removeValue(forKey: "checksum")
    let checksum = file.checksum
    guard written == checksum else {
      throw HedgerowError(
        .damaged, "its bytes are not those that were written: train anew", at: path)
    }
    return (file, checksum)
  }
}

/// How far a training has come.
public struct TrainingProgress: Codable, Hashable, Sendable {
  /// The epoch under way, from 0, and the batch that comes next in it.
  public var epoch = 0
  public var batch = 0
  /// Of the epoch under way: the sum of losses, and the labelled seeds that they are of.
  var lossSum = 0.0
  var labelledCount = 0
  public var steps = 0
  /// The last full epoch's mean loss.
  public var loss = 0.0
  var best: Best?
  /// Of a training in float16.
  var scaler: LossScaler?

  struct Best: Codable, Hashable, Sendable {
    var epoch: Int
    /// By the measure that decides: the higher the better.
    var score: Double
    var loss: Double

    /// Classification came first.
    private enum CodingKeys: String, CodingKey {
      case epoch
      case score = "accuracy"
      case loss
    }
  }
}

/// The state of a training of a ``NodeClassifier``.
public typealias Checkpoint = TrainingCheckpoint<ModelSpecification>
