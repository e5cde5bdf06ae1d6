public import HedgerowCore
public import HedgerowStore
import HedgerowTensor

extension NodeClassifier {
  /// Metrics over the labelled nodes of a set, those that a filter takes if there is one.
  ///
  /// Neighborhoods are those of the training: sampled with the model's own fanouts, drawn from its
  /// seed, or the whole graph. The same result every time.
  public func evaluate(
    over graph: Snapshot, in set: String?, where filter: Filter? = nil, batchSize: Int,
    resources: TrainingResources
  ) async throws -> ClassificationMetrics {
    try await NodeBatches(self, graph, batchSize: batchSize, resources: resources)
      .metrics(of: set, where: filter)
  }

  /// Predicts the class of every node of a set, or of all, that a filter takes if there is one, and writes them back as a column in one
  /// commit, together with the model's name, the hash of its weights and the version it read.
  ///
  /// Nodes outside the set get null. Holds one batch at a time, and keeps no writer out.
  /// - Returns: how many were predicted, and the store's new version.
  public func predict(
    over graph: Snapshot, in set: String?, where filter: Filter? = nil, column: String,
    modelName: String, store: GraphStore,
    batchSize: Int, waiting: Double, resources: TrainingResources, onBatch: (Int) -> Void = { _ in }
  ) async throws -> (count: Int, version: UInt64) {
    let type = NodeType(specification.targetType)
    let build = try store.beginAddition(waiting: waiting)
    let record = try record(named: modelName)
    try build.declareColumn(
      PropertySchema(column, specification.hasIntegerClasses ? .int64 : .categorical), of: type,
      provenance: Provenance(model: modelName, hash: record.hash, dataVersion: graph.version))
    let writer = try build.columnWriter(of: type, column)
    let batches = try NodeBatches(self, graph, batchSize: batchSize, resources: resources)
    var next = 0
    var count = 0
    try await batches.forEachPart(of: set, where: filter, labels: nil) { nodes, logits, _ in
      for (node, predicted) in zip(nodes, argMax(logits)) {
        try append(nil, times: Int(node) - next, to: writer)
        try append(predicted, times: 1, to: writer)
        next = Int(node) + 1
      }
      count += nodes.count
      onBatch(nodes.count)
    }
    try append(nil, times: build.count(of: type) - next, to: writer)
    try writer.finish(categories: specification.hasIntegerClasses ? [] : specification.classes)
    return (count, try build.publish())
  }

  /// Appends a class, or so many nulls, to a column of integers or of categories.
  private func append(_ predicted: Int32?, times: Int, to writer: ColumnWriter) throws {
    var left = times
    while left > 0 {
      let part = min(left, 4096)
      let valid = [Bool](repeating: predicted != nil, count: part)
      func write<T: BitwiseCopyable>(_ values: [T]) throws {
        try values.withUnsafeBytes { bytes in
          try valid.withUnsafeBufferPointer {
            try writer.append(fixed: bytes, count: part, isValid: $0)
          }
        }
      }
      if specification.hasIntegerClasses {
        try write([Int64](repeating: Int64(predicted ?? 0), count: part))
      } else {
        try write([UInt32](repeating: UInt32(predicted ?? 0), count: part))
      }
      left -= part
    }
  }
}
