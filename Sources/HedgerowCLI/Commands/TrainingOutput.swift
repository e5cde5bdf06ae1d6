import Hedgerow

/// What a training on links, triples or without labels prints, or a measurement.
struct TrainingOutput {
  var task: SavedTask
  var model: String
  var parameterCount: Int
  var report: TrainingReport
  var metrics: [(set: String, metrics: LinkMetrics)]
  var version: UInt64

  var json: String {
    let seconds = report.seconds
    let history: [JSON.Member] =
      report.history.isEmpty ? [] : [.init(key: "history", value: report.historyJSON)]
    let result: [JSON.Member] = [
      .init(key: "task", value: .string(task.rawValue)),
      .init(key: "model", value: .string(model)),
      .init(key: "parameters", value: .int(parameterCount)),
      .init(key: "epochs", value: .int(report.epochs)),
      .init(key: "best_epoch", value: .int(report.bestEpoch)),
      .init(key: "steps", value: .int(report.steps)),
      .init(
        key: "metrics",
        value: .object(metrics.map { .init(key: $0.set, value: $0.metrics.json) })),
      .init(key: "loss", value: .double(report.loss)),
    ]
    let resources: [JSON.Member] = [
      .init(
        key: "seconds",
        value: .object(
          [.init(key: "total", value: .double(seconds.total))]
            + seconds.table.map { .init(key: $0.stage, value: .double($0.seconds)) })),
      .init(key: "rows_read", value: .int(report.rows.read)),
      .init(key: "bytes_read", value: .int(report.storageByteCount)),
      .init(key: "peak_private_bytes", value: .int(report.peakPrivateByteCount)),
      .init(key: "peak_resident_bytes", value: .int(ProcessResources.peakResidentByteCount)),
      .init(key: "version", value: .int(Int(version))),
    ]
    return JSON.object(result + history + resources).description
  }

  /// - Parameter next: what can be done with the model.
  func text(
    savedAs name: String?, next: String = "hedgerow evaluate STORE --from NAME"
  ) -> String {
    var lines = [
      "\(model), \(parameterCount.grouped) parameters: \(report.epochs) epochs, best "
        + "\(report.bestEpoch), last training loss \(report.loss.formatted(decimals: 4))"
    ]
    for (set, metrics) in metrics { lines.append("\(set): \(metrics.text)") }
    lines.append(StageTable(title: "seconds:", rows: report.seconds.table).text)
    lines.append(
      "peak \(ByteSize.format(ProcessResources.peakResidentByteCount)), of it private "
        + ByteSize.format(report.peakPrivateByteCount))
    if let name { lines.append("saved as \(name): " + next.replacing("NAME", with: name)) }
    return lines.joined(separator: "\n")
  }
}

extension TrainingReport {
  /// One object an epoch.
  var historyJSON: JSON {
    .array(
      history.map { epoch in
        .object(
          [
            .init(key: "epoch", value: .int(epoch.number)),
            .init(key: "loss", value: .double(epoch.loss)),
            .init(key: "seconds", value: .double(epoch.seconds)),
          ] + (epoch.score.map { [.init(key: "valid", value: .double($0))] } ?? []))
      })
  }
}
