import HedgerowCore
public import HedgerowNN
import HedgerowSampling
public import HedgerowStore
import HedgerowTensor

/// A trained model with what it needs to run over a store, which keeps it under a name.
public protocol SavedModel: Sendable {
  associatedtype Specification: SavedSpecification

  var specification: Specification { get }
  /// What has the weights.
  var module: any Module { get }

  /// What a specification asks for, before weights are drawn or loaded.
  init(withoutWeights specification: Specification) throws
}

extension SavedModel {
  /// A model that a store keeps.
  ///
  /// - Throws: `usage` when there is none of that name, it is of another task, or the store's schema is another one;
  ///   `damaged` when what it keeps is no model.
  public init(named name: String, in graph: Snapshot) throws {
    let record = try graph.savedModel(named: name)
    let specification = try Specification(decoding: record.specification, name: name)
    // Before anything is made as large as the specification says.
    try specification.check(schemaOf: graph) {
      HedgerowError(.usage, "model '\(name)' was trained on another schema: \($0)")
    }
    try self.init(withoutWeights: specification)
    try module.load(try ModelState(decoding: record.weights))
  }

  /// As the store keeps it.
  public func record(named name: String) throws -> ModelRecord {
    // The weights are copied to be written: room for that.
    BufferPool.releaseIdle()
    SamplingWorkspace.Pool.shared.releaseIdle()
    return ModelRecord(
      name: name, specification: try specification.encoded(), weights: try module.state.encoded())
  }

  public var parameterCount: Int { module.parameterCount }
}

extension Snapshot {
  /// - Throws: `usage` when there is no model of that name.
  func savedModel(named name: String) throws -> ModelRecord {
    if let record = try model(named: name) { return record }
    let names = try modelNames()
    throw HedgerowError(
      .usage,
      "no model named '\(name)': "
        + (names.isEmpty ? "none was saved" : "there are \(names.joined(separator: ", "))"))
  }

  /// What kind of model a store keeps under a name.
  ///
  /// - Throws: `usage` when there is none.
  public func taskOfModel(named name: String) throws -> SavedTask {
    SavedTask(ofEncoded: try savedModel(named: name).specification)
  }

  /// - Throws: what `mismatch` says where nodes of a type are more or fewer than a model has rows of.
  func check(
    _ nodes: [NodesOfType], _ mismatch: (String) -> HedgerowError
  ) throws {
    for nodes in nodes where count(of: NodeType(nodes.type)) != nodes.count {
      throw mismatch(
        "'\(nodes.type)' has \(count(of: NodeType(nodes.type))) nodes instead of \(nodes.count)")
    }
  }

  /// - Throws: what `mismatch` says of a relation that is not there.
  func check(relations names: [String], _ mismatch: (String) -> HedgerowError) throws {
    let known = Set(schema.relations().map { "\($0.name)" })
    for name in names where !known.contains(name) {
      throw mismatch("the store has no relation '\(name)'")
    }
  }
}
