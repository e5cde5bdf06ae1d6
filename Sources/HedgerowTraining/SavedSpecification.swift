import FoundationEssentials
public import HedgerowCore
public import HedgerowStore

/// What kind of model a specification is of.
public enum SavedTask: String, Codable, Hashable, Sendable {
  /// Classes of nodes or graphs, which is what models of older versions are of.
  case classification
  case linkPrediction = "link-prediction"
  case knowledgeGraph = "knowledge-graph"
  case embedding = "embedding"
  case temporalLinks = "temporal-links"

  /// Which one bytes are of that a specification was encoded as.
  public init(ofEncoded bytes: [UInt8]) {
    struct Named: Decodable { var task: SavedTask? }
    self = (try? JSONDecoder().decode(Named.self, from: Data(bytes)))?.task ?? .classification
  }
}

/// All that it takes to build a trained model again: kept beside its weights, and in checkpoints.
public protocol SavedSpecification: Codable, Hashable, Sendable {
  static var savedTask: SavedTask { get }
  /// The store's version that it was trained on.
  var dataVersion: UInt64 { get }
  /// Whether a model can be built: whoever wrote the bytes, they must not end the program.
  var isSound: Bool { get }
  /// - Throws: what `mismatch` says of a schema that is not that of the training.
  func check(schemaOf graph: Snapshot, _ mismatch: (String) -> HedgerowError) throws
}

extension SavedSpecification {
  public func encoded() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    return Array(try encoder.encode(self))
  }

  /// - Throws: `usage` for a model of another task; `damaged` when no model can be built from the bytes.
  public init(decoding bytes: [UInt8], name: String) throws {
    let task = SavedTask(ofEncoded: bytes)
    guard task == Self.savedTask else {
      throw HedgerowError(
        .usage, "'\(name)' is a model of \(task.rawValue), not of \(Self.savedTask.rawValue)")
    }
    let decoded = try? JSONDecoder().decode(Self.self, from: Data(bytes))
    guard let decoded, decoded.isSound else {
      throw HedgerowError(.damaged, "the specification of model '\(name)' cannot be read")
    }
    self = decoded
  }
}
