import Hedgerow
import Synchronization

// What an ingest prints: lines for people, JSON, and a bar for each of its phases.

extension IngestCommand {
  func printLines(_ plan: IngestPlan, _ budget: MemoryBudget) {
    for (type, count) in plan.nodes {
      print("node \(type): \(count.grouped) new")
      printColumns(plan.schema.node(type)?.properties)
    }
    for (type, count) in plan.edges {
      let edge = plan.schema.edge(type)
      print("edge \(type): \(count.grouped) new\(edge?.isUndirected == true ? ", undirected" : "")")
      printColumns(edge?.properties)
    }
    printLeftOut(plan.duplicates, plan.leftOut)
    print(
      "would take about \(ByteSize.format(plan.storeByteCount)) on disk, "
        + "\(ByteSize.format(plan.scratchByteCount)) more while it is made, "
        + "\(plan.seconds.formatted(decimals: 1)) s and at most "
        + "\(ByteSize.format(budget.total)) of memory; edges to missing nodes, parallel edges and "
        + "members of sets were not looked for, and nothing was changed")
  }

  private func printColumns(_ properties: [PropertySchema]?) {
    for property in properties ?? [] { print("  \(property.name): \(property.kind)") }
  }

  private func printLeftOut(_ duplicates: Int, _ leftOut: [LeftOutLines]) {
    if duplicates > 0 { print("\(duplicates.counting("line")) of keys that were there already") }
    for lines in leftOut {
      print("\(lines.count.counting("line")) of \(lines.file) left out")
      for message in lines.messages { print("  \(message)") }
    }
  }

  func printLines(_ report: IngestReport) {
    if !report.resumed.isEmpty {
      print("went on after a run that was stopped: \(report.resumed.joined(separator: ", ")) done")
    }
    for (type, count) in report.nodes {
      let made = report.createdNodes[optional: type] ?? 0
      let added = report.addedNodes[type]
      let note =
        (added < count ? ", \(added.grouped) of them new" : "")
        + (made > 0 ? ", \(made.grouped) of them only in edge files" : "")
      print("node \(type): \(count.grouped)\(note)")
      printColumns(report.schema.node(type)?.properties)
    }
    for (type, count) in report.edges {
      let added = report.addedEdges[type]
      let there = report.presentEdges[optional: type] ?? 0
      let note =
        (added < count ? ", \(added.grouped) of them new" : "")
        + (there > 0 ? "; \(there.grouped) were there already" : "")
      print("edge \(type): \(count.grouped)\(note)")
      printColumns(report.schema.edge(type)?.properties)
    }
    printLeftOut(report.duplicates, report.leftOut)
    let edges = report.edges.values.reduce(0, +)
    let rate = report.seconds > 0 ? Double(edges) / report.seconds / 1e6 : 0
    print(
      "version \(report.version) in \(report.seconds.formatted(decimals: 2)) s "
        + "(\(rate.formatted(decimals: 2)) M edges/s), peak "
        + ByteSize.format(report.peakResidentByteCount))
  }
}

extension IngestPlan {
  var json: JSON {
    func columns(_ properties: [PropertySchema]?) -> JSON {
      .object((properties ?? []).map { .init(key: $0.name, value: .string("\($0.kind)")) })
    }
    return .object([
      .init(key: "dry_run", value: .bool(true)),
      .init(
        key: "nodes", value: .object(nodes.map { .init(key: $0.name, value: .int($1)) })),
      .init(
        key: "edges", value: .object(edges.map { .init(key: "\($0)", value: .int($1)) })),
      .init(
        key: "columns",
        value: .object(
          schema.nodes.map { .init(key: $0.type.name, value: columns($0.properties)) }
            + schema.edges.map { .init(key: "\($0.type)", value: columns($0.properties)) })),
      .init(key: "duplicates", value: .int(duplicates)),
      .init(key: "skipped", value: .int(skipped)),
      .init(key: "skipped_by_file", value: leftOut.json),
      .init(key: "messages", value: .array(messages.map { .string($0) })),
      .init(key: "store_bytes", value: .int(storeByteCount)),
      .init(key: "scratch_bytes", value: .int(scratchByteCount)),
      .init(key: "scan_seconds", value: .double(scanSeconds)),
      .init(key: "expected_seconds", value: .double(seconds)),
      .init(key: "peak_resident_bytes", value: .int(peakResidentByteCount)),
    ])
  }
}

extension [LeftOutLines] {
  fileprivate var json: JSON {
    .object(map { .init(key: $0.file, value: .int($0.count)) })
  }
}

extension FollowRound {
  var json: JSON {
    .object([
      .init(key: "bytes", value: .int(byteCount)), .init(key: "lines", value: .int(lineCount)),
      .init(key: "report", value: report.json),
    ])
  }
}

extension IngestReport {
  var json: JSON {
    .object([
      .init(key: "version", value: .int(Int(version))),
      .init(
        key: "nodes",
        value: .object(nodes.map { .init(key: $0.name, value: .int($1)) })),
      .init(
        key: "edges",
        value: .object(edges.map { .init(key: "\($0)", value: .int($1)) })),
      .init(
        key: "added_nodes",
        value: .object(addedNodes.map { .init(key: $0.name, value: .int($1)) })),
      .init(
        key: "added_edges",
        value: .object(addedEdges.map { .init(key: "\($0)", value: .int($1)) })),
      .init(
        key: "present_edges",
        value: .object(presentEdges.map { .init(key: "\($0)", value: .int($1)) })),
      .init(
        key: "created_nodes",
        value: .object(createdNodes.map { .init(key: $0.name, value: .int($1)) })),
      .init(key: "duplicates", value: .int(duplicates)),
      .init(key: "skipped", value: .int(skipped)),
      .init(key: "skipped_by_file", value: leftOut.json),
      .init(key: "messages", value: .array(messages.map { .string($0) })),
      .init(key: "resumed", value: .array(resumed.map { .string($0) })),
      .init(key: "seconds", value: .double(seconds)),
      .init(key: "peak_resident_bytes", value: .int(peakResidentByteCount)),
    ])
  }
}

/// One bar after the other, for the phases of an ingest.
final class IngestProgressBars: Sendable {
  private struct State {
    var bar: ProgressBar?
    var name = ""
    var done = 0
  }
  private let state = Mutex(State())

  func show(_ progress: IngestProgress) {
    state.withLock { state in
      let name = "\(progress.phase.rawValue) \(progress.subject)"
      if state.name != name {
        state.bar?.finish()
        let unit: ProgressBar.Unit =
          switch progress.phase {
          case .convert, .scan, .read: .bytes
          case .features: .items("rows")
          case .write: .items("edges")
          case .arrange: .items("rows")
          }
        state = State(bar: ProgressBar(name, total: progress.total, unit: unit), name: name)
      }
      state.bar?.advance(by: progress.done - state.done)
      state.done = progress.done
    }
  }

  func finish() { state.withLock { $0.bar?.finish() } }
}
