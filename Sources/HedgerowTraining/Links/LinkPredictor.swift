import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowLoader
import HedgerowNN
import HedgerowSampling
public import HedgerowStore
import HedgerowTensor

/// A model that tells which links of one edge type are there, with what it needs to run over a store.
public struct LinkPredictor: Sendable {
  public let specification: LinkSpecification
  public let network: LinkNetwork

  init(withoutWeights specification: LinkSpecification) throws {
    self.specification = specification
    network = try LinkNetwork(specification)
  }

  /// A model that a store keeps.
  ///
  /// - Throws: `usage` when there is none of that name, it is of another task, or the store's schema is another one;
  ///   `damaged` when what it keeps is no model.
  public init(named name: String, in graph: Snapshot) throws {
    let record = try graph.savedModel(named: name)
    try self.init(withoutWeights: LinkSpecification(decoding: record.specification, name: name))
    try network.load(try ModelState(decoding: record.weights))
    func mismatch(_ what: String) -> HedgerowError {
      HedgerowError(.usage, "model '\(name)' was trained on another schema: \(what)")
    }
    let relations = Set(graph.schema.relations().map { "\($0.name)" })
    for relation in specification.relations + [specification.target]
    where !relations.contains(relation) {
      throw mismatch("the store has no relation '\(relation)'")
    }
    try specification.inputs.check(schemaOf: graph, mismatch)
  }

  /// As the store keeps it.
  public func record(named name: String) throws -> ModelRecord {
    // The weights are copied to be written: room for that.
    BufferPool.releaseIdle()
    return ModelRecord(
      name: name, specification: try specification.encoded(),
      weights: try network.state.encoded())
  }

  public var parameterCount: Int { network.parameterCount }

  /// What a loader of neighborhoods is told.
  func loaderOptions(
    _ graph: some Topology, order: LoaderOptions.Order, resources: TrainingResources
  ) -> LoaderOptions {
    var options = LoaderOptions()
    options.order = order
    options.trace = resources.trace
    options.threads = resources.threads
    // Ahead of use, in use, and about as much again in what training computes from it.
    options.prefetchByteLimit = resources.budget.available / 6
    options.batchByteLimit = resources.budget.available / 4
    let names = Set(specification.relations)
    options.relations = graph.schema.relations().filter { names.contains("\($0.name)") }
    options.inputs = specification.options.model == .lightgcn ? [:] : specification.inputs.columns
    options.sampling = specification.options.training.sampling ?? SamplingOptions()
    return options
  }

  /// Neighbors that samples take. Rows of `lightgcn` come of the whole graph.
  var fanouts: Fanouts {
    specification.options.model == .lightgcn
      ? [0] : Fanouts(specification.options.training.fanouts)
  }
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
}
