import Hedgerow

extension TrainCommand {
  func json(
    _ model: NodeClassifier, _ report: TrainingReport, _ graph: Snapshot
  ) -> String {
    let seconds = report.seconds
    return JSON.object([
      .init(key: "task", value: .string(model.specification.task)),
      .init(key: "model", value: .string(model.specification.options.model.rawValue)),
      .init(key: "mode", value: .string(model.specification.options.mode.rawValue)),
      .init(key: "parameters", value: .int(model.parameterCount)),
      .init(key: "epochs", value: .int(report.epochs)),
      .init(key: "best_epoch", value: .int(report.bestEpoch)),
      .init(key: "steps", value: .int(report.steps)),
      .init(
        key: "metrics",
        value: .object(report.metrics.map { .init(key: $0.set, value: $0.metrics.json) })),
      .init(key: "loss", value: .double(report.loss)),
      .init(key: "history", value: report.historyJSON),
      .init(
        key: "seconds",
        value: .object(
          seconds.table.map { .init(key: $0.stage, value: .double($0.seconds)) }
            + [.init(key: "total", value: .double(seconds.total))]
            + seconds.stages.json + [.init(key: "idle", value: .double(seconds.idle))])),
      .init(key: "rows_pinned", value: .int(report.rows.pinned)),
      .init(key: "rows_read", value: .int(report.rows.read)),
      .init(key: "pinned_bytes", value: .int(report.pinnedByteCount)),
      .init(key: "packed_bytes", value: .int(report.packedByteCount)),
      .init(key: "bytes_read", value: .int(report.storageByteCount)),
      .init(key: "peak_private_bytes", value: .int(report.peakPrivateByteCount)),
      .init(key: "peak_resident_bytes", value: .int(ProcessResources.peakResidentByteCount)),
      .init(key: "version", value: .int(Int(graph.version))),
    ]).description
  }

  func text(
    _ model: NodeClassifier, _ report: TrainingReport, savedAs name: String?
  ) -> String {
    let seconds = report.seconds
    let options = model.specification.options
    var lines = [
      options.epochs == 0
        ? "\(options.model.rawValue): nothing to learn"
        : "\(options.model.rawValue), \(model.parameterCount.grouped) parameters: \(report.epochs) "
          + "epochs, best \(report.bestEpoch), last training loss \(report.loss.formatted(decimals: 4))"
    ]
    for (set, metrics) in report.metrics {
      lines.append("\(set): \(metrics.text(of: model.specification))")
    }
    lines.append(StageTable(title: "seconds:", rows: seconds.table).text)
    if model.specification.options.mode == .sampled {
      let threads = global.threads ?? ProcessResources.processorCount
      lines.append(
        StageTable(loaderThreads: threads, seconds.stages, idle: seconds.idle).text)
      lines.append(
        storageLine(
          report.rows, pinnedByteCount: report.pinnedByteCount,
          packedByteCount: report.packedByteCount,
          storageByteCount: report.storageByteCount))
    } else {
      lines.append("peak \(ByteSize.format(ProcessResources.peakResidentByteCount))")
    }
    lines[lines.count - 1] += ", of it private \(ByteSize.format(report.peakPrivateByteCount))"
    if let name {
      lines.append(
        "saved as \(name): hedgerow predict STORE --from \(name) --write \(target.split(separator: ".")[0]).predicted"
      )
    }
    return lines.joined(separator: "\n")
  }
}

extension TrainingReport.Seconds {
  /// The main thread's stages; they add up to the total.
  var table: [(stage: String, seconds: Double)] {
    [
      ("prepare", prepare), ("pack", pack), ("compute", compute), ("wait", wait),
      ("evaluate", evaluate), ("save", save), ("rest", rest),
    ]
  }
}

extension ModelSpecification {
  var task: String { options.mode == .graphs ? "graph-classification" : "node-classification" }
}

extension ClassificationMetrics {
  var json: JSON {
    [
      "accuracy": .double(accuracy), "macro_f1": .double(macroF1), "loss": .double(loss),
      "majority": .double(majorityShare), "count": .int(count),
    ]
  }

  func text(of model: ModelSpecification) -> String {
    "accuracy \(accuracy.formatted(decimals: 4)), macro-F1 \(macroF1.formatted(decimals: 4)) over "
      + "\(count.grouped) \(model.options.mode == .graphs ? "graphs" : "nodes") (majority class \(majorityShare.formatted(decimals: 4)))"
  }
}
