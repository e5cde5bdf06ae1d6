import Hedgerow

/// What batches were and what they took, as `hedgerow sample` tells it.
struct SampleReport {
  /// What was sampled, and in which time.
  struct Counts {
    var batches = 0
    var nodes = 0
    var edges = 0
    var rows = RowCounts()
    var stages = StageSeconds()
    var seconds = 0.0
    /// Of the seconds, those in which no batch was ready.
    var wait = 0.0

    mutating func add(_ batch: some SampledBatch) {
      batches += 1
      nodes += batch.subgraph.nodeCount
      edges += batch.subgraph.edgeCount
      stages += batch.seconds
      rows += batch.rows
    }

    var edgesPerSecond: String {
      let rate = seconds > 0 ? Double(edges) / seconds / 1e6 : 0
      return "\(edges.counting("edge")) in \(seconds.formatted(decimals: 3)) s: "
        + "\(rate.formatted(decimals: 1)) M edges/s"
    }

    static func += (sum: inout Counts, other: Counts) {
      sum.batches += other.batches
      sum.nodes += other.nodes
      sum.edges += other.edges
      sum.rows += other.rows
      sum.stages += other.stages
      sum.seconds += other.seconds
      sum.wait += other.wait
    }
  }

  /// What was looked for that no batch may have.
  enum Audit {
    case links(LinkAudit)
    case times(TemporalAudit)
  }

  let threadCount: Int
  let firstEpoch: Int
  var digest: BatchDigest?
  var audit: Audit?
  var epochs: [Counts] = []
  var prepare = 0.0
  var pinnedByteCount = 0
  var packedByteCount = 0
  var storageByteCount = 0
  /// The share of edges between parts.
  var cutShare: Double?

  init(threadCount: Int, firstEpoch: Int, digest: BatchDigest?) {
    self.threadCount = threadCount
    self.firstEpoch = firstEpoch
    self.digest = digest
  }

  private var counts: Counts { epochs.reduce(into: Counts()) { $0 += $1 } }

  var json: JSON {
    let counts = counts
    var members: [JSON.Member] = [
      .init(key: "batches", value: .int(counts.batches)),
      .init(key: "seconds", value: .double(counts.seconds)),
      .init(key: "nodes", value: .int(counts.nodes)),
      .init(key: "edges", value: .int(counts.edges)),
      .init(key: "bytes_read", value: .int(storageByteCount)),
      .init(
        key: "stages",
        value: .object(
          [
            .init(key: "prepare", value: .double(prepare)),
            .init(key: "wait", value: .double(counts.wait)),
          ] + counts.stages.json)),
      .init(
        key: "epochs",
        value: .array(
          epochs.map {
            .object([
              .init(key: "seconds", value: .double($0.seconds)),
              .init(key: "edges", value: .int($0.edges)),
            ])
          })),
      .init(key: "rows_pinned", value: .int(counts.rows.pinned)),
      .init(key: "rows_read", value: .int(counts.rows.read)),
      .init(key: "pinned_bytes", value: .int(pinnedByteCount)),
      .init(key: "packed_bytes", value: .int(packedByteCount)),
      .init(key: "digest", value: digest.map { .string($0.description) } ?? .null),
      .init(key: "peak_resident_bytes", value: .int(ProcessResources.peakResidentByteCount)),
    ]
    if let cutShare { members.append(.init(key: "cut_share", value: .double(cutShare))) }
    if let audit { members.append(.init(key: "audit", value: audit.json)) }
    return .object(members)
  }

  var text: String {
    let counts = counts
    var lines = [
      "\(counts.batches.counting("batch", plural: "batches")), \(counts.nodes.counting("node")), "
        + counts.edgesPerSecond
    ]
    if epochs.count > 1 {
      for (epoch, counts) in zip(firstEpoch..., epochs) {
        lines.append("  epoch \(epoch): \(counts.edgesPerSecond)")
      }
    }
    if let cutShare {
      lines.append("\((100 * cutShare).formatted(decimals: 1)) % of the edges are between parts")
    }
    if let audit { lines.append(audit.text) }
    let table = [
      ("prepare", prepare), ("wait", counts.wait), ("use", counts.seconds - counts.wait),
    ]
    lines.append(StageTable(title: "seconds:", rows: table).text)
    lines.append(
      StageTable(
        loaderThreads: threadCount, counts.stages,
        idle: Double(threadCount) * counts.seconds - counts.stages.total
      ).text)
    lines.append(
      storageLine(
        counts.rows, pinnedByteCount: pinnedByteCount, packedByteCount: packedByteCount,
        storageByteCount: storageByteCount))
    if let digest { lines.append("digest \(digest)") }
    return lines.joined(separator: "\n")
  }
}

extension SampleReport.Audit {
  /// What was looked at, and what was found there: the keys of JSON and the nouns of the text.
  private var counts: (seen: [(String, Int)], found: [(String, Int)]) {
    switch self {
    case .links(let audit):
      (
        [
          ("batches", audit.batchCount), ("positives", audit.positiveCount),
          ("negatives", audit.negativeCount),
        ],
        [
          ("seed_edges_seen", audit.seedEdgesSeen), ("false_negatives", audit.falseNegatives),
          ("wrong_nodes", audit.wrongNodes), ("late_entries", audit.lateEntries),
        ]
      )
    case .times(let audit):
      (
        [("batches", audit.batchCount), ("seeds", audit.seedCount)],
        [("late_entries", audit.lateEntries)]
      )
    }
  }

  private var violationCount: Int { counts.found.reduce(0) { $0 + $1.1 } }

  var json: JSON {
    .object(
      (counts.seen + counts.found + [("violations", violationCount)]).map {
        .init(key: $0, value: .int($1))
      })
  }

  var text: String {
    func list(_ counts: [(String, Int)]) -> String {
      counts.map { "\($1.grouped) \($0.split(separator: "_").joined(separator: " "))" }
        .joined(separator: ", ")
    }
    let found =
      violationCount == 0
      ? "no violations"
      : "\(violationCount.counting("violation").uppercased()): \(list(counts.found))"
    return "audit of \(list(counts.seen)): \(found)"
  }
}
