import Hedgerow

extension PredictCommand {
  /// Writes rows that were learned of nodes as a column of vectors.
  func writeRows(
    _ task: SavedTask, _ graph: Snapshot, _ store: GraphStore, _ resources: TrainingResources
  ) throws {
    guard set == "all", filter.text == nil, show == 0 else {
      throw HedgerowError(
        .usage, "all nodes of the type get their rows: leave out --in, --where and --show")
    }
    let (name, column) = try parsePair(write, at: ".", as: "column")
    let type = NodeType(name)
    let (count, version) = try Compute.with(global.makePool()) {
      try rowModel(task, graph).write(
        to: column, of: type, over: graph, modelName: model.model, store: store, waiting: wait,
        resources: resources)
    }
    guard global.json else {
      return print(
        "wrote \(write) of \(count.counting("node")); the store is at version \(version)")
    }
    print(
      JSON.object([
        .init(key: "written", value: .int(count)), .init(key: "column", value: .string(write)),
        .init(key: "version", value: .int(Int(version))),
        .init(key: "model", value: .string(model.model)),
      ]))
  }

  private func rowModel(_ task: SavedTask, _ graph: Snapshot) throws -> any NodeRowModel {
    switch task {
    case .embedding: return try NodeEmbedding(named: model.model, in: graph)
    case .knowledgeGraph: return try KnowledgeGraphEmbedding(named: model.model, in: graph)
    case .temporalLinks: return try TemporalLinkPredictor(named: model.model, in: graph)
    case .classification, .linkPrediction:
      throw HedgerowError(
        .usage,
        "model '\(model.model)' tells links, which are no column of nodes: hedgerow evaluate measures it"
      )
    }
  }
}
