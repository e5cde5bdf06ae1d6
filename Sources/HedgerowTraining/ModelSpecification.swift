import FoundationEssentials
import HedgerowCore
import HedgerowGNN

/// All that it takes to build a trained model again and to run it over a store.
public struct ModelSpecification: Codable, Hashable, Sendable {
  /// One node type's input.
  public struct Input: Codable, Hashable, Sendable {
    public var type: String
    /// Feature columns, side by side; empty for a learned embedding.
    public var columns: [String]
    public var width: Int
    /// Nodes of the type when the model was made; an embedding knows no others.
    public var count: Int
    /// Whether rows are divided by their length.
    public var isScaled: Bool
  }

  public var targetType: String
  public var targetColumn: String
  /// The text of each class, or its integer.
  public var classes: [String]
  /// Whether the target column holds integers rather than categories.
  public var hasIntegerClasses: Bool
  public var inputs: [Input]
  /// Triples as models know them, backward readings as `rev_...`.
  public var relations: [String]
  /// How it was trained: the architecture is among it.
  public var options: TrainingOptions
  /// The store's version that it was trained on.
  public var dataVersion: UInt64
}

extension ModelSpecification {
  public func encoded() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    return Array(try encoder.encode(self))
  }

  /// - Throws: `damaged` when no model can be built from the bytes.
  public init(decoding bytes: [UInt8], name: String) throws {
    let decoded = try? JSONDecoder().decode(Self.self, from: Data(bytes))
    guard let decoded, decoded.isSound else {
      throw HedgerowError(.damaged, "the specification of model '\(name)' cannot be read")
    }
    self = decoded
  }

  /// Whether a network can be built: whoever wrote the bytes, they must not end the program.
  private var isSound: Bool {
    let triples = relations.map { try? EdgeType(validating: $0) }
    guard options.isSound, !triples.contains(nil), !classes.isEmpty,
      inputs.allSatisfy({ $0.width >= 0 && $0.count >= 0 && !$0.type.isEmpty }),
      options.mode == .fullBatch || options.fanouts.count == options.layerCount
    else { return false }
    let reached = NodeNetwork.reach(
      of: NodeType(targetType), along: triples.compactMap { $0 }, options: options.network)
    return Set(reached.types.map(\.name)).isSubset(of: inputs.map(\.type))
  }
}

extension TrainingOptions {
  var network: NodeNetwork.Options {
    var network = NodeNetwork.Options()
    network.architecture = model
    network.hiddenWidth = hiddenWidth
    network.layerCount = layerCount
    network.dropout = dropout
    network.inputDropout = inputDropout
    network.precision = precision ?? .float32
    return network
  }
}
