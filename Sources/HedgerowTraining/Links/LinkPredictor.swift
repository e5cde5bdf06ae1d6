public import HedgerowCore
import HedgerowGNN
import HedgerowGraph
import HedgerowLoader
public import HedgerowNN
import HedgerowSampling
public import HedgerowStore
import HedgerowTensor

/// A model that tells which links of one edge type are there, with what it needs to run over a store.
public struct LinkPredictor: SavedModel {
  public let specification: LinkSpecification
  public let network: LinkNetwork

  public var module: any Module { network }

  public init(withoutWeights specification: LinkSpecification) throws {
    self.specification = specification
    network = try LinkNetwork(specification)
  }

  /// What a loader of neighborhoods is told.
  func loaderOptions(
    _ graph: some Topology, order: LoaderOptions.Order, resources: TrainingResources,
    readsFeatures: Bool = true
  ) -> LoaderOptions {
    var options = LoaderOptions()
    options.readsFeatures = readsFeatures
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

extension LinkSpecification {
  public func check(schemaOf graph: Snapshot, _ mismatch: (String) -> HedgerowError) throws {
    try graph.check(relations: relations + [target], mismatch)
    try inputs.check(schemaOf: graph, mismatch)
  }
}
